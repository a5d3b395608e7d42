"""The decorator around a predict function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from driftglass_client.client import Client


@dataclass(frozen=True)
class Extractors:
    """How to read a call: features and id from its arguments, prediction and scores from its result."""

    features: Callable[..., Mapping[str, Any]] | None
    prediction: Callable[[Any], Any] | None
    scores: Callable[[Any], Any] | None
    id: Callable[..., str | None] | None
    tags: Mapping[str, str] | None


def watched(client: Client, function: Callable[..., Any], extractors: Extractors) -> Callable[..., Any]:
    """The function, logging each call; what it returns and raises stays the same."""
    log = functools.partial(_log, client, extractors, _by_name(function))

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            start_ns = perf_counter_ns()
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                log(args, kwargs, None, perf_counter_ns() - start_ns, error)
                raise
            log(args, kwargs, result, perf_counter_ns() - start_ns, None)
            return result

        return call_async

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        start_ns = perf_counter_ns()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            log(args, kwargs, None, perf_counter_ns() - start_ns, error)
            raise
        log(args, kwargs, result, perf_counter_ns() - start_ns, None)
        return result

    return call


def _log(
    client: Client,
    extractors: Extractors,
    by_name: Callable[..., Mapping[str, Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    took_ns: int,
    error: BaseException | None,
) -> None:
    read_features = extractors.features or by_name
    worked = error is None
    try:
        client.log_prediction(
            read_features(*args, **kwargs),
            (extractors.prediction or _scalar)(result) if worked else None,
            scores=extractors.scores(result) if worked and extractors.scores else None,
            id=extractors.id(*args, **kwargs) if extractors.id else None,
            latency_ms=took_ns / 1e6,
            error=None if error is None else f"{type(error).__name__}: {error}",
            tags=extractors.tags,
        )
    except Exception:  # noqa: BLE001 - an extractor is the service's code, and must not break its predictions
        client.count_invalid()


def _by_name(function: Callable[..., Any]) -> Callable[..., Mapping[str, Any]]:
    """The first mapping among a call's arguments, or else the arguments by name, without self."""
    names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    bound = len(names) != len(inspect.signature(function).parameters)

    def read(*args: Any, **kwargs: Any) -> Mapping[str, Any]:
        for value in (*args, *kwargs.values()):
            if isinstance(value, Mapping):
                return value
        return {**dict(zip(names, args[1:] if bound else args)), **kwargs}

    return read


def _scalar(result: Any) -> Any:
    return result if isinstance(result, (str, bool, Real)) else None

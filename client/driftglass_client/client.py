"""The client that a service holds: log_prediction, log_label, and their life cycle."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import time_ns
from typing import Any, Callable, TypeVar, Union, overload

from driftglass_client.asgi import ASGIApp, DriftglassMiddleware
from driftglass_client.columns import Row
from driftglass_client.counts import Counts
from driftglass_client.delivery import Delivery
from driftglass_client.encode import pyarrow
from driftglass_client.errors import ClientConfigError
from driftglass_client.http_transport import HttpTransport
from driftglass_client.kafka_transport import KafkaTransport
from driftglass_client.packer import Packer
from driftglass_client.settings import ClientSettings
from driftglass_client.spool import Spool
from driftglass_client.transport import Transport
from driftglass_client.watch import Extractors, watched
from driftglass_client.worker import Worker, pause

Time = Union[datetime, float, str]
"""An aware datetime, Unix seconds, or an RFC 3339 string."""

Outcome = Union[str, float, bool]
"""A class label (a bool is "true" or "false"), or a number."""

Function = TypeVar("Function", bound=Callable[..., Any])

SPOOL_SHARE = 0.2
"""Share of close()'s time that is kept for writing to the spool what could not be sent."""


class Client:
    """Logs the predictions and labels of one model version.

    No method blocks or raises into the service once the client is made, flush() and close() excepted, which wait as
    long as they are told. A thread of its own, started by the first record, does all the work; a forked child gets
    its own queue, ids and thread. What is lost is counted by reason in stats().

    Args:
        model: the model's name.
        version: its version.
        url: the gateway, "http://127.0.0.1:7461" for instance.
        kafka: Kafka's bootstrap addresses; needs the `kafka` extra.
        transport: anything else that carries messages. One of the three, or settings.url or settings.kafka.
        settings: ClientSettings.from_environment() when None.

    Raises:
        ClientConfigError: the arguments contradict each other, or an extra is missing.
    """

    def __init__(
        self,
        model: str,
        version: str,
        *,
        url: str | None = None,
        kafka: str | Sequence[str] | None = None,
        transport: Transport | None = None,
        settings: ClientSettings | None = None,
    ) -> None:
        if not model or not isinstance(model, str):
            raise ClientConfigError(f"model is {model!r}; it must be a name")
        self._model = model
        self._version = str(version)
        self._settings = settings if settings is not None else ClientSettings.from_environment()
        self._transport = _transport(self._settings, url, kafka, transport)
        self._closed = False
        pyarrow()
        self._open()
        if hasattr(os, "register_at_fork"):
            child = weakref.WeakMethod(self._forked)
            os.register_at_fork(after_in_child=lambda: _call(child))

    def log_prediction(
        self,
        features: Mapping[str, Any] | None,
        prediction: Outcome | None = None,
        # No "*" here: each keyword-only default costs a look-up, 0.1 us in all, at every call.
        scores: Mapping[str, float] | None = None,
        id: str | None = None,  # noqa: A002 - the field's own name
        ts: Time | None = None,
        latency_ms: float | None = None,
        queue_ms: float | None = None,
        batch_size: int | None = None,
        error: str | BaseException | None = None,
        cost: float | None = None,
        weight: float | None = None,
        tags: Mapping[str, str] | None = None,
        trace_id: str | None = None,
    ) -> str:
        """Queue one prediction; returns its id, to be given to log_label when the truth is known.

        It costs well under a microsecond: the arguments are kept as they are, and read later by the client's thread.
        So do not change a mapping or an array after it was logged; pass dict(features) if you must. What turns out
        not to fit the wire is counted as "invalid". Pass all but features and prediction by keyword: the order of the
        rest may change.

        Args:
            features: name to number, string, bool, list of numbers, numpy scalar or 1-D array, or None.
            prediction: a class label (string or bool) or a number.
            scores: class to probability.
            id: unique for this model version; made here when None.
            ts: when the prediction was made; now when None.
            latency_ms: how long the model took.
            queue_ms: how long the request waited for the model.
            batch_size: rows predicted together.
            error: what went wrong, where there is no prediction.
            cost: in your currency.
            weight: 1 / sampling fraction.
            tags: name to text, to slice by.
            trace_id: of the request's trace.
        """
        try:
            fresh = self._take_credit()
        except IndexError:
            admitted = self._admit()
            if admitted is None:
                return id if id is not None else self._worker.fresh_id()
            fresh = admitted
        if id is None:
            id = fresh  # noqa: A001
        self._append(
            (
                id, time_ns(), features, prediction, scores, ts, latency_ms, queue_ms, batch_size, error,
                cost, weight, tags, trace_id,
            )
        )  # fmt: skip
        return id

    def log_label(
        self,
        id: str,  # noqa: A002 - the field's own name
        label: Outcome,
        *,
        ts: Time | None = None,
        weight: float | None = None,
        prediction_ts: Time | None = None,
    ) -> None:
        """Queue the truth about one prediction.

        Args:
            id: what log_prediction returned.
            label: a class label (string or bool) or a number.
            ts: when the truth was known; now when None. Of several labels the latest counts.
            weight: 1 / sampling fraction, where labels are sampled.
            prediction_ts: the prediction's ts, which lets the collector find it at once.
        """
        try:
            self._take_credit()
        except IndexError:
            if self._admit() is None:
                return
        self._append((id, time_ns(), label, ts, weight, prediction_ts))

    @overload
    def watch(self, function: Function) -> Function: ...

    @overload
    def watch(
        self,
        function: None = None,
        *,
        features: Callable[..., Mapping[str, Any]] | None = None,
        prediction: Callable[[Any], Outcome | None] | None = None,
        scores: Callable[[Any], Mapping[str, float] | None] | None = None,
        id: Callable[..., str | None] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Callable[[Function], Function]: ...

    def watch(
        self,
        function: Callable[..., Any] | None = None,
        *,
        features: Callable[..., Mapping[str, Any]] | None = None,
        prediction: Callable[[Any], Outcome | None] | None = None,
        scores: Callable[[Any], Mapping[str, float] | None] | None = None,
        id: Callable[..., str | None] | None = None,  # noqa: A002 - the field's own name
        tags: Mapping[str, str] | None = None,
    ) -> Any:
        """Decorate a predict function, plain or async: each call is logged with its latency, or its error, re-raised.

        Args:
            function: the function, when used as plain @client.watch.
            features: from the call's arguments to the features; without it the first mapping among the arguments, or
                else the arguments by name.
            prediction: from the result to the prediction; without it the result, where it is a string, number or bool.
            scores: from the result to the scores.
            id: from the call's arguments to the id.
            tags: the same tags for each call.
        """
        extractors = Extractors(features, prediction, scores, id, tags)
        if function is not None:
            return watched(self, function, extractors)
        return lambda decorated: watched(self, decorated, extractors)

    def asgi(self, app: ASGIApp, *, paths: Sequence[str] = ("/",), errors_only: bool = False) -> DriftglassMiddleware:
        """An ASGI application that logs the calls to `paths`; see DriftglassMiddleware."""
        return DriftglassMiddleware(app, self, paths=paths, errors_only=errors_only)

    def count_invalid(self) -> None:
        """Count one record that could not even be built, from an extractor of watch() that raised for instance."""
        self._counts.add("invalid", 1)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all that was logged so far is sent or counted as lost, the spool's content included.

        Returns:
            False if that took longer than `timeout_s`.
        """
        if not self._started:
            if not self._delivery.spooled_rows():
                return True
            self._start()
        return self._worker.flush(timeout_s)

    def close(self, timeout_s: float | None = None) -> None:
        """Send what is queued within `timeout_s` (exit_timeout_s when None), spool or count the rest, and stop.

        It is called at the exit of the process; calling it again does nothing. What is logged afterwards is counted.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            started = self._started
        limit_s = self._settings.exit_timeout_s if timeout_s is None else timeout_s
        if started:
            spool_s = limit_s * SPOOL_SHARE if self._settings.spool_dir else 0.0
            self._worker.close(limit_s - spool_s, spool_s)
        else:
            self._transport.close()
        atexit.unregister(self.close)

    def stats(self) -> dict[str, int]:
        """Records by what became of them.

        queued (in memory now), spooled (on disk now, also from earlier runs), sent, sampled_out, and each reason of
        `driftglass_client.LOSSES`: queue_full, invalid, rejected, unreachable and so on. Counted since this process
        made the client or was forked.
        """
        return {"queued": self._worker.waiting, "spooled": self._delivery.spooled_rows(), **self._counts.snapshot()}

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        """Everything that a forked child must have for itself."""
        settings, transport = self._settings, self._transport
        self._lock = threading.RLock()
        self._started = False
        self._counts = Counts()
        self._spool = (
            Spool.beside(settings.spool_dir, settings.spool_bytes, settings.workspace, self._model, transport.name)
            if settings.spool_dir
            else None
        )
        self._delivery = Delivery(transport, self._spool, settings, self._counts)
        buckets = settings.buckets if transport.splits_by_bucket else None
        packer = Packer(self._model, self._version, settings.workspace, buckets, settings.sample_rate, pause)
        self._worker = Worker(packer, self._delivery, transport, settings, self._counts)
        self._append: Callable[[Row], None] = self._worker.queue.append
        self._take_credit: Callable[[], str] = self._worker.credits.pop

    def _forked(self) -> None:
        if self._spool is not None:
            self._spool.forked()
        self._transport.forked()
        self._open()

    def _admit(self) -> str | None:
        """The slow path of a call: a credit after starting the thread, or None for a loss, which is counted."""
        if not self._closed and not self._started and not self._start():
            self._counts.add("closed", 1)
            return None
        try:
            return self._take_credit()
        except IndexError:
            self._counts.add("closed" if self._closed else "queue_full", 1)
            return None

    def _start(self) -> bool:
        """Start the thread, once; False where the interpreter starts no more threads."""
        with self._lock:
            if not self._started:
                try:
                    self._worker.start()
                except RuntimeError:
                    return False
                self._started = True
                _at_exit(self.close)
        return True


def _transport(
    settings: ClientSettings, url: str | None, kafka: str | Sequence[str] | None, transport: Transport | None
) -> Transport:
    given = [choice for choice in (url, kafka, transport) if choice]
    if not given:
        url, kafka = settings.url, settings.kafka
        given = [choice for choice in (url, kafka) if choice]
    if len(given) != 1:
        raise ClientConfigError(
            f"give exactly one of url, kafka and transport, or DRIFTGLASS_CLIENT_URL; {len(given)} were given"
        )
    if transport is not None:
        return transport
    return HttpTransport(url, settings.api_key) if url else KafkaTransport(kafka or "")


def _at_exit(close: Callable[[], None]) -> None:
    atexit.register(close)
    processes = sys.modules.get("multiprocessing.util")
    if processes is not None and sys.modules["multiprocessing.process"].parent_process() is not None:
        processes.Finalize(None, close, exitpriority=0)  # its children leave without running atexit


def _call(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    alive = method()
    if alive is not None:
        alive()

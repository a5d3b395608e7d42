"""What a shadow run is to do, as it is asked for and stored."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kernel.errors import ContractError

_Count = Annotated[int, Meta(ge=0)]
_Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """What a candidate has to pass.

    Attributes:
        min_rows: replayed rows below which nothing is said.
        min_labels: labelled rows below which nothing is said.
        min_days: days with labels below which nothing is said. The interval of fewer than 30 holds for independent rows
            only, which real errors are not.
        metric: what decides; "" takes accuracy, or mae for a regression.
        margin: loss of that metric, in its own unit, that counts as none (non-inferiority).
        max_churn: share of predictions that may change, at most; None: any.
        max_latency_ratio: candidate's P90 over the champion's, at most; None: any.
    """

    min_rows: _Count = 1_000
    min_labels: _Count = 500
    min_days: _Count = 30
    metric: str = ""
    margin: Annotated[float, Meta(ge=0)] = 0.01
    max_churn: _Share | None = None
    max_latency_ratio: Annotated[float, Meta(gt=0)] | None = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One run: a candidate over a model's recorded predictions with event times in [start_us, end_us).

    Attributes:
        model: the model whose traffic is replayed.
        version: the champion's version; "" for all that were recorded.
        candidate: the candidate's name, for people.
        path: its ONNX file.
        features: its inputs by feature name, in their order; () where the inputs bear the features' names.
        classes: its classes in the order of its probabilities; () where the file names them.
        positive_class: what precision, recall and the ROC curve are about; "" for the model's own, else the last of two.
    """

    model: Annotated[str, Meta(min_length=1)]
    candidate: Annotated[str, Meta(min_length=1)]
    path: Annotated[str, Meta(min_length=1)]
    start_us: _Count
    end_us: _Count
    version: str = ""
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    positive_class: str = ""
    bars: Bars = Bars()

    def __post_init__(self) -> None:
        if self.end_us <= self.start_us:
            raise ContractError("end_us", f"is {self.end_us}, and must be later than start_us, {self.start_us}")

    def to_json(self) -> dict[str, Any]:
        """As it is stored: what JSON can hold."""
        stored: dict[str, Any] = msgspec.to_builtins(self)
        return stored


def from_json(data: Mapping[str, Any]) -> RunSpec:
    """Read a stored or posted spec.

    Raises:
        ContractError: naming the field that is missing, unknown or wrong.

    >>> from_json({"model": "m", "candidate": "c", "path": "c.onnx", "start_us": 0, "end_us": "1"})
    Traceback (most recent call last):
    kernel.errors.ContractError: end_us: expected `int`, got `str`
    """
    _reject_unknown("", data, RunSpec)
    if isinstance(bars := data.get("bars"), Mapping):
        _reject_unknown("bars.", bars, Bars)
    try:
        return msgspec.convert(data, RunSpec)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        field = path.strip("`").removeprefix("$").removeprefix(".")
        raise ContractError(field, reason[0].lower() + reason[1:]) from error


def _reject_unknown(prefix: str, data: Mapping[str, Any], of: type) -> None:
    known = [f.name for f in fields(of)]
    for name in data:
        if name not in known:
            raise ContractError(f"{prefix}{name}", f"is not known here; what is: {', '.join(known)}")

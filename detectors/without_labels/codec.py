"""What was fitted as JSON, and back: plain numbers under the name of the method, never pickle."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from detectors.without_labels.estimator import Estimator, OfNumbers, OfSeveral, OfTwo
from kernel.errors import ContractError

_KINDS: Mapping[str, type[Estimator]] = MappingProxyType(
    {"cbpe": OfTwo, "cbpe-multiclass": OfSeveral, "dle": OfNumbers}
)


def to_json(estimator: Estimator) -> dict[str, Any]:
    """Return an estimator as what JSON has: objects, lists, texts and numbers.

    Raises ValueError where a number in it is none: JSON has no NaN.

    >>> from detectors.without_labels import cbpe
    >>> to_json(OfTwo("late", cbpe.Fitted(None, {"accuracy": 0.4}, {})))["fitted"]["errors"]
    {'accuracy': 0.4}
    """
    (kind,) = (name for name, of in _KINDS.items() if isinstance(estimator, of))
    found: dict[str, Any] = {"estimator": kind, **msgspec.to_builtins(estimator)}
    if not _finite(found):
        raise ValueError(f"what was fitted by {kind} has a number that is not finite")
    return found


def from_json(stored: Mapping[str, Any]) -> Estimator:
    """Return the estimator that `to_json` wrote.

    Raises:
        ContractError: it is none, or one of a later release.

    >>> from detectors.without_labels import cbpe
    >>> estimator = OfTwo("late", cbpe.Fitted(None, {"accuracy": 0.4}, {}))
    >>> from_json(to_json(estimator)) == estimator
    True
    """
    kind = _KINDS.get(stored.get("estimator", ""))
    if kind is None:
        raise ContractError("estimator", f"is none of {', '.join(_KINDS)}: put the reference again")
    try:
        return msgspec.convert({name: value for name, value in stored.items() if name != "estimator"}, kind)
    except msgspec.ValidationError as error:
        raise ContractError("estimator", f"cannot be read ({error}): put the reference again") from error


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)

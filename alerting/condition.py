"""When a rule holds a window to be abnormal: by the detectors' verdict, or by a comparison of its own."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from store.decision_feed import Decision

_STATUSES = ("abnormal", "drift", "degraded")
_FIELDS = ("value", "expected", "p_value", "lower", "upper")
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
)
_COMPARISON = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """By what the detectors decided: `abnormal` is either of drift and degraded."""

    status: str

    def __call__(self, decision: Decision) -> bool | None:
        """Whether the window is abnormal; None when it says neither."""
        if not decision.decisive:
            return None
        return decision.abnormal if self.status == "abnormal" else decision.status == self.status


@dataclass(frozen=True, slots=True)
class Comparison:
    """By a number, in the metric's unit."""

    field: str
    symbol: str
    threshold: float

    def __call__(self, decision: Decision) -> bool | None:
        """Whether the window is abnormal; None when it says neither, or has no such number."""
        number: float | None = getattr(decision, self.field)
        if not decision.decisive or number is None:
            return None
        return _OPERATORS[self.symbol](number, self.threshold)


Condition = Verdict | Comparison


def parse_condition(text: str) -> Condition:
    """The condition that a rule's `when` spells.

    Raises:
        ValueError: when it spells none; says what is allowed.

    >>> parse_condition("value > 0.05")
    Comparison(field='value', symbol='>', threshold=0.05)
    >>> parse_condition("drift")
    Verdict(status='drift')
    """
    if text in _STATUSES:
        return Verdict(text)
    match = _COMPARISON.fullmatch(text)
    if match and match[1] in _FIELDS:
        try:
            return Comparison(match[1], match[2], float(match[3]))
        except ValueError:
            pass  # the sentence below says what is allowed
    raise ValueError(
        f"{text!r} is no condition: write {', '.join(_STATUSES)}, or a comparison such as 'value > 0.05' "
        f"of {', '.join(_FIELDS)} by {' '.join(_OPERATORS)} with a number"
    )

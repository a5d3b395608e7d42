"""What a comparison says to do: promote, hold or reject, with its reasons as sentences. Pure.

reject    the candidate is broken, or significantly worse in the metric that decides
promote   it is significantly better, or no worse than the margin with something gained, and passes every bar; the reasons
          say what it loses
hold      anything else: too little to judge by, a bar not passed, a difference that is not settled
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from detectors.performance import LOWER_IS_BETTER
from shadow.comparison import Comparison
from shadow.deltas import Delta
from shadow.spec import Bars

_NAMES = {"roc_auc": "ROC AUC", "log_loss": "log loss", "f1": "F1", "mae": "mean absolute error", "rmse": "RMSE"}
_SUMMARIES = ("accuracy", "f1", "roc_auc", "log_loss", "mae", "rmse")  # precision and recall are traded for one another


class Decision(StrEnum):
    """What to do with the candidate."""

    PROMOTE = "promote"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision, and why: one sentence a reason, the weightiest first."""

    decision: Decision
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Gain:
    """A difference turned so that more is better, with its interval."""

    value: float
    lower: float
    upper: float

    def is_no_worse(self, margin: float) -> bool:
        return self.lower > -margin

    def is_worse(self, margin: float) -> bool:
        return self.upper < 0 and not self.is_no_worse(margin)


def decide(found: Comparison, bars: Bars, errors: Sequence[str] = ()) -> Verdict:
    """Judge a comparison.

    Args:
        errors: what the candidate said where it failed.
    """
    broken = _broken(found, errors)
    if broken:
        return Verdict(Decision.REJECT, broken)
    too_little = _too_little(found, bars)
    if too_little:
        return Verdict(Decision.HOLD, too_little)
    name = bars.metric or ("accuracy" if found.classes else "mae")
    deciding = found.metric(name)
    gain = None if deciding is None else _gain(deciding)
    if deciding is None or gain is None:
        return Verdict(Decision.HOLD, (f"These rows give no {_said(name)} with an interval, which was to decide.",))
    return _judge(found, bars, deciding, gain)


def _judge(found: Comparison, bars: Bars, deciding: Delta, gain: _Gain) -> Verdict:
    told = (_sentence(deciding, found), *_assumption(deciding))
    if gain.is_worse(bars.margin):
        return Verdict(Decision.REJECT, told)
    missed = (*_missed(found, bars), *_worse_elsewhere(found, bars, deciding))
    if not gain.is_no_worse(bars.margin):
        open_ = f"The difference is not settled: a loss of more than {bars.margin:g} cannot be excluded."
        return Verdict(Decision.HOLD, (*told, open_, *missed))
    gained = _gained(found, deciding)
    if missed or (gain.lower <= 0 and not gained):
        nothing = () if missed else (f"It is no worse than the margin of {bars.margin:g}, but no metric gains either.",)
        return Verdict(Decision.HOLD, (*told, *nothing, *missed))
    return Verdict(Decision.PROMOTE, (*told, *gained, *_lost(found, deciding)))


def _broken(found: Comparison, errors: Sequence[str]) -> tuple[str, ...]:
    if not found.unscored:
        return ()
    share = f"The candidate gave no prediction for {found.unscored:,} of {found.rows:,} rows."
    return (share, *(f"It failed with: {error.rstrip('.')}." for error in errors[:3]))


def _too_little(found: Comparison, bars: Bars) -> tuple[str, ...]:
    wanted = (
        (found.rows, bars.min_rows, "rows were replayed"),
        (found.labels, bars.min_labels, "of them have a label"),
        (found.label_days, bars.min_days, "days have labels"),
    )
    return tuple(f"Only {have:,} {what}; {least:,} are needed." for have, least, what in wanted if have < least)


def _missed(found: Comparison, bars: Bars) -> tuple[str, ...]:
    missed = []
    if bars.max_churn is not None and found.agreement is not None and 1 - found.agreement > bars.max_churn:
        missed.append(f"{1 - found.agreement:.1%} of the predictions change; at most {bars.max_churn:.1%} may.")
    ratio = _latency_ratio(found)
    if bars.max_latency_ratio is not None and ratio is not None and ratio > bars.max_latency_ratio:
        missed.append(
            f"Its P90 latency is {ratio:.3g} times the champion's; at most {bars.max_latency_ratio:g} may be."
        )
    return tuple(missed)


def _worse_elsewhere(found: Comparison, bars: Bars, deciding: Delta) -> tuple[str, ...]:
    return tuple(
        _sentence(delta, found)
        for delta in found.metrics
        if delta is not deciding
        and delta.metric in _SUMMARIES
        and (gain := _gain(delta)) is not None
        and gain.is_worse(bars.margin)
    )


def _gained(found: Comparison, deciding: Delta) -> tuple[str, ...]:
    # Latency is no gain: the champion's holds its service's share, the candidate's was taken in the replay.
    return tuple(
        _sentence(delta, found)
        for delta in found.metrics
        if delta is not deciding
        and delta.metric in _SUMMARIES
        and (gain := _gain(delta)) is not None
        and gain.lower > 0
    )


def _lost(found: Comparison, deciding: Delta) -> tuple[str, ...]:
    """What a promotion costs: metrics that are worse for certain, by however little, or traded for others."""
    return tuple(
        f"At a price: {sentence[0].lower() if sentence[1].islower() else sentence[0]}{sentence[1:]}"
        for delta in found.metrics
        if delta is not deciding and (gain := _gain(delta)) is not None and gain.upper < 0
        for sentence in (_sentence(delta, found),)
    )


def _latency_ratio(found: Comparison) -> float | None:
    before, after = found.latency_ms.champion.p90, found.latency_ms.candidate.p90
    return after / before if before and after is not None else None


def _gain(delta: Delta) -> _Gain | None:
    if delta.difference is None or delta.lower is None or delta.upper is None:
        return None
    if delta.metric in LOWER_IS_BETTER:
        return _Gain(-delta.difference, -delta.upper, -delta.lower)
    return _Gain(delta.difference, delta.lower, delta.upper)


def _sentence(delta: Delta, found: Comparison) -> str:
    if delta.difference is None or delta.lower is None or delta.upper is None:
        return f"There is no {_said(delta.metric)} to compare."
    moved = "rises" if delta.difference > 0 else "falls" if delta.difference < 0 else "stays"
    name = _said(delta.metric)
    return (
        f"{name[0].upper()}{name[1:]} {moved} from {delta.champion:.4g} to {delta.candidate:.4g}, by {delta.difference:+.3g} "
        f"(95% interval {delta.lower:+.3g} to {delta.upper:+.3g}), on {delta.rows:,} labelled rows of {found.label_days:,} days."
    )


def _assumption(delta: Delta) -> tuple[str, ...]:
    if delta.basis == "cluster":
        return ()
    return ("The interval assumes independent rows: fewer than 30 days have labels.",)


def _said(metric: str) -> str:
    return _NAMES.get(metric, metric)

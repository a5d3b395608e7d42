"""A change of a mean by the segments of its rows: what came of their shares, and what of each one's own mean."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.change_split import Rows
from detectors.estimate import Estimate
from detectors.pair import FloatArray


@dataclass(frozen=True, slots=True)
class SegmentPart:
    """What one segment adds to a change, in the metric's unit, with 95% intervals.

    Attributes:
        mix: by its share, which grew or shrank; within: by its own mean, which rose or fell. Where the segment is of one time alone
            all is mix, and within is 0.
        before, after: its mean at either time; None where it had no rows.
        share_before, share_after: of the weights of all rows.
    """

    segment: str
    mix: Estimate
    within: Estimate
    before: float | None
    after: float | None
    share_before: float
    share_after: float


def by_segment(rows: Rows, segments: npt.NDArray[np.str_]) -> list[SegmentPart]:
    """Return the parts of each segment, by name; over all segments, mix and within add up to the change.

    mix = (share after - share before) (mean before - mean of all before), within = share after (mean after - mean before).

    Args:
        segments: of each row, shape (rows,).

    Source: Kitagawa, "Components of a difference between two rates" (1955); Oaxaca, "Male-female wage differentials in urban labor
    markets" (1973).

    >>> later = np.array([False, False, True, True])
    >>> rows = Rows(np.array([1.0, 0.0, 0.0, 0.0]), np.ones(4), np.zeros(4), later)
    >>> [(p.segment, p.mix.value, p.within.value) for p in by_segment(rows, np.array(["a", "b", "b", "b"]))]
    [('a', -0.25, 0.0), ('b', -0.25, 0.0)]
    """
    shares = rows.shares
    earlier, later = np.where(rows.is_after, 0.0, shares), np.where(rows.is_after, shares, 0.0)
    whole = _Mean.of(rows.values, earlier)
    return [_part(rows, str(name), segments == name, whole, earlier, later) for name in np.unique(segments)]


@dataclass(frozen=True, eq=False)
class _Mean:
    """A mean, or a share, and each row's influence on it (rows,)."""

    value: float
    pulls: FloatArray

    @classmethod
    def of(cls, values: FloatArray, weights: FloatArray) -> "_Mean":
        total = float(weights.sum())
        value = float(weights @ values) / total
        return cls(value, weights * (values - value) / total)


def _part(
    rows: Rows, name: str, inside: npt.NDArray[np.bool_], whole: _Mean, earlier: FloatArray, later: FloatArray
) -> SegmentPart:
    flags = inside.astype(np.float64)
    share_before, share_after = _Mean.of(flags, earlier), _Mean.of(flags, later)
    before, after = (
        _Mean.of(rows.values, side * flags) if share.value > 0 else None
        for side, share in ((earlier, share_before), (later, share_after))
    )
    own = _Mean.of(rows.values, flags * (later if before is None else earlier))
    grown, apart = share_after.value - share_before.value, own.value - whole.value
    mix = rows.estimate(
        grown * apart,
        (share_after.pulls - share_before.pulls) * apart + grown * (own.pulls - whole.pulls),
    )
    within = Estimate(0.0, None, None, int(np.count_nonzero(inside)))
    if before is not None and after is not None:
        moved = after.value - before.value
        pulls = share_after.pulls * moved + share_after.value * (after.pulls - before.pulls)
        within = rows.estimate(share_after.value * moved, pulls)
    return SegmentPart(
        name, mix, within,
        None if before is None else before.value, None if after is None else after.value,
        share_before.value, share_after.value,
    )  # fmt: skip

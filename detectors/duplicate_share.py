"""Rows that repeat others of their window in every feature."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import special

from detectors import shares, wilson
from detectors.column_drift import TOO_FEW
from detectors.pair import FloatArray
from detectors.shares import ShareShift, Tally
from kernel.cells import Cells
from kernel.column_spec import DISTINCT_ROWS
from kernel.measurement import Measurement, Status
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.samples import ROWS, Sample, sample_of

_METRIC = "duplicate_share"
_MOSTLY = 0.5  # of a reference whose rows are more often repeated than not, a rise says nothing
_UNCOUNTED = 0.01
_REPEATS = "over half of the reference's rows repeat another"
_NOT_COMPARED = "the features of some rows were not compared"


def measure_duplicates(
    window: WindowProfile, reference: WindowProfile | None, alpha: float, min_rows: int = 0
) -> Iterator[Measurement]:
    """duplicate_share, from samples of both sides' rows; nothing where neither has any.

    It is insufficient where over 1 in 100 rows of a side are in no sample: they have no feature, or were counted by an
    earlier version. Where over half of the reference's rows repeat another, as those of few categories do, it is not judged.
    Source: see `duplicate_share`.

    >>> from kernel.column_spec import ColumnSpec
    >>> from kernel.profiling import profile_rows
    >>> import pyarrow as pa
    >>> def profile(values):
    ...     return profile_rows(pa.table({"feature.x": values}), {"feature.x": ColumnSpec(Kind.NUMERIC)})
    >>> reference = profile(np.arange(5000.0))
    >>> [(m.value, m.status.value) for m in measure_duplicates(profile(np.arange(1000.0) // 2), reference, alpha=1e-4)]
    [(0.5, 'drift')]
    """
    now, before = ({} if side is None else side.columns for side in (window, reference))
    if DISTINCT_ROWS not in now and DISTINCT_ROWS not in before:
        return
    here, there = _column(window), _column(reference)
    sample = _sample(here)
    rows = float(sample.total)
    if not _compared(here, window.rows) or not len(sample.cells.rows):
        yield Measurement(_METRIC, "", None, Status.INSUFFICIENT, rows=rows, basis=_NOT_COMPARED if window.rows else "")
        return
    if reference is None or DISTINCT_ROWS not in before or not _compared(there, reference.rows):
        value = repeats(sample, int(rows)).share
        yield Measurement(
            _METRIC, "", value, Status.PROVISIONAL, rows=rows, basis="no reference whose rows were compared"
        )
        return
    held = _sample(there)
    shift = duplicate_share(sample, held, alpha)
    found = shares.measured(_METRIC, "", shift, rows, held.total, alpha, Status.DRIFT)
    if rows < min_rows:
        found = replace(found, status=Status.INSUFFICIENT, basis=TOO_FEW)
    elif shift.expected is not None and shift.expected > _MOSTLY:
        found = replace(found, status=Status.INSUFFICIENT, basis=_REPEATS)
    yield found


def duplicate_share(window: Sample, reference: Sample, alpha: float, tolerance: float = shares.TOLERANCE) -> ShareShift:
    """Compare the share of rows that repeat another one of their side, by two tests at half of alpha each.

    One is of kinds of row: the share of those that came more than once, which samples of kinds estimate however often a
    kind came. The other is of rows, against the most that the reference's may be where its sample leaves kinds out: the
    least number of its kinds follows from how far the sample reaches. Of more rows more repeat one another where they are
    drawn from few kinds, and not where senders repeat them; so the rise has to be one of both sides as they are, and of both
    as if only as many rows as the smaller side has had been drawn.
    Sources: Hurlbert, "The nonconcept of species diversity" (1971), for such draws; Beyer et al. (2007) for the number of
    kinds; Berger and Boos (1994) for the bounds.

    >>> from kernel.samples import count_sample
    >>> def rows(*hashes):
    ...     return sample_of(count_sample(np.array(hashes), None, np.array([0]), np.array([len(hashes)]), 999)[0], ROWS)
    >>> shift = duplicate_share(rows(*range(1, 81), *range(1, 21)), rows(*range(1, 901)), alpha=1e-4)
    >>> round(shift.value, 3), shift.expected, shift.called(1e-4)
    (0.2, 0.0, True)
    """
    sizes = [int(side.total) for side in (window, reference)]
    if not min(sizes) or not all(len(side.cells.rows) for side in (window, reference)):
        return shares.INSUFFICIENT
    fewer = min(sizes)
    drawn = shares.missing_share(repeated_kinds(window, fewer), repeated_kinds(reference, fewer), alpha / 2, tolerance)
    kinds = [repeated_kinds(side, size) for side, size in zip((window, reference), sizes, strict=True)]
    of_kinds = max(drawn.p_tolerance or 0.0, shares.rise_p(kinds[0], kinds[1], alpha / 2, tolerance))
    p = min(of_kinds, _rows_p(window, reference, alpha / 2, tolerance))
    alone = repeats(window, sizes[0])
    lower, upper = wilson.interval(alone.share, alone.rows)
    held = repeats(reference, sizes[1]).share
    return replace(drawn, value=alone.share, expected=held, lower=lower, upper=upper, p_tolerance=min(1.0, 2 * p))


def _by_share(tally: Tally) -> float:
    return tally.share


def _rows_p(window: Sample, reference: Sample, alpha: float, tolerance: float) -> float:
    """P(as few kinds of row in the window) where the share of its rows that repeat others rose by the tolerance at most.

    How far a sample reaches follows Gamma's law, and says how many kinds there are (Beyer et al. 2007): whatever each of them
    weighs. 1 where that is not enough: of more rows than the reference's.
    """
    risk, rows = alpha / 10, int(window.total)
    if reference.reach >= 1:
        same = repeats(reference, int(reference.total))
        least = float(special.betaincinv(same.rows - same.events, same.events + 1, risk)) if same.share < 1 else 0.0
    else:
        least = float(special.gammaincinv(len(reference.cells.rows) + 1, risk)) / (reference.reach * reference.total)
    most = 1 - min(1.0, least) + tolerance
    if most >= 1:
        return 1.0
    if window.reach < 1:
        kinds = len(window.cells.rows) + 1
        found = float(special.gammaincc(kinds, (1 - most) * rows * window.reach)) if rows <= reference.total else 1.0
    else:
        fewer = min(rows, int(reference.total))
        now = min(repeats(window, rows), repeats(window, fewer), key=_by_share)
        found = float(special.betainc(now.events, now.rows - now.events + 1, most)) if now.events > 0 else 1.0
    return min(1.0, found + risk)


def repeats(sample: Sample, size: int) -> Tally:
    """How many of `size` rows, drawn from all without putting back, repeat one that was drawn before.

    The share is a ratio over the kinds of row in the sample. The effective number of rows is fewer than `size` by what the
    sample leaves to chance: the variance of that ratio over kinds. Sources: Hurlbert (1971), equation 4; Cochran, "Sampling
    Techniques" (1977), section 2.11, for the variance of a ratio.

    >>> cells = Cells(np.array([0, 5, 9]), np.array([4, 3, 1]))
    >>> [round(repeats(sample_of(cells, ROWS), size).share, 3) for size in (4, 2, 1)]
    [0.5, 0.25, 0.0]
    """
    counts, total = sample.cells.rows.astype(np.float64), sample.total
    drawn = 1 - _drawn(0, counts, total, size)
    held = float(counts.sum())
    share = min(1.0, max(0.0, 1 - total / size * float(drawn.sum()) / held))
    rest = total / size * drawn - (1 - share) * counts
    even = held * share * (1 - share)
    spread = max(1.0, float(rest @ rest) / even) if even > 0 else 1.0
    rows = 1 / (1 / size + (1 - sample.reach) * spread / held)
    return Tally(share * rows, rows)


def repeated_kinds(sample: Sample, size: int) -> Tally:
    """How many kinds of row come more than once among `size` rows, drawn from all without putting back, of those that come.

    The effective number of kinds is such that the binomial variance is that of the ratio. Sources: as of `repeats`.

    >>> cells = Cells(np.array([0, 5, 9]), np.array([4, 3, 1]))
    >>> [round(repeated_kinds(sample_of(cells, ROWS), size).share, 3) for size in (4, 2, 1)]
    [0.5, 0.333, 0.0]
    """
    counts = sample.cells.rows.astype(np.float64)
    none, one = (_drawn(times, counts, sample.total, size) for times in (0, 1))
    there, again = 1 - none, np.maximum(0.0, 1 - none - one)
    kinds = float(there.sum())
    share = min(1.0, float(again.sum()) / kinds)
    rest = again - share * there
    spread = max(1.0, float(rest @ rest) / (kinds * share * (1 - share))) if 0 < share < 1 else 1.0
    return Tally(share * kinds / spread, kinds / spread)


def _drawn(times: int, counts: FloatArray, total: float, size: int) -> FloatArray:
    """The hypergeometric probability that of a kind with so many of all rows exactly `times` are drawn, shape (kinds,)."""
    if size == total:
        return np.asarray(counts == times, np.float64)
    others, rest = total - counts, float(size - times)
    possible = (counts >= times) & (others >= rest) & (rest >= 0)
    log = _ways(counts, times) + _ways(others, rest) - _ways(np.full(len(counts), total), size)
    return np.where(possible, np.exp(np.minimum(log, 0.0)), 0.0)


def _ways(of: FloatArray, chosen: float) -> FloatArray:
    """The logarithm of the binomial coefficient, anything where there is none."""
    found: FloatArray = special.gammaln(of + 1) - special.gammaln(np.maximum(of - chosen, 0) + 1)
    found -= float(special.gammaln(max(chosen, 0) + 1))
    return found


def _column(side: WindowProfile | None) -> ColumnProfile:
    rows = 0 if side is None else side.rows
    empty = ColumnProfile(Kind.ROWS, missing=rows)
    return empty if side is None else side.columns.get(DISTINCT_ROWS, empty)


def _compared(column: ColumnProfile, rows: int) -> bool:
    return column.missing <= _UNCOUNTED * rows


def _sample(column: ColumnProfile) -> Sample:
    """By rows, whatever their weights: what was sent twice was sent twice."""
    return sample_of(Cells(column.cells.index, column.cells.rows), ROWS)

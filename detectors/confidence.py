"""How sure the model was of its predictions: mean entropy and margin, and the share of predictions with a small margin."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import special

from detectors import shares
from detectors.column_drift import TOO_FEW
from detectors.estimate import Estimate, bounded, none_of
from detectors.shares import Tally
from kernel.confidence import ENTROPY, MARGIN
from kernel.measurement import Measurement, Status
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.scores import score_cells

_MEANS = (("confidence_entropy", ENTROPY), ("confidence_margin", MARGIN))
_LOW = "low_confidence_share"
_NONE = ColumnProfile(Kind.SCORE)


def measure_confidence(
    window: WindowProfile, reference: WindowProfile | None, alpha: float, low_margin: float, min_rows: int = 0
) -> Iterator[Measurement]:
    """confidence_entropy and confidence_margin, means from 0 to 1 beside the reference's, and low_confidence_share.

    Nothing where neither side has scores. The means are told with their normal interval; the share is that of predictions
    whose margin is below `low_margin`, to within a cell (kernel/scores.py), and is held against the reference's.

    >>> from kernel.column_spec import ColumnSpec
    >>> from kernel.profiling import profile_rows
    >>> import pyarrow as pa
    >>> scores = profile_rows(pa.table({"score.a": [0.5, 0.75]}), {"score.a": ColumnSpec(Kind.SCORE)})
    >>> [(m.metric, round(m.value, 3)) for m in measure_confidence(scores, scores, 1e-4, low_margin=0.2)]
    [('confidence_entropy', 0.906), ('confidence_margin', 0.25), ('low_confidence_share', 0.5)]
    """
    before = {} if reference is None else reference.columns
    if not any(MARGIN in columns for columns in (window.columns, before)):
        return
    now, held = ({name: of.get(name, _NONE) for _, name in _MEANS} for of in (window.columns, before))
    for metric, stored in _MEANS:
        found, expected = mean(now[stored]), mean(held[stored]).value
        excess = None if found.value is None or expected is None else found.value - expected
        status = Status.INSUFFICIENT if found.value is None else Status.OK
        rows = now[stored].cells.size
        yield Measurement(
            metric, "", found.value, status, expected, excess, lower=found.lower, upper=found.upper, rows=rows
        )
    yield _low(now[MARGIN], held[MARGIN], alpha, low_margin, min_rows)


def mean(column: ColumnProfile) -> Estimate:
    """Return the weighted mean of a column of values from 0 to 1, with its normal interval for independent rows.

    The mean of each cell is exact; what the values of a cell differ by is left out of the interval. Source: Kish, "Survey
    Sampling" (1965), for the effective number of rows.

    >>> from kernel.column_spec import ColumnSpec
    >>> from kernel.profile import Kind
    >>> from kernel.profiling import profile_rows
    >>> import pyarrow as pa
    >>> scores = profile_rows(pa.table({"score.a": [0.2, 0.2, 0.8, 0.8]}), {"score.a": ColumnSpec(Kind.SCORE)})
    >>> found = mean(scores.columns["score.a"])
    >>> found.value, round(found.lower, 3)
    (0.5, 0.206)
    """
    cells = column.cells
    if not column.values:
        return none_of()
    portion = cells.shares_of / cells.shares_of.sum()
    means = cells.sums / np.maximum(1, cells.rows)
    middle = float(portion @ means)
    error = math.sqrt(float(portion @ (means - middle) ** 2) / max(1.0, cells.size))
    return bounded(middle, error, float(special.ndtri(0.975)), column.values, "iid", (0.0, 1.0))


def _low(column: ColumnProfile, before: ColumnProfile, alpha: float, low_margin: float, min_rows: int) -> Measurement:
    now, held = _tally(column, low_margin), _tally(before, low_margin)
    if not now.rows:
        return Measurement(_LOW, "", None, Status.INSUFFICIENT, rows=0.0, basis="no scores")
    shift = shares.missing_share(now, held, alpha)
    if shift.value is None:
        return Measurement(_LOW, "", now.share, Status.PROVISIONAL, rows=now.rows, basis="no reference with scores")
    found = shares.measured(_LOW, "", shift, now.rows, held.rows, alpha, Status.DRIFT)
    return found if column.values >= min_rows else replace(found, status=Status.INSUFFICIENT, basis=TOO_FEW)


def _tally(margins: ColumnProfile, low_margin: float) -> Tally:
    low = score_cells(np.array([low_margin]))[0]
    return shares.tally_of(margins.cells, margins.cells.index < low)

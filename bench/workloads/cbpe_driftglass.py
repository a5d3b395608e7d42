"""Our estimate of a window's performance without labels, from its profile: fitting, and folding the rows, are not timed.

Folding is what the collector has done when the window closes; "fold" tells what it takes, for the one column and what is
derived from it.
"""

import numpy as np
import pyarrow as pa

from bench.probe import measured, report
from bench.scores import METRICS, WINDOW_ROWS, reference, window
from detectors.without_labels import cbpe
from detectors.without_labels.scored import of_cells, of_rows
from kernel.column_spec import ColumnSpec
from kernel.profile import ColumnProfile, Kind
from kernel.profiling import profile_rows

SCORE = "score.late"


def main() -> None:
    scores, predicted, labels = reference()
    fitted = cbpe.fit(of_rows(scores, predicted == 1), labels == 1)
    scores, predicted = window()
    table = pa.table({SCORE: scores, "prediction": np.where(predicted == 1, "late", "on_time")})
    profile = _folded(table)
    found = cbpe.estimate(fitted, of_cells(profile))
    assert all(found[metric].value is not None and found[metric].rows == WINDOW_ROWS for metric in METRICS)
    figures = measured(lambda: cbpe.estimate(fitted, of_cells(profile)))
    fold = measured(lambda: _folded(table))["seconds"]
    report(figures | {"fold_seconds": fold} | {metric: found[metric].value or 0.0 for metric in METRICS})


def _folded(table: pa.Table) -> ColumnProfile:
    return profile_rows(table, {SCORE: ColumnSpec(Kind.SCORE)}).columns[SCORE]


main()

"""Concept drift of a model's windows, from the table that the store reads of their labelled metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from detectors.concept_drift import DETECTORS, detect
from detectors.metrics import PERFORMANCE
from detectors.performance import LOWER_IS_BETTER, NEITHER_IS_BETTER
from detectors.season import IntArray, length_us
from kernel.measurement import DECISIVE
from kernel.windows import WindowSize

READ = tuple(metric for metric in PERFORMANCE if metric not in {"label_coverage", *NEITHER_IS_BETTER})
"""The metrics that may stand for a model's error."""
USUALLY = ("accuracy", "mae", "ndcg")
"""Where none is asked for, the first of these that there is."""
AGREED = "agreed"
LEAST_LABELS = 30
_WINDOWS = 500


@dataclass(frozen=True, slots=True)
class Called:
    """What one detector called.

    Attributes:
        detector: one of DETECTORS, or AGREED: three of them within 30 windows.
        starts_us: of the windows at which it did.
        windows: how many it has read.
    """

    detector: str
    metric: str
    starts_us: tuple[int, ...]
    windows: int


def past_us(size: WindowSize) -> int:
    """How long a past is read, up to the newest window: 500 windows.

    >>> past_us(WindowSize("1d")) // 86_400_000_000
    500
    """
    return _WINDOWS * length_us(size)


def called(table: pa.Table, metrics: Sequence[str] = USUALLY) -> list[Called]:
    """Return what each detector called in the first of these metrics that a series has, and what they agreed on.

    Windows are read in the order of predictions, whenever their labels came; those with under 30 labels, and those whose labels are
    still to come, are left out. Empty where there is none.

    Args:
        table: of schema SERIES (store/series.py), by window.

    >>> import numpy as np
    >>> n = 160
    >>> accuracy = np.random.default_rng(0).normal(np.repeat([0.90, 0.87], n // 2), 0.01)
    >>> columns = {"window_start": np.arange(n), "metric": ["accuracy"] * n, "status": ["ok"] * n, "rows": np.full(n, 500.0)}
    >>> [(one.detector, one.starts_us) for one in called(pa.table(columns | {"value": accuracy})) if one.starts_us]
    [('agreed', (93,)), ('adwin', (90,)), ('hddm', (92,)), ('page_hinkley', (93,))]
    """
    there = {*pc.unique(table["metric"]).to_pylist()}
    metric = next((name for name in metrics if name in there), None)
    if metric is None:
        return []
    told = table.filter(
        (pc.field("metric") == metric)
        & pc.field("status").isin(DECISIVE)
        & pc.is_finite(pc.field("value"))
        & (pc.field("rows") >= LEAST_LABELS)
    )
    values = told["value"].to_numpy()
    starts: IntArray = told["window_start"].cast(pa.int64()).to_numpy()
    calls = detect(values if metric in LOWER_IS_BETTER else -values)
    by_name = {AGREED: calls.agreed, **calls.by_detector}
    return [Called(name, metric, tuple(starts[by_name[name]].tolist()), values.size) for name in (AGREED, *DETECTORS)]

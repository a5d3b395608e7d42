"""What objectives need of records: rows, errors and slow rows in five minutes each."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from collector.gather import Place, Records
from kernel.arrays import whole
from kernel.measurement import SERVICE_SPAN_US
from store.models import Objectives
from store.service_counts import CountKey, Counts


def count_service(records: Records, promised: Mapping[str, Objectives]) -> dict[CountKey, Counts]:
    """Count the rows of the models with objectives; no key comes twice.

    Args:
        promised: by model; rows of other models are not counted.
    """
    return dict(
        pair for place, rows in records if place.model in promised for pair in _of(place, rows, promised[place.model])
    )


def _of(place: Place, rows: pa.Table, objectives: Objectives) -> Iterator[tuple[CountKey, Counts]]:
    starts, bucket = np.unique(
        rows["ts"].cast(pa.int64()).to_numpy() // SERVICE_SPAN_US * SERVICE_SPAN_US, return_inverse=True
    )
    failed = np.zeros(len(bucket), np.bool_)
    if "error" in rows.column_names:
        failed = whole(rows["error"]).is_valid().to_numpy(zero_copy_only=False)
    latency = np.full(len(bucket), np.nan)
    if "latency_ms" in rows.column_names:
        latency = whole(rows["latency_ms"]).cast(pa.float64()).to_numpy(zero_copy_only=False)
    limit = np.inf if objectives.latency_ms is None else objectives.latency_ms
    flags = (np.ones(len(bucket), np.bool_), failed, np.isfinite(latency), latency > limit)
    counts = np.stack([np.bincount(bucket[chosen], minlength=len(starts)) for chosen in flags])
    for start_us, of in zip(starts.tolist(), counts.T.tolist(), strict=True):
        yield CountKey(place.partition, place.model, start_us), Counts(*of)

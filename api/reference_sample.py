"""The rows of a reference that are kept beside its profile: a random sample of them."""

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from detectors.multivariate.sample import MOST_ROWS
from kernel.grid import Float64Array
from store.record_schema import from_stored, to_stored
from stream.codecs.topics import RecordKind

_WEIGHT = "weight"


class ReferenceSample:
    """A random sample of flat rows that come in parts, each row as likely as it weighs.

    Args:
        most: rows that are held.
        beside: columns that are no part of a prediction, and are kept with it.

    Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).

    >>> sample = ReferenceSample()
    >>> for day in range(3):
    ...     moments = pa.array([day] * 1_000, pa.timestamp("us", "UTC"))
    ...     sample.add(pa.table({"ts": moments, "feature.x": np.full(1_000, float(day))}))
    >>> rows = sample.rows()
    >>> rows.num_rows, round(float(np.mean(rows["feature.x"])))
    (2000, 1)
    """

    def __init__(self, seed: int = 0, most: int = MOST_ROWS, beside: Sequence[str] = ()) -> None:
        self._generator = np.random.default_rng(seed)
        self._most, self._beside = most, beside
        self._keys: Float64Array = np.empty(0)
        self._held: pa.Table | None = None  # as the record log keeps rows: a feature may change its type between parts
        self._weight = self._heaviest = 0.0

    def add(self, table: pa.Table) -> None:
        """Let some more rows take part."""
        weighed = _WEIGHT in table.column_names
        weights = table[_WEIGHT].fill_null(1.0).to_numpy() if weighed else np.ones(table.num_rows)
        self._weight += float(weights.sum())
        self._heaviest = max(self._heaviest, float(weights.max(initial=0.0)))
        drawn = np.log(1 - self._generator.random(table.num_rows)) / weights
        likely = self._largest(drawn)
        rows = table.take(pa.array(likely))
        some = to_stored(rows, RecordKind.PREDICTIONS)
        for name in self._beside:
            some = some.append_column(name, rows[name])
        held = some if self._held is None else pa.concat_tables([self._held, some.cast(self._held.schema)])
        keys = np.concatenate([self._keys, drawn[likely]])
        kept = self._largest(keys)
        self._keys, self._held = keys[kept], held.take(pa.array(kept)).combine_chunks()

    def rows(self) -> pa.Table | None:
        """The sample in random order, as flat columns; None without rows."""
        if self._held is None or not self._held.num_rows:
            return None
        rows = min(
            self._held.num_rows, math.ceil(self._weight / self._heaviest)
        )  # more would be as likely as the heaviest
        likely = self._held.take(pa.array(np.arange(rows))).combine_chunks()
        found = from_stored(likely, RecordKind.PREDICTIONS, apart=True)
        for name in self._beside:
            found = found.append_column(name, likely[name])
        return found

    def _largest(self, keys: Float64Array) -> np.ndarray:
        return np.argsort(-keys, kind="stable")[: self._most]

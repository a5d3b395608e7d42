"""An id counts once: what was seen within the horizon, as 128-bit identities in two generations of open-addressing tables."""

from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from kernel.compiled import compiled

UInt64Array = NDArray[np.uint64]

_FIRST_SLOTS = 1 << 12
_LOAD = 2  # slots a key at least


class Identities(NamedTuple):
    """The identities of rows: two independent 64-bit hashes of (model, version, id), each of shape (n,)."""

    high: UInt64Array
    low: UInt64Array

    def of(self, rows: NDArray[np.bool_]) -> "Identities":
        """Those of some rows."""
        return self if rows.all() else Identities(self.high[rows], self.low[rows])


def identities(records: pa.Table) -> Identities:
    """The identity of each row; equal within a process only, which is where they are compared."""
    rows = pl.DataFrame({name: pl.from_arrow(records[name]) for name in ("version", "id", "model")})
    return Identities(rows.hash_rows(seed=1).to_numpy(), rows.hash_rows(seed=2).to_numpy())


class IdentityFilter:
    """Which identities were seen within the horizon of ingestion.

    An identity is remembered for one to two horizons, or until `limit` newer ones came. Age is told by a clock that never jumps;
    the time of day at which rows are taken in may jump, and is only noted, for whoever reads the identities back.

    Args:
        horizon_us: how long an identity must be remembered.
        limit: identities kept at most; 32 bytes each.
    """

    def __init__(self, horizon_us: int, limit: int) -> None:
        self._horizon_us = horizon_us
        self._limit = limit
        self._old = _Table()
        self._new = _Table()
        self._new_since_us: int | None = None
        self.cut_short = 0  # identities forgotten before the horizon, because there were too many

    def __len__(self) -> int:
        """How many identities are remembered."""
        return self._old.count + self._new.count

    @property
    def since_us(self) -> int | None:
        """The earliest time of day at which something that is remembered was taken in; None where nothing is remembered."""
        return min((table.since_us for table in (self._old, self._new) if table.since_us is not None), default=None)

    def admit(self, keys: Identities, passed_us: int, taken_in_us: int) -> NDArray[np.bool_]:
        """True for each row whose identity is seen for the first time, shape (n,); of equal rows the first. All are remembered.

        Args:
            passed_us: the time on a clock that never jumps.
            taken_in_us: the time of day that the rows carry; of several the earliest.
        """
        self._turn(len(keys.high), passed_us)
        self._new.since_us = taken_in_us if self._new.since_us is None else min(self._new.since_us, taken_in_us)
        return self._new.add(keys, self._old)

    def _turn(self, coming: int, passed_us: int) -> None:
        """Begin a new generation where the newer one is as old as the horizon, or full."""
        if self._new_since_us is None:
            self._new_since_us = passed_us
        full = self._new.count + coming > self._limit // 2
        age_us = passed_us - self._new_since_us
        if not full and age_us < self._horizon_us:
            return
        if full and age_us < self._horizon_us:
            self.cut_short += self._old.count
        # After two horizons without a look the newer generation is past its time too.
        self._old = _Table() if age_us >= 2 * self._horizon_us else self._new
        self._new, self._new_since_us = _Table(), passed_us


class _Table:
    """One generation: linear probing, grown to stay half empty. A key of two zeros stands for an empty slot."""

    def __init__(self, slots: int = _FIRST_SLOTS) -> None:
        self.high = np.zeros(slots, np.uint64)
        self.low = np.zeros(slots, np.uint64)
        self.count = 0
        self.since_us: int | None = None  # the earliest time of day at which something in it was taken in

    def add(self, keys: Identities, before: "_Table") -> NDArray[np.bool_]:
        self._make_room(len(keys.high))
        low = np.where((keys.low == 0) & (keys.high == 0), np.uint64(1), keys.low)
        fresh = _insert(self.high, self.low, before.high, before.low, keys.high, low)
        self.count += int(fresh.sum())
        return np.asarray(fresh, np.bool_)

    def _make_room(self, coming: int) -> None:
        slots = len(self.high)
        while slots < _LOAD * (self.count + coming):
            slots *= 2
        if slots > len(self.high):
            used = (self.high != 0) | (self.low != 0)
            high, low = self.high[used], self.low[used]
            self.high, self.low = np.zeros(slots, np.uint64), np.zeros(slots, np.uint64)
            nothing = np.zeros(1, np.uint64)
            _insert(self.high, self.low, nothing, nothing, high, low)


@compiled
def _slot(high_slots: UInt64Array, low_slots: UInt64Array, high: int, low: int) -> np.uint64:
    """The slot that holds the key, or the empty one where it belongs."""
    mask = np.uint64(high_slots.size - 1)
    at = high & mask
    while (high_slots[at] != 0 or low_slots[at] != 0) and (high_slots[at] != high or low_slots[at] != low):
        at = (at + np.uint64(1)) & mask
    return at


@compiled
def _insert(
    high_slots: UInt64Array,
    low_slots: UInt64Array,
    high_old: UInt64Array,
    low_old: UInt64Array,
    high: UInt64Array,
    low: UInt64Array,
) -> NDArray[np.bool_]:
    fresh = np.zeros(high.size, np.bool_)
    for i in range(high.size):
        if high_old.size > 1:
            at = _slot(high_old, low_old, high[i], low[i])
            if high_old[at] != 0 or low_old[at] != 0:
                continue
        at = _slot(high_slots, low_slots, high[i], low[i])
        if high_slots[at] == 0 and low_slots[at] == 0:
            high_slots[at], low_slots[at] = high[i], low[i]
            fresh[i] = True
    return fresh

"""Taking a part of a profile out of it again: the inverse of merging, in all that measurements use."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernel.cells import Cells, Int64Array
from kernel.grid import Float64Array
from kernel.profile import WindowProfile, batch_of, profiles_of
from kernel.profile_batch import COLUMN, PROFILE, ProfileBatch

_COUNTS = ("nan", "pos_inf", "neg_inf", "misfit")
_MISSING = (("missing", "rows"), ("missing_weight", "weight"), ("missing_weight2", "weight2"))


class _Placed(NamedTuple):
    """Cells, and the column that each is of: its place in the whole."""

    cells: Cells
    column: Int64Array


def without(whole: WindowProfile, part: WindowProfile) -> WindowProfile:
    """The profile of the rows of `whole` that are not in `part`: without(merge([a, b]), b) is a, to rounding.

    Exact where all rows of the part are in the whole and were counted alike; no count falls below 0 where they are not. A column
    that the part lacks is missing in all of its rows, and one of another kind or grid is misfits, as in a merge; one that the
    whole lacks is left out. `low` and `high` stay those of the whole: a smallest value cannot be taken back.
    """
    both = batch_of([whole, part])
    mine = len(whole.columns)
    place = {name: i for i, name in enumerate(whole.columns)}
    of = np.array([place.get(name, mine) for name in both.names], np.int64)  # a stranger's place is past the last
    left, taken = both.columns[:mine].copy(), np.zeros(mine + 1, COLUMN)
    taken[of[mine:]] = both.columns[mine:]
    taken = taken[:mine]
    there = np.isin(np.arange(mine), of[mine:])
    alike = there & (taken["kind"] == left["kind"]) & (taken["grid"] == left["grid"])

    held, gone = _of_each(both, of)
    strange = gone.column[~np.append(alike, False)[gone.column]]
    rows = gone.cells.rows[~np.append(alike, False)[gone.column]]
    taken["misfit"] += np.bincount(strange, rows, mine + 1).astype(np.int64)[:mine]
    _take_moments(left, taken, alike)
    for name in _COUNTS:
        left[name] = np.maximum(0, left[name] - taken[name])
    for name, of_rows in _MISSING:
        left[name] = np.maximum(0, left[name] - np.where(there, taken[name], both.profiles[of_rows][1]))
    cells = _less(held, _chosen(gone, np.append(alike, False)[gone.column]))
    left["cells"] = np.bincount(cells.column, minlength=mine)

    rest = np.zeros(1, PROFILE)
    for name in PROFILE.names or ():
        rest[name] = np.maximum(0, both.profiles[name][0] - both.profiles[name][1])
    return profiles_of(ProfileBatch(rest, np.zeros(mine, np.int64), list(whole.columns), left, cells.cells))[0]


def _of_each(both: ProfileBatch, of: Int64Array) -> tuple[_Placed, _Placed]:
    """The cells of the whole, and those of the part."""
    column = np.repeat(of, both.columns["cells"])
    end = int(both.columns["cells"][both.owner == 0].sum())
    placed = _Placed(both.cells, column)
    return _chosen(placed, slice(end)), _chosen(placed, slice(end, None))


def _chosen(placed: _Placed, which: slice | NDArray[np.bool_]) -> _Placed:
    def pick(values: Float64Array) -> Float64Array:
        return values[which] if len(values) else values

    cells = placed.cells
    picked = Cells(
        cells.index[which], cells.rows[which], pick(cells.sums), pick(cells.weight), pick(cells.weight2)
    )  # sums and weights are there for all of them or for none
    return _Placed(picked, placed.column[which])


def _less(held: _Placed, gone: _Placed) -> _Placed:
    """The cells that still hold rows; what is gone from cells that are not there is nothing."""
    width = 1 + int(max(held.cells.index.max(initial=0), gone.cells.index.max(initial=0)))
    keys = held.column * width + held.cells.index  # ascending: columns lie end to end, and in each the index ascends
    wanted = gone.column * width + gone.cells.index
    met = np.isin(wanted, keys)
    at, gone = np.searchsorted(keys, wanted[met]), _chosen(gone, met)

    def rest(ours: NDArray[Any], theirs: NDArray[Any], *, signed: bool = False) -> NDArray[Any]:
        found = ours.copy()
        if len(found):
            found[at] -= theirs
        return found if signed else np.maximum(0, found)

    a, b = held.cells, gone.cells
    cells = Cells(
        a.index,
        rest(a.rows, b.rows),
        rest(a.sums, b.sums, signed=True),
        rest(a.weight, b.weight),
        rest(a.weight2, b.weight2),
    )
    return _chosen(_Placed(cells, held.column), cells.rows > 0)


def _take_moments(left: NDArray[Any], taken: NDArray[Any], alike: NDArray[np.bool_]) -> None:
    """Count, mean and sum of squared deviations of what is left: the update of Chan, Golub, LeVeque (1979) undone."""
    some = alike & (taken["count"] > 0)
    whole, part = left[some], taken[some]
    count = np.maximum(0, whole["count"] - part["count"])
    with np.errstate(over="ignore", invalid="ignore"):  # beyond 1e154 squares are infinite, as where they are counted
        mean = whole["mean"] + (whole["mean"] - part["mean"]) * (part["count"] / np.maximum(1, count))
        gap = part["mean"] - mean
        squares = (
            whole["squares"] - part["squares"] - gap * gap * (part["count"] * (count / np.maximum(1, whole["count"])))
        )
    left["count"][some] = count
    left["mean"][some] = np.where(count > 0, mean, 0.0)
    left["squares"][some] = np.where(count > 0, np.maximum(0.0, squares), 0.0)

"""Many profiles as arrays: what is done to every column of every profile is done once, for all of them.

A collector that serves a thousand models adds to a thousand profiles at a time, each of some thirty columns of few cells. An object
a column would cost far more than the counts in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kernel.cells import Cells, Int64Array, joined_cells, sum_spans
from kernel.samples import kept

PROFILE = np.dtype([("rows", "<i8"), ("errors", "<i8"), ("weight", "<f8"), ("weight2", "<f8")])
"""What a profile holds besides its columns; the fields are those of kernel.profile.WindowProfile."""

COLUMN = np.dtype(
    [
        ("kind", "u1"), ("summed", "?"), ("weighed", "?"), ("grid", "<i4"), ("cells", "<i4"),
        ("missing", "<i8"), ("nan", "<i8"), ("pos_inf", "<i8"), ("neg_inf", "<i8"), ("misfit", "<i8"),
        ("missing_weight", "<f8"), ("missing_weight2", "<f8"),
        ("count", "<i8"), ("mean", "<f8"), ("squares", "<f8"), ("low", "<f8"), ("high", "<f8"),
    ]
)  # fmt: skip
"""What a column holds besides its cells. The fields are those of kernel.profile.ColumnProfile, its moments among them;

kind: the place in kernel.profile.Kind; summed, weighed: whether its cells have sums and weights; cells: how many it has.
"""

SEVERAL_GRIDS = -1
"""The grid version of a column whose parts were counted on several: it is not measured."""

_SUMS = ("missing", "nan", "pos_inf", "neg_inf", "misfit", "missing_weight", "missing_weight2")


@dataclass(frozen=True, slots=True)
class ProfileBatch:
    """Some profiles.

    Attributes:
        profiles: shape (p,), of PROFILE.
        owner: the profile of each column, shape (c,).
        names: the stored name of each column, c of them.
        columns: shape (c,), of COLUMN.
        cells: those of all columns, in their order, end to end; with sums for each, and weights where any column has them.
    """

    profiles: NDArray[Any]
    owner: Int64Array
    names: Sequence[str]
    columns: NDArray[Any]
    cells: Cells

    def __len__(self) -> int:
        """How many profiles."""
        return len(self.profiles)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The profiles of several batches, at least one, one after the other."""
        starts = np.cumsum([0, *(len(part) for part in parts)])
        return cls(
            np.concatenate([part.profiles for part in parts]),
            np.concatenate([part.owner + start for part, start in zip(parts, starts, strict=False)]),
            [name for part in parts for name in part.names],
            np.concatenate([part.columns for part in parts]),
            joined_cells([part.cells for part in parts], weighed=any(len(p.cells.weight) for p in parts)),
        )

    def sum_by(self, target: Int64Array, count: int) -> Self:
        """Sums of the profiles; within each the columns come by name.

        A column that a profile lacks is missing in all of its rows. Parts of a column of another kind or grid version than its
        last one's count as misfits, and where it is the grid alone the sum's is SEVERAL_GRIDS: a window of two grids is not
        measured. Parts without a value in a cell are of any grid. A profile may hold a column twice, which came in two of which
        each row has one.

        Args:
            target: to which of the `count` sums each profile goes, shape (p,).
        """
        totals = np.zeros(count, PROFILE)
        for name in PROFILE.names or ():
            np.add.at(totals[name], target, self.profiles[name])
        spelt = sorted(set(self.names))
        number = {name: i for i, name in enumerate(spelt)}
        place = target[self.owner] * len(spelt) + np.array([number[name] for name in self.names], np.int64)
        order = np.argsort(place, kind="stable")
        places, first = np.unique(place[order], return_index=True)
        owner = places // max(1, len(spelt))
        columns, cells = _summed(self, order, np.append(first, len(order)), totals[owner])
        return type(self)(totals, owner, [spelt[i] for i in (places % max(1, len(spelt))).tolist()], columns, cells)


def _summed(
    batch: ProfileBatch, order: Int64Array, bounds: Int64Array, totals: NDArray[Any]
) -> tuple[NDArray[Any], Cells]:
    """The sums of columns; sum i is of parts order[bounds[i]] to order[bounds[i + 1]], in a profile of totals[i]."""
    first, parts = bounds[:-1], batch.columns[order]
    found = np.zeros(len(first), COLUMN)
    if not len(first):
        return found, Cells()
    last, into = parts[bounds[1:] - 1], np.repeat(np.arange(len(first)), np.diff(bounds))
    found["kind"] = last["kind"]
    alike = parts["kind"] == found["kind"][into]
    told = np.where(alike & (parts["cells"] > 0), np.arange(len(parts)), -1)
    decides = np.maximum.reduceat(told, first)
    found["grid"] = np.where(decides < 0, last["grid"], parts["grid"][decides])
    same = alike & ((parts["grid"] == found["grid"][into]) | (parts["cells"] == 0))
    for name in _SUMS:
        found[name] = np.add.reduceat(parts[name], first)
    _add_absent(found, batch.profiles[batch.owner[order]], first, totals)
    ends = np.cumsum(batch.columns["cells"], dtype=np.int64)
    starts = (ends - batch.columns["cells"])[order]
    for part in np.flatnonzero(~same):  # seldom: a column was declared anew, or its grid was
        found["misfit"][into[part]] += batch.cells.rows[starts[part] : starts[part] + parts["cells"][part]].sum()
    held = np.where(same, parts["cells"], 0)
    cells, found["cells"] = sum_spans(batch.cells, starts, held, bounds, kept(found["kind"]))
    found["summed"] = np.logical_and.reduceat(parts["summed"] | (held == 0), first) & (found["cells"] > 0)
    found["weighed"] = np.logical_or.reduceat(parts["weighed"] & (held > 0), first)
    found["low"] = np.minimum.reduceat(np.where(same, parts["low"], np.inf), first)
    found["high"] = np.maximum.reduceat(np.where(same, parts["high"], -np.inf), first)
    _merge_moments(found, parts, same, bounds)
    found["grid"][into[alike & ~same]] = SEVERAL_GRIDS
    return found, cells


def _add_absent(found: NDArray[Any], owners: NDArray[Any], first: Int64Array, totals: NDArray[Any]) -> None:
    """Rows of profiles without the column; a profile that holds it twice is counted twice, and so taken out once."""
    for missing, rows in (("missing", "rows"), ("missing_weight", "weight"), ("missing_weight2", "weight2")):
        found[missing] += totals[rows] - np.add.reduceat(owners[rows], first)


def _merge_moments(found: NDArray[Any], parts: NDArray[Any], same: NDArray[np.bool_], bounds: Int64Array) -> None:
    """Count, mean and sum of squared deviations, without cancelling (Chan, Golub, LeVeque 1979), one part of each sum a turn."""
    lengths = np.diff(bounds)
    for turn in range(int(lengths.max())):
        into = np.flatnonzero(lengths > turn)
        into = into[(same & (parts["count"] > 0))[bounds[into] + turn]]
        a, b = found[into], parts[bounds[into] + turn]
        begun, count = a["count"] > 0, a["count"] + b["count"]
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # beyond 1e154 squares are infinite, as where they are counted
            delta = b["mean"] - a["mean"]
            squares = a["squares"] + b["squares"] + delta * delta * a["count"] * b["count"] / count
            mean = a["mean"] + delta * (b["count"] / count)
        found["mean"][into] = np.where(begun, mean, b["mean"])
        found["squares"][into] = np.where(begun, squares, b["squares"])
        found["count"][into] = count

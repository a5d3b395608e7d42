"""Replayed rows as arrays that statistics take: classes as codes, numbers as they are."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.clock import DAY_US
from shadow.candidates.contract import FloatArray

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClassPairs:
    """Rows of two classifiers, arrays of shape (n,).

    Attributes:
        classes: sorted; every code is a place in it.
        champion, candidate, actual: codes, -1 where there is none.
        champion_scores, candidate_scores: of the positive class, NaN where there is none.
        positive: the positive class; "" where there is none.
        weights: 1 / sampling fraction.
        days: the day of each prediction, what errors cluster by.
    """

    classes: tuple[str, ...]
    champion: Codes
    candidate: Codes
    actual: Codes
    champion_scores: FloatArray
    candidate_scores: FloatArray
    positive: str
    weights: FloatArray
    days: Codes

    def only(self, rows: NDArray[np.bool_]) -> "ClassPairs":
        """Those rows, a mask of shape (n,)."""
        return replace(
            self, champion=self.champion[rows], candidate=self.candidate[rows], actual=self.actual[rows],
            champion_scores=self.champion_scores[rows], candidate_scores=self.candidate_scores[rows],
            weights=self.weights[rows], days=self.days[rows],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class NumberPairs:
    """Rows of two regressions, arrays of shape (n,): NaN where there is no number; weights and days as for classes."""

    champion: FloatArray
    candidate: FloatArray
    actual: FloatArray
    weights: FloatArray
    days: Codes

    def only(self, rows: NDArray[np.bool_]) -> "NumberPairs":
        """Those rows, a mask of shape (n,)."""
        return NumberPairs(
            self.champion[rows], self.candidate[rows], self.actual[rows], self.weights[rows], self.days[rows]
        )


def pairs_of(rows: pa.Table, positive: str) -> ClassPairs | NumberPairs:
    """Replayed rows (shadow.replay.Replayed.rows) as arrays; a number is a class where the candidate predicts classes."""
    weights = rows["weight"].fill_null(1.0).to_numpy()
    days = rows["ts_us"].to_numpy() // DAY_US
    if pa.types.is_floating(rows["candidate"].type):
        before, after, actual = (_numbers(rows[name]) for name in ("champion_value", "candidate", "label_value"))
        return NumberPairs(before, after, actual, weights, days)
    texts = [_texts(rows, "champion"), rows["candidate"], _texts(rows, "label")]
    classes = sorted({name for column in texts for name in column.unique().to_pylist() if name is not None})
    champion, candidate, label = (_codes(column, classes) for column in texts)
    return ClassPairs(
        tuple(classes), champion, candidate, label, _numbers(rows["champion_score"]), _numbers(rows["candidate_score"]),
        positive or _last_of_two(classes), weights, days,
    )  # fmt: skip


def _texts(rows: pa.Table, name: str) -> pa.ChunkedArray:
    return pc.coalesce(rows[name], rows[f"{name}_value"].cast(pa.string()))


def _codes(column: pa.ChunkedArray, classes: list[str]) -> Codes:
    places = pc.index_in(column, value_set=pa.array(classes, pa.string()))
    return np.asarray(places.fill_null(-1).to_numpy(), np.int64)


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(column.fill_null(np.nan).to_numpy(), np.float64)


def _last_of_two(classes: list[str]) -> str:
    return classes[-1] if len(classes) == 2 else ""

"""Shapes of data that every detector has to bear, from the ordinary to the ends of the scales, as rows of flat tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from numpy.typing import NDArray

from detectors.pair import FloatArray
from testing.labelled_rows import joined

ROWS = 300
WEIGHTS = np.array([0.5, 1.0, 4.0])

Draw = Callable[[Generator, int], NDArray[Any]]
Make = Callable[[Generator, int], pa.Table]


@dataclass(frozen=True)
class Shape:
    """Rows of one shape.

    Attributes:
        name: what sets it apart.
        make: draws so many rows.
        most: rows at most.
    """

    name: str
    make: Make
    most: int = 10**6

    def table(self, seed: int, rows: int) -> pa.Table:
        """Some rows; the same seed gives the same ones."""
        return self.make(np.random.default_rng(seed), min(rows, self.most))


def _infinities(rng: Generator, rows: int) -> FloatArray:
    odd = np.array([np.inf, -np.inf, np.nan])
    return np.where(rng.random(rows) < 0.2, rng.choice(odd, rows), rng.normal(size=rows))


NUMBERS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(50, 10, n),
    "mixed sign": lambda rng, n: rng.normal(0, 1e-3, n),
    "constant": lambda _, n: np.full(n, 7.5),
    "skewed": lambda rng, n: rng.lognormal(0, 3, n),
    "zero-inflated": lambda rng, n: rng.normal(5, 1, n) * (rng.random(n) < 0.3),
    "two far modes": lambda rng, n: rng.choice([-1e9, 1e9], n) + rng.normal(size=n),
    "far from zero": lambda rng, n: rng.normal(1e12, 1e-2, n),
    "huge": lambda rng, n: rng.normal(0, 1e300, n),
    "the largest": lambda rng, n: rng.choice([np.finfo(float).max, -np.finfo(float).max, 1.0], n),
    "denormal": lambda rng, n: rng.integers(-9, 9, n) * 5e-324,
    "huge and denormal": lambda rng, n: rng.choice([1e300, 5e-324, 0.0], n),
}
"""Finite numbers of any size."""
ODD_NUMBERS: dict[str, Draw] = {
    "infinities": _infinities,
    "infinities alone": lambda rng, n: rng.choice([np.inf, -np.inf], n),
    "not a number": lambda _, n: np.full(n, np.nan),
}
POSITIVE: dict[str, Draw] = {
    name: lambda rng, n, draw=draw: np.minimum(np.abs(draw(rng, n)), 1e12)  # type: ignore[misc]
    for name, draw in NUMBERS.items()
}
"""What the wire lets in as a latency."""
SCORES: dict[str, Draw] = {
    "scores": lambda rng, n: rng.beta(2, 5, n),
    "certain scores": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "constant": lambda _, n: np.full(n, 0.5),
    "tiny scores": lambda rng, n: 10.0 ** rng.uniform(-320, -2, n),
    "beyond 0 and 1": lambda rng, n: rng.normal(0.5, 1e3, n),
    "infinities": _infinities,
}
CLASSES: dict[str, Draw] = {
    "three classes": lambda rng, n: rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
    "constant": lambda _, n: np.full(n, "a"),
    "unseen categories": lambda rng, n: rng.choice(["a", "x", "y"], n),
    "ever new": lambda rng, n: np.array([f"id-{i}" for i in rng.integers(0, 10**9, n)], np.str_),
    "long tail": lambda rng, n: np.minimum(rng.zipf(1.5, n), 10**6).astype(np.str_),
}
TEXTS: dict[str, Draw] = {
    "sentences": lambda rng, n: rng.choice(["late again", "рейс задержан", "遅れました", "42", "ok"], n),
    "constant": lambda _, n: np.full(n, "late again"),
    "no letters": lambda rng, n: rng.integers(0, 10**6, n).astype(np.str_),
    "nothing in it": lambda _, n: np.full(n, ""),
}
BOOLEANS: dict[str, Draw] = {
    "booleans": lambda rng, n: rng.random(n) < 0.3,
    "constant": lambda _, n: np.ones(n, np.bool_),
    "rare": lambda rng, n: rng.random(n) < 0.01,
}


def columns(name: str, draws: dict[str, Draw]) -> list[Shape]:
    """A column's shapes: those drawn; and of the first of them no row, one row, weighted rows, rows without a value."""
    usual = _column(name, next(iter(draws.values())))
    return [
        *(Shape(shape, _column(name, draw)) for shape, draw in draws.items()),
        Shape("empty", usual, most=0),
        Shape("one row", usual, most=1),
        Shape("weighted", lambda rng, n: usual(rng, n).append_column("weight", pa.array(rng.choice(WEIGHTS, n)))),
        Shape("half missing", lambda rng, n: _without(usual(rng, n), name, rng.random(n) < 0.5)),
        Shape("all missing", lambda rng, n: _without(usual(rng, n), name, np.ones(n, np.bool_))),
        Shape(
            "weighted and missing",
            lambda rng, n: _without(
                usual(rng, n).append_column("weight", pa.array(rng.choice(WEIGHTS, n))), name, rng.random(n) < 0.2
            ),
        ),
    ]


def weighted(name: str, draw: Draw) -> Shape:
    """Rows of very different weights."""

    def make(rng: Generator, rows: int) -> pa.Table:
        return pa.table({name: draw(rng, rows), "weight": rng.choice([1e-9, 1.0, 1e9], rows)})

    return Shape("very unequal weights", make)


def _column(name: str, draw: Draw) -> Make:
    return lambda rng, rows: pa.table({name: draw(rng, rows)})


def _without(table: pa.Table, name: str, lost: NDArray[np.bool_]) -> pa.Table:
    values = pa.array(table[name].to_numpy(), mask=lost)
    return table.set_column(table.column_names.index(name), name, values)


def strangers(name: str, draw: Draw) -> list[Shape]:
    """A column with texts that are none of its values among them."""

    def make(rng: Generator, rows: int, share: float = 0.1) -> pa.Table:
        values = [str(value).lower() for value in draw(rng, rows).tolist()]
        odd = (rng.random(rows) < share).tolist()
        return pa.table({name: pa.array(["n/a" if o else v for o, v in zip(odd, values, strict=True)], pa.string())})

    return [Shape("texts among them", make), Shape("texts alone", lambda rng, n: make(rng, n, 1.0))]


def served() -> list[Shape]:
    """Rows of a service: latencies of every shape, and errors."""

    def with_errors(make: Make) -> Make:
        def table(rng: Generator, rows: int) -> pa.Table:
            found = make(rng, rows)
            failed = pa.array(np.full(found.num_rows, "boom"), mask=rng.random(found.num_rows) > 0.1)
            return (
                found.append_column("queue_ms", found["latency_ms"])
                .append_column("cost", found["latency_ms"])
                .append_column("error", failed)
            )

        return table

    return [Shape(s.name, with_errors(s.make), s.most) for s in columns("latency_ms", POSITIVE)]


def labelled_classes(names: list[str]) -> list[Shape]:
    """Predictions of classes with scores, beside what happened."""

    def make(rng: Generator, rows: int, seen: int = len(names), days: int = 1, labels: float = 1.0) -> pa.Table:
        weights = rng.dirichlet(np.ones(len(names)), rows)
        scores = [dict(zip(names, row.tolist(), strict=True)) for row in weights]
        predicted = [names[place] for place in weights[:, :seen].argmax(axis=1).tolist()]
        actual = rng.choice(names[:seen], rows).tolist()
        known = rng.random(rows) < labels
        return joined(predicted, [a if k else None for a, k in zip(actual, known, strict=True)], scores, days)

    return [
        Shape("classes", make),
        Shape("over 40 days", lambda rng, n: make(rng, n, days=40)),
        Shape("one class", lambda rng, n: make(rng, n, seen=1)),
        Shape("one row", make, most=1),
        Shape("half the labels", lambda rng, n: make(rng, n, labels=0.5)),
        Shape("weighted", lambda rng, n: _weighted(make(rng, n), rng)),
    ]


def labelled_numbers() -> list[Shape]:
    """Predictions of numbers of every shape beside what happened, drawn on its own."""

    def of(draw: Draw, days: int = 1) -> Make:
        return lambda rng, n: joined(draw(rng, n).tolist(), draw(rng, n).tolist(), days=days)

    usual = NUMBERS["normal"]
    return [
        *(Shape(name, of(draw)) for name, draw in NUMBERS.items()),
        *(Shape(f"{name}, over 40 days", of(draw, 40)) for name, draw in NUMBERS.items()),
        Shape("one row", of(usual), most=1),
        Shape("weighted", lambda rng, n: _weighted(of(usual)(rng, n), rng)),
        Shape("huge and weighted", lambda rng, n: _weighted(of(NUMBERS["huge"])(rng, n), rng)),
    ]


def labelled_lists() -> list[Shape]:
    """Lists of items that were ranked, with the relevance of each."""

    def make(rng: Generator, rows: int, days: int = 1, labels: float = 1.0, scores: int = 10**6) -> pa.Table:
        relevance, known = rng.integers(0, 4, rows).tolist(), (rng.random(rows) < labels).tolist()
        told = [float(r) if k else None for r, k in zip(relevance, known, strict=True)]
        table = joined(rng.integers(0, scores, rows).astype(float).tolist(), told, days=days)
        return table.append_column("list", pa.array([f"list {place // 4}" for place in range(rows)], pa.string()))

    return [
        Shape("lists", make),
        Shape("over 40 days", lambda rng, n: make(rng, n, days=40)),
        Shape("tied scores", lambda rng, n: make(rng, n, scores=2)),
        Shape("one row", make, most=1),
        Shape("half the labels", lambda rng, n: make(rng, n, labels=0.5)),
        Shape("weighted", lambda rng, n: _weighted(make(rng, n), rng)),
    ]


def unlabelled() -> list[Shape]:
    """Predictions without labels, and none at all."""

    def make(_rng: Generator, rows: int) -> pa.Table:
        return joined(["a"] * rows, [None] * rows)

    return [Shape("no label", make), Shape("empty", make, most=0)]


def _weighted(table: pa.Table, rng: Generator) -> pa.Table:
    weights = pa.array(rng.choice(WEIGHTS, table.num_rows))
    return table.set_column(table.column_names.index("weight"), "weight", weights)

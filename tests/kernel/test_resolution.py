"""A grid is replaced where it cannot tell a reference's values apart, seldom, and never twice for the same values."""

from collections.abc import Callable

import numpy as np
import pytest

from kernel.grid import Grid, encode
from kernel.resolution import refitted

Values = Callable[[np.random.Generator], np.ndarray]


def replaced(values: Values) -> int:
    """Of 20 grids of 5,000 normal values, those that are replaced for these."""
    rng = np.random.default_rng(1)
    return sum(refitted(values(rng), Grid.fit(rng.normal(size=5_000))) is not None for _ in range(20))


@pytest.mark.parametrize(
    "values",
    [
        lambda rng: rng.normal(size=2_000),
        lambda rng: rng.normal(1, 1, 2_000),
        lambda rng: rng.normal(0, 2, 2_000),
        lambda rng: rng.normal(0, 0.1, 2_000),
        lambda rng: np.where(rng.random(2_000) < 0.9, 1e6, rng.normal(size=2_000)),  # a default where no cells are
        lambda _: np.full(2_000, 1e6),
        lambda rng: rng.normal(1e6, 1, 150),
        lambda _: np.full(2_000, np.nan),
    ],
    ids=["the same", "mean", "spread", "narrow", "default", "constant", "few", "none"],
)
def test_a_grid_that_suits_stays(values: Values) -> None:
    assert replaced(values) == 0


@pytest.mark.parametrize(
    "values",
    [
        lambda rng: rng.normal(2, 1, 2_000),
        lambda rng: rng.normal(0, 5, 2_000),
        lambda rng: 1_000 * rng.normal(5, 1, 2_000),
        lambda rng: np.where(rng.random(2_000) < 0.7, 0.0, rng.normal(8e5, 4e4, 2_000)),
        lambda rng: np.append(rng.normal(1e6, 1, 300), [np.inf, np.nan, 1e308]),
    ],
    ids=["mean", "spread", "unit", "beside zeros", "extremes"],
)
def test_a_grid_that_does_not_is_replaced_once(values: Values) -> None:
    assert replaced(values) == 20
    found = values(np.random.default_rng(2))
    fitted = refitted(found, Grid.fit(np.random.default_rng(3).normal(size=5_000)))
    assert fitted is not None
    assert refitted(found, fitted) is None
    assert refitted(values(np.random.default_rng(4)), fitted) is None
    finite = found[np.isfinite(found) & (found != 0)]
    cells = np.bincount(fitted.lookup()[encode(finite, fitted.centre)])
    assert cells.max() < 0.1 * len(finite)

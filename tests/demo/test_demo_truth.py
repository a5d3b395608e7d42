from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

Truth = Callable[[datetime, datetime], object]


def test_january_does_not_differ_from_itself(truth: Truth) -> None:
    january = truth(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC))
    assert january.rows == 26_820
    assert max(january.psi.values()) == 0
    assert max(january.js_distance.values()) == 0


def test_july_is_warmer_and_the_storm_of_february_cancels_flights(truth: Truth) -> None:
    july = truth(datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 8, 1, tzinfo=UTC))
    assert july.psi["temp"] > 5
    assert july.psi["origin"] < 0.01
    storm = truth(datetime(2013, 2, 9, tzinfo=UTC), datetime(2013, 2, 10, tzinfo=UTC))
    assert storm.missing_share["dep_delay"] == pytest.approx(0.70, abs=0.005)


def test_deciles_without_ties_are_those_of_numpy_quantile(deciles: Callable[..., dict[str, int]]) -> None:
    generator = np.random.default_rng(7)
    reference, window = generator.normal(size=5_000), generator.normal(0.3, 1, 3_000)
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    expected = np.bincount(np.searchsorted(edges, window), minlength=10)
    ours = deciles(window, reference)
    assert [ours[f"decile {at}.0"] for at in range(10)] == pytest.approx(expected.tolist(), abs=2)


def test_a_heavy_value_is_a_bin_of_its_own(deciles: Callable[..., dict[str, int]]) -> None:
    reference = np.concatenate([np.zeros(500), np.arange(1, 501)]).astype("f8")
    counts = deciles(np.array([0.0, 0.0, 1.0, 500.0]), reference)
    assert counts == {"value 0.0": 2, "decile 0.0": 1, "decile 9.0": 1}


def test_missing_values_belong_to_no_bin(bin_shares: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    p, q = bin_shares(pl.Series(["a", None, "b", "a"]), pl.Series(["a", "c", None]))
    assert p.tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert q.tolist() == [0.5, 0, 0.5]

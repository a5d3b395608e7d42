import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors import quantiles

few = settings(max_examples=40, deadline=None, derandomize=True)

EDGES = 1.01 ** np.arange(-700, 1200)  # cells of 1%, from a microsecond to hours, in ms


def _cells(rows):
    place = np.searchsorted(EDGES, rows)
    counts = np.bincount(place, minlength=EDGES.size + 1).astype(float)
    sums = np.bincount(place, rows, EDGES.size + 1)
    return counts, sums / np.maximum(counts, 1)


@few
@given(
    arrays(np.float64, st.integers(1, 300), elements=st.floats(0.01, 1e4)),
    st.sampled_from([0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]),
)
def test_within_one_percent_of_numpys(rows, q):
    exact = np.quantile(rows, q, method="inverted_cdf")
    assert quantiles.quantile(*_cells(rows), q) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_within_one_percent_on_skewed_latencies(q):
    rows = np.random.default_rng(0).lognormal(2.5, 1.2, 100_000)
    assert quantiles.quantile(*_cells(rows), q) == pytest.approx(np.quantile(rows, q), rel=0.01)


def test_merged_cells_give_the_quantile_of_all_rows():
    rng = np.random.default_rng(1)
    first, second = rng.gamma(2, 10, 1000), rng.gamma(3, 30, 500)
    (c1, m1), (c2, m2) = _cells(first), _cells(second)
    means = (c1 * m1 + c2 * m2) / np.maximum(c1 + c2, 1)
    exact = np.quantile(np.concatenate([first, second]), 0.9, method="inverted_cdf")
    assert quantiles.quantile(c1 + c2, means, 0.9) == pytest.approx(exact, rel=0.01)


def test_the_interval_covers_the_true_quantile():
    rng = np.random.default_rng(2)
    rows = rng.exponential(20, (600, 400))
    truth = -20 * np.log(0.1)
    found = [quantiles.estimate(*_cells(row), 0.9, 400, 400) for row in rows]
    covered = np.mean([e.lower * 0.99 <= truth <= e.upper * 1.01 for e in found])
    assert covered >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 600)


def test_no_rows_have_no_quantile_and_one_row_is_every_quantile():
    assert quantiles.quantile(np.zeros(3), np.full(3, np.nan), 0.5) is None
    assert quantiles.estimate(np.zeros(3), np.zeros(3), 0.5, 0, 0).value is None
    one = np.array([0.0, 1.0, 0.0]), np.array([np.nan, 7.0, np.nan])
    assert {quantiles.quantile(*one, q) for q in (0.0, 0.5, 1.0)} == {7.0}
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantiles.quantile(*one, 99)

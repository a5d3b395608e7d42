"""Burn rates of five minutes against the sums counted one by one."""

import numpy as np
import pytest

from detectors.burn_rate import PAIRS, budget_left, burn
from kernel.measurement import SERVICE_SPAN_US

OBJECTIVE = 0.99


def test_a_rate_is_the_smaller_of_both_spans() -> None:
    rng = np.random.default_rng(1)
    rows = rng.poisson(50, 1_000)
    bad = rng.binomial(rows, 0.05)
    for pair in PAIRS:
        found = burn(bad, rows, OBJECTIVE, pair)
        for at in (0, 3, 500, 999):
            spans = [slice(max(0, at + 1 - us // SERVICE_SPAN_US), at + 1) for us in (pair.long_us, pair.short_us)]
            rates = [bad[span].sum() / rows[span].sum() / (1 - OBJECTIVE) for span in spans]
            assert found.rate[at] == pytest.approx(min(rates))
            assert found.called[at] == (min(rates) >= pair.limit and bad[spans[0]].sum() >= 5)


def test_both_spans_must_burn() -> None:
    hour = PAIRS[0]
    rows = np.full(36, 1_000)
    over = np.where(np.arange(36) < 12, 200, 0)  # an hour of one bad row in five, and then nothing
    assert np.flatnonzero(burn(over, rows, OBJECTIVE, hour).called).max() == 11
    sudden = np.where(np.arange(36) == 35, 1_000, 0)  # 83 of 1,000 in the hour burns 8.3 times, not 14.4
    assert not burn(sudden, rows, OBJECTIVE, hour).called.any()


def test_a_handful_of_bad_rows_wakes_nobody() -> None:
    rows, bad = np.full(12, 1), np.zeros(12, np.int64)
    bad[-4:] = 1
    assert burn(bad, rows, OBJECTIVE, PAIRS[0]).rate[-1] > PAIRS[0].limit
    assert not burn(bad, rows, OBJECTIVE, PAIRS[0]).called.any()
    bad[-5:] = 1
    assert burn(bad, rows, OBJECTIVE, PAIRS[0]).called[-1]


def test_without_rows_there_is_no_rate() -> None:
    rows = np.array([100, 0, 0])
    found = burn(np.array([50, 0, 0]), rows, OBJECTIVE, PAIRS[0])
    assert found.called.tolist() == [True, False, False]
    assert found.rate[1:].tolist() == [0.0, 0.0]  # what came to an end burns no more
    assert np.isnan(burn(rows * 0, rows * 0, OBJECTIVE, PAIRS[0]).rate).all()
    assert budget_left(0, 0, OBJECTIVE) is None


@pytest.mark.parametrize("objective", [0.5, 0.8, 0.9, 0.95])
def test_a_service_that_only_fails_is_called_however_low_its_objective(objective) -> None:
    rows = np.full(900, 10)
    for pair in PAIRS:
        assert burn(rows, rows, objective, pair).called[-1], pair.metric


def test_an_objective_that_allows_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        burn(np.array([1]), np.array([1]), 1.0, PAIRS[0])

"""Further distances and the share out of range, from windows that went through the collector, against scipy on the raw rows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from detectors.metrics import DISTANCES
from store import models
from store.models import Model
from testing.measured_days import PREDICTIONS, Traffic, a_day

FURTHER = ("hellinger", "tvd", "linf", "ks", "wasserstein", "chi2")


@pytest.fixture
def measured(workspace, messages):
    """The last day's measurements of a column, by metric, beside the raw values of both days."""
    models.declare(workspace.db, "default", replace(Model("m"), min_rows=500), 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)

    def measure(column: str, shift: float, **settings):
        days = [a_day(0, rows=4_000), a_day(1, shift=shift, rows=2_000)]
        for day in days:
            traffic.send(PREDICTIONS, day)
        traffic.end()
        workspace.evaluator(**settings).step()
        last = max(m.window_start_us for m in workspace.measured(metric="psi", column=column, size="1d"))
        found = {m.metric: m for m in workspace.measured(column=column, size="1d") if m.window_start_us == last}
        return found, *(np.array([row["features"][column] for row in day]) for day in days)

    return measure


def test_distances_of_a_number_equal_scipys_within_a_cell(measured) -> None:
    found, before, now = measured("x", 0.7, distances=FURTHER)
    assert found["ks"].value == pytest.approx(ks_2samp(now, before).statistic, abs=0.01)
    assert found["wasserstein"].value == pytest.approx(wasserstein_distance(now, before) / before.std(), rel=0.01)
    assert found["wasserstein"].value >= abs(now.mean() - before.mean()) / before.std() * (1 - 1e-9)
    edges = np.quantile(before, np.arange(1, 10) / 10)
    p, q = (np.bincount(np.searchsorted(edges, v), minlength=10) / len(v) for v in (now, before))
    expected = {
        "tvd": np.abs(p - q).sum() / 2,
        "linf": np.abs(p - q).max(),
        "hellinger": np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2),
        "chi2": chi2_contingency([p * len(now), q * len(before)]).statistic,
    }
    for metric, value in expected.items():
        assert found[metric].value == pytest.approx(value, rel=0.1), metric
    for metric in DISTANCES:
        assert 0 < found[metric].expected < found[metric].value, metric
        assert (found[metric].status, found[metric].p_value) == ("drift", found["psi"].p_value), metric


def test_categories_have_no_distance_that_needs_an_order(measured) -> None:
    found, before, now = measured("c", 0.0, distances=FURTHER)
    assert set(FURTHER) - found.keys() == {"ks", "wasserstein"}
    p, q = ([np.mean(v == name) for name in "abc"] for v in (now, before))
    assert found["tvd"].value == pytest.approx(np.abs(np.subtract(p, q)).sum() / 2)
    assert "out_of_range_share" not in found


def test_only_psi_and_js_distance_are_measured_unless_more_are_asked_for(measured) -> None:
    found, *_ = measured("x", 0.0)
    assert {"psi", "js_distance"} == found.keys() & {"psi", *DISTANCES}


def test_values_beyond_the_reference_are_called_where_they_are_more_than_a_few(measured) -> None:
    found, before, now = measured("x", 2.5)
    share = np.mean((now < before.min()) | (now > before.max()))
    assert share > 0.05
    assert found["out_of_range_share"].value == pytest.approx(share, abs=0.02)
    assert found["out_of_range_share"].value <= share  # what lies beyond within the outermost cells is not told apart
    assert found["out_of_range_share"].status == "drift"
    assert found["out_of_range_share"].expected == pytest.approx(2 / (len(before) + 1))


def test_values_within_the_reference_are_not_out_of_range(measured) -> None:
    found, *_ = measured("x", 0.0)
    assert found["out_of_range_share"].value < 0.01
    assert found["out_of_range_share"].status == "ok"


def test_a_reference_that_is_small_beside_the_window_is_said_to_be(measured) -> None:
    found, before, now = measured("x", 0.0)
    assert len(before) < 10 * len(now)
    assert found["psi"].basis == "iid-null, chi-square; the reference has under 10 times the rows"


def test_a_reference_that_is_large_enough_is_not(workspace, messages) -> None:
    models.declare(workspace.db, "default", replace(Model("m"), min_rows=500), 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    for rows in ([*a_day(0, rows=6_000)], [*a_day(1, rows=600)]):
        traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()
    assert [m.basis for m in workspace.measured(metric="psi", column="x", size="1d")][1] == "iid-null, chi-square"


def test_values_of_another_type_are_called_where_they_are_more_than_a_few(workspace, messages) -> None:
    models.declare(workspace.db, "default", replace(Model("m"), min_rows=500), 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    for day, strange in ((0, 0), (1, 2), (2, 400)):
        rows = a_day(day, rows=2_000)
        for row in rows[:strange]:
            row["features"]["x"] = "n/a"
        traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()
    found = workspace.measured(metric="misfit_share", column="x", size="1d")
    assert [(m.value, m.status) for m in found] == [(0.0, "provisional"), (0.001, "ok"), (0.2, "drift")]
    assert (found[2].expected, found[2].rows) == (0.0, 2_000)
    assert {m.value for m in workspace.measured(metric="misfit_share", column="c")} == {0.0}

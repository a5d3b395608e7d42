"""Confidence of windows that went through the collector, against the raw scores."""

from dataclasses import replace

import numpy as np
import pytest

from kernel.measurement import Status
from store import models
from store.models import Model
from testing.measured_days import PREDICTIONS, Traffic, a_day


def _margins(day) -> np.ndarray:
    return np.array([abs(2 * row["scores"]["late"] - 1) for row in day])


@pytest.fixture
def days(workspace, messages):
    """Two days; on the second a third of the predictions is undecided."""
    models.declare(workspace.db, "default", replace(Model("m"), min_rows=500), 0)
    sure, unsure = a_day(0, rows=3_000), a_day(1, rows=3_000)
    for row in unsure[::3]:
        row["scores"] = {"late": 0.5}
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    for day in (sure, unsure):
        traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    return sure, unsure


def test_entropy_and_margin_are_the_means_of_the_raw_scores(workspace, days) -> None:
    margins = workspace.measured(metric="confidence_margin", size="1d")
    assert [m.value for m in margins] == pytest.approx([_margins(day).mean() for day in days])
    entropies = workspace.measured(metric="confidence_entropy", size="1d")
    for found, day in zip(entropies, days, strict=True):
        p = np.array([row["scores"]["late"] for row in day])
        assert found.value == pytest.approx(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)).mean())
        assert found.lower < found.value < found.upper


def test_more_undecided_predictions_than_in_the_reference_are_drift(workspace, days) -> None:
    first, second = workspace.measured(metric="low_confidence_share", size="1d")
    for found, day in zip((first, second), days, strict=True):
        assert found.value == pytest.approx((_margins(day) < 0.2).mean(), abs=0.005)
    assert (first.status, second.status) == (Status.OK, Status.DRIFT)
    assert second.expected == first.value


def test_confidence_is_no_column_of_its_own(workspace, days) -> None:
    assert {m.column for m in workspace.measured(metric="psi", size="1d")} == {
        "x",
        "c",
        "prediction",
        "score.late",
        "score.ok",
    }


def test_a_model_without_scores_has_none(workspace, messages) -> None:
    day = [{k: v for k, v in row.items() if k != "scores"} for row in a_day(0, rows=600)]
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    traffic.send(PREDICTIONS, day)
    traffic.end()
    workspace.evaluator().step()
    assert workspace.measured(metric="rows", size="1d")
    assert not workspace.measured(metric="confidence_margin")
    assert not workspace.measured(metric="low_confidence_share")

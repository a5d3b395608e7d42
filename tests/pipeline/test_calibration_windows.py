"""Calibration of windows: the diagram, the temperature and the coverage of the reference's sets, from the rows."""

import json

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from api.reference_building import Place, Sent, from_rows, make
from driftglass_client.wire import CONTENT_JSON
from kernel.clock import DAY_US
from store import models, references
from store.models import Model
from stream.message import Message, Partition
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label


def of_labels(rows: list[dict]) -> np.ndarray:
    """The score that each row gave to what happened."""
    return np.array([row["scores"][row["truth"]] for row in rows])


def test_windows_and_segments_have_the_answer_of_their_rows(workspace, messages) -> None:
    declared = Model("m", "binary", positive_class="late", min_rows=100, segments=("c",))
    models.declare(workspace.db, "default", declared, 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    before, rows = a_day(0, rows=1_000, seed=1), a_day(0)
    body = json.dumps([row | {"label": row["truth"]} for row in before]).encode()
    sent = Sent([Message(Partition("", 0), 0, body, CONTENT_JSON, {}, START_US + DAY_US)], {"source": "rows"})
    place = Place(workspace.db, "default", workspace.clock, 50)
    make(place, "m", lambda: from_rows(place, "m", sent, "k"))
    traffic.send(PREDICTIONS, rows)
    traffic.send(LABELS, [label(row) for row in rows])
    traffic.end()
    workspace.evaluator().step()
    known = references.active(workspace.db, "default", "m").performance
    assert known["conformal_threshold"]["value"] == np.sort(of_labels(before))[99]  # the 100th of 1,000
    for segment in ("", "c=a"):
        mine = [row for row in rows if not segment or row["features"]["c"] == "a"]
        found = workspace.measured(metric="reliability", version="1", segment=segment)
        scores = np.array([row["scores"]["late"] for row in mine])
        happened = np.array([row["truth"] == "late" for row in mine])
        frequency, mean = calibration_curve(happened, scores, n_bins=10)
        bins = sorted((m.expected, m.value) for m in found)
        assert [place for place, _ in bins] == pytest.approx(mean.tolist())
        assert [seen for _, seen in bins] == pytest.approx(frequency.tolist())
        assert sum(m.rows for m in found) == len(mine)
        (temperature,) = workspace.measured(metric="temperature", version="1", segment=segment)
        assert temperature.lower < temperature.value < temperature.upper < 1  # these scores are not sure enough
    (coverage,) = workspace.measured(metric="conformal_coverage", version="1", segment="")
    expected = (of_labels(rows) >= known["conformal_threshold"]["value"]).mean()
    assert (coverage.value, coverage.expected) == (pytest.approx(expected), 0.9)

"""A reference of the model's own record log shares rows with the windows that it was taken from: they are taken out first."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from api.reference_building import Place, from_log, put
from kernel.clock import DAY_US, HOUR_US
from kernel.windows import WindowSize
from store import models
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from testing.measured_days import LABELS, PREDICTIONS, ROWS, START_US, Traffic, a_day, label

TAKEN = "; its own rows taken from the reference"
SHARES = "; shares rows with the reference"


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    declared = replace(Model("m"), positive_class="late", rollups=(WindowSize("1mo"),), segments=("c",))
    models.declare(workspace.db, "default", declared, 0)
    return Traffic(workspace.sink(), workspace.clock, messages)


def put_from_log(workspace, start_us: int, end_us: int) -> None:
    place = Place(workspace.db, "default", workspace.clock, 50)
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    put(place, "m", from_log(place, "m", reader, start_us, end_us))


def psi_of(before: list[dict], now: list[dict]) -> dict[str, float]:
    """The batch answer on raw rows, on the deciles of what is compared with."""
    x, y = (np.array([row["features"]["x"] for row in rows]) for rows in (before, now))
    edges = np.quantile(x, np.linspace(0, 1, 11)[1:-1])
    q, p = (np.bincount(np.searchsorted(edges, v), minlength=10) / len(v) for v in (x, y))
    return {"psi": entropy(p, q) + entropy(q, p), "js_distance": jensenshannon(p, q, 2)}


def of_version(workspace, version: str, **wanted):
    return [m for m in workspace.measured(size="1d", segment="", **wanted) if m.version == version]


def test_a_window_within_the_reference_is_held_against_the_other_rows(traffic, workspace) -> None:
    days = [a_day(0, rows=3_000), a_day(1, rows=3_000), a_day(2, rows=3_000, shift=0.6), a_day(3, rows=3_000)]
    for day in days:
        traffic.send(PREDICTIONS, day)
    traffic.end()
    put_from_log(workspace, START_US, START_US + 3 * DAY_US)
    workspace.evaluator().step()
    for metric in ("psi", "js_distance"):
        found = of_version(workspace, "1", metric=metric, column="x")
        for i, measured in enumerate(found[:3]):
            others = [row for j, day in enumerate(days[:3]) if j != i for row in day]
            assert measured.value == pytest.approx(psi_of(others, days[i])[metric], rel=0.05)
            assert measured.reference_rows == len(others)
            assert measured.basis.endswith("; the reference has under 10 times the rows" + TAKEN)
        outside = found[3]
        assert outside.value == pytest.approx(psi_of([r for day in days[:3] for r in day], days[3])[metric], rel=0.1)
        assert (outside.reference_rows, outside.basis.endswith("times the rows")) == (9_000, True)
    shares = of_version(workspace, "1", metric="missing_share", column="x")
    assert [m.reference_rows for m in shares] == [6_000, 6_000, 6_000, 9_000]
    assert [m.basis for m in of_version(workspace, "1", metric="error_rate")] == ["exact" + TAKEN] * 3 + ["exact"]
    assert [m.basis for m in of_version(workspace, "1", metric="rows")] == [""] * 4


def test_a_version_loses_its_own_rows_alone_and_a_segment_those_of_its_segment(traffic, workspace) -> None:
    first, second = a_day(0), [row | {"version": "2", "id": f"two-{row['id']}"} for row in a_day(0, seed=1)]
    traffic.send(PREDICTIONS, first + second + a_day(1))
    traffic.end()
    put_from_log(workspace, START_US, START_US + 2 * DAY_US)
    workspace.evaluator().step()
    (of_two,) = of_version(workspace, "2", metric="psi", column="x")
    assert (of_two.reference_rows, of_two.basis.endswith(TAKEN)) == (2 * ROWS, True)
    in_a, mine = ([r for r in rows if r["features"]["c"] == "a"] for rows in (first + second + a_day(1), first))
    of_segment = workspace.measured(metric="missing_share", column="x", segment="c=a", size="1d")
    (shares,) = [m for m in of_segment if (m.version, m.window_start_us) == ("1", START_US)]
    assert (shares.reference_rows, shares.basis.endswith(TAKEN)) == (len(in_a) - len(mine), True)


def test_a_window_that_lies_partly_in_the_reference_or_looks_back_into_it_says_so(traffic, workspace) -> None:
    small = a_day(2, rows=200)
    for day in (a_day(0), a_day(1), small, a_day(3)):
        traffic.send(PREDICTIONS, day)
    traffic.end()
    put_from_log(workspace, START_US, START_US + DAY_US + 12 * HOUR_US)
    workspace.evaluator().step()
    found = of_version(workspace, "1", metric="psi", column="x")
    assert [(m.basis.endswith(TAKEN), m.basis.endswith(SHARES)) for m in found] == [
        (True, False),
        (False, True),
        (False, True),  # it looks back into the second day
        (False, False),
    ]
    assert [m.reference_rows for m in found] == [ROWS // 2, *[ROWS + ROWS // 2] * 3]
    (month,) = workspace.measured(metric="psi", column="x", size="1mo", segment="")
    assert month.basis.endswith(SHARES)
    assert [m.basis for m in of_version(workspace, "1", metric="error_rate")[2:]] == ["exact"] * 2


def test_nothing_is_decided_where_the_reference_is_the_window_itself(traffic, workspace) -> None:
    traffic.send(PREDICTIONS, a_day(0))
    traffic.end()
    put_from_log(workspace, START_US, START_US + DAY_US)
    workspace.evaluator(distances=("ks", "tvd", "hellinger", "linf", "wasserstein")).step()
    found = [m for m in workspace.measured(size="1d", segment="") if m.column]
    assert {m.metric for m in found} >= {"psi", "js_distance", "missing_share", "unseen_share", "out_of_range_share"}
    assert {m.status for m in found} == {"insufficient"}
    assert all(m.basis.endswith(TAKEN) for m in found)


def test_labels_are_held_against_the_reference_as_it_is_and_say_so(traffic, workspace) -> None:
    days = [a_day(0), a_day(1)]
    for day in days:
        traffic.send(PREDICTIONS, day)
        traffic.send(LABELS, [label(row) for row in day])
    traffic.end()
    put_from_log(workspace, START_US, START_US + DAY_US)
    workspace.evaluator().step()
    assert [m.basis for m in of_version(workspace, "1", metric="accuracy")] == ["iid" + SHARES, "iid"]
    assert [m.basis.endswith(SHARES) for m in of_version(workspace, "1", metric="psi", column="label")] == [True, False]
    assert [m.basis for m in of_version(workspace, "1", metric="label_coverage")] == ["", ""]


def test_what_decides_keeps_the_words(traffic, workspace) -> None:
    for number in range(4):
        traffic.send(PREDICTIONS, a_day(number, shift=2.0 if number == 3 else 0.0))
    traffic.end()
    put_from_log(workspace, START_US, START_US + 4 * DAY_US)
    workspace.evaluator().step()
    last = workspace.decided(metric="psi", column="x", size="1d", segment="")[-1]
    assert last.status == "drift"
    assert last.basis.startswith("iid-null, ")
    assert last.basis.endswith(TAKEN)

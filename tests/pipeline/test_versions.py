"""Versions of models whose records went through the collector: what is of all of them, and which of them stands for the model."""

import pytest

from collector.gpu.scrape import GpuScraper
from collector.gpu.scrape_counts import ScrapeCounts
from detectors import explaining
from detectors.explaining import Time
from kernel.clock import DAY_US, ManualClock
from kernel.versions import OF_ALL_VERSIONS
from store import models, versions
from store.fleet import fleet
from store.gpu_settings import GpuSettings
from store.model_view import model_card
from store.models import Model, Objectives
from store.record_reads import RecordReader
from store.records import RecordLog
from testing.gpu_exporters import dcgm, exporter
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic, a_day, label

GPU_FIGURES = {
    "DEV_GPU_UTIL": 80, "DEV_FB_USED": 60_000, "DEV_FB_FREE": 20_000, "DEV_POWER_USAGE": 300, "DEV_XID_ERRORS": 0,
}  # fmt: skip


def served(day: int, **rows: int) -> list[dict]:
    """So many predictions of a day by version; those of "none" name none."""
    found = []
    for version, count in rows.items():
        own = {"version": version.removeprefix("v")} if version != "none" else {}
        made = a_day(day, rows=count, seed=len(version) + count)
        found += [
            {**{k: v for k, v in one.items() if k != "version"}, **own, "id": f"{version}-{one['id']}"} for one in made
        ]
    return found


@pytest.fixture
def days(workspace, messages):
    """Takes in days one after the other, by what each version served, and measures them."""
    models.declare(workspace.db, "default", Model("m", lateness_us=0, min_rows=10), 0)

    def serve(*served_on: dict[str, int]) -> None:
        traffic = Traffic(workspace.sink(), workspace.clock, messages)
        for day, rows in enumerate(served_on):
            traffic.send(PREDICTIONS, served(day, **rows))
        traffic.end()
        workspace.evaluator().step()

    return serve


def main(workspace) -> str:
    """The version that the fleet, the model page and answers agree on."""
    found = versions.main(workspace.db, "default", "m")
    (row,) = fleet(workspace.db, "default")
    assert (row.version, model_card(workspace.db, "default", "m").versions[0]) == (found, found)
    return found


def test_what_is_measured_of_all_versions_together_is_what_is_said_to_be(workspace, messages) -> None:
    promised = Objectives(availability=0.99, latency=0.9, latency_ms=100.0)
    models.declare(workspace.db, "default", Model("m", lateness_us=0, objectives=promised), 0)
    workspace.clock = ManualClock(START_US)
    with exporter() as node:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["m"]}])
        worker = GpuScraper(workspace.db, "default", workspace.clock, settings, "worker", ScrapeCounts())
        for hour in range(24):
            node.text = dcgm(GPU_FIGURES | {"DEV_TOTAL_ENERGY_CONSUMPTION": 300_000 * 3_600 * hour})
            worker.step()
            workspace.clock.advance(DAY_US // 24)
        worker.close()
    workspace.clock.advance(9 * DAY_US)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    records = [one | {"latency_ms": 20.0} for one in served(0, v1=300, v2=300)]
    traffic.send(PREDICTIONS, records)
    traffic.send(LABELS, [label(one) for one in records])
    traffic.end()
    workspace.evaluator(gpus=settings.targets).step()

    assert {one.metric for one in workspace.measured(version="")} == set(OF_ALL_VERSIONS)
    for version in ("1", "2"):
        own = {one.metric for one in workspace.measured(version=version)}
        assert {"rows", "accuracy"} < own
        assert not own & set(OF_ALL_VERSIONS)


def test_rows_that_name_no_version_change_nothing_not_even_in_the_newest_window(workspace, days) -> None:
    days(*[{"v1": 20}] * 5, {"v1": 20, "none": 1}, {"none": 2})
    assert main(workspace) == "1"
    (row,) = fleet(workspace.db, "default")
    assert (row.window_start_us, row.latest["rows"], row.several) == (START_US + 5 * DAY_US, 20.0, True)
    assert model_card(workspace.db, "default", "m").versions == ("1", "")


def test_a_canary_is_there_to_be_chosen_and_stands_for_nothing(workspace, days) -> None:
    days(*[{"v1": 20}] * 6, {"v1": 18, "v2": 3})
    assert main(workspace) == "1"
    assert model_card(workspace.db, "default", "m").versions == ("1", "2")


def test_a_version_that_took_over_stands_for_the_model_after_four_of_seven_windows(workspace, days) -> None:
    days(*[{"v1": 20}] * 9, *[{"v2": 20}] * 3)
    assert main(workspace) == "1"
    days(*[{}] * 12, {"v2": 20})
    assert main(workspace) == "2"


@pytest.mark.parametrize(
    ("served_on", "stands"),
    [
        ([{"v1": 20, "v2": 20}], "1"),  # the first by name
        ([{"v2": 20}, {"v1": 20}], "1"),  # the one that was seen last
        ([{"v1": 20}, {"v2": 20}], "2"),
    ],
)
def test_of_equals_the_one_seen_last_stands_for_the_model_then_the_first_by_name(
    workspace, days, served_on, stands
) -> None:
    days(*served_on)
    assert main(workspace) == stands


def test_where_no_record_names_a_version_there_is_none_to_tell_apart(workspace, days) -> None:
    days({"none": 20})
    assert main(workspace) == ""
    (row,) = fleet(workspace.db, "default")
    assert not row.several
    with workspace.db.read() as connection:
        assert not versions.has_several(connection, "default", "m")


def test_a_change_is_of_the_records_that_name_no_version_where_these_are_asked_for(workspace, messages) -> None:
    models.declare(workspace.db, "default", Model("m"), 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    records = [one for day in range(2) for one in served(day, v1=30, none=20)]
    traffic.send(PREDICTIONS, records)
    traffic.send(LABELS, [label(one) for one in records])
    reader = RecordReader(RecordLog(str(workspace.folder / "records")), "default")
    known = models.one(workspace.db, "default", "m")

    def read(version: str | None) -> list[int]:
        sides = [Time((START_US + day * DAY_US, START_US + (day + 1) * DAY_US), version) for day in range(2)]
        times = explaining.read(workspace.db, reader, "default", known, *sides)
        return [times.before.num_rows, times.after.num_rows]

    assert [read(version) for version in ("", "1", None)] == [[20, 20], [30, 30], [50, 50]]

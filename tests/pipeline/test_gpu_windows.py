"""Figures of GPUs in windows that went through the collector, against arithmetic by hand."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from collector.gpu.scrape import GpuScraper
from collector.gpu.scrape_counts import ScrapeCounts
from detectors.metrics import GPU
from kernel.clock import DAY_US, HOUR_US, MINUTE_US, ManualClock, to_rfc3339
from kernel.windows import WindowSize
from store import models
from store.gpu_settings import GpuSettings
from store.models import Model
from testing.gpu_exporters import dcgm, exporter, triton
from testing.measured_days import PREDICTIONS, START_US, Traffic

HOURLY = WindowSize("1h")


def rows(model: str, hour: int, count: int) -> list[dict]:
    """So many predictions in an hour, evenly."""
    first_us = START_US + hour * HOUR_US
    return [
        {"model": model, "id": f"{hour}-{i}", "ts": to_rfc3339(first_us + i * (HOUR_US // count)), "prediction": "late"}
        for i in range(count)
    ]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request) -> str:
    return "" if request.param == "sqlite" else request.getfixturevalue("migrated_postgres_url")


@pytest.fixture
def hourly(workspace, database):
    """A workspace at the beginning of the records, with two models of hourly windows."""
    if database:
        workspace = replace(workspace, database=database)
    workspace.clock = ManualClock(START_US)
    for name in ("m", "other"):
        models.declare(workspace.db, "default", Model(name, window=HOURLY, lateness_us=0), 0)
    yield workspace
    workspace.db.close()


def watch(workspace, settings: GpuSettings, node, figures, minutes: int) -> None:
    """Read a target every minute; what the exporter answers is made of the minute."""
    worker = GpuScraper(workspace.db, "default", workspace.clock, settings, "worker", ScrapeCounts())
    for minute in range(minutes):
        node.text = figures(minute)
        worker.step()
        workspace.clock.advance(MINUTE_US)
    worker.close()


def two_gpus(minute: int) -> str:
    """One is busy, draws 300 W and fails once, in the second hour; the other idles for the first half of each hour, at 100 W."""
    first = {
        "DEV_GPU_UTIL": 80, "DEV_FB_USED": 60_000, "DEV_FB_FREE": 20_000, "DEV_POWER_USAGE": 300,
        "DEV_TOTAL_ENERGY_CONSUMPTION": 300_000 * 60 * minute, "DEV_XID_ERRORS": 31 if minute >= 90 else 0,
    }  # fmt: skip
    second = {
        "DEV_GPU_UTIL": 0 if minute % 60 < 30 else 40, "DEV_FB_USED": 20_000, "DEV_FB_FREE": 60_000, "DEV_POWER_USAGE": 100,
        "DEV_TOTAL_ENERGY_CONSUMPTION": 7 + 100_000 * 60 * minute, "DEV_XID_ERRORS": 0,
    }  # fmt: skip
    return dcgm(first, second)


def measure(workspace, messages, records, settings: GpuSettings) -> None:
    workspace.clock.advance(2 * DAY_US)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    traffic.send(PREDICTIONS, records)
    traffic.end()
    workspace.evaluator(gpus=settings.targets).step()


def of(workspace, metric: str, **wanted) -> list:
    return workspace.measured(metric=metric, **{"model": "m", "size": "1h", **wanted})


def test_a_window_has_the_figures_of_its_gpus(hourly, messages) -> None:
    with exporter() as node:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["m"]}])
        watch(hourly, settings, node, two_gpus, 125)
    measure(hourly, messages, [*rows("m", 0, 1_200), *rows("m", 1, 600)], settings)
    assert [m.value for m in of(hourly, "gpu_utilization")] == pytest.approx([0.5, 0.5])
    assert [m.value for m in of(hourly, "gpu_idle_share")] == pytest.approx([0.25, 0.25])
    assert [m.value for m in of(hourly, "gpu_memory_share")] == pytest.approx([0.5, 0.5])
    assert [m.value for m in of(hourly, "gpu_power_w")] == pytest.approx([400, 400])
    assert [m.value for m in of(hourly, "gpu_errors")] == [0, 1]
    energy = of(hourly, "energy_per_1000")
    assert [m.value for m in energy] == pytest.approx([400 * 3_600 / 1_200 * 1_000, 400 * 3_600 / 600 * 1_000])
    assert {(m.version, m.segment, m.status, m.alpha) for m in energy} == {("", "", "ok", None)}
    assert [(m.rows, m.basis) for m in energy] == [(1_200, "2 GPUs"), (600, "2 GPUs")]
    assert [d.status for d in hourly.decided(metric="gpu_errors")] == ["ok", "ok"]


def test_energy_is_over_the_rows_of_every_model_that_the_gpus_serve(hourly, messages) -> None:
    with exporter() as node:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["m", "oth*"]}])
        watch(hourly, settings, node, two_gpus, 65)
    measure(hourly, messages, [*rows("m", 0, 1_200), *rows("other", 0, 600), *rows("foreign", 0, 50)], settings)
    for model in ("m", "other"):
        (found,) = of(hourly, "energy_per_1000", model=model)
        assert (found.value, found.basis) == (pytest.approx(400 * 3_600 / 1_800 * 1_000), "2 GPUs, 2 models")
    assert not hourly.measured(model="foreign", metric="gpu_utilization")


def test_a_window_is_too_short_where_another_model_has_longer_ones(hourly, messages) -> None:
    models.declare(hourly.db, "default", Model("other", lateness_us=0), 0)
    with exporter() as node:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["*"]}])
        watch(hourly, settings, node, two_gpus, 65)
    measure(hourly, messages, [*rows("m", 0, 1_200), *rows("other", 0, 600)], settings)
    (hour,), (day,) = of(hourly, "energy_per_1000"), hourly.measured(metric="energy_per_1000", model="other")
    assert (hour.value, hour.status) == (None, "insufficient")
    assert hour.basis == "2 GPUs, 2 models, one of which has longer windows"
    assert day.value == pytest.approx(400 * 64 * 60 / 1_800 * 1_000)  # of the first hour and a little more
    assert (day.status, day.basis) == ("insufficient", "2 GPUs, 2 models, told in 5% of the window")


def test_a_window_without_predictions_tells_how_idle_its_gpus_were(hourly, messages) -> None:
    with exporter() as node:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["m"]}])
        watch(hourly, settings, node, two_gpus, 185)
    traffic = Traffic(hourly.sink(), hourly.clock, messages)
    traffic.send(PREDICTIONS, [*rows("m", 0, 1_200), *rows("m", 2, 1_200), *rows("m", 3, 1)])
    hourly.evaluator(gpus=settings.targets).step()
    assert [m.value for m in of(hourly, "gpu_idle_share")] == pytest.approx([0.25] * 3)
    assert [m.status for m in of(hourly, "energy_per_1000")] == ["ok", "insufficient", "ok"]


def test_a_gpu_that_two_exporters_know_counts_once(hourly, messages) -> None:
    def counted(minute: int) -> dict[str, float]:
        return {"gpu_utilization": 0.1, "gpu_power_usage": 999.0, "energy_consumption": 999.0 * 60 * minute}

    with exporter() as node, exporter() as server:
        targets = [{"url": url, "models": ["m"]} for url in (node.url, server.url)]
        settings = GpuSettings(targets=targets)

        def both(minute: int) -> str:
            server.text = triton("GPU-a", **counted(minute))
            return two_gpus(minute)

        watch(hourly, settings, node, both, 65)
    measure(hourly, messages, rows("m", 0, 1_200), settings)
    assert [m.value for m in of(hourly, "gpu_power_w")] == pytest.approx([400])
    assert [m.value for m in of(hourly, "energy_per_1000")] == pytest.approx([400 * 3_600 / 1_200 * 1_000])
    assert [m.basis for m in of(hourly, "gpu_utilization")] == ["2 GPUs"]


def test_power_is_what_was_drawn_together_also_where_a_gpu_came_later(hourly, messages) -> None:
    def scaled(minute: int) -> str:
        return dcgm({"DEV_POWER_USAGE": 300}, *([{"DEV_POWER_USAGE": 100}] if minute >= 30 else []))

    with exporter() as node:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["m"]}])
        watch(hourly, settings, node, scaled, 60)
    measure(hourly, messages, rows("m", 0, 1_200), settings)
    assert [m.value for m in of(hourly, "gpu_power_w")] == pytest.approx([350])
    assert not of(hourly, "gpu_utilization")
    assert not of(hourly, "energy_per_1000")


def test_a_month_is_measured_as_its_days_are(hourly, messages) -> None:
    models.declare(hourly.db, "default", Model("m", window=HOURLY, rollups=(WindowSize("1mo"),), lateness_us=0), 0)
    with exporter() as node:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["m"]}])
        watch(hourly, settings, node, two_gpus, 65)
    hourly.clock.advance(40 * DAY_US)
    measure(hourly, messages, rows("m", 0, 1_200), settings)
    assert [m.value for m in of(hourly, "gpu_power_w", size="1mo")] == pytest.approx([400])


def test_a_replay_of_old_records_has_no_figures(workspace, messages) -> None:
    models.declare(workspace.db, "default", Model("m", window=HOURLY, lateness_us=0), 0)
    with exporter() as node:  # the clock is a year after the records
        settings = GpuSettings(targets=[{"url": node.url, "models": ["m"]}])
        watch(workspace, settings, node, two_gpus, 3)
    measure(workspace, messages, rows("m", 0, 1_200), settings)
    assert of(workspace, "rows")
    assert not [m for metric in GPU for m in of(workspace, metric)]


def test_models_without_a_target_have_no_figures_and_cost_nothing(hourly, messages) -> None:
    with exporter() as node:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["other"]}])
        watch(hourly, settings, node, two_gpus, 65)
    asked = []
    sa.event.listen(hourly.db._engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    measure(hourly, messages, rows("m", 0, 1_200), settings)
    assert of(hourly, "rows")
    assert not of(hourly, "gpu_utilization")
    assert not [statement for statement in asked if "gpu_readings" in statement]


def test_energy_is_not_known_where_one_of_the_exporters_was_silent(hourly, messages) -> None:
    def one(minute: int, uuid: str) -> str:
        text = dcgm({"DEV_TOTAL_ENERGY_CONSUMPTION": 300_000 * 60 * minute})
        return text.replace("GPU-a", uuid)

    with exporter() as first, exporter() as second:
        settings = GpuSettings(targets=[{"url": node.url, "models": ["m"]} for node in (first, second)])
        worker = GpuScraper(hourly.db, "default", hourly.clock, settings, "worker", ScrapeCounts())
        for minute in range(121):
            first.text = one(minute, "GPU-a")
            second.text = one(minute, "GPU-b") if minute <= 60 else ""
            worker.step()
            hourly.clock.advance(MINUTE_US)
        worker.close()
        measure(hourly, messages, [*rows("m", 0, 100), *rows("m", 1, 100)], settings)
    told = [(m.value, m.status) for m in of(hourly, "energy_per_1000")]
    assert told[0] == (pytest.approx(2 * 300 * 3_600 * 10, rel=0.02), "ok")
    assert told[1][1] == "insufficient"

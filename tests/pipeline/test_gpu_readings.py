"""What exporters of GPU figures say, through the scraper into the database."""

import pytest
import sqlalchemy as sa

from collector.gpu.readings import readings
from collector.gpu.scrape import GpuScraper
from collector.gpu.scrape_counts import ScrapeCounts
from kernel.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from kernel.errors import ContractError
from store.gpu_readings import Reading
from store.gpu_settings import GpuSettings
from store.tables import gpu_readings, leases
from testing.gpu_exporters import dcgm, exporter, triton
from testing.waiting import free_port

BUSY = {
    "DEV_GPU_UTIL": 60,
    "DEV_FB_FREE": 60_000,
    "DEV_FB_USED": 20_000,
    "DEV_POWER_USAGE": 400.5,
    "DEV_TOTAL_ENERGY_CONSUMPTION": 5_000_000,
    "DEV_XID_ERRORS": 0,
}


@pytest.fixture
def scraper(workspace):
    """Makes scrapers of some exporters, each a worker of its own; all are closed at the end."""
    made = []

    def make(*urls: str, owner: str = "worker", counts: ScrapeCounts | None = None, **settings) -> GpuScraper:
        chosen = GpuSettings(targets=[{"url": url, "models": ["m"]} for url in urls], **settings)
        made.append(GpuScraper(workspace.db, "default", workspace.clock, chosen, owner, counts or ScrapeCounts()))
        return made[-1]

    yield make
    for one in made:
        one.close()


def stored(workspace) -> list:
    query = sa.select(gpu_readings).order_by(gpu_readings.c.gpu, gpu_readings.c.start_us)
    with workspace.db.read() as connection:
        return list(connection.execute(query))


def joules(workspace) -> float:
    return sum(row.energy_j for row in stored(workspace))


def test_dcgm_is_read_in_our_units() -> None:
    (found,) = readings(dcgm(BUSY))
    assert found == Reading("GPU-a", busy=0.6, memory=0.25, power_w=400.5, energy_j=5_000.0, xid=0)


def test_the_share_of_active_engines_is_more_exact_than_the_utilization() -> None:
    (found,) = readings(dcgm(BUSY | {"PROF_GR_ENGINE_ACTIVE": 0.31}))
    assert found.busy == 0.31


def test_triton_is_read_in_our_units() -> None:
    figures = {
        "gpu_utilization": 0.42, "gpu_memory_used_bytes": 20e9, "gpu_memory_total_bytes": 80e9, "gpu_power_usage": 310.2,
        "energy_consumption": 3_594_017.4,
    }  # fmt: skip
    (found,) = readings(triton(**figures))
    assert found == Reading("GPU-a", busy=0.42, memory=0.25, power_w=310.2, energy_j=3_594_017.4)


def test_pods_that_share_a_gpu_are_one_gpu() -> None:
    shared = dcgm(BUSY, more=',pod="one"') + dcgm(BUSY, more=',pod="two"')
    assert readings(shared) == readings(dcgm(BUSY))


def test_instances_of_a_partitioned_gpu_are_one_gpu() -> None:
    part = {"DEV_FB_USED": 5_000, "DEV_FB_FREE": 5_000, "DEV_POWER_USAGE": 300.0}
    whole = {"DEV_TOTAL_ENERGY_CONSUMPTION": 7_000, "PROF_GR_ENGINE_ACTIVE": 0.9}
    text = (
        dcgm(part | {"PROF_GR_ENGINE_ACTIVE": 0.2}, more=',GPU_I_PROFILE="3g.40gb",GPU_I_ID="1"')
        + dcgm(part | {"PROF_GR_ENGINE_ACTIVE": 0.6, "DEV_FB_USED": 0}, more=',GPU_I_PROFILE="3g.40gb",GPU_I_ID="2"')
        + dcgm(whole)
    )
    assert readings(text) == [
        Reading("GPU-a", busy=pytest.approx(0.4), memory=pytest.approx(1 / 3), power_w=300.0, energy_j=7.0)
    ]


@pytest.mark.parametrize("blank", ["NaN", "-1", "9223372036854775794", "+Inf"])
def test_a_blank_is_no_value(blank: str) -> None:
    (found,) = readings(dcgm(BUSY | dict.fromkeys(("DEV_POWER_USAGE", "DEV_TOTAL_ENERGY_CONSUMPTION"), blank)))
    assert (found.power_w, found.energy_j, found.busy) == (None, None, 0.6)


def test_names_in_quotes_and_moments_are_passed_over() -> None:
    text = 'nv_gpu_utilization { gpu_uuid="GPU-a" , note="a \\"b\\" } \\\\" } 0.5 1395066363000 # {trace="x"} 1\n'
    assert readings(text) == [Reading("GPU-a", busy=0.5)]


@pytest.mark.parametrize(
    "line", ["nv_gpu_utilization", 'nv_gpu_utilization{gpu_uuid="GPU-a} 0.5', "nv_gpu_utilization x"]
)
def test_a_line_that_is_no_sample_is_named(line: str) -> None:
    with pytest.raises(ContractError, match="line 2: is no sample of nv_gpu_utilization"):
        readings(f"# HELP\n{line}\n")


def test_readings_add_up_in_five_minutes(workspace, scraper) -> None:
    with exporter() as node:
        worker = scraper(node.url)
        for busy, used in ((60, 20_000), (0, 40_000), (4, 0), (20, 20_000)):
            node.text = dcgm(BUSY | {"DEV_GPU_UTIL": busy, "DEV_FB_USED": used, "DEV_FB_FREE": 80_000 - used}, BUSY)
            assert worker.step() == 1
            workspace.clock.sleep(15)
    first, second = stored(workspace)
    assert (first.gpu, first.start_us) == ("GPU-a", workspace.clock.now_us() - MINUTE_US)
    assert (first.readings, first.idle, first.busy) == (4, 2, pytest.approx(0.84))
    assert (first.memory_readings, first.memory, first.power_w) == (4, pytest.approx(1.0), 4 * 400.5)
    assert (second.gpu, second.readings, second.idle) == ("GPU-b", 4, 0)


def test_energy_is_the_difference_of_the_counter_also_where_it_began_anew(workspace, scraper) -> None:
    with exporter() as node:
        worker = scraper(node.url)
        for millijoules in (5_000_000, 5_600_000, 6_100_000, 250_000, 450_000):
            node.text = dcgm(BUSY | {"DEV_TOTAL_ENERGY_CONSUMPTION": millijoules})
            worker.step()
            workspace.clock.sleep(15)
    (row,) = stored(workspace)
    assert (row.energy_j, row.energy_us) == (pytest.approx(600 + 500 + 250 + 200), MINUTE_US)


def test_a_counter_that_falls_and_is_still_large_is_none(workspace, scraper) -> None:
    with exporter() as node:
        worker = scraper(node.url)
        for millijoules in (5_000_000_000, 4_999_999_999, 5_000_100_000):
            node.text = dcgm(BUSY | {"DEV_TOTAL_ENERGY_CONSUMPTION": millijoules})
            worker.step()
            workspace.clock.sleep(15)
    assert joules(workspace) == pytest.approx(100.001)


def test_what_was_drawn_while_nobody_read_is_spread_over_that_time(workspace, scraper) -> None:
    """By whoever reads next, from what is stored: another process, hours later."""
    with exporter(dcgm(BUSY)) as node:
        first = scraper(node.url, owner="one")
        first.step()
        first.close()
        workspace.clock.advance(HOUR_US)
        node.text = dcgm(BUSY | {"DEV_TOTAL_ENERGY_CONSUMPTION": 5_000_000 + 3_600_000})
        scraper(node.url, owner="two").step()
    rows = stored(workspace)
    assert [row.energy_j for row in rows] == pytest.approx([300.0] * 12 + [0.0])
    assert [row.readings for row in rows] == [1] + [0] * 11 + [1]


def test_after_a_day_without_a_reading_nothing_is_known_of_what_was_drawn(workspace, scraper) -> None:
    with exporter(dcgm(BUSY)) as node:
        worker = scraper(node.url)
        worker.step()
        workspace.clock.advance(DAY_US + SECOND_US)
        node.text = dcgm(BUSY | {"DEV_TOTAL_ENERGY_CONSUMPTION": 9_000_000})
        worker.step()
    assert joules(workspace) == 0


def test_another_code_of_the_last_error_is_an_error(workspace, scraper) -> None:
    """The metric is the code of the last error: the first one that is read may be years old, and 0 is none."""
    with exporter() as node:
        worker = scraper(node.url)
        for code in (31, 31, 79, 0, 79, 13):
            node.text = dcgm(BUSY | {"DEV_XID_ERRORS": code})
            worker.step()
            workspace.clock.sleep(15)
    (row,) = stored(workspace)
    assert (row.xid_readings, row.errors) == (6, 3)


def test_a_target_that_is_away_is_counted_and_stops_no_other(workspace, scraper, caplog) -> None:
    port, counts = free_port(), ScrapeCounts()
    away = f"http://127.0.0.1:{port}/metrics"
    with exporter(triton("GPU-t", gpu_utilization=0.5)) as there:
        worker = scraper(away, there.url, counts=counts)
        assert [worker.step(), worker.step()] == [1, 1]
        with exporter(dcgm(BUSY), port):
            workspace.clock.sleep(15)
            assert worker.step() == 2
        assert worker.step() == 1
    assert [(row.gpu, row.readings) for row in stored(workspace)] == [("GPU-a", 1), ("GPU-t", 4)]
    lines = counts.text().splitlines()
    assert f'driftglass_gpu_scrapes_total{{target="{away}"}} 1' in lines
    assert f'driftglass_gpu_scrape_failures_total{{target="{away}"}} 3' in lines
    assert f'driftglass_gpu_scrape_failures_total{{target="{there.url}"}} 0' in lines
    assert [record.levelname for record in caplog.records if away in record.message] == ["WARNING", "WARNING"]


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("", 503, "answers 503"),
        ("<html>nv_</html>", 200, "tells of no GPU"),
        ("vllm:kv_cache_usage_perc 0.4", 200, "tells of no GPU"),
        ("nv_gpu_utilization x", 200, "line 1: is no sample"),
    ],
)
def test_an_answer_without_figures_is_a_failure(workspace, scraper, caplog, text, status, why) -> None:
    with exporter(text) as node:
        node.status = status
        assert scraper(node.url).step() == 0
    assert stored(workspace) == []
    assert why in caplog.text


def test_two_collectors_read_a_target_once(workspace, scraper) -> None:
    with exporter(dcgm(BUSY)) as node:
        one, two = scraper(node.url, owner="one"), scraper(node.url, owner="two")
        assert [one.step(), two.step(), one.step(), two.step()] == [1, 0, 1, 0]
        assert node.asked == 2
        one.close()
        assert two.step() == 1
    (row,) = stored(workspace)
    assert row.readings == 3


def test_who_lost_its_lease_stores_nothing(workspace, scraper) -> None:
    with exporter(dcgm(BUSY)) as node:
        slow, next_one = scraper(node.url, owner="slow"), scraper(node.url, owner="next")
        slow.step()
        with workspace.db.write() as connection:
            connection.execute(sa.update(leases).values(until_us=0))  # its time is over
        assert next_one.step() == 1
        assert slow.step() == 0
    (row,) = stored(workspace)
    assert row.readings == 2


def test_old_readings_go_with_the_record_log(workspace, scraper) -> None:
    with exporter(dcgm(BUSY)) as node:
        worker = scraper(node.url)
        worker.step()
        workspace.clock.advance(100 * DAY_US)
        worker.step()
        workspace.upkeep(retention_days=60).step()
    assert len(stored(workspace)) == 1


def test_no_exporter_is_asked_where_none_is_named(scraper) -> None:
    assert scraper().step() == 0

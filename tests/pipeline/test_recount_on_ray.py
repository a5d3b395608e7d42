"""Windows are counted again on Ray as they are here: the same bytes, the same sentences, and nothing of Ray is left or heard."""

import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa

from api.reference_building import Place, from_log, put
from kernel.clock import DAY_US, to_rfc3339
from kernel.errors import SettingsError, UnavailableError
from kernel.profile_codec import decode_profile
from kernel.settings import StoreSettings
from kernel.windows import WindowSize
from service.settings import Settings
from service.wiring import Wiring
from store import columns, models
from store.day_counts import DayCounts, unpacked
from store.models import Model
from store.record_reads import RecordReader
from store.records import RecordLog
from store.spread import Here, Spread, Work, spread_of
from store.spread_on_ray import OnRay
from store.tables import profiles
from stream.codecs.topics import RecordKind
from stream.message import Partition
from testing.measured_days import PREDICTIONS, START_US
from testing.object_store import object_store

pytestmark = [
    pytest.mark.waits,
    pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning:ray.data.context"),  # Ray asks itself
]
OTHER = Partition("driftglass.predictions", 1)
DAYS = 5
ALONE = """
import signal, sys
from kernel.errors import UnavailableError
from store.spread_on_ray import OnRay

handler = lambda *_: None
signal.signal(signal.SIGTERM, handler)
spread = OnRay("")
print("ray" in sys.modules)
print(*spread.map(lambda item: b"%d" % (item * item), [2, 3, 4]))
import ray
print(ray.is_initialized(), signal.getsignal(signal.SIGTERM) is handler)
try:
    list(OnRay("127.0.0.1:1").map(lambda item: b"", [1]))
except UnavailableError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def on_ray() -> Iterator[OnRay]:
    """Spread over a Ray that this process is connected to already."""
    import ray

    ray.init(
        "local",
        num_cpus=2,
        object_store_memory=100 << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield OnRay("local")
    assert ray.is_initialized()
    ray.shutdown()


@pytest.fixture(params=["here", "ray"])
def spread(request: pytest.FixtureRequest) -> Spread:
    return Here() if request.param == "here" else request.getfixturevalue("on_ray")


def a_day(day: int, partition: Partition) -> list[dict[str, Any]]:
    """Predictions with a wait in seconds, and from the second day on in milliseconds; the first day has most rows."""
    rows = 200 if day else 2_000
    rng = np.random.default_rng(2 * day + partition.number)
    waits = rng.lognormal(0.35, 0.08, rows) * (1_000.0 if day else 1.0)
    return [
        {
            "model": "m",
            "version": "1" if i % 3 else "2",
            "id": f"{day}-{partition.number}-{i}",
            "ts": to_rfc3339(START_US + day * DAY_US + i * (DAY_US // rows)),
            "features": {"wait": float(wait), "c": str(rng.choice(["a", "b"]))},
            "prediction": 1.0,
            "weight": 1.5,
        }
        for i, wait in enumerate(waits)
    ]


@dataclass
class Losing:
    """A file is lost once it is known which days there are."""

    spread: Spread
    file: Path

    def map(self, work: Work, items: Sequence[int]) -> Generator[bytes]:
        self.file.unlink()
        yield from self.spread.map(work, items)


def a_row(day: int) -> pa.Table:
    moment = pa.scalar(START_US + day * DAY_US, pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "model": ["m"],
            "version": ["1"],
            "id": [str(day)],
            "ts": [moment],
            "ingested_at": [moment],
            "topic": [PREDICTIONS.topic],
            "partition": pa.array([PREDICTIONS.number], pa.int32()),
            "offset": [day],
            "row": pa.array([0], pa.int32()),
        }
    )


def filled(workspace, messages, window: str) -> None:
    models.declare(workspace.db, "default", replace(Model("m"), segments=("c",), window=WindowSize(window)), 0)
    sink = workspace.sink()
    sink.recover([PREDICTIONS, OTHER])
    offset = 0
    for day in range(DAYS):
        rows = {partition: a_day(day, partition) for partition in (PREDICTIONS, OTHER)}
        sink.take({partition: messages(of, offset, partition) for partition, of in rows.items()})
        sink.flush()
        offset += len(rows[OTHER])


def renew(workspace, spread: Spread) -> list[float]:
    """Put the later days in force, on a new grid; what is heard of it."""
    reader = RecordReader(RecordLog(str(workspace.folder / "records"), spread=spread), "default")
    place = Place(workspace.db, "default", workspace.clock, 50, reader)
    built = from_log(place, "m", reader, START_US + DAY_US, START_US + DAYS * DAY_US)
    assert list(built.grids) == ["feature.wait"]
    heard: list[float] = []
    put(place, "m", built, heard.append)
    return heard


def stored(workspace) -> list[tuple[Any, ...]]:
    with workspace.db.read() as connection:
        return sorted(tuple(row) for row in connection.execute(sa.select(profiles)))


@pytest.mark.parametrize("window", ["1w", "1h"])
def test_both_ways_store_the_same_bytes(workspace, messages, on_ray, window: str) -> None:
    filled(workspace, messages, window)
    before = stored(workspace)
    workspace.db.close()
    shutil.copytree(workspace.folder, workspace.folder / "copy")
    again = replace(workspace, folder=workspace.folder / "copy")
    of_days = [(day + 1) / DAYS for day in range(DAYS)]
    assert renew(workspace, Here()) == renew(again, on_ray) == of_days
    assert columns.newest_grids(workspace.db, "default", "m")["feature.wait"][0] == 2
    assert stored(workspace) == stored(again)
    assert stored(workspace) != before
    again.db.close()


def test_a_day_that_cannot_be_read_leaves_all_as_it_was(workspace, messages, spread) -> None:
    filled(workspace, messages, "1d")
    before = stored(workspace)
    lost = next((workspace.folder / "records" / "default" / "predictions").glob("day=2013-03-01/*.parquet"))
    with pytest.raises(UnavailableError, match=rf"^the record log cannot be read: .*{lost.name}"):
        renew(workspace, Losing(spread, lost))
    assert stored(workspace) == before
    assert columns.newest_grids(workspace.db, "default", "m")["feature.wait"][0] == 1


def test_the_record_log_of_an_object_store_is_opened_where_the_day_is_counted(on_ray, tmp_path: Path) -> None:
    with object_store(tmp_path) as store:
        log = RecordLog(store.root, store.options())
        for day in range(2):
            log.append("default", RecordKind.PREDICTIONS, [a_row(day)], {PREDICTIONS: (day, day + 1)})
        counts = DayCounts(log, "default", "m", {PREDICTIONS: 2}, {}, frozenset(), WindowSize("1d"), ())
        days = [START_US + day * DAY_US for day in range(2)]
        found = list(on_ray.map(counts, days))
        assert found == list(Here().map(counts, days))
    rows = [
        {key.group.window_start_us: decode_profile(blob).rows for key, (blob,) in unpacked(of, "m")} for of in found
    ]
    assert rows == [{day_us: 1} for day_us in days]


def test_results_come_in_order_whichever_is_done_first(on_ray, tmp_path: Path) -> None:
    def work(item: int) -> bytes:
        from testing.waiting import wait_until

        if item == 0:
            wait_until((tmp_path / "last").exists, 60, "the last item is done")
        if item == 5:
            (tmp_path / "last").touch()
        return b"%d" % item

    assert list(on_ray.map(work, range(6))) == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_a_mistake_in_the_work_is_not_taken_for_a_service_that_is_away(on_ray) -> None:
    from ray.exceptions import RayTaskError

    def work(item: int) -> bytes:
        raise KeyError(item)

    with pytest.raises(RayTaskError, match="KeyError: 7"):
        list(on_ray.map(work, [7]))


def test_a_ray_of_its_own_is_stopped_again_says_nothing_and_takes_no_signal() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    away = "Ray does not answer at '127.0.0.1:1': [Errno 111] Connection refused; check store.ray_address"
    assert done.stdout.splitlines() == ["False", "b'4' b'9' b'16'", "False True", away]
    assert done.stderr == ""


def test_no_work_starts_no_ray() -> None:
    assert list(OnRay("127.0.0.1:1").map(lambda _: b"", [])) == []


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert isinstance(spread_of(StoreSettings()), Here)
    with pytest.raises(SettingsError, match=r"Ray is missing: install it, pip install 'driftglass\[ray\]'"):
        spread_of(StoreSettings(recount="ray"))


def test_all_record_logs_of_a_process_share_the_way_that_the_settings_choose(workspace) -> None:
    store = StoreSettings(database=f"sqlite:///{workspace.folder}/state.db", recount="ray", ray_address="auto")
    with ExitStack() as closing:
        wiring = Wiring(Settings(store=store), workspace.clock, closing)
        first, second = wiring.record_log().spread, wiring.record_log().spread
    assert isinstance(first, OnRay)
    assert first is second  # of two threads that work at once, one waits


def test_a_record_log_that_is_sent_is_opened_anew_and_does_not_tell_its_secrets() -> None:
    log = RecordLog("s3://bucket/records", {"aws_secret_access_key": "hush"})
    kind, given = log.__reduce__()
    assert kind(*given).__reduce__() == (RecordLog, ("s3://bucket/records", {"aws_secret_access_key": "hush"}))
    assert "hush" not in repr(log)

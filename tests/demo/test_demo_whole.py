"""The demo, with its collector killed by SIGKILL at random moments: not one count differs from the raw flights.

`make test` replays the flights to the end of April and kills three times, `make test-long` the whole year and ten times.
"""

import json
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest
import sqlalchemy as sa
import yaml
from rich.console import Console
from sklearn.metrics import roc_auc_score

from kernel.profile import WindowProfile
from kernel.profile_codec import decode_profile
from service.demo.flights import FEATURES, MODEL, Flights
from service.demo.model import OnnxModel
from service.demo.paths import DemoPaths
from service.demo.run import REPLAYED, SHADOWED, DemoOptions, running_demo
from service.demo.summary import Summary, measurements
from store.columns import dictionaries
from store.database import Database
from store.records import RecordLog
from store.tables import profiles
from stream.codecs.topics import RecordKind
from testing.waiting import is_listening

STARTS = [*(datetime(2013, month, 1, tzinfo=UTC) for month in range(2, 13)), REPLAYED[1]]


@dataclass(frozen=True)
class Extent:
    """How much is replayed, and how often the collector is killed: at a moment so long after it came up."""

    until: datetime
    kills: int
    up_for_s: tuple[float, float]


SHORT = Extent(datetime(2013, 5, 1, tzinfo=UTC), kills=3, up_for_s=(0.2, 1.0))
WHOLE = Extent(REPLAYED[1], kills=10, up_for_s=(0.2, 4.0))


@dataclass(frozen=True)
class Done:
    extent: Extent
    summary: Summary
    paths: DemoPaths
    kills: int
    daily: list[dict]
    windows: dict[str, list[dict]]  # by length

    def replayed(self, flights: Flights) -> pl.DataFrame:
        return flights.between(REPLAYED[0], self.extent.until).frame


class Killer(threading.Thread):
    """Kills the collector's process again and again while the replay runs, each time at a random moment after it came up."""

    def __init__(self, config: Path, extent: Extent) -> None:
        super().__init__(daemon=True)
        self._extent = extent
        self.kills = 0
        self.done = threading.Event()
        self._config = config

    def run(self) -> None:
        moments = random.Random(20130208)
        port = yaml.safe_load(self._config.read_text())["gateway"]["port"]
        while self.kills < self._extent.kills and not self.done.wait(moments.uniform(*self._extent.up_for_s)):
            for pid in collectors() if is_listening(port) else []:
                os.kill(pid, signal.SIGKILL)
                self.kills += 1


def collectors() -> list[int]:
    """Our own child processes that run the collector."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == os.getpid() and b"service.cli" in command and b"collect" in command:
            found.append(int(status.parent.name))
    return found


@pytest.fixture(scope="module", params=[SHORT, pytest.param(WHOLE, marks=pytest.mark.long)], ids=["short", "whole"])
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    extent: Extent = request.param
    folder = tmp_path_factory.mktemp("whole")
    killer = Killer(DemoPaths(folder / "data").config, extent)
    options = DemoOptions(folder / "data", dashboard=False, until=extent.until, on_replay=killer.start)
    before = dict(os.environ)
    try:
        with running_demo(options, Console(quiet=True)) as summary:
            killer.done.set()
            killer.join()
            api = summary.addresses["api"].removesuffix("/docs")
            with httpx.Client(base_url=api, timeout=60) as http:
                daily = list(measurements(http, window="1d", metric="rows"))
                listed = {size: windows_of(http, size) for size in ("1d", "1mo")}
            yield Done(extent, summary, DemoPaths(options.data), killer.kills, daily, listed)
    finally:
        os.environ.clear()
        os.environ.update(before)


def windows_of(http: httpx.Client, size: str) -> list[dict]:
    return http.get(f"/v1/models/{MODEL}/windows", params={"window": size}).raise_for_status().json()


@pytest.mark.timeout(900)
def test_the_collector_was_killed_as_often_as_was_meant(done: Done) -> None:
    assert done.kills == done.extent.kills


def test_every_flight_is_in_the_record_log_once(done: Done, flights: Flights) -> None:
    replayed = done.replayed(flights)
    for kind, ids in (
        (RecordKind.PREDICTIONS, replayed["id"]),
        (RecordKind.LABELS, replayed.filter(pl.col("label").is_not_null())["id"]),
    ):
        table = RecordLog(str(done.paths.data / "records")).table("default", kind)
        found = duckdb.execute("select id from read_parquet(?)", [table.file_uris()]).fetchall()
        # A label may come twice when the gateway died between storing and answering; which of them counts does not change.
        stored = Counter(row[0] for row in found)
        assert set(stored) == set(ids)
        if kind is RecordKind.PREDICTIONS:
            assert stored.total() == len(ids)


def test_every_count_of_the_profiles_is_that_of_the_raw_flights(done: Done, flights: Flights) -> None:
    replayed = done.replayed(flights)
    db = Database(f"sqlite:///{done.paths.data}/driftglass.db")
    with db.read() as connection:
        blobs = connection.scalars(sa.select(profiles.c.blob).where(profiles.c.segment == "")).all()
    whole = WindowProfile.merge([decode_profile(blob) for blob in blobs])
    codes = dictionaries(db, "default", "flight-delay")
    db.close()
    assert whole.rows == replayed.height
    for name in FEATURES:
        column, values = whole.columns[f"feature.{name}"], replayed[name].drop_nulls()
        assert column.missing == replayed[name].null_count(), name
        assert column.values == len(values), name
        if values.dtype == pl.String:
            value_of = {code: value for value, code in codes[f"feature.{name}"].items()}
            counted = {
                value_of[i]: n for i, n in zip(column.cells.index.tolist(), column.cells.rows.tolist(), strict=True)
            }
            assert counted == dict(values.value_counts().iter_rows()), name
        else:
            assert (column.low, column.high) == (values.min(), values.max()), name
            assert column.moments.mean == pytest.approx(values.mean(), rel=1e-9), name


def test_every_day_has_its_rows(done: Done, flights: Flights) -> None:
    days = done.replayed(flights).group_by(pl.col("ts").dt.date()).len()
    expected = {day.isoformat(): rows for day, rows in days.iter_rows()}
    assert {item["window_start"][:10]: item["value"] for item in done.daily} == expected


@pytest.mark.parametrize("size", ["1d", "1mo"])
def test_every_window_has_the_labels_of_its_flights(done: Done, flights: Flights, size: str) -> None:
    labelled = pl.col("label").is_not_null().sum()
    truth = done.replayed(flights).group_by(pl.col("ts").dt.truncate(size).dt.date()).agg(pl.len(), labelled)
    expected = {start.isoformat(): (rows, labels) for start, rows, labels in truth.iter_rows()}
    assert {w["start"][:10]: (w["rows"], w["labels"]) for w in done.windows[size]} == expected


def test_each_month_agrees_with_the_raw_flights(done: Done, truth: Callable) -> None:
    months = [(start, end) for start, end in pairwise(STARTS) if end <= done.extent.until]
    assert sorted(done.summary.months) == [f"{start:%Y-%m}" for start, _ in months]
    for start, end in months:
        agrees(done.summary.months[f"{start:%Y-%m}"], truth(start, end))


def agrees(month: dict, expected: Any) -> None:
    assert month["rows"] == expected.rows
    for metric in ("accuracy", "roc_auc", "precision", "recall", "f1", "log_loss"):
        # Of a flight scored in another batch the last bit of the float32 probability may differ, and with it a tie.
        assert month[metric] == pytest.approx(getattr(expected, metric), rel=1e-7), metric
    assert month["label_coverage"] == pytest.approx(expected.labels / expected.rows, rel=1e-12)
    for name, psi in expected.psi.items():
        # Within one cell of the deciles: 5% of the value, and 0.005 where there is nearly nothing.
        assert month["psi"][name] == pytest.approx(psi, rel=0.05, abs=0.005), name
        assert month["js_distance"][name] == pytest.approx(expected.js_distance[name], rel=0.05, abs=0.01), name
        assert month["missing_share"][name] == pytest.approx(expected.missing_share[name], abs=1e-12), name


def test_an_alert_fired_for_a_true_reason_and_one_resolved(done: Done) -> None:
    storm = [a for a in done.summary.alerts if a["metric"] == "missing_share" and a["column"] == "dep_delay"]
    assert any(a["first_window"].startswith("2013-02-08") and a["resolved"] for a in storm)
    drifted = {a["column"] for a in done.summary.alerts if a["metric"] == "psi"}
    assert "temp" in drifted
    assert not drifted & {"carrier", "origin", "distance", "sched_hour"}
    assert done.summary.retraining_requests >= 1
    assert done.summary.dead_letters == 0


def test_the_summary_as_json_names_no_address_of_what_will_have_ended(done: Done) -> None:
    told = json.loads(json.dumps(done.summary.as_json()))
    assert "127.0.0.1" not in json.dumps(told)
    assert told["predictions"] == done.summary.predictions


def test_the_shadow_run_agrees_with_the_raw_flights(done: Done, flights: Flights) -> None:
    run = done.summary.shadow
    assert run["state"] == "done"
    assert run["verdict"] in ("promote", "hold", "reject")
    assert run["reasons"]
    frame = flights.between(SHADOWED[0], done.extent.until).frame
    labelled = frame.filter(pl.col("label").is_not_null())
    candidate = OnnxModel(done.paths.candidate)
    scored = candidate.score(labelled.select(FEATURES).to_dict(as_series=False))
    late = scored.probabilities[:, candidate.classes.index("late")]
    expected = roc_auc_score((labelled["label"] == "late").to_numpy(), late)
    (auc,) = [m for m in run["comparison"]["metrics"] if m["metric"] == "roc_auc"]
    assert run["comparison"]["rows"] == frame.height
    assert auc["candidate"] == pytest.approx(expected, rel=1e-6)

"""The join of labels and predictions, beside a plain loop over the same records."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from kernel.clock import DAY_US, HOUR_US
from store.record_reads import RecordReader
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from testing.record_log import append_rows

START_US = 1_362_096_000_000_000  # 2013-03-01
HORIZON_US = 3 * DAY_US
WINDOWS = [(START_US + d * DAY_US, START_US + (d + 1) * DAY_US) for d in (0, 1, 3)]  # and nobody asks for the third day


def written(log: RecordLog, kind: RecordKind, rows: list[dict], commits: int) -> None:
    """Records in the order of the list, in some commits, of one partition."""
    for number, places in enumerate(np.array_split(np.arange(len(rows)), commits)):
        table = pa.Table.from_pylist([rows[i] | {"row": int(i)} for i in places])
        append_rows(log, kind, table, number, START_US + number)


def drawn(rng: np.random.Generator) -> tuple[list[dict], list[dict]]:
    """Few ids, so that many come in several windows, versions or times; labels early, late, twice, with hints right and wrong."""
    predictions = [
        {
            "version": str(rng.integers(2)),
            "id": f"i{rng.integers(60)}",
            "ts": int(START_US + rng.integers(-DAY_US, 5 * DAY_US)),
            "prediction": str(rng.choice(["a", "b"])),
            "score.a": float(rng.random()),
            "weight": float(rng.integers(1, 4)),
        }
        for _ in range(150)
    ]
    labels = []
    for _ in range(120):
        of = predictions[rng.integers(len(predictions))]
        label = {
            "id": of["id"],
            "weight": float(rng.integers(1, 4)),
            "ts": int(of["ts"] + rng.integers(-40, 100) * HOUR_US),
            "label": str(rng.choice(["a", "b"])),
        }
        hint = rng.choice(["right", "wrong", "none"])
        labels.append(
            label | {"prediction_ts": {"right": of["ts"], "wrong": of["ts"] + 2 * DAY_US, "none": None}[hint]}
        )
    return predictions, labels


def expected(predictions: list[dict], labels: list[dict]) -> dict[tuple, tuple]:
    """(window, version, id) -> (ts, prediction, latest label, first label's ts, weight)."""
    by_id = defaultdict(list)
    for label in labels:
        by_id[label["id"]].append(label)
    found: dict[tuple, tuple] = {}
    for start_us, end_us in WINDOWS:
        for made in predictions:  # in the order in which they were taken in
            key = (start_us, made["version"], made["id"])
            mine = [
                of
                for of in by_id[made["id"]]
                if (of["prediction_ts"] is None or abs(of["prediction_ts"] - made["ts"]) <= DAY_US)
                and made["ts"] - DAY_US <= of["ts"] <= made["ts"] + HORIZON_US
            ]
            if start_us <= made["ts"] < end_us and key not in found and mine:
                latest = max(mine, key=lambda of: (of["ts"], of["label"]))
                weight = made["weight"] * latest["weight"]
                found[key] = (made["ts"], made["prediction"], latest["label"], min(of["ts"] for of in mine), weight)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_join_is_what_a_plain_loop_finds(tmp_path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    predictions, labels = drawn(rng)
    log = RecordLog(str(tmp_path))
    written(log, RecordKind.PREDICTIONS, predictions, 3)
    written(log, RecordKind.LABELS, labels, 2)
    reader = RecordReader(log, "default", HORIZON_US)
    joined = reader.labelled("m", WINDOWS)
    assert joined is not None
    found = {}
    for row in joined.to_pylist():
        (start_us,) = [start for start, end in WINDOWS if start <= row["ts_us"] < end]
        key = (start_us, row["version"], row["id"])
        assert key not in found
        found[key] = (row["ts_us"], row["prediction"], row["label"], row["first_us"], row["weight"])
    assert found == expected(predictions, labels)
    order = [(row["ts_us"], row["version"], row["id"]) for row in joined.to_pylist()]
    assert order == sorted(order)
    moments = reader.label_moments("m", WINDOWS)
    assert moments is not None
    assert moments["first_us"].to_pylist() == joined["first_us"].to_pylist()


@pytest.mark.parametrize("seed", range(3))
def test_of_many_rows_some_are_read_with_all_of_their_ids(tmp_path, seed: int) -> None:
    predictions, labels = drawn(np.random.default_rng(seed))
    log = RecordLog(str(tmp_path))
    written(log, RecordKind.PREDICTIONS, predictions, 3)
    written(log, RecordKind.LABELS, labels, 2)
    reader = RecordReader(log, "default", HORIZON_US)
    whole = reader.labelled("m", WINDOWS)
    some = reader.labelled("m", WINDOWS, most=whole.num_rows // 3)
    assert 0 < some.num_rows < 0.8 * whole.num_rows
    chosen = set(some["id"].to_pylist())
    assert some.to_pylist() == [row for row in whole.to_pylist() if row["id"] in chosen]
    assert reader.labelled("m", WINDOWS, most=10_000).equals(whole)


def test_predictions_that_never_had_a_label_are_no_rows(tmp_path) -> None:
    log = RecordLog(str(tmp_path))
    reader = RecordReader(log, "default", HORIZON_US)
    assert reader.labelled("m", WINDOWS) is None
    written(log, RecordKind.PREDICTIONS, drawn(np.random.default_rng(0))[0], 1)
    joined = reader.labelled("m", WINDOWS)
    assert joined is not None
    assert joined.num_rows == 0

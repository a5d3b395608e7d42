"""Two versions that predicted the same rows: how far they disagree, over HTTP, beside a plain loop over the records."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from detectors import mean_sums, wilson
from kernel.clock import DAY_US, to_rfc3339
from store import models
from store.models import Model
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition

DAYS, A_DAY, CHANGES_AT = 80, 60, 50
AT = "/v1/models/m/disagreements"
MOMENT = pa.timestamp("us", "UTC")


def start_us(api: Any) -> int:
    """The first of the days, which end today."""
    return int(api.clock.now_us()) // DAY_US * DAY_US - (DAYS - 1) * DAY_US


def predictions(first_us: int) -> list[dict[str, Any]]:
    """Both versions of each row; from the fiftieth day on they differ in four of ten, and not in one. Some come twice."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for day in range(DAYS):
        for number in range(A_DAY):
            id_, ts = f"{day}-{number}", first_us + day * DAY_US + number * 60_000_000
            differs = rng.random() < (0.1 if day < CHANGES_AT else 0.4)
            said = str(rng.choice(["late", "ok"]))
            other = {"late": "ok", "ok": "late"}[said] if differs else said
            rows.append({"version": "1", "id": id_, "ts": ts, "prediction": said, "weight": float(rng.integers(1, 4))})
            if number % 3:  # the canary has not seen all
                rows.append({"version": "2", "id": id_, "ts": ts + 5, "prediction": other, "weight": 1.0})
    rows += [row | {"prediction": "sent again"} for row in rows[::7]]
    return rows


def write(api: Any, rows: list[dict[str, Any]]) -> None:
    models.declare(api.db, "default", Model("m"), 0)
    table = pa.Table.from_pylist(rows)
    table = table.set_column(table.column_names.index("ts"), "ts", table["ts"].cast(MOMENT))
    fixed = {"model": "m", "topic": "t", "partition": 0, "offset": 0, "ingested_at": pa.scalar(0, MOMENT)}
    for name, value in fixed.items():
        table = table.append_column(name, pa.repeat(value, len(table)))
    table = table.append_column("row", pa.array(range(len(table)), pa.int32()))
    RecordLog(api.records).append("default", RecordKind.PREDICTIONS, [table], {Partition("t", 0): (0, 1)})


def pairs(rows: list[dict[str, Any]], first_us: int) -> dict[int, list[tuple[float, Any, Any]]]:
    """day -> (weight of version 1, its prediction, the other's), the first of each."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        first.setdefault((row["version"], row["id"]), row)
    found: dict[int, list[tuple[float, Any, Any]]] = {}
    for (version, id_), row in first.items():
        if version == "1" and (other := first.get(("2", id_))):
            day = (row["ts"] - first_us) // DAY_US
            found.setdefault(day, []).append((row["weight"], row["prediction"], other["prediction"]))
    return found


def asked(api: Any, **query: str) -> list[dict[str, Any]]:
    answer = api.get(AT, **({"version": "1", "against": "2"} | query))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_each_window_is_what_a_plain_loop_finds_and_the_change_is_called(api: Any) -> None:
    first_us = start_us(api)
    rows = predictions(first_us)
    write(api, rows)
    found = asked(api)
    by_day = pairs(rows, first_us)
    assert [item["start"] for item in found] == [to_rfc3339(first_us + day * DAY_US) for day in sorted(by_day)]
    for item, of in zip(found, by_day.values(), strict=True):
        weights = np.array([weight for weight, _, _ in of])
        share = weights @ [one != other for _, one, other in of] / weights.sum()
        ends = wilson.interval(share, weights.sum() ** 2 / (weights @ weights))
        assert (item["unit"], item["rows"]) == ("share", len(of))
        assert (item["value"], item["lower"], item["upper"]) == pytest.approx((share, *ends))
    called = [place for place, item in enumerate(found) if item["called"]]
    assert len(called) == 1
    assert CHANGES_AT <= called[0] < CHANGES_AT + 25


def test_numbers_are_as_far_apart_as_they_are(api: Any) -> None:
    now_us = api.clock.now_us() - DAY_US
    rng = np.random.default_rng(1)
    one, other = rng.normal(10, 1, 500), rng.normal(10, 1, 500)
    rows = [
        {
            "version": version,
            "id": str(i),
            "ts": now_us + i * 60_000_000,
            "prediction_value": float(values[i]),
            "weight": 1.0,
        }
        for version, values in (("1", one), ("2", other))
        for i in range(500)
    ]
    write(api, rows)
    (found,) = asked(api, window="1mo")
    gaps = mean_sums.estimate(mean_sums.sum_up(np.abs(one - other)))
    assert (found["unit"], found["rows"]) == ("distance", 500)
    assert (found["value"], found["lower"], found["upper"]) == pytest.approx((gaps.value, gaps.lower, gaps.upper))
    models.declare(api.db, "default", Model("m", "multiclass"), 0)
    (classes,) = asked(api, window="1mo")
    assert (classes["unit"], classes["value"]) == ("share", 1.0)  # no two are the same


def test_versions_that_share_no_row_have_nothing(api: Any) -> None:
    write(api, predictions(start_us(api)))
    assert asked(api, against="3") == []
    assert asked(api, end=to_rfc3339(start_us(api))) == []


def test_what_cannot_be_compared_is_told(api: Any) -> None:
    api.refused(404, api.get(AT, version="1", against="2"))
    models.declare(api.db, "default", Model("m"), 0)
    assert api.refused(422, api.get(AT, version="1", against="1")).startswith("against: ")
    assert asked(api) == []

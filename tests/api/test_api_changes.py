"""Why accuracy changed, over HTTP, from predictions and labels in the record log."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from detectors import explaining
from kernel.clock import DAY_US, to_rfc3339
from kernel.profile import Kind
from store import columns, models
from store.columns import Column
from store.models import Model
from store.records import RecordLog
from stream.codecs.topics import RecordKind
from stream.message import Partition

START_US = 1_362_096_000_000_000  # 2013-03-01
AT = "/v1/models/m/change"
MOMENT = pa.timestamp("us", "UTC")
A_DAY = 1_000
ASKED = {
    "before_start": to_rfc3339(START_US),
    "before_end": to_rfc3339(START_US + DAY_US),
    "start": to_rfc3339(START_US + 2 * DAY_US),
    "end": to_rfc3339(START_US + 3 * DAY_US),
}
"""The first of three days beside the third."""


def day(number: int, *, wrong: dict[str, float], shares: tuple[float, float]) -> dict[str, Any]:
    """Rows of two origins, each wrong in so many of them, and a feature that says nothing."""
    rng = np.random.default_rng(number)
    origin = rng.choice(["EWR", "JFK"], A_DAY, p=shares)
    missed = rng.random(A_DAY) < np.array([wrong[name] for name in origin])
    return {
        "id": [f"{number}-{row}" for row in range(A_DAY)],
        "ts": START_US + number * DAY_US + np.arange(A_DAY) * 1_000_000,
        "version": np.where(np.arange(A_DAY) % 4 == 0, "2", "1"),
        "prediction": np.full(A_DAY, "late"),
        "label": np.where(missed, "on_time", "late"),
        "feature.origin": origin,
        "feature.delay": rng.normal(size=A_DAY),
        "feature.rush": np.arange(A_DAY) % 4 == 0,
    }


DAYS = [
    day(0, wrong={"EWR": 0.1, "JFK": 0.4}, shares=(0.8, 0.2)),
    day(1, wrong={"EWR": 0.1, "JFK": 0.4}, shares=(0.5, 0.5)),
    day(2, wrong={"EWR": 0.1, "JFK": 0.4}, shares=(0.3, 0.7)),
    day(3, wrong={"EWR": 0.4, "JFK": 0.4}, shares=(0.8, 0.2)),
]


@pytest.fixture
def sent(api: Any) -> Any:
    """Four days: JFK's share grows, and on the fourth EWR is as bad as JFK and shares are as on the first."""
    models.declare(api.db, "default", Model("m", "binary", positive_class="late", segments=("origin",)), 0)
    kinds = {"feature.origin": Kind.CATEGORICAL, "feature.delay": Kind.NUMERIC}
    columns.add(api.db, "default", {"m": [Column(name, kind, fixed=True) for name, kind in kinds.items()]})
    made = pa.concat_tables([pa.table(of).drop_columns(["label"]) for of in DAYS])
    labels = pa.concat_tables([pa.table(of).select(["id", "ts", "label"]) for of in DAYS])
    log = RecordLog(api.records)
    for kind, table in ((RecordKind.PREDICTIONS, made), (RecordKind.LABELS, labels)):
        topic = f"driftglass.{kind.value}"
        table = table.set_column(table.column_names.index("ts"), "ts", table["ts"].cast(MOMENT))
        fixed = {"model": "m", "topic": topic, "partition": 0, "offset": 0, "ingested_at": pa.scalar(0, MOMENT)}
        for name, value in fixed.items():
            table = table.append_column(name, pa.repeat(value, len(table)))
        table = table.append_column("row", pa.array(range(len(table)), pa.int32()))
        log.append("default", kind, [table], {Partition(topic, 0): (0, 1)})
    return api


def accuracy(of: dict[str, Any], origin: str | None = None) -> float:
    chosen = np.full(A_DAY, True) if origin is None else of["feature.origin"] == origin
    return float(np.mean(of["label"][chosen] == "late"))


def asked(api: Any, **query: str) -> dict[str, Any]:
    answer = api.get(AT, **(ASKED | query))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def holds(part: dict[str, float], value: float) -> bool:
    return part["lower"] <= value <= part["upper"]


def test_a_drop_by_other_rows_is_covariate_and_of_the_segment_that_grew(sent: Any) -> None:
    found = asked(sent)
    assert (found["metric"], found["rows_before"], found["rows_after"]) == ("accuracy", A_DAY, A_DAY)
    assert found["before"] == pytest.approx(accuracy(DAYS[0]))
    assert found["after"] == pytest.approx(accuracy(DAYS[2]))
    assert found["total"]["value"] == pytest.approx(found["after"] - found["before"])
    assert found["covariate"]["value"] + found["concept"]["value"] == pytest.approx(found["total"]["value"])
    assert holds(found["concept"], 0.0)
    assert found["covariate"]["upper"] < 0
    assert holds(found["covariate"], -0.15)
    assert 0.5 < found["overlap"] < 0.9
    parts = {part["segment"]: part for part in found["segments"]}
    assert sum(part[of]["value"] for part in parts.values() for of in ("mix", "within")) == pytest.approx(
        found["total"]["value"]
    )
    jfk = parts["origin=JFK"]
    assert jfk["after"] == pytest.approx(accuracy(DAYS[2], "JFK"))
    assert jfk["share_after"] == pytest.approx(np.mean(DAYS[2]["feature.origin"] == "JFK"))
    assert jfk["mix"]["upper"] < 0
    assert all(holds(part["within"], 0.0) for part in parts.values())
    assert found["segments"][0] == jfk


def test_a_drop_by_other_outcomes_is_concept_and_within_the_segment_that_is_worse(sent: Any) -> None:
    later = {"start": to_rfc3339(START_US + 3 * DAY_US), "end": to_rfc3339(START_US + 4 * DAY_US)}
    found = asked(sent, **later)
    assert holds(found["covariate"], 0.0)
    assert found["concept"]["upper"] < 0
    assert holds(found["concept"], -0.24)
    assert found["overlap"] > 0.95
    parts = {part["segment"]: part for part in found["segments"]}
    assert parts["origin=EWR"]["within"]["upper"] < 0
    assert holds(parts["origin=JFK"]["within"], 0.0)
    assert (found["version"], found["before_version"], found["basis"]) == (None, None, "iid")


def test_versions_may_differ_between_the_two_times(sent: Any) -> None:
    found = asked(sent, version="2", before_version="1")
    assert (found["rows_before"], found["rows_after"]) == (A_DAY * 3 // 4, A_DAY // 4)
    assert (found["version"], found["before_version"]) == ("2", "1")
    assert asked(sent, version="2")["rows_before"] == A_DAY // 4


def test_segments_of_a_boolean_are_named_as_windows_name_them(sent: Any) -> None:
    models.declare(sent.db, "default", Model("m", "binary", positive_class="late", segments=("rush",)), 0)
    columns.add(sent.db, "default", {"m": [Column("feature.rush", Kind.BOOLEAN, fixed=True)]})
    found = {part["segment"]: part["share_after"] for part in asked(sent)["segments"]}
    assert found == {"rush=false": pytest.approx(0.75), "rush=true": pytest.approx(0.25)}


def test_of_many_rows_some_are_read_the_same_ones_every_time(sent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "_MOST_ROWS", 500)
    found = asked(sent)
    assert 420 < found["rows_before"] < 580
    assert asked(sent) == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"end": ASKED["start"]}, "start: times must be in order"),
        ({"start": ASKED["before_start"]}, "start: times must be in order"),
        ({"metric": "f1"}, "metric: these rows have no 'f1'"),
        ({"metric": "log_loss"}, "metric: these rows have no 'log_loss'"),
        ({"version": "3"}, "before_start: 0 labelled rows"),
        ({"start": "yesterday"}, "start: "),
    ],
)
def test_what_cannot_be_split_is_told(sent: Any, query: dict[str, str], said: str) -> None:
    assert sent.refused(422, sent.get(AT, **(ASKED | query))).startswith(said)


def test_what_is_not_there_is_told(api: Any) -> None:
    api.refused(404, api.get(AT, **ASKED))
    models.declare(api.db, "default", Model("m"), 0)
    assert "has no prediction of 'm'" in api.refused(404, api.get(AT, **ASKED))

"""What people see and do beside measurements: alerts, incidents, shadow runs, retraining requests, events, dead letters."""

from dataclasses import replace
from typing import Any

import pytest

from kernel.clock import DAY_US, to_rfc3339
from shadow.spec import from_json
from store import alert_ledger, dead_letters, shadow_runs
from store.alert_rows import Alert, AlertDetails, Evidence, Incident
from store.commit import Flush
from store.commit import commit as commit_flush
from store.dead_letters import DeadLetter
from store.models import Model, declare
from store.pages import encode_cursor
from store.retraining import NewRequest, write_request
from stream.codecs.batch import Event
from stream.message import Partition

FIRST_US = 1_362_096_000_000_000  # 2013-03-01
NOW = "2023-11-14T22:13:20Z"

FIRING = Alert(
    alert="a1", fingerprint="f", rule="drift", tier="P1", state="firing", model="m", version="1", segment="", size="1d",
    metric="psi", column="delay", value=0.5, expected=0.01, summary="delay drifted",
    details=AlertDetails(FIRST_US, FIRST_US + DAY_US, (Evidence("psi", 0.5, 0.01, None, "drift"),)),
    first_window_us=FIRST_US, last_window_us=FIRST_US, seen_window_us=FIRST_US, calm_windows=0, opened_us=FIRST_US,
    fired_us=FIRST_US, incident="i1",
)  # fmt: skip


@pytest.fixture
def alerted(api: Any) -> Any:
    others = [
        replace(FIRING, alert="a2", fingerprint="g", tier="P0", model="n", opened_us=FIRST_US + 1, incident=""),
        replace(
            FIRING, alert="a3", fingerprint="h", state="pending", fired_us=None, opened_us=FIRST_US + 2, incident=""
        ),
    ]
    with api.db.write() as tx:
        alert_ledger.save(tx, "default", [FIRING, *others])
        alert_ledger.save_incident(tx, "default", Incident("i1", "m", "P1", "open", "m drifted", FIRST_US))
    return api


def ids(answer: Any) -> list[str]:
    return [item["alert"] for item in answer.json()["items"]]


def test_alerts_are_listed_and_filtered(alerted: Any) -> None:
    assert ids(alerted.get("/v1/alerts")) == ["a3", "a2", "a1"]
    assert ids(alerted.get("/v1/alerts", model="m", state="firing")) == ["a1"]
    assert ids(alerted.get("/v1/alerts", tier="P0")) == ["a2"]
    assert ids(alerted.get("/v1/alerts", limit=1)) == ["a3"]
    assert "'P2'" in alerted.refused(422, alerted.get("/v1/alerts", tier="P9"))
    found = alerted.get("/v1/alerts/a1").json()
    assert found["evidence"] == [{"metric": "psi", "value": 0.5, "expected": 0.01, "p_value": None, "status": "drift"}]
    assert (found["segment"], found["window"], found["fired"]) == (None, "1d", "2013-03-01T00:00:00Z")
    assert (found["resolution"], found["resolved"]) == (None, None)


def test_a_person_takes_an_alert_on_and_ends_it(alerted: Any) -> None:
    taken = alerted.http.post("/v1/alerts/a1/ack", json={"by": "ada"}).json()
    assert (taken["state"], taken["acknowledged_by"], taken["acknowledged"]) == ("acknowledged", "ada", NOW)
    ended = alerted.http.post("/v1/alerts/a1/resolve", json={"by": "bob"}).json()
    assert (ended["state"], ended["resolution"], ended["resolved_by"], ended["resolved"]) == (
        "resolved", "person", "bob", NOW,
    )  # fmt: skip
    assert "pending" in alerted.refused(422, alerted.http.post("/v1/alerts/a3/ack", json={"by": "ada"}))
    assert "none" in alerted.refused(404, alerted.http.post("/v1/alerts/none/resolve", json={"by": "ada"}))
    assert "by: is missing" in alerted.refused(422, alerted.http.post("/v1/alerts/a1/ack", json={}))


def test_alerts_are_walked_page_by_page_each_once_though_more_come_meanwhile(alerted: Any) -> None:
    same_moment = [replace(FIRING, alert=f"b{n}", fingerprint=f"b{n}") for n in range(4)]
    with alerted.db.write() as tx:
        alert_ledger.save(tx, "default", same_moment)
    walked, cursor = [], ""
    while cursor is not None:
        page = alerted.get("/v1/alerts", limit=2, **({"cursor": cursor} if cursor else {}))
        walked += ids(page)
        cursor = page.json()["next"]
        with alerted.db.write() as tx:
            alert_ledger.save(tx, "default", [replace(FIRING, alert=f"new{len(walked)}", opened_us=FIRST_US + 9)])
    assert walked == ["a3", "a2", "a1", "b0", "b1", "b2", "b3"]
    assert "take `next` of the page before" in alerted.refused(422, alerted.get("/v1/alerts", cursor="nonsense"))
    assert "cursor" in alerted.refused(422, alerted.get("/v1/alerts", cursor=encode_cursor([2**80, "a"])))


def test_a_person_takes_an_incident_on_with_all_that_is_under_its_alerts(alerted: Any) -> None:
    held = replace(FIRING, alert="a4", fingerprint="s", segment="c=x", details=replace(FIRING.details, under="a1"))
    with alerted.db.write() as tx:
        alert_ledger.save(tx, "default", [held])
    assert alerted.get("/v1/alerts/a4").json()["under"] == "a1"
    assert alerted.get("/v1/alerts/a1").json()["under"] is None
    taken = alerted.http.post("/v1/incidents/i1/ack", json={"by": "ada"}).json()
    assert (taken["incident"], sorted(taken["alerts"])) == ("i1", ["a1", "a4"])
    assert ids(alerted.get("/v1/alerts", state="acknowledged")) == ["a1", "a4"]
    alerted.http.post("/v1/alerts/a1/resolve", json={"by": "ada"})
    assert ids(alerted.get("/v1/alerts", state="resolved")) == ["a1", "a4"]
    assert "none" in alerted.refused(404, alerted.http.post("/v1/incidents/none/ack", json={"by": "ada"}))


def test_incidents_name_their_alerts(alerted: Any) -> None:
    (incident,) = alerted.get("/v1/incidents", model="m", state="open").json()["items"]
    assert (incident["incident"], incident["title"], incident["alerts"]) == ("i1", "m drifted", ["a1"])
    assert alerted.get("/v1/incidents", state="resolved").json() == {"items": []}


ASKED = {
    "model": "m",
    "candidate": "newer",
    "path": "newer.onnx",
    "from": "2013-03-01T00:00:00Z",
    "to": "2013-04-01T00:00:00Z",
    "version": "1",
    "features": ["a", "b"],
    "classes": ["x", "y"],
    "positive_class": "x",
    "bars": {
        "min_rows": 10, "min_labels": 5, "min_days": 1, "metric": "f1", "margin": 0.1, "max_churn": None,
        "max_latency_ratio": 3.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("left_out", [set(), {"version", "features", "classes", "positive_class", "bars"}])
def test_a_shadow_run_is_queued_as_the_runner_reads_it(api: Any, left_out: set[str]) -> None:
    declare(api.db, "default", Model("m"), 0)
    answer = api.http.post("/v1/shadow-runs", json={k: v for k, v in ASKED.items() if k not in left_out})
    assert answer.status_code == 201, answer.text
    run = answer.json()
    assert (run["state"], run["verdict"], run["comparison"], run["created"]) == ("queued", None, None, NOW)
    assert (run["from"], run["to"]) == (ASKED["from"], ASKED["to"])
    assert api.get(f"/v1/shadow-runs/{run['run']}").json() == run
    held = shadow_runs.claim(api.db, "default", "test", 60, 0)
    assert held is not None
    spec = from_json(held.spec)
    assert (spec.start_us, spec.path) == (FIRST_US, "newer.onnx")
    if not left_out:
        assert spec.to_json()["bars"] == ASKED["bars"]


def test_a_finished_run_shows_its_comparison(api: Any) -> None:
    declare(api.db, "default", Model("m"), 0)
    api.http.post("/v1/shadow-runs", json=ASKED)
    held = shadow_runs.claim(api.db, "default", "test", 60, FIRST_US)
    assert held is not None
    result = {"rows": 10, "agreement": 0.9, "kappa": float("nan")}
    assert shadow_runs.finish(api.db, "default", held, result, "hold", ["too few labels"], FIRST_US + 1)
    (run,) = api.get("/v1/shadow-runs", model="m").json()["items"]
    assert (run["state"], run["verdict"], run["reasons"]) == ("done", "hold", ["too few labels"])
    assert run["comparison"] == {"rows": 10, "agreement": 0.9, "kappa": None}
    assert run["finished"] == to_rfc3339(FIRST_US + 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"to": "2013-03-01T00:00:00Z"}, "to: "),
        ({"from": 5}, "from: "),
        ({"candidat": "x"}, "candidat: "),
        ({"bars": {"max_churn": 2}}, "bars.max_churn: "),
        ({"bars": {"min_rows": None}}, "bars.min_rows: "),
    ],
)
def test_a_wrong_run_names_the_field(api: Any, change: dict[str, Any], said: str) -> None:
    sentence = api.refused(422, api.http.post("/v1/shadow-runs", json=ASKED | change))
    assert sentence.startswith(said), sentence


def test_runs_of_nothing_are_not_found(api: Any) -> None:
    assert "'m'" in api.refused(404, api.http.post("/v1/shadow-runs", json=ASKED))
    assert "'none'" in api.refused(404, api.get("/v1/shadow-runs/none"))


def test_retraining_requests(api: Any) -> None:
    with api.db.write() as tx:
        write_request(tx, "default", NewRequest("r1", "m", "", "a1", "drift", {"value": 1.5}, "recorded", FIRST_US))
    (found,) = api.get("/v1/retraining-requests", model="m", state="recorded").json()["items"]
    assert (found["request"], found["version"], found["payload"]) == ("r1", None, {"value": 1.5})
    assert (found["created"], found["posted"], found["attempts"]) == ("2013-03-01T00:00:00Z", None, 0)
    assert api.get("/v1/retraining-requests", state="failed").json() == {"items": []}


def test_events_newest_first_with_those_of_the_workspace(api: Any) -> None:
    partition = Partition("driftglass.events", 0)
    sent = [("m", "deploy", "v2"), ("", "incident", "outage"), ("n", "deploy", "v7")]
    events = [
        Event(partition, 0, row, model, kind, FIRST_US + row, title, "", {"at": row})
        for row, (model, kind, title) in enumerate(sent)
    ]
    commit_flush(api.db, "default", Flush({partition: (None, 1)}, events=events), FIRST_US)

    def titles(**query: Any) -> list[str]:
        return [item["title"] for item in api.get("/v1/events", **query).json()["items"]]

    assert titles() == ["v7", "outage", "v2"]
    assert titles(model="m") == ["outage", "v2"]
    assert titles(kind="deploy", limit=1) == ["v7"]
    assert titles(start=to_rfc3339(FIRST_US + 1), end=to_rfc3339(FIRST_US + 2)) == ["outage"]
    outage = api.get("/v1/events", kind="incident").json()["items"][0]
    assert (outage["model"], outage["url"], outage["details"]) == (None, None, {"at": 1})


def test_dead_letters_show_their_bytes(api: Any) -> None:
    letters = [
        DeadLetter("gateway/1", 0, 3, "ts", "is missing", "application/json", b'{"model": "m"}', FIRST_US),
        DeadLetter("t/0", 7, -1, "", "is no JSON", "application/json", b"\xff\xfe", FIRST_US + 1),
    ]
    dead_letters.save(api.db, "default", letters)
    found = api.get("/v1/dead-letters").json()
    assert found["count"] == 2
    whole, one = found["items"]
    assert (whole["row"], whole["field"], whole["encoding"], whole["body"]) == (None, None, "base64", "//4=")
    assert (one["row"], one["field"], one["encoding"], one["body"]) == (3, "ts", "utf-8", '{"model": "m"}')
    assert api.get("/v1/dead-letters", field="ts", limit=1).json()["count"] == 1
    assert api.get("/v1/dead-letters", source="nowhere").json() == {"items": [], "count": 0}

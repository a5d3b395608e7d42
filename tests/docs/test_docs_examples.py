"""The examples in the pages work."""

import doctest
import json
import socket
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from alerting.gathering import Gathered
from alerting.retraining import request_retraining
from alerting.settings import AlertingSettings
from kernel.clock import SystemClock
from kernel.settings import load
from service.settings import Settings
from store.alert_rows import FIRING, OPEN, Alert, AlertDetails, Incident
from store.retraining import retraining_requests
from stream.codecs.batch import Decoded
from stream.codecs.decode import decode
from stream.codecs.topics import RecordKind
from stream.message import Message, Partition
from testing.migrated import open_migrated

JSON, NDJSON, ARROW = "application/json", "application/x-ndjson", "application/vnd.apache.arrow.stream"


def test_the_yaml_examples_load(docs, no_variables, tmp_path) -> None:
    examples = [(page.path.name, body) for page in docs.pages for body in page.examples("yaml")]
    assert {"alerting.md", "settings.md", "wire.md"} <= {name for name, _ in examples}
    for number, (name, body) in enumerate(examples):
        file = tmp_path / f"{number}-{name}.yaml"
        file.write_text(body, encoding="utf-8")
        load(Settings, file)


def test_the_alerting_example_says_what_the_page_says(docs, no_variables, tmp_path) -> None:
    (example,) = docs.page("alerting.md").examples("yaml", "A whole example")
    file = tmp_path / "driftglass.yaml"
    file.write_text(example, encoding="utf-8")
    rules = {rule.name: rule for rule in load(Settings, file).alerting.rules}
    assert [rules["drift"].retrains, rules["accuracy"].retrains, rules["slow"].policy.windows] == [True, False, 3]


def test_the_default_rules_are_those_of_the_page(docs) -> None:
    told = docs.page("alerting.md").under("Rules").partition("The defaults:")[2]
    for rule in AlertingSettings().rules:
        assert f"`{rule.name}` ({rule.tier}" in " ".join(told.split())
        assert [metric for metric in rule.metrics if f"`{metric}`" not in told and "latency" not in metric] == []


def _decoded(body: bytes, content_type: str, kind: RecordKind) -> Decoded:
    message = Message(Partition("docs", 0), 0, body, content_type, {}, SystemClock().now_us())
    decoded = decode([message], kind)
    assert [(r.field, r.reason) for r in decoded.refusals] == []
    return decoded


@pytest.mark.parametrize(("kind", "records"), [("Predictions", 3), ("Labels", 2), ("Events", 2), ("Business", 2)])
def test_the_json_examples_are_taken(docs, kind, records) -> None:
    examples = docs.page("wire.md").examples("json", kind)
    found = [_decoded(body.encode(), JSON, RecordKind(kind.lower())) for body in examples]
    assert sum(decoded.accepted for decoded in found) == records


def test_the_first_json_example_has_every_field_of_the_table(docs) -> None:
    page = docs.page("wire.md")
    fields = {name.strip(" `") for cells in page.table("Predictions") for name in cells[0].split(",")}
    assert set(json.loads(page.examples("json", "Predictions")[0])) == fields


def test_the_ndjson_and_arrow_examples_are_taken(docs) -> None:
    page = docs.page("wire.md")
    (lines,) = page.examples("ndjson")
    assert _decoded(lines.encode(), NDJSON, RecordKind.PREDICTIONS).accepted == 2
    (code,) = page.examples("python")
    made: dict[str, bytes] = {}
    exec(code, made)  # noqa: S102 - our own page
    (batch,) = _decoded(made["body"], ARROW, RecordKind.PREDICTIONS).batches
    assert batch.table["feature.dep_delay"].to_pylist() == [3.0, None]


def test_the_worked_example_of_the_statistics_is_right(docs) -> None:
    (example,) = docs.page("statistics.md").examples("python")
    test = doctest.DocTestParser().get_doctest(example, {}, "statistics.md", None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0
    assert len(test.examples) >= 5


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on while the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_the_clients_examples_run(docs, no_variables, closed_port) -> None:
    names: dict[str, object] = {"app": FastAPI()}
    clients = []
    for example in docs.page("client.md").examples("python"):
        exec(example.replace(":7461", f":{closed_port}"), names)  # noqa: S102 - our own page
        clients.append(names["monitor"])
    first = clients[0]
    assert names["predict"]({"dep_delay": 3.0}) == {"label": "late", "scores": {"late": 0.73, "on_time": 0.27}}
    for client in set(clients):
        client.close(timeout_s=0.5)
    stats = first.stats()
    assert (stats["invalid"], stats["unreachable"] + stats["closed"]) == (0, 3)


def test_the_retraining_example_is_what_is_posted(docs, tmp_path) -> None:
    (example,) = docs.page("alerting.md").examples("json")
    db = open_migrated(f"sqlite:///{tmp_path}/state.db")
    settings = AlertingSettings()
    rules = {rule.name: rule for rule in settings.rules}
    start_us, end_us = 1_372_636_800_000_000, 1_373_846_400_000_000  # the first half of July 2013
    incident = Incident("b7d2", "flight-delay", "P1", OPEN, "flight-delay: drift on 2 columns", end_us)
    alerts = tuple(_alert(column, start_us, end_us) for column in ("temp", "dep_delay"))
    with db.write() as tx:
        assert request_retraining(tx, "default", settings.retraining, rules, Gathered(incident, alerts), end_us)
    (request,) = retraining_requests(db, "default")
    db.close()
    written = json.loads(example)
    posted = {"request": written["request"], **request.payload, "incident": written["incident"]}
    assert posted == written


def _alert(column: str, start_us: int, end_us: int) -> Alert:
    return Alert(
        alert=column, fingerprint=column, rule="drift", tier="P1", state=FIRING, model="flight-delay", version="1",
        segment="", size="1w", metric="psi", column=column, value=0.5, expected=0.01, summary="",
        details=AlertDetails(start_us, end_us), first_window_us=start_us, last_window_us=start_us,
        seen_window_us=start_us, calm_windows=0, opened_us=end_us, fired_us=end_us, incident="b7d2",
    )  # fmt: skip

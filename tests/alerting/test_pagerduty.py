"""PagerDuty, as a server on the loopback hears it: one alert there for each incident here, whatever fails on the way."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from pydantic import HttpUrl, SecretStr, ValidationError

from alerting.errors import RetryableError
from alerting.message import Finding, Message
from alerting.notifiers.pagerduty import PagerDutyNotifier, PagerDutySettings, dedup_key, event
from kernel.clock import DAY_US
from kernel.errors import SettingsError
from store.alerts import acknowledge, acknowledge_incident, incidents, resolve
from store.notifications import notifications

WORKSPACE = "acme"
KEY = "R0UT1NGKEY0123456789abcdefABCDEF"
DRIFTED = Finding("drift", "3", "", "1d", "psi", "dep_delay", 0.4123, 0.02, 0, DAY_US)
MESSAGE = Message("acme", "0f3c", "firing", "P1", "fraud", "fraud: drift on dep_delay", (DRIFTED,), "http://d/model", 7)


@dataclass
class Pager:
    """Alerting that tells PagerDuty, and PagerDuty's side of it."""

    lab: object
    webhook: object
    more: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)

    def alerting(self, wrap=lambda notifier: notifier):
        told = {"kind": "pagerduty", "routing_key": KEY, "base_url": self.webhook.url} | self.more
        oncall = PagerDutyNotifier(PagerDutySettings.model_validate(told))
        return self.lab.alerting({"notifiers": {"oncall": told}} | self.settings, oncall=wrap(oncall))

    @property
    def heard(self) -> list[str]:
        """What was sent, in order."""
        return [f"{e['event_action']} {e['payload']['severity']}" for e in self.webhook.posted]

    @property
    def keys(self) -> set[str]:
        return {e["dedup_key"] for e in self.webhook.posted}

    @property
    def pages(self) -> list[str]:
        """PagerDuty's alerts, by its rules: a trigger opens one, or is noted on the open one; other events change an open one."""
        pages: list[list[str]] = []
        for e in self.webhook.posted:
            mine = [page for page in pages if page[0] == e["dedup_key"] and page[1] != "resolve"]
            if mine and e["event_action"] != "trigger":
                mine[0][1] = e["event_action"]
            elif not mine and e["event_action"] == "trigger":
                pages.append([e["dedup_key"], "trigger"])
        return [state for _, state in pages]


@pytest.fixture
def pager(lab, webhook) -> Pager:
    return Pager(lab, webhook)


# what an event says


def test_an_event_is_one_of_the_events_api(webhook):
    settings = PagerDutySettings(routing_key=SecretStr(KEY), base_url=HttpUrl(webhook.url.removesuffix("/hook")))
    webhook.answer(202)
    PagerDutyNotifier(settings).send(MESSAGE)

    [sent] = webhook.posted
    payload = sent.pop("payload")
    assert webhook.paths == ["/v2/enqueue"]
    assert webhook.headers[0]["content-type"] == "application/json"
    assert sent == {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": dedup_key(MESSAGE),
        "links": [{"href": "http://d/model", "text": "Dashboard"}],
        "client": "Driftglass",
        "client_url": "http://d/model",
    }
    assert datetime.fromisoformat(payload.pop("timestamp")).utcoffset() == timedelta(0)
    window = "1970-01-01 UTC"
    numbers = "psi 0.4123, 0.02 expected"
    assert payload == {
        "summary": f"P1 firing: fraud: drift on dep_delay; dep_delay, version 3: {numbers}, {window}",
        "source": "acme/fraud",
        "severity": "error",
        "component": "3",
        "group": "acme",
        "class": "psi",
        "custom_details": {
            "incident": "0f3c",
            "model": "fraud",
            "findings": [
                {
                    "what": "dep_delay, version 3",
                    "rule": "drift",
                    "metric": "psi",
                    "value": "0.4123",
                    "expected": "0.02",
                    "window": window,
                }
            ],
        },
    }


@pytest.mark.parametrize(("tier", "severity"), [("P0", "critical"), ("P1", "error"), ("P2", "warning")])
def test_a_tier_is_a_severity(tier, severity):
    assert event(replace(MESSAGE, tier=tier))["payload"]["severity"] == severity


def test_a_runbook_is_linked():
    assert event(MESSAGE, "https://wiki/drift")["links"][1] == {"href": "https://wiki/drift", "text": "Runbook"}


@pytest.mark.parametrize("name", ["x" * 100_000, "漢" * 100_000, "\x00" * 100_000])
def test_whatever_the_names_the_limits_are_kept(name, webhook):
    one = Finding(name, name, name, "1d", name, name, 0.4, 0.02, 0, DAY_US, name, name)
    long = Message(name, name, "firing", "P1", name, name, (one,) * 200, "http://d/model", 7)
    PagerDutyNotifier(PagerDutySettings(routing_key=SecretStr(KEY), base_url=HttpUrl(webhook.url))).send(long)

    [sent] = webhook.posted
    assert len(sent["dedup_key"]) <= 255
    assert len(sent["payload"]["summary"]) <= 1_024
    assert sent["payload"]["summary"].endswith("and 199 more")
    assert sent["payload"]["custom_details"]["more_findings"] == 190
    assert int(webhook.headers[0]["content-length"]) < 128 * 1_024, "PagerDuty takes 512 KB"


def test_a_key_is_of_one_workspace_model_and_incident_and_of_all_that_is_said_of_it():
    ones = [replace(MESSAGE, **{name: "other"}) for name in ("workspace", "model", "incident")]
    same = [
        replace(MESSAGE, happening="resolved"),
        replace(MESSAGE, tier="P0"),
        replace(MESSAGE, findings=(), title=""),
    ]

    assert len({dedup_key(one) for one in [MESSAGE, *ones]}) == 4
    assert {dedup_key(one) for one in same} == {dedup_key(MESSAGE)}
    assert dedup_key(MESSAGE) == "driftglass-0bb1a190cafe09e273587f9f77aa2732", "those of alerts that are open now"


# the way of an alert


def test_it_fires_is_taken_on_and_is_over_under_one_key_whichever_worker_tells(pager, lab):
    lab.decide("d")
    pager.alerting().step()
    lab.later()
    [one] = lab.alerts()
    acknowledge(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())
    pager.alerting().step()
    pager.alerting().step()
    lab.later()
    lab.decide("oo", first=1)
    pager.alerting().step()

    assert pager.heard == ["trigger error", "acknowledge error", "resolve error"]
    assert len(pager.keys) == 1
    assert [one.state for one in notifications(lab.db, WORKSPACE)] == ["sent"] * 3


def test_an_incident_is_taken_on_as_a_whole(pager, lab):
    alerting = pager.alerting()
    lab.decide("d", column="origin")
    lab.decide("d", column="carrier")
    alerting.step()
    lab.later()
    acknowledge(lab.db, WORKSPACE, lab.alerts()[0].alert, "ana", lab.clock.now_us())
    alerting.step()
    half = list(pager.heard)
    [incident] = incidents(lab.db, WORKSPACE)
    acknowledge_incident(lab.db, WORKSPACE, incident.incident, "ana", lab.clock.now_us())
    alerting.step()

    assert half == ["trigger error"], "one still waits for somebody"
    assert pager.heard == ["trigger error", "acknowledge error"]


def test_what_is_worse_is_told_and_taken_on_again(pager, lab):
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    for version in ("4", "5"):
        lab.later()
        for one in lab.alerts(state="firing"):
            acknowledge(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())
        alerting.step()
        lab.later()
        lab.decide("d", version=version, value=4.0 * int(version))
        alerting.step()

    assert pager.heard == ["trigger error", "acknowledge error"] * 2 + ["trigger error"]
    assert len(pager.keys) == 1


def test_what_is_under_another_pages_nobody(pager, lab):
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    lab.later()
    for more in ({"segment": "carrier=UA"}, {"version": "4"}, {"version": "4", "segment": "carrier=UA"}):
        lab.decide("d", first=1, **more)
    alerting.step()
    lab.later()
    alerting.step()

    assert len(lab.alerts()) == 4
    assert pager.heard == ["trigger error"]


def test_what_comes_under_an_acknowledged_alert_is_not_acknowledged_twice(pager, lab):
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    lab.later()
    acknowledge(lab.db, WORKSPACE, lab.alerts()[0].alert, "ana", lab.clock.now_us())
    alerting.step()
    lab.later()
    lab.decide("d", first=1, segment="carrier=UA")
    alerting.step()

    assert [one.state for one in lab.alerts()] == ["acknowledged"] * 2
    assert pager.heard == ["trigger error", "acknowledge error"]


def test_an_escalation_raises_the_severity_of_the_same_alert(pager, lab):
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    lab.later(5 * 3_600)
    alerting.step()
    lab.decide("doo", first=1)
    alerting.step()

    assert pager.heard == ["trigger error", "trigger critical", "resolve critical"]
    assert pager.pages == ["resolve"]


def test_only_its_tiers_are_told_until_they_are_over(pager, lab):
    pager.more = {"tiers": ["P0"]}
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    quiet = list(pager.heard)
    lab.later(5 * 3_600)
    alerting.step()
    pager.more = {"tiers": ["P2"]}
    lab.decide("doo", first=1)
    pager.alerting().step()

    assert quiet == []
    assert pager.heard == ["trigger critical", "resolve critical"]


def test_what_it_was_not_told_of_is_neither_acknowledged_nor_resolved(pager, lab):
    pager.more = {"tiers": ["P0"]}
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    lab.later()
    acknowledge(lab.db, WORKSPACE, lab.alerts()[0].alert, "ana", lab.clock.now_us())
    alerting.step()
    lab.decide("oo", first=1)
    alerting.step()

    assert [one.state for one in lab.alerts()] == ["resolved"]
    assert pager.heard == []


def test_a_person_may_end_it(pager, lab):
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    lab.later()
    resolve(lab.db, WORKSPACE, lab.alerts()[0].alert, "ana", lab.clock.now_us())
    alerting.step()

    assert pager.heard == ["trigger error", "resolve error"]


def test_slack_and_the_console_are_not_told_that_somebody_took_it_on(lab):
    alerting = lab.alerting()
    lab.decide("d")
    alerting.step()
    lab.later()
    acknowledge(lab.db, WORKSPACE, lab.alerts()[0].alert, "ana", lab.clock.now_us())
    alerting.step()

    assert lab.notifier.told == [("firing", "P1")]


# what fails on the way


def test_a_crash_between_sending_and_noting_makes_no_second_alert(pager, lab, wait_until):
    class Killed(BaseException):
        pass

    class DiesAfterSending:
        def __init__(self, notifier):
            self.notifier = notifier

        def send(self, message):
            self.notifier.send(message)
            raise Killed

    pager.settings = {"retry": {"lease": "1s"}}
    lab.decide("doo")
    with pytest.raises(Killed):
        pager.alerting(DiesAfterSending).step()
    crashed = list(pager.heard)
    alerting = pager.alerting()
    wait_until(lambda: alerting.step().notifications.sent == 2, what="the lease of the dead to end")

    assert crashed == ["trigger error"]
    assert pager.heard == ["trigger error", "trigger error", "resolve error"]
    assert pager.pages == ["resolve"]


def test_nothing_is_lost_and_nothing_overtaken_while_it_is_away_for_hours(pager, lab, webhook):
    """It fires, is taken on, is over and opens again, all while PagerDuty is away."""
    alerting = pager.alerting()
    for status in [429, 500, 503] * 100:
        webhook.answer(status)
    lab.decide("d")
    alerting.step()
    [one] = lab.alerts()
    acknowledge(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())
    lab.later(0.001)
    alerting.step()
    resolve(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())
    alerting.step()
    lab.later(0.001)
    lab.decide("d", column="carrier")
    alerting.step()
    for _ in range(6 * 6):
        lab.later(600)
        alerting.step()
    refused = len(webhook.posted)
    webhook.answers.clear()
    webhook.posted.clear()
    for _ in range(4):
        lab.later(900)
        alerting.step()

    assert refused > 20
    assert pager.heard[:4] == ["trigger error", "acknowledge error", "resolve error", "trigger error"]
    assert len(pager.keys) == 1, "the incident of the window that it fired in"
    assert pager.pages[0] == "resolve"
    assert pager.pages[1] != "resolve"


def test_nothing_is_overtaken_where_clocks_differ(pager, lab, webhook):
    """A process whose clock is behind opens the incident again while its end still waits."""
    alerting = pager.alerting()
    webhook.answer(503)
    lab.decide("d")
    alerting.step()
    lab.later(1)
    resolve(lab.db, WORKSPACE, lab.alerts()[0].alert, "ana", lab.clock.now_us())
    alerting.step()
    lab.later(-0.5)
    lab.decide("d", column="carrier")
    alerting.step()
    lab.later(60)
    alerting.step()

    assert [one.split()[0] for one in pager.heard] == ["trigger", "trigger", "resolve", "trigger"]
    assert pager.pages == ["resolve", "trigger"]


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_is_asked(pager, lab, webhook, status):
    webhook.answer(status, Retry_After="120")
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    lab.later(119)
    early = alerting.step()
    lab.later(1)
    late = alerting.step()

    assert (early.notifications.sent, late.notifications.sent) == (0, 1)


def test_a_fault_of_ours_is_told_once_with_what_was_answered(pager, lab, webhook, caplog):
    webhook.answer(400)
    webhook.answers[0].body = '{"status":"invalid event","errors":["\'payload.summary\' is missing or blank"]}'
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    lab.later(3_600)
    alerting.step()

    [failed] = notifications(lab.db, WORKSPACE, state="failed")
    [incident] = incidents(lab.db, WORKSPACE)
    assert failed.last_error.startswith(f"oncall, firing of incident {incident.incident} (flight-delay: drift")
    assert failed.last_error.endswith(
        "PagerDuty answered 400: " + '{"status":"invalid event","errors":["\'payload.summary\' is missing or blank"]}'
    )
    assert [record.levelname for record in caplog.records if failed.last_error in record.getMessage()] == ["ERROR"]
    assert len(webhook.posted) == 1


# the key is a secret


def test_the_key_is_in_no_log_no_error_and_no_repr(pager, lab, webhook, free_port, caplog):
    caplog.set_level(0)
    webhook.answer(500)
    webhook.answer(400)
    for answer in webhook.answers:
        answer.body = f"no service has the key {KEY}"
    alerting = pager.alerting()
    lab.decide("d")
    alerting.step()
    lab.later(60)
    alerting.step()
    nobody = HttpUrl(f"http://127.0.0.1:{free_port()}")
    settings = PagerDutySettings(routing_key=SecretStr(KEY), base_url=nobody)
    notifier = PagerDutyNotifier(settings)
    with pytest.raises(RetryableError) as error:
        notifier.send(MESSAGE)
    with pytest.raises(ValidationError) as wrong:
        PagerDutySettings.model_validate({"routing_key": KEY + "x", "tiers": ["P9"]})

    [failed] = notifications(lab.db, WORKSPACE)
    assert "no service has the key ***" in failed.last_error
    said = [
        caplog.text,
        failed.last_error,
        repr(settings),
        settings.model_dump_json(),
        repr(notifier),
        str(vars(notifier)),
    ]
    causes = [str(error.value), repr(error.value.__cause__), str(wrong.value)]
    assert [text for text in [*said, *causes] if KEY in text] == []


def test_the_key_is_from_the_environment(load_alerting, monkeypatch):
    monkeypatch.setenv("DRIFTGLASS_ALERTING__NOTIFIERS__ONCALL__ROUTING_KEY", KEY)

    [(name, settings)] = load_alerting("alerting:\n  notifiers:\n    oncall: {kind: pagerduty}\n").notifiers.items()

    assert (name, settings.routing_key.get_secret_value()) == ("oncall", KEY)


def test_a_wrong_key_is_refused_and_not_repeated(load_alerting, monkeypatch):
    monkeypatch.setenv("DRIFTGLASS_ALERTING__NOTIFIERS__ONCALL__ROUTING_KEY", KEY[1:])

    with pytest.raises(SettingsError, match="is 32 letters and digits") as error:
        load_alerting("alerting:\n  notifiers:\n    oncall: {kind: pagerduty}\n")

    assert KEY[1:] not in str(error.value)


# settings that would be ignored


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("tier: P2, notify: [oncall]", r"rules\.0\.notify\.0"),
        ("tier: P1, notify: [quiet], escalate_after: 1h, escalate_to: oncall", r"rules\.0\.escalate_to"),
    ],
)
def test_a_rule_that_would_never_be_told_is_refused(load_alerting, rule, place):
    notifiers = f"oncall: {{kind: pagerduty, tiers: [P0], routing_key: {KEY}}}, quiet: {{kind: console}}"
    text = f"alerting:\n  notifiers: {{{notifiers}}}\n  rules:\n    - {{name: slow, metrics: [psi], {rule}}}\n"

    with pytest.raises(SettingsError, match=place + ".*which oncall is not told of"):
        load_alerting(text)


def test_a_rule_that_rises_to_its_tier_is_fine(load_alerting):
    notifiers = f"oncall: {{kind: pagerduty, tiers: [P0], routing_key: {KEY}}}"
    rule = "{name: slow, metrics: [psi], tier: P1, notify: [oncall], escalate_after: 1h}"

    assert load_alerting(f"alerting:\n  notifiers: {{{notifiers}}}\n  rules: [{rule}]\n").rules[0].tier == "P1"

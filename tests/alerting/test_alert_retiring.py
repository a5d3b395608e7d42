"""Alerts of a model that is retired: they end, whoever was told hears so, and nothing opens until it is back."""

import pytest

from store import models
from store.alerts import acknowledge, incidents
from store.retiring import retire, unretire

WORKSPACE, MODEL = "acme", "flight-delay"
TWICE = {"rules": [{"name": "drift", "tier": "P1", "metrics": ["psi"], "for": 2}]}


@pytest.fixture(autouse=True)
def registered(lab):
    models.register(lab.db, WORKSPACE, [MODEL, "other"], 10, 0)


def retired(lab):
    retire(lab.db, WORKSPACE, MODEL, lab.clock.now_us())


def back(lab):
    unretire(lab.db, WORKSPACE, MODEL, lab.clock.now_us())


def test_what_is_open_ends_and_whoever_was_told_hears_why(lab):
    alerting = lab.alerting()
    lab.decide("d", column="origin")
    lab.decide("d", column="carrier")
    lab.decide("d", model="other")
    alerting.step()
    taken = next(alert for alert in lab.alerts() if alert.column == "origin")
    acknowledge(lab.db, WORKSPACE, taken.alert, "ana", lab.clock.now_us())
    lab.later()
    retired(lab)
    alerting.step()

    mine = [alert for alert in lab.alerts() if alert.model == MODEL]
    assert [(a.state, a.details.resolution, a.resolved_us) for a in mine] == [
        ("resolved", "retired", lab.clock.now_us())
    ] * 2
    assert {i.model: i.state for i in incidents(lab.db, WORKSPACE)} == {MODEL: "resolved", "other": "open"}
    last = lab.notifier.sent[-1]
    assert (last.happening, last.title) == ("resolved", "flight-delay: drift on 2 columns (the model was retired)")
    assert {finding.resolution for finding in last.findings} == {"retired"}
    assert lab.notifier.told.count(("resolved", "P1")) == 1


def test_nothing_opens_while_it_is_retired(lab):
    alerting = lab.alerting()
    retired(lab)
    lab.decide("dd")  # of a worker that had not heard of it
    lab.decide("d", model="other")
    alerting.step()

    assert [alert.model for alert in lab.alerts()] == ["other"]
    assert [message.model for message in lab.notifier.sent] == ["other"]


def test_what_was_pending_is_forgotten_and_goes_on_once_it_is_back(lab):
    alerting = lab.alerting(TWICE)
    lab.decide("od")
    alerting.step()
    pending = lab.states()
    retired(lab)
    forgotten = lab.states()
    back(lab)
    lab.later()
    lab.decide("d", first=2)
    alerting.step()

    assert (pending, forgotten, lab.states()) == ([("dep_delay", "pending")], [], [("dep_delay", "firing")])
    assert lab.notifier.told == [("firing", "P1")]


def test_once_it_is_back_what_was_told_is_settled_and_what_is_new_is_told(lab):
    alerting = lab.alerting()
    lab.decide("dd")
    alerting.step()
    retired(lab)
    back(lab)
    lab.later()
    lab.decide("dd")  # decided again, the same
    alerting.step()
    settled = lab.states()
    lab.later()
    lab.decide("d", first=2)
    alerting.step()

    assert settled == [("dep_delay", "resolved")]
    assert lab.states() == [("dep_delay", "firing"), ("dep_delay", "resolved")]
    assert lab.notifier.told == [("firing", "P1"), ("resolved", "P1"), ("firing", "P1")]


def test_retiring_twice_ends_nothing_twice(lab):
    alerting = lab.alerting()
    lab.decide("d")
    alerting.step()
    retired(lab)
    first = lab.alerts()
    lab.later()
    retired(lab)

    assert lab.alerts() == first

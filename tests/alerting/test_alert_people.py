"""What people do with alerts, and what happens when they do nothing."""

import pytest

from alerting.rules import Rule, default_rules
from kernel.errors import ContractError, NotFoundError
from store.alerts import acknowledge, alert, incidents, open_alerts, resolve

WORKSPACE = "acme"
HOUR_S = 3_600


@pytest.fixture
def firing(lab):
    alerting = lab.alerting()
    lab.decide("d")
    alerting.step()
    lab.later()
    return alerting


def test_an_acknowledged_alert_stays_so_until_it_is_calm(lab, firing):
    [one] = lab.alerts()
    taken = acknowledge(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())
    lab.decide("d", first=1)
    firing.step()
    meanwhile = alert(lab.db, WORKSPACE, one.alert)
    lab.later()
    lab.decide("oo", first=2)
    firing.step()

    assert (taken.state, taken.acknowledged_by) == ("acknowledged", "ana")
    assert (meanwhile.state, meanwhile.acknowledged_by) == ("acknowledged", "ana")
    assert [one.state for one in lab.alerts()] == ["resolved"]


def test_acknowledging_twice_keeps_the_first(lab, firing):
    [one] = lab.alerts()
    first = acknowledge(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())

    assert acknowledge(lab.db, WORKSPACE, one.alert, "ben", lab.clock.now_us() + 1) == first


def test_what_does_not_fire_cannot_be_acknowledged(lab, firing):
    [one] = lab.alerts()
    resolve(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())

    with pytest.raises(ContractError, match="is resolved; only a firing alert"):
        acknowledge(lab.db, WORKSPACE, one.alert, "ben", lab.clock.now_us())


@pytest.mark.parametrize("action", [acknowledge, resolve])
def test_an_alert_that_is_not_there_is_said(lab, action):
    with pytest.raises(NotFoundError, match="there is no alert 0f3c in workspace acme"):
        action(lab.db, WORKSPACE, "0f3c", "ana", 0)


def test_what_a_person_resolved_is_over_and_new_trouble_is_a_new_alert(lab, firing):
    [one] = lab.alerts()
    resolve(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())
    firing.step()
    over = incidents(lab.db, WORKSPACE)
    lab.decide("d")  # the window it had seen, decided again
    firing.step()
    quiet = open_alerts(lab.db, WORKSPACE)
    lab.later()
    lab.decide("d", first=1)
    firing.step()

    assert [incident.state for incident in over] == ["resolved"]
    assert quiet == []
    [new] = open_alerts(lab.db, WORKSPACE)
    assert new.alert != one.alert
    assert [happening for happening, _ in lab.notifier.told] == ["firing", "resolved", "firing"]
    assert alert(lab.db, WORKSPACE, one.alert).details.resolved_by == "ana"


def test_a_p1_that_nobody_takes_on_goes_to_p0_once(lab, firing):
    lab.later(4 * HOUR_S - 2)
    early = firing.step()
    lab.later(2)
    due = firing.step()
    lab.later(10 * HOUR_S)
    again = firing.step()

    assert (early.escalated, due.escalated, again.escalated) == (0, 1, 0)
    assert lab.notifier.told == [("firing", "P1"), ("escalated", "P0")]
    assert [one.tier for one in lab.alerts()] == ["P0"]
    assert [incident.tier for incident in incidents(lab.db, WORKSPACE)] == ["P0"]


def test_an_escalated_alert_keeps_its_tier_and_says_when_it_is_over(lab, firing):
    lab.later(5 * HOUR_S)
    firing.step()
    lab.decide("doo", first=1)
    firing.step()

    assert [(one.tier, one.state) for one in lab.alerts()] == [("P0", "resolved")]
    assert lab.notifier.told == [("firing", "P1"), ("escalated", "P0"), ("resolved", "P0")]


def test_what_is_acknowledged_does_not_escalate(lab, firing):
    [one] = lab.alerts()
    acknowledge(lab.db, WORKSPACE, one.alert, "ana", lab.clock.now_us())
    lab.later(24 * HOUR_S)

    assert firing.step().escalated == 0


def test_escalation_may_go_to_another_notifier(lab, make_recorder):
    channel, boss = make_recorder(), make_recorder()
    rule = {"name": "drift", "tier": "P1", "metrics": ["psi"], "notify": ["channel"]}
    rule |= {"escalate_after": "1h", "escalate_to": "boss"}
    alerting = lab.alerting({"rules": [rule]}, channel=channel, boss=boss)
    lab.decide("d")
    alerting.step()
    lab.later(HOUR_S)
    alerting.step()
    lab.decide("oo", first=1)
    alerting.step()

    assert channel.told == [("firing", "P1"), ("resolved", "P1")]
    assert boss.told == [("escalated", "P1"), ("resolved", "P1")]


def test_alerts_are_listed_by_what_is_asked(lab):
    lab.decide("d")
    lab.decide("d", model="fraud")
    lab.decide("g", column="", metric="error_rate")
    lab.decide("g", column="", metric="latency_p90")
    slow = {"name": "slow", "tier": "P2", "metrics": ["latency_p90"], "for": 2}
    lab.alerting({"rules": [*default_rules(), Rule.model_validate(slow)]}).step()

    assert {a.model for a in lab.alerts(model="fraud")} == {"fraud"}
    assert {a.metric for a in lab.alerts(tier="P0")} == {"error_rate"}
    assert {a.metric for a in lab.alerts(state="pending")} == {"latency_p90"}
    assert len(lab.alerts(limit=2)) == 2
    assert [a.tier for a in open_alerts(lab.db, WORKSPACE, "flight-delay")] == ["P0", "P1"]
    assert len(incidents(lab.db, WORKSPACE, model="flight-delay", state="open")) == 2

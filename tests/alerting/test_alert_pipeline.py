from alerting.pipeline import Alerting, StepReport
from alerting.settings import AlertingSettings
from kernel.clock import DAY_US, SECOND_US
from store.alert_rows import OPEN, RESOLVED
from store.alerts import incident_alerts, incidents, open_alerts, resolve
from store.notifications import notifications
from store.retraining import retraining_requests

WORKSPACE = "acme"


def test_a_drift_fires_once_and_resolves_after_calm_windows(lab):
    alerting = lab.alerting()
    lab.decide("ood")
    fired = alerting.step()
    lab.later()
    lab.decide("oo", first=3)
    resolved = alerting.step()

    assert (fired.fired, fired.resolved, resolved.fired, resolved.resolved) == (1, 0, 0, 1)
    assert lab.notifier.told == [("firing", "P1"), ("resolved", "P1")]
    [alert] = lab.alerts()
    assert (alert.state, alert.details.resolution) == ("resolved", "calm")
    assert (alert.value, alert.expected) == (0.4, 0.02)
    assert alert.summary == "flight-delay: dep_delay, version 3: psi 0.4, 0.02 expected"
    assert alert.seen_window_us - alert.first_window_us == 2 * DAY_US


def test_a_step_without_news_does_nothing(lab):
    alerting = lab.alerting()
    lab.decide("od")
    alerting.step()
    lab.later(3_600)
    again = alerting.step()

    assert (again.fired, again.resolved) == (0, 0)
    assert alerting.step() == StepReport(), "what was decided long ago is not even read"
    assert len(lab.notifier.sent) == 1


def test_twenty_columns_in_one_window_are_one_incident_and_one_message(lab):
    for n in range(20):
        lab.decide("od", column=f"feature_{n:02}")
    lab.alerting().step()

    [incident] = incidents(lab.db, WORKSPACE)
    assert len(open_alerts(lab.db, WORKSPACE)) == 20
    assert len(incident_alerts(lab.db, WORKSPACE, incident)) == 20
    [message] = lab.notifier.sent
    assert len(message.findings) == 20
    assert message.title == "flight-delay: drift on 20 columns"


def test_columns_that_fire_in_another_window_are_another_incident(lab):
    lab.decide("d", column="origin")
    lab.decide("od", column="carrier")
    lab.alerting().step()

    assert len(incidents(lab.db, WORKSPACE)) == 2


def test_an_incident_is_over_when_all_its_alerts_are(lab):
    alerting = lab.alerting()
    lab.decide("d", column="origin")
    lab.decide("d", column="carrier")
    alerting.step()
    lab.later()
    lab.decide("oo", column="origin", first=1)
    alerting.step()
    half = incidents(lab.db, WORKSPACE)
    lab.later()
    lab.decide("oo", column="carrier", first=1)
    alerting.step()
    whole = incidents(lab.db, WORKSPACE)

    assert [incident.state for incident in half] == [OPEN]
    assert [incident.state for incident in whole] == [RESOLVED]
    assert lab.notifier.told == [("firing", "P1"), ("resolved", "P1")]


def test_psi_and_js_distance_of_a_column_are_evidence_of_one_alert(lab):
    lab.decide("od", metric="psi")
    lab.decide("od", metric="js_distance", value=0.3)
    lab.alerting({"rules": [{"name": "drift", "tier": "P1", "metrics": ["psi", "js_distance"]}]}).step()

    [alert] = lab.alerts()
    assert alert.metric == "psi"
    assert [(e.metric, e.value) for e in alert.details.evidence] == [("js_distance", 0.3), ("psi", 0.4)]


def test_by_default_js_distance_alone_is_no_alert(lab):
    lab.decide("d", metric="js_distance")
    lab.alerting().step()

    assert lab.alerts() == []


def test_insufficient_and_provisional_windows_neither_fire_nor_resolve(lab):
    alerting = lab.alerting({"rules": [{"name": "drift", "metrics": ["psi"], "for": 2, "resolve_after": 2}]})
    lab.decide("dip")
    alerting.step()
    pending = lab.states()
    lab.later()
    lab.decide("doi", first=3)
    alerting.step()
    firing = lab.states()
    lab.later()
    lab.decide("o", first=6)
    alerting.step()

    assert pending == [("dep_delay", "pending")]
    assert firing == [("dep_delay", "firing")]
    assert lab.states() == [("dep_delay", "resolved")]


def test_long_gaps_between_deciding_windows_are_no_end(lab):
    alerting = lab.alerting({"rules": [{"name": "drift", "metrics": ["psi"], "for": 3, "resolve_after": 3}]})
    for first, windows in enumerate(["d", *"iiii", "d", *"iiiiii", "d", "o", *"iiiii", "o", *"iiii", "o"]):
        lab.decide(windows, first=first)
        alerting.step()
        lab.later(100)

    [alert] = lab.alerts()
    assert alert.state == "resolved"
    assert (alert.details.fired_window_us or 0) - alert.first_window_us == 12 * DAY_US


def test_a_long_history_gives_the_same_alerts_at_once_as_day_by_day(lab):
    story = "oooddddoooodoooddddddoodooodd"
    rules = {"rules": [{"name": "drift", "tier": "P1", "metrics": ["psi"], "for": 2, "resolve_after": 2}]}
    alerting = lab.alerting(rules)
    for day, letter in enumerate(story):
        lab.decide(letter, column="daily", first=day)
        alerting.step()
        lab.later(SECOND_US)
    lab.decide(story, column="at once")
    alerting.step()

    spans = {
        column: sorted(
            (a.state, a.first_window_us, a.last_window_us, a.seen_window_us) for a in lab.alerts() if a.column == column
        )
        for column in ("daily", "at once")
    }
    assert spans["daily"] == spans["at once"]
    assert [state for state, *_ in spans["daily"]] == ["firing", "resolved", "resolved"]


def test_decisions_made_again_tell_nobody_twice(lab):
    alerting = lab.alerting()
    lab.decide("odd")
    alerting.step()
    before = lab.alerts()
    for _ in range(3):
        lab.later(120)
        lab.decide("odd")
        alerting.step()

    assert lab.alerts() == before
    assert lab.notifier.told == [("firing", "P1")]


def test_late_data_withdraw_an_alert_and_say_that_it_is_over(lab):
    alerting = lab.alerting()
    lab.decide("od")
    alerting.step()
    lab.later()
    lab.decide("o", first=1)
    alerting.step()

    [alert] = lab.alerts()
    assert (alert.state, alert.details.resolution) == ("resolved", "withdrawn")
    assert lab.notifier.told == [("firing", "P1"), ("resolved", "P1")]


def test_trouble_that_comes_back_in_a_window_already_withdrawn_is_told_again(lab):
    alerting = lab.alerting()
    for letter in "dod":
        lab.decide(letter)
        alerting.step()
        lab.later()

    assert [happening for happening, _ in lab.notifier.told] == ["firing", "resolved", "firing"]
    assert [incident.state for incident in incidents(lab.db, WORKSPACE)] == [OPEN]
    assert len(retraining_requests(lab.db, WORKSPACE)) == 1


def test_a_decision_committed_late_by_a_slower_writer_is_still_read(lab):
    alerting = lab.alerting()
    lab.decide("d", column="quick", decided_us=lab.clock.now_us())
    alerting.step()
    lab.decide("d", column="slow", decided_us=lab.clock.now_us() - 30 * SECOND_US)
    lab.later(20)
    alerting.step()

    assert lab.states() == [("quick", "firing"), ("slow", "firing")]
    assert len(lab.notifier.sent) == 1, "the second joins the incident"


def test_a_writer_whose_clock_runs_ahead_hides_nobody(lab):
    alerting = lab.alerting()
    lab.decide("d", column="ahead", decided_us=lab.clock.now_us() + DAY_US)
    alerting.step()
    lab.later(600)
    lab.decide("d", column="in time")
    alerting.step()

    assert len(lab.states()) == 2


def test_each_tier_is_an_incident_of_its_own_and_only_a_rules_notifiers_are_told(lab, make_recorder):
    pager, channel = make_recorder(), make_recorder()
    rules = [
        {"name": "errors", "tier": "P0", "metrics": ["error_rate"], "notify": ["pager"]},
        {"name": "drift", "tier": "P1", "metrics": ["psi"], "notify": ["channel"]},
    ]
    lab.decide("d")
    lab.decide("g", column="", metric="error_rate", value=0.2, expected=0.01)
    lab.alerting({"rules": rules}, pager=pager, channel=channel).step()

    assert (pager.told, channel.told) == ([("firing", "P0")], [("firing", "P1")])
    assert pager.sent[0].findings[0].subject == "version 3"


def test_models_versions_segments_and_sizes_are_alerts_of_their_own(lab):
    for more in ({}, {"version": "4"}, {"segment": "origin=JFK"}, {"size": "1w"}, {"model": "fraud"}):
        lab.decide("d", **more)
    lab.alerting().step()

    assert len({alert.fingerprint for alert in open_alerts(lab.db, WORKSPACE)}) == 5
    assert len(lab.notifier.sent) == 2, "one a model"


def test_an_alert_whose_rule_is_gone_is_told_to_be_over_when_a_person_resolves_it(lab):
    lab.decide("d")
    lab.alerting().step()
    [alert] = lab.alerts()
    resolve(lab.db, WORKSPACE, alert.alert, "ana", lab.clock.now_us())
    lab.later()
    lab.alerting({"rules": []}).step()

    assert lab.notifier.told == [("firing", "P1"), ("resolved", "P1")]


def test_workspaces_do_not_see_one_another(lab):
    lab.decide("d")
    Alerting(lab.db, AlertingSettings(), {"console": lab.notifier}, lab.clock, "other").step()

    assert lab.alerts() == []
    assert notifications(lab.db, "other") == []

"""One lasting cause is one thread: what fires under a wider alert joins its incident, and nobody is told again."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.fold import Policy, Window
from alerting.holding import Holder
from alerting.matching import Series
from alerting.revising import Context, revise
from alerting.rules import Rule
from kernel.clock import DAY_US
from store.alert_rows import RESOLVED, Alert
from store.alert_view import open_incidents
from store.alerts import acknowledge, acknowledge_incident, incidents, resolve
from store.database import upsert
from store.retraining import retraining_requests
from store.tables import columns as columns_table

WORKSPACE = "acme"
START_US = 1_362_096_000_000_000  # the laboratory's window 0
DRIFT = Rule(name="drift", tier="P1", metrics=("psi",))
EVERYWHERE = [(version, segment) for version in "345" for segment in ("", "origin=EWR", "origin=JFK")]


@pytest.fixture
def scores(lab) -> Callable[..., None]:
    """Registers the scores of a model's classes."""

    def register(*classes: str) -> None:
        rows = [
            {"workspace": WORKSPACE, "model": "flight-delay", "column": f"score.{name}", "kind": "score"}
            for name in classes
        ]
        with lab.db.write() as tx:
            upsert(tx, columns_table, rows)

    return register


def heads(lab) -> list[tuple[str, str, str, str]]:
    """(version, segment, size, column) of the alerts that are under no other."""
    return sorted((a.version, a.segment, a.size, a.column) for a in lab.alerts(limit=1_000) if not a.details.under)


def test_a_column_that_drifts_everywhere_is_one_finding_and_every_alert_is_listed(lab):
    for version, segment in EVERYWHERE:
        lab.decide("oddddddd", version=version, segment=segment)
        lab.decide("d", version=version, segment=segment, size="1w")
    lab.alerting().step()

    assert len(lab.alerts(state="firing")) == 18
    assert heads(lab) == [("3", "", "1d", "dep_delay")]
    [message] = lab.notifier.sent
    [finding] = message.findings
    assert finding.subject == "dep_delay, version 3"
    assert finding.also == "2 more versions, 2 segments, windows of 1w"
    assert message.title == "flight-delay: drift on dep_delay"


def test_what_follows_in_other_versions_segments_and_window_lengths_tells_nobody(lab):
    alerting = lab.alerting()
    lab.decide("d", version="3")
    alerting.step()
    lab.later()
    for day, more in enumerate(({"segment": "origin=JFK"}, {"version": "4"}, {"size": "1w"}), start=1):
        lab.decide("d", first=day, version=more.pop("version", "3"), **more)
        lab.decide("d" * 7, first=day, version="3")
        alerting.step()
        lab.later()

    assert lab.notifier.told == [("firing", "P1")]
    assert [incident.state for incident in incidents(lab.db, WORKSPACE)] == ["open"]
    assert len(lab.alerts(state="firing")) == 4
    assert len(retraining_requests(lab.db, WORKSPACE)) == 1


def test_all_rows_that_follow_a_segment_are_told(lab):
    alerting = lab.alerting()
    lab.decide("dd", segment="origin=JFK")
    alerting.step()
    lab.later()
    lab.decide("od")
    alerting.step()

    assert lab.notifier.told == [("firing", "P1"), ("firing", "P1")]


def test_a_segment_is_told_once_all_rows_are_calm(lab):
    alerting = lab.alerting()
    lab.decide("doo")
    alerting.step()
    lab.later()
    lab.decide("oood", segment="origin=JFK")
    alerting.step()

    assert [happening for happening, _ in lab.notifier.told] == ["firing", "resolved", "firing"]
    assert len(heads(lab)) == 2


def test_a_segment_found_late_to_have_fired_under_an_alert_that_is_over_opens_nothing_again(lab):
    alerting = lab.alerting()
    lab.decide("dddoo")
    alerting.step()
    lab.later()
    lab.decide("odooo", segment="origin=JFK")
    alerting.step()

    assert lab.notifier.told == [("firing", "P1"), ("resolved", "P1")]
    assert [incident.state for incident in incidents(lab.db, WORKSPACE)] == ["resolved"]
    assert [a.state for a in lab.alerts()] == ["resolved", "resolved"]
    assert len(heads(lab)) == 1


def test_an_incident_is_over_only_when_what_is_held_is_calm_too(lab):
    alerting = lab.alerting()
    lab.decide("doo")
    lab.decide("dddoo", segment="origin=JFK")
    lab.decide("d", column="temp")
    alerting.step()
    [incident] = incidents(lab.db, WORKSPACE)
    lab.later()
    lab.decide("oo", first=1, column="temp")
    alerting.step()
    [over] = incidents(lab.db, WORKSPACE)

    assert (incident.state, over.state) == ("open", "resolved")
    assert lab.notifier.told == [("firing", "P1"), ("resolved", "P1")]


@pytest.mark.parametrize(("metric", "column", "told"), [("error_rate", "", 2), ("psi", "dep_delay", 1)])
def test_what_is_measured_of_a_whole_model_is_each_versions_own_what_a_column_does_is_shared(lab, metric, column, told):
    alerting = lab.alerting()
    lab.decide("dd", metric=metric, column=column, version="3")
    alerting.step()
    lab.later()
    lab.decide("od", metric=metric, column=column, version="4")
    alerting.step()

    assert len(lab.notifier.sent) == told


@pytest.mark.parametrize(("classes", "findings"), [(("late", "on_time"), 1), (("late", "on_time", "early"), 2)])
def test_one_of_two_scores_speaks_for_its_complement(lab, scores, classes, findings):
    scores(*classes)
    lab.decide("d", column="score.late")
    lab.decide("d", column="score.on_time")
    lab.alerting().step()

    [message] = lab.notifier.sent
    assert len(message.findings) == findings
    assert message.findings[0].also == ("score.on_time" if findings == 1 else "")
    assert len(lab.alerts(state="firing")) == 2


def test_other_columns_and_other_rules_are_causes_of_their_own(lab):
    alerting = lab.alerting()
    lab.decide("dd")
    alerting.step()
    lab.decide("od", column="temp")
    lab.decide("od", metric="missing_share")
    lab.decide("d", model="fraud")
    alerting.step()

    assert len(lab.notifier.sent) == 4
    assert len(heads(lab)) == 4


def test_a_rule_without_groups_tells_of_each_by_itself(lab):
    rule = {"name": "drift", "tier": "P1", "metrics": ["psi"], "group": False}
    alerting = lab.alerting({"rules": [rule]})
    lab.decide("dd")
    alerting.step()
    lab.decide("od", segment="origin=JFK")
    alerting.step()

    assert len(lab.notifier.sent) == 2
    assert len(heads(lab)) == 2


def test_whoever_takes_an_alert_on_takes_on_what_is_under_it_and_what_comes_under_it(lab):
    alerting = lab.alerting()
    lab.decide("dd")
    lab.decide("dd", segment="origin=JFK")
    alerting.step()
    [head] = [a for a in lab.alerts() if not a.details.under]
    acknowledge(lab.db, WORKSPACE, head.alert, "ana", lab.clock.now_us())
    lab.later()
    lab.decide("od", segment="origin=EWR")
    alerting.step()
    lab.later(5 * 3_600)

    assert {(a.state, a.acknowledged_by) for a in lab.alerts()} == {("acknowledged", "ana")}
    assert alerting.step().escalated == 0


def test_whoever_takes_an_incident_on_takes_on_all_that_fires_in_it(lab):
    lab.decide("d")
    lab.decide("d", column="temp")
    lab.alerting().step()
    [incident] = incidents(lab.db, WORKSPACE)
    acknowledge_incident(lab.db, WORKSPACE, incident.incident, "ana", lab.clock.now_us())
    acknowledge_incident(lab.db, WORKSPACE, incident.incident, "ben", lab.clock.now_us())

    assert [(a.state, a.acknowledged_by) for a in lab.alerts()] == [("acknowledged", "ana")] * 2


def test_the_worst_tier_is_shown_first_even_when_taken_on_then_the_newest(lab):
    lab.decide("dd")
    lab.decide("od", column="temp")
    lab.decide("d", metric="missing_share")
    lab.alerting().step()
    [p1] = [one for one in open_incidents(lab.db, WORKSPACE) if one.alerts[0].column == "temp"]
    newest_first = [one.alerts[0].column for one in open_incidents(lab.db, WORKSPACE)]
    acknowledge_incident(lab.db, WORKSPACE, p1.incident.incident, "ana", lab.clock.now_us())

    assert newest_first == ["temp", "dep_delay", "dep_delay"]
    assert [(one.incident.tier, one.is_taken) for one in open_incidents(lab.db, WORKSPACE)] == [
        ("P1", False),
        ("P1", True),
        ("P2", False),
    ]


def test_whoever_ends_an_alert_ends_what_is_under_it_and_trouble_that_goes_on_is_told_once(lab):
    alerting = lab.alerting()
    for segment in ("", "origin=JFK"):
        lab.decide("d", segment=segment)
    alerting.step()
    [head] = [a for a in lab.alerts() if not a.details.under]
    resolve(lab.db, WORKSPACE, head.alert, "ana", lab.clock.now_us())
    alerting.step()
    over = [a.state for a in lab.alerts()]
    lab.later()
    for segment in ("", "origin=JFK"):
        lab.decide("d", first=1, segment=segment)
    alerting.step()

    assert over == ["resolved", "resolved"]
    assert [happening for happening, _ in lab.notifier.told] == ["firing", "resolved", "firing"]


def take(lab) -> None:
    """Ana acknowledges whatever fires."""
    for alert in lab.alerts(state="firing"):
        acknowledge(lab.db, WORKSPACE, alert.alert, "ana", lab.clock.now_us())
    lab.later()


def test_what_is_decided_no_more_speaks_for_nothing(lab):
    alerting = lab.alerting()
    lab.decide("d", version="3")
    alerting.step()
    take(lab)
    lab.decide("d", first=4, version="4")
    alerting.step()

    assert lab.notifier.told == [("firing", "P1"), ("firing", "P1")]
    assert [a.state for a in lab.alerts(state="firing")] == ["firing"]


@pytest.mark.parametrize(("days", "state"), [(2, "firing"), (3, "resolved")])
def test_what_a_version_leaves_firing_lapses_where_another_is_calm_and_its_incident_is_over(lab, days, state):
    alerting = lab.alerting()
    lab.decide("d", version="3")
    lab.decide("d" + "o" * days, version="4")
    lab.decide("i" * days, first=1, version="3")
    for _ in range(3):  # what was decided lately is read again, and opens nothing again
        alerting.step()
        lab.later()

    assert {a.version: a.state for a in lab.alerts()} == {"3": state, "4": "resolved"}
    assert [happening for happening, _ in lab.notifier.told] == ["firing", "resolved"][: days - 1]


def test_what_a_version_leaves_firing_stays_while_another_fires(lab):
    alerting = lab.alerting()
    lab.decide("d", version="3")
    lab.decide("dododododo", version="4")
    for _ in range(2):
        alerting.step()
        lab.later()

    assert [a.state for a in lab.alerts()] == ["firing", "firing"]


def test_what_was_decided_lately_still_speaks(lab):
    alerting = lab.alerting()
    lab.decide("d", version="3")
    lab.decide("ood", version="4")
    alerting.step()

    assert heads(lab) == [("3", "", "1d", "dep_delay")]


@pytest.mark.parametrize("column", ["prediction", "score.late", "words(comment)"])
def test_what_a_version_answers_is_its_own_unless_all_change_in_the_same_window(lab, column):
    alerting = lab.alerting()
    for version, windows in (("3", "dd"), ("4", "dd"), ("5", "od")):
        lab.decide(windows, version=version, column=column)
    alerting.step()

    assert heads(lab) == [("3", "", "1d", column), ("5", "", "1d", column)]


ERRORS = {"rules": [{"name": "errors", "tier": "P0", "metrics": ["error_rate"], "resolve_after": 1}]}


@pytest.mark.parametrize(("value", "told"), [(0.03, 1), (0.0301, 2), (1.0, 2)])
@pytest.mark.parametrize("where", [{"version": "4"}, {"segment": "region=eu"}])
def test_what_is_more_than_twice_as_far_from_expected_is_told_even_after_the_message_went(lab, where, value, told):
    alerting = lab.alerting(ERRORS)
    lab.decide("g", metric="error_rate", column="", value=0.02, expected=0.01)
    alerting.step()
    lab.later()
    lab.decide("g", metric="error_rate", column="", value=value, expected=0.01, **where)
    alerting.step()
    alerting.step()

    assert lab.notifier.told == [("firing", "P0")] * told
    assert len(heads(lab)) == told


def test_what_is_worse_than_what_was_taken_on_is_told(lab):
    alerting = lab.alerting()
    lab.decide("d", value=0.4)
    alerting.step()
    take(lab)
    lab.decide("d", first=1, value=0.8)
    lab.decide("d", first=1, segment="origin=EWR", value=0.3)
    lab.decide("d", first=1, segment="origin=JFK", value=0.5)
    alerting.step()

    assert {a.segment: a.state for a in lab.alerts() if a.segment} == {
        "origin=EWR": "acknowledged",
        "origin=JFK": "firing",
    }
    assert lab.notifier.sent[1].findings[0].segment == "origin=JFK"


MARCH = {"size": "1mo", "window_end_us": START_US + 31 * DAY_US}


@pytest.mark.parametrize(("day", "told"), [(30, 1), (31, 2)])
def test_a_month_speaks_for_its_own_days_only(lab, day, told):
    alerting = lab.alerting()
    lab.decide("d", **MARCH)
    alerting.step()
    lab.later()
    lab.decide("od", first=day - 1)
    alerting.step()

    assert len(lab.notifier.sent) == told


def test_what_was_under_an_alert_that_late_data_took_back_is_told_and_nobody_took_it_on(lab):
    alerting = lab.alerting()
    lab.decide("d")
    lab.decide("dd", segment="origin=EWR")
    alerting.step()
    take(lab)
    lab.decide("oo")
    lab.decide("d", first=2, segment="origin=EWR")
    alerting.step()
    alerting.step()

    [fires] = [a for a in lab.alerts() if a.is_live]
    assert (fires.state, fires.acknowledged_by, fires.details.under) == ("firing", "", "")
    assert lab.notifier.told == [("firing", "P1"), ("firing", "P1")]
    assert lab.notifier.sent[1].findings[0].segment == "origin=EWR"
    lab.later(5 * 3_600)
    assert alerting.step().escalated == 1


@pytest.mark.parametrize("rule", [{"tier": "P0"}, {"size": "1d"}])
def test_an_alert_of_a_rule_that_was_changed_speaks_for_nothing(lab, rule):
    old = {"name": "drift", "tier": "P1", "metrics": ["psi"]}
    week = {"size": "1w", "window_end_us": START_US + 7 * DAY_US}
    lab.decide("d", **week)
    lab.alerting({"rules": [old]}).step()
    lab.later()
    lab.decide("d", first=6)
    lab.alerting({"rules": [old | rule]}).step()

    assert len(lab.notifier.sent) == 2


def test_versions_that_take_turns_are_one_incident_after_the_other(lab):
    alerting = lab.alerting()
    lab.decide("ddddoodddd", version="3")
    lab.decide("oooddddood", version="4")
    alerting.step()

    assert [(a.version, bool(a.details.under)) for a in sorted(lab.alerts(), key=lambda a: a.first_window_us)] == [
        ("3", False),
        ("4", True),
        ("3", False),
        ("4", True),
    ]
    assert len(incidents(lab.db, WORKSPACE)) == 2


def test_an_escalation_is_told_again_for_what_fires_later_and_once(lab):
    alerting = lab.alerting()
    lab.decide("d")
    alerting.step()
    lab.later(5 * 3_600)
    alerting.step()
    lab.decide("d", first=1)
    lab.decide("d", first=1, segment="origin=JFK")
    alerting.step()
    lab.later(5 * 3_600)
    alerting.step()
    alerting.step()

    assert lab.notifier.told == [("firing", "P1"), ("escalated", "P0"), ("escalated", "P0")]
    assert [finding.segment for finding in lab.notifier.sent[2].findings] == ["origin=JFK"]
    assert len(heads(lab)) == 1


class Model:
    """Some series of one rule, revised and placed pass by pass as the pipeline does it."""

    def __init__(self) -> None:
        self.days: dict[tuple[str, str], dict[int, str]] = {}
        self.alerts: dict[str, Alert] = {}
        self.now_us = 0

    def decide(self, stories: dict[tuple[str, str], str], start: int, end: int) -> None:
        self.now_us += 1
        changes = []
        for (version, segment), letters in stories.items():
            days = self.days.setdefault((version, segment), {})
            days |= {day: letters[day] for day in range(start, end)}
            seen = [day for day in sorted(days) if day >= start - 2]
            windows = [Window(day * DAY_US, (day + 1) * DAY_US, days[day] == "x") for day in seen]
            series = Series("drift", "m", version, segment, "1d", "psi", "x", ("psi",))
            mine = [a for a in self.alerts.values() if a.fingerprint == series.fingerprint]
            mine = [a for a in mine if a.state != RESOLVED or a.seen_window_us >= windows[0].start_us]
            context = Context("acme", series, "P1", self.now_us)
            changes += revise(context, Policy(calm=2), mine, windows, start * DAY_US)
        for change in Holder("acme", [DRIFT]).place(changes, list(self.alerts.values())):
            if change.after:
                self.alerts[change.after.alert] = change.after
            elif change.before:
                del self.alerts[change.before.alert]

    def content(self) -> list[tuple[object, ...]]:
        """What does not hang on the wall clock: of each alert what it is under, and its incident."""
        named = {a.alert: (a.fingerprint, a.first_window_us) for a in self.alerts.values()}
        return sorted((named[a.alert], named.get(a.details.under, ()), a.incident) for a in self.alerts.values())


STORIES = st.fixed_dictionaries({place: st.text("xxoo", min_size=10, max_size=10) for place in EVERYWHERE[:5]})


@given(stories=STORIES, cuts=st.sets(st.integers(1, 9)))
def test_any_batching_in_window_order_holds_the_same_alerts(stories, cuts):
    whole, parts = Model(), Model()
    whole.decide(stories, 0, 10)
    for start, end in pairwise(sorted({0, *cuts, 10})):
        parts.decide(stories, start, end)

    assert parts.content() == whole.content()
    heads = {a.alert: a for a in whole.alerts.values()}
    held = [(a, heads[a.details.under]) for a in whole.alerts.values() if a.details.under]
    assert all(a.incident == head.incident and head.segment in ("", a.segment) for a, head in held)


@given(stories=STORIES)
def test_an_alert_is_never_under_itself(stories):
    model = Model()
    model.decide(stories, 0, 10)
    for alert in model.alerts.values():
        chain = [alert]
        while chain[-1].details.under:
            chain.append(model.alerts[chain[-1].details.under])
            assert len(chain) <= len(model.alerts)


def test_what_fired_before_a_wider_alert_stays_the_head_of_its_own_group():
    model = Model()
    segment, all_rows = ("3", "origin=JFK"), ("3", "")
    model.decide({segment: "xx", all_rows: "ox"}, 0, 2)
    before = model.content()
    model.decide({segment: "xxx", all_rows: "oxx"}, 2, 3)

    assert model.content() == before
    assert {alert.details.under for alert in model.alerts.values()} == {""}

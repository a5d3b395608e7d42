"""Silences: alerts go on as ever, only telling people waits; what still fires at the end is told then, once."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.errors import RetryableError
from kernel.clock import DAY_US, HOUR_US, SECOND_US, ManualClock
from kernel.errors import DriftglassError
from store import silences
from store.alerts import acknowledge, incidents
from store.notifications import notifications
from store.retraining import retraining_requests
from store.silences import NewSilence
from testing.migrated import open_migrated

WORKSPACE = "acme"
HOUR_S = 3_600
MODEL = {"model": "flight-delay"}


def silence(lab, matchers=None, hours=1.0, start_hours=0.0):
    """A silence of so many hours that begins in so many hours from now."""
    from_us = lab.clock.now_us() + round(start_hours * HOUR_US)
    new = NewSilence(matchers or MODEL, from_us + round(hours * HOUR_US), "an upgrade", "ada", from_us)
    return silences.create(lab.db, WORKSPACE, new, lab.clock.now_us())


def told(recorder):
    """What was said, and of which columns."""
    return [(m.happening, sorted(f.column or f.metric for f in m.findings)) for m in recorder.sent]


def step(lab, alerting, windows, first, **more):
    lab.decide(windows, first=first, **more)
    alerting.step()


def test_what_fires_in_a_silence_and_still_does_after_it_is_told_then_once_as_it_is_then(lab):
    alerting = lab.alerting()
    silence(lab)
    step(lab, alerting, "d", 0)
    fired = lab.alerts()
    lab.later(HOUR_S - 1)
    step(lab, alerting, "d", 1, value=0.9)
    quiet = list(lab.notifier.sent)
    lab.later(1)
    alerting.step()
    alerting.step()

    assert [(a.state, a.withheld) for a in fired] == [("firing", True)]
    assert quiet == []
    [message] = lab.notifier.sent
    assert (message.happening, [f.value for f in message.findings]) == ("firing", [0.9])
    assert [(a.fired_us, a.withheld) for a in lab.alerts()] == [(fired[0].fired_us, False)]


def test_one_that_is_ended_early_is_over_at_once(lab):
    alerting = lab.alerting()
    made = silence(lab, hours=24 * 90)
    step(lab, alerting, "d", 0)
    lab.later()
    silences.end(lab.db, WORKSPACE, made.silence, lab.clock.now_us())
    alerting.step()

    assert told(lab.notifier) == [("firing", ["dep_delay"])]


def test_what_fires_and_ends_in_it_tells_nobody_ever(lab):
    alerting = lab.alerting()
    silence(lab)
    step(lab, alerting, "d", 0)
    lab.later()
    step(lab, alerting, "oo", 1)
    lab.later(2 * HOUR_S)
    alerting.step()

    assert lab.notifier.sent == []
    assert [(a.state, a.details.resolution, a.withheld) for a in lab.alerts()] == [("resolved", "calm", True)]
    assert [incident.state for incident in incidents(lab.db, WORKSPACE)] == ["resolved"]


def test_what_was_told_before_is_told_to_be_over_and_what_comes_after_is_told_as_ever(lab):
    alerting = lab.alerting()
    step(lab, alerting, "d", 0)
    silence(lab)
    lab.later()
    step(lab, alerting, "oo", 1)
    within = told(lab.notifier)
    lab.later(HOUR_S)
    step(lab, alerting, "d", 3)

    assert within == [("firing", ["dep_delay"]), ("resolved", ["dep_delay"])]
    assert told(lab.notifier)[2:] == [("firing", ["dep_delay"])]


def test_one_that_is_to_come_silences_nothing_yet_and_one_ended_before_it_began_never(lab):
    alerting = lab.alerting()
    ended = silence(lab, start_hours=1, hours=9)
    silence(lab, start_hours=2)
    silences.end(lab.db, WORKSPACE, ended.silence, lab.clock.now_us())
    for first, column in enumerate(("now", "in an hour", "in two")):
        step(lab, alerting, "d", first, column=column)
        lab.later(HOUR_S)

    assert told(lab.notifier) == [("firing", ["now"]), ("firing", ["in an hour"])]


def test_of_an_incident_what_is_not_silenced_is_told_and_the_rest_after(lab):
    alerting = lab.alerting()
    silence(lab, {"column": "temp"})
    for column in ("temp", "wind"):
        lab.decide("d", column=column)
    alerting.step()
    within = told(lab.notifier)
    lab.later(HOUR_S)
    alerting.step()
    for column in ("temp", "wind"):
        lab.decide("oo", first=1, column=column)
    alerting.step()

    assert len(incidents(lab.db, WORKSPACE)) == 1
    assert within == [("firing", ["wind"])]
    assert told(lab.notifier)[1:] == [("firing", ["temp"]), ("resolved", ["temp", "wind"])]


def test_that_it_is_over_names_nothing_that_nobody_was_told_of(lab):
    alerting = lab.alerting()
    silence(lab, {"column": "temp"})
    for column in ("temp", "wind"):
        lab.decide("doo", column=column)
    alerting.step()

    assert told(lab.notifier) == [("firing", ["wind"]), ("resolved", ["wind"])]


def test_a_message_that_waits_to_be_tried_again_is_not_taken_back(lab):
    lab.notifier.errors = [RetryableError("away")]
    alerting = lab.alerting()
    step(lab, alerting, "d", 0)
    silence(lab)
    lab.later(10)
    alerting.step()

    assert told(lab.notifier) == [("firing", ["dep_delay"])]


COVERED = (
    ({"model": "flight-delay"}, {"temp", "wind", ""}),
    ({"rule": "drift"}, {"temp", "wind", "fee"}),
    ({"tier": "P0"}, {""}),
    ({"metric": "psi"}, {"temp", "wind", "fee"}),
    ({"column": "temp"}, {"temp"}),
    ({"column": ""}, {""}),
    ({"version": "4"}, {"wind"}),
    ({"segment": "origin=JFK"}, {"fee"}),
    ({"model": "flight-delay", "rule": "drift", "column": "fee"}, set()),
    ({"model": "flight-*"}, set()),
    ({}, {"temp", "wind", "fee", ""}),
)


def test_a_silence_covers_what_has_all_that_it_names_exactly(lab):
    lab.decide("d", column="temp")
    lab.decide("d", column="wind", version="4")
    lab.decide("d", column="fee", model="fraud", segment="origin=JFK")
    lab.decide("g", column="", metric="error_rate")
    lab.alerting().step()
    until_us = lab.clock.now_us() + HOUR_US
    for matchers, covered in COVERED:
        new = NewSilence(matchers, until_us, "an upgrade", "ada", all_alerts=not matchers)
        made = silences.create(lab.db, WORKSPACE, new, lab.clock.now_us())
        stored = silences.one(lab.db, WORKSPACE, made.silence)
        assert {alert.column for alert in lab.alerts() if stored.covers(alert)} == covered, matchers


def test_another_workspace_is_silenced_by_itself(lab):
    new = NewSilence({}, lab.clock.now_us() + HOUR_US, "an upgrade", "ada", all_alerts=True)
    silences.create(lab.db, "other", new, lab.clock.now_us())
    step(lab, lab.alerting(), "d", 0)

    assert told(lab.notifier) == [("firing", ["dep_delay"])]


def test_no_time_to_escalate_runs_out_in_it_and_it_begins_anew_after(lab):
    """Told an hour before, escalating after four: two hours of silence in between."""
    alerting = lab.alerting()
    step(lab, alerting, "d", 0)
    lab.later(HOUR_S)
    silence(lab, hours=5)
    lab.later(5 * HOUR_S - 1)
    within = alerting.step().escalated
    lab.later(4 * HOUR_S)
    early = alerting.step().escalated
    lab.later(1)
    due = alerting.step().escalated

    assert (within, early, due) == (0, 0, 1)
    assert told(lab.notifier) == [("firing", ["dep_delay"]), ("escalated", ["dep_delay"])]


def test_what_was_withheld_escalates_no_sooner_than_people_had_time(lab):
    """Nobody alerted for hours after the silence: it counts from when people were told."""
    alerting = lab.alerting()
    silence(lab)
    step(lab, alerting, "d", 0)
    lab.later(9 * HOUR_S)
    untold = alerting._escalate()
    late = alerting.step().escalated
    lab.later(4 * HOUR_S - 1)
    early = alerting.step().escalated
    lab.later(1)
    due = alerting.step().escalated

    assert (untold, late, early, due) == (0, 0, 0, 1)
    assert lab.notifier.told == [("firing", "P1"), ("escalated", "P0")]


def test_one_that_was_ended_before_it_began_puts_no_escalation_off(lab):
    alerting = lab.alerting()
    step(lab, alerting, "d", 0)
    made = silence(lab, start_hours=2)
    lab.later(HOUR_S)
    silences.end(lab.db, WORKSPACE, made.silence, lab.clock.now_us())
    lab.later(3 * HOUR_S)

    assert alerting.step().escalated == 1


def test_a_segment_that_is_silenced_under_what_was_told_needs_no_message_of_its_own(lab):
    alerting = lab.alerting()
    silence(lab, {"segment": "origin=JFK"})
    lab.decide("d")
    lab.decide("d", segment="origin=JFK")
    alerting.step()
    lab.later(HOUR_S)
    alerting.step()

    [message] = lab.notifier.sent
    assert [(f.segment, f.also) for f in message.findings] == [("", "")]
    assert [a.withheld for a in lab.alerts()] == [False, False]


def test_who_is_to_be_told_from_now_on_hears_of_no_old_incident_by_a_silence(lab, make_recorder):
    added = make_recorder()
    step(lab, lab.alerting(), "d", 0)
    silence(lab, {"segment": "origin=JFK"})
    alerting = lab.alerting(console=lab.notifier, added=added)
    step(lab, alerting, "d", 0, segment="origin=JFK")
    lab.later(HOUR_S)
    alerting.step()

    assert [a.withheld for a in lab.alerts()] == [False, False]
    assert added.sent == []


def test_whoever_was_told_hears_the_end_also_where_it_began_anew_in_a_silence(lab):
    """The process that saw it end died before it said so."""
    alerting = lab.alerting()
    step(lab, alerting, "d", 0)
    lab.later()
    lab.decide("oo", first=1)
    alerting._follow_decisions()
    silence(lab)
    lab.later()
    step(lab, alerting, "d", 2)
    anew = [a.withheld for a in lab.alerts()]
    lab.later()
    step(lab, alerting, "oo", 3)

    assert anew == [True]
    assert told(lab.notifier) == [("firing", ["dep_delay"]), ("resolved", ["dep_delay"])]


def test_what_is_silenced_speaks_for_nothing_that_is_not(lab):
    alerting = lab.alerting()
    silence(lab, {"version": "3"})
    lab.decide("d")
    alerting.step()
    lab.later()
    step(lab, alerting, "d", 1, version="4")
    within = [[f.version for f in m.findings] for m in lab.notifier.sent]
    lab.later(HOUR_S)
    alerting.step()

    assert [a.details.under != "" for a in sorted(lab.alerts(), key=lambda a: a.version)] == [False, True]
    assert within == [["4"]]
    assert [[(f.version, f.also) for f in m.findings] for m in lab.notifier.sent[1:]] == [[("3", "version 4")]]


def test_what_fires_under_one_that_ended_untold_is_told(lab):
    alerting = lab.alerting()
    silence(lab)
    lab.decide("d")
    lab.decide("d", segment="origin=JFK")
    alerting.step()
    lab.later()
    step(lab, alerting, "oo", 1)
    lab.later(HOUR_S)
    alerting.step()

    assert [[f.segment for f in m.findings] for m in lab.notifier.sent] == [["origin=JFK"]]


def test_what_somebody_took_on_meanwhile_is_told_and_that_they_did(lab):
    pager = {"kind": "pagerduty", "routing_key": "0123456789abcdef" * 2}
    alerting = lab.alerting({"notifiers": {"console": pager}})
    silence(lab)
    step(lab, alerting, "d", 0)
    [alert] = lab.alerts()
    acknowledge(lab.db, WORKSPACE, alert.alert, "ben", lab.clock.now_us() + 1)
    alerting.step()
    within = list(lab.notifier.sent)
    lab.later(HOUR_S)
    alerting.step()

    assert within == []
    assert told(lab.notifier) == [("firing", ["dep_delay"]), ("acknowledged", ["dep_delay"])]


def test_retraining_is_asked_for_as_ever(lab):
    silence(lab)
    step(lab, lab.alerting(), "d", 0)

    assert len(retraining_requests(lab.db, WORKSPACE)) == 1


def test_an_incident_that_opens_again_in_a_silence_waits_as_a_new_one_does(lab):
    alerting = lab.alerting()
    step(lab, alerting, "d", 0)
    lab.later()
    step(lab, alerting, "o", 0)  # taken back, and again
    silence(lab)
    lab.later()
    step(lab, alerting, "d", 0)
    within = told(lab.notifier)
    lab.later(HOUR_S)
    alerting.step()

    assert within == [("firing", ["dep_delay"]), ("resolved", ["dep_delay"])]
    assert told(lab.notifier)[2:] == [("firing", ["dep_delay"])]


def test_two_silences_last_as_long_as_the_longer(lab):
    alerting = lab.alerting()
    silence(lab)
    silence(lab, {"rule": "drift"}, hours=2)
    step(lab, alerting, "d", 0)
    lab.later(HOUR_S)
    alerting.step()
    after_one = list(lab.notifier.sent)
    lab.later(HOUR_S)
    alerting.step()

    assert (after_one, told(lab.notifier)) == ([], [("firing", ["dep_delay"])])


def test_one_that_begins_as_it_is_made_counts_also_where_the_clock_is_behind(lab):
    ahead_us = lab.clock.now_us() + 30 * SECOND_US
    silences.create(lab.db, WORKSPACE, NewSilence(MODEL, ahead_us + HOUR_US, "an upgrade", "ada"), ahead_us)
    step(lab, lab.alerting(), "d", 0)

    assert lab.notifier.sent == []


def test_several_processes_tell_of_it_once(lab, make_recorder):
    silence(lab)
    for model in range(4):
        lab.decide("d", model="flight-delay" if not model else f"model-{model}")
    silence(lab, {"rule": "drift"})
    lab.alerting().step()
    lab.later(HOUR_S)
    recorder, barrier = make_recorder(), threading.Barrier(3)

    def run() -> None:
        alerting = lab.alerting(console=recorder)
        barrier.wait()
        alerting.step()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(m.model for m in recorder.sent) == ["flight-delay", "model-1", "model-2", "model-3"]


class _Dying(ManualClock):
    """The clock of a process that dies when it looks at the time once more."""

    def __init__(self, now_us: int, looks: int) -> None:
        super().__init__(now_us)
        self.looks = looks

    def now_us(self) -> int:
        self.looks -= 1
        if self.looks < 0:
            raise DriftglassError("killed")
        return super().now_us()


def test_a_process_that_dies_anywhere_has_it_told_once_by_the_next(lab):
    """One incident, one message, whichever step the process that fired it, or that was to tell of it, came to."""
    deaths = 0
    for looks in range(9):
        model = f"model-{looks}"
        made = silence(lab, {"model": model})
        lab.decide("d", model=model)
        for at_hours in (0, 1):
            dying = lab.alerting()
            dying._clock = _Dying(lab.clock.now_us(), looks)
            try:
                dying.step()
            except DriftglassError:
                deaths += 1
            lab.alerting().step()
            if at_hours == 0:
                assert not [m for m in lab.notifier.sent if m.model == model]
                silences.end(lab.db, WORKSPACE, made.silence, lab.clock.now_us())
        lab.later(120)

    kept = notifications(lab.db, WORKSPACE)
    assert deaths > 8
    assert sorted(m.model for m in lab.notifier.sent) == [f"model-{n}" for n in range(9)]
    assert len({n.alert for n in kept}) == len(kept) == 9


STORY = st.lists(st.sampled_from("do"), min_size=3, max_size=9).map("".join)
COLUMNS = ("temp", "wind")


def expected(alerts, ends, silenced, span):
    """What is said and when, by the alerts as they are without a silence: those of one column wait while it lasts."""
    found = []
    for alert in alerts:
        at_us = alert.fired_us
        if alert.column in silenced and span[0] <= at_us < span[1]:
            at_us = span[1]
        if at_us == alert.fired_us or alert.resolved_us is None or alert.resolved_us > at_us:
            found.append((at_us, "firing", alert.column))
            found += [(ends[alert.incident], "resolved", alert.column)] if ends[alert.incident] else []
    return sorted(found)


@settings(max_examples=10)
@given(
    stories=st.fixed_dictionaries(dict.fromkeys(COLUMNS, STORY)),
    silenced=st.sampled_from([{"temp"}, {"wind"}, {"temp", "wind"}]),
    first=st.integers(0, 6),
    days=st.integers(1, 6),
)
def test_the_messages_are_those_without_it_less_what_it_swallowed_and_the_others_at_its_end(
    tmp_path_factory, make_lab, stories, silenced, first, days
):
    folder = tmp_path_factory.mktemp("silenced")
    said, kept = [], []
    for name in ("without", "with"):
        lab = make_lab(open_migrated(f"sqlite:///{folder / f'{name}.db'}"))
        begin_us = lab.clock.now_us()
        span = (begin_us + first * DAY_US, begin_us + (first + days) * DAY_US)
        for column in silenced if name == "with" else ():
            new = NewSilence({"column": column}, span[1], "an upgrade", "ada", span[0])
            silences.create(lab.db, WORKSPACE, new, begin_us)
        alerting, messages = lab.alerting({"rules": [{"name": "drift", "metrics": ["psi"]}]}), []
        for day in range(13):
            for column, story in stories.items():
                lab.decide(story[day : day + 1], first=day, column=column)
            alerting.step()
            messages += [(lab.clock.now_us(), m.happening, f.column) for m in lab.notifier.sent for f in m.findings]
            lab.notifier.sent.clear()
            lab.clock.advance(DAY_US)
        said.append(sorted(messages))
        ends = {one.incident: one.resolved_us for one in incidents(lab.db, WORKSPACE)}
        kept.append([(a.column, a.state, a.fired_us, a.resolved_us, a.tier, a.incident) for a in lab.alerts()])
        alerts = lab.alerts()
        lab.db.close()

    assert kept[0] == kept[1]
    assert said[0] == expected(alerts, ends, set(), span)
    assert said[1] == expected(alerts, ends, silenced, span)

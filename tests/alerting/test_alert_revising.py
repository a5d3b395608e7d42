"""The pure core against a store that is a dictionary: in window order any batching of the same decisions gives the same alerts."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from alerting.fold import Policy, Window
from alerting.matching import Series
from alerting.revising import Change, Context, revise
from kernel.clock import DAY_US
from store.alert_rows import RESOLVED, Alert

SERIES = Series("drift", "flight-delay", "3", "", "1d", "psi", "dep_delay", ("psi",))
POLICIES = st.builds(Policy, st.integers(1, 3), st.sampled_from([0, 2 * DAY_US]), st.integers(1, 3))


class Book:
    """Decisions and alerts of one series, revised as the pipeline does it."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.now_us = 0
        self.days: dict[int, str] = {}
        self.alerts: dict[str, Alert] = {}
        self.fired: list[Alert] = []

    def decide(self, days: dict[int, str]) -> list[Change]:
        self.now_us += 1
        self.days |= days
        changed = min(days)
        known = [day for day in sorted(self.days) if self.days[day] != "."]
        before = [day for day in known if day < changed][-self.policy.lookback("1d") :]
        seen = before + [day for day in known if day >= changed]
        windows = [Window(day * DAY_US, (day + 1) * DAY_US, self.days[day] == "x") for day in seen]
        from_us = min([changed * DAY_US, *(w.start_us for w in windows[:1])])
        stored = [a for a in self.alerts.values() if a.state != RESOLVED or a.seen_window_us >= from_us]
        stored.sort(key=lambda a: (a.first_window_us, a.alert))
        context = Context("acme", SERIES, "P1", self.now_us)
        changes = revise(context, self.policy, stored, windows, changed * DAY_US)
        for change in changes:
            self.keep(change)
        return changes

    def keep(self, change: Change) -> None:
        if change.fired:
            self.fired.append(change.fired)
        if change.after:
            self.alerts[change.after.alert] = change.after
        elif change.before:
            del self.alerts[change.before.alert]

    def content(self) -> list[Alert]:
        """The alerts, less what the wall clock says of them."""
        blank = {"alert": "", "opened_us": 0, "fired_us": None, "resolved_us": None}
        return sorted((replace(a, **blank) for a in self.alerts.values()), key=lambda a: a.first_window_us)


@st.composite
def batches(draw: Callable[..., object]) -> tuple[str, list[int]]:
    letters = draw(st.text("xxoo.", min_size=1, max_size=25))
    cuts = draw(st.sets(st.integers(1, max(1, len(letters) - 1))))
    return letters, sorted({0, *cuts, len(letters)})


def by_day(letters: str, first: int = 0) -> dict[int, str]:
    return {first + n: letter for n, letter in enumerate(letters)}


@given(story=batches(), policy=POLICIES)
def test_any_batching_in_window_order_gives_the_same_alerts(story, policy):
    letters, cuts = story
    whole, parts = Book(policy), Book(policy)
    whole.decide(by_day(letters))
    for start, end in pairwise(cuts):
        parts.decide(by_day(letters[start:end], start))

    assert parts.content() == whole.content()
    assert len(parts.fired) == len(whole.fired)


@given(story=batches(), policy=POLICIES, data=st.data())
def test_deciding_the_same_again_changes_nothing(story, policy, data):
    letters, cuts = story
    book = Book(policy)
    for start, end in pairwise(cuts):
        book.decide(by_day(letters[start:end], start))
    start = data.draw(st.integers(0, len(letters) - 1))
    end = data.draw(st.integers(start + 1, len(letters)))

    assert book.decide(by_day(letters[start:end], start)) == []


LATE = st.lists(st.dictionaries(st.integers(0, 15), st.sampled_from("xo."), min_size=1, max_size=6), max_size=8)


@example(late=[{0: "x", 1: "x", 4: "x"}, {0: "o", 3: "o"}, {2: "x"}], policy=Policy(1, 2 * DAY_US, 1))
@given(late=LATE, policy=POLICIES)
def test_whatever_comes_late_one_alert_is_open_and_telling_again_means_that_it_had_been_resolved(late, policy):
    book = Book(policy)
    for days in late:
        fired_before = {a.alert: a for a in book.alerts.values() if a.is_live}
        changes = book.decide(days)
        again = book.decide(days)

        assert again == []
        assert sum(a.state != RESOLVED for a in book.alerts.values()) <= 1
        assert not [c for c in changes if c.fired and c.fired.alert in fired_before]
        assert len({a.alert for a in book.alerts.values()}) == len(book.alerts)


@given(late=LATE, policy=POLICIES)
def test_after_late_data_what_fires_in_the_decisions_fires_in_the_alerts(late, policy):
    book, fresh = Book(policy), Book(policy)
    for days in late:
        book.decide(days)
    if book.days:
        fresh.decide(book.days)

    told, true = (any(a.is_live for a in one.alerts.values()) for one in (book, fresh))
    assert told or not true


def test_late_data_that_take_the_trouble_back_withdraw_the_alert():
    book = Book(Policy())
    book.decide(by_day("oxx"))
    book.decide({1: "o", 2: "o"})

    [alert] = book.alerts.values()
    assert (alert.state, alert.details.resolution) == ("resolved", "withdrawn")


def test_late_data_that_begin_the_trouble_earlier_keep_the_alert():
    book = Book(Policy())
    book.decide(by_day("ooxx"))
    [before] = book.alerts.values()
    book.decide({1: "x"})

    [after] = book.alerts.values()
    assert (after.alert, after.first_window_us) == (before.alert, DAY_US)
    assert len(book.fired) == 1


def test_late_data_that_join_two_alerts_keep_the_open_one():
    book = Book(Policy(calm=2))
    book.decide(by_day("xoox"))
    book.decide({2: "x"})

    assert sorted(a.state for a in book.alerts.values()) == ["firing", "resolved"]
    assert len(book.fired) == 2


def test_a_pending_alert_that_meets_a_normal_window_is_forgotten():
    book = Book(Policy(windows=3))
    book.decide(by_day("xx"))
    book.decide({2: "o"})

    assert book.alerts == {}

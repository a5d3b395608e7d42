"""Deciding about measured windows: the second place of the detectors that reads and writes.

due        windows that were measured, or are final and had records since they were looked at; of one model and length
candidates what the null of independent rows calls in them, where they may open an alert at this look
judge      candidates from the first of these windows on, each by its series' own past (detectors/own_past.py); and what no
           reference is held against, by what is usual (detectors/unusual.py); and whether estimates are believed
           (detectors/trusting.py)
replace    the decisions of the due windows; those of later ones are revised where they come out otherwise

A window may open an alert at two looks: at close, and when it is final. In between it may only take one back.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from detectors import trusting, unusual
from detectors.baseline import reach_us
from detectors.metrics import COLUMNS, DISTANCES, DUPLICATES, QUALITY
from detectors.multivariate.together import psi_of_area
from detectors.own_past import Judged, Series, fold, most_windows
from detectors.settings import DetectorSettings
from detectors.unusual import Found, Seen
from kernel.clock import SECOND_US, Clock
from kernel.measurement import ABNORMAL, DECISIVE, Status
from kernel.windows import WindowSize
from store import decisions, events
from store.database import Database, Transaction
from store.decisions import Decidable, Due, Outcome, Test, Value
from store.models import Model

OWN_PAST = ("psi", "domain_auc", *QUALITY, *COLUMNS, *DUPLICATES, "low_confidence_share", "error_rate")
"""The tests that are held against their own past."""
_DECIDING = "psi"  # whose decision all distances share
_AREA = "domain_auc"  # which ends at 1: where a past is near that, nothing would lie beyond it
_WINDOWS_AT_ONCE = 50
_NOT_NOW = MappingProxyType({1: "to be looked at once more when final", 2: "changed after it was final"})

Candidates = dict[Test, set[int]]


@dataclass(frozen=True)
class _Pass:
    """One transaction's work: windows of one model and length, all held against one reference."""

    tx: Transaction
    workspace: str
    model: Model
    size: WindowSize

    @property
    def place(self) -> tuple[Transaction, str, str, str]:
        """Where to read and write."""
        return self.tx, self.workspace, self.model.name, self.size.text


class Decider:
    """Decides about the windows of one workspace. Several may run: a model is one decider's at a time."""

    def __init__(self, db: Database, workspace: str, clock: Clock, settings: DetectorSettings) -> None:
        self._db = db
        self._workspace = workspace
        self._clock = clock
        self._settings = settings

    def step(self, models: Mapping[str, Model], marks: Mapping[str, int]) -> int:
        """Decide all that is due; returns how many windows that were.

        Args:
            marks: how far the event time of each model has come.

        Raises:
            UnavailableError: the database is away; what was not decided is due again.
        """
        decided = 0
        for name, sizes in sorted(decisions.models_due(self._db, self._workspace).items()):
            for size, since_us in sorted(sizes.items()):
                if name in models and since_us <= marks.get(name, 0):
                    decided += self.windows(models[name], WindowSize(size), marks.get(name, 0))
        return decided

    def windows(self, model: Model, size: WindowSize, mark_us: int) -> int:
        """Decide the windows of one model and length that are due at this event time; returns how many."""
        decided = 0
        while some := self._some(model, size, mark_us):
            decided += some
        return decided

    def _some(self, model: Model, size: WindowSize, mark_us: int) -> int:
        with self._db.write() as tx:
            work = _Pass(tx, self._workspace, model, size)
            due = decisions.due(*work.place, mark_us, _WINDOWS_AT_ONCE)
            if due:
                self._decide(work, due, mark_us)
        return len(due)

    def _decide(self, work: _Pass, due: Sequence[Due], mark_us: int) -> None:
        starts = [window.start_us for window in due]
        standing = decisions.candidates(*work.place, starts[0], due[0].reference)
        opening = {window.start_us for window in due if self._may_open(work.model, window, mark_us)}
        unchanged = {window.start_us for window in due if window.revision == window.looked_revision}
        calling = _calling(decisions.abnormal(*work.place, starts), opening, unchanged, standing)
        later = {test: at.keys() - set(starts) for test, at in standing.items() if test.metric in OWN_PAST}
        judged = self._judge(work, due[0], calling, later)
        by_usual = self._unusual(work, starts, opening, unchanged)
        doubts = trusting.read(work.place, due)
        now_us = self._clock.now_us()  # of all that is decided here, however long it took to get here
        for window in due:
            found = decisions.decidable(*work.place, window.start_us)
            decided = (
                (row, doubts.outcome(row, window.start_us) or _outcome(row, window, calling, judged, by_usual))
                for row in found
            )
            decisions.replace(*work.place, window, decided, now_us)
        views = ("js_distance", *self._settings.distances)
        decisions.revise(*work.place, _revised(judged, later, views), now_us)
        decisions.revise(*work.place, _revised_usual(by_usual, set(starts)), now_us)
        decisions.revise(*work.place, doubts.revised, now_us)
        for window in due:
            self._settle(work, window, opens=window.start_us in opening)

    def _final_us(self, model: Model, window: Due) -> int:
        return window.end_us + model.lateness_us + round(self._settings.final_after_s * SECOND_US)

    def _may_open(self, model: Model, window: Due, mark_us: int) -> bool:
        """At close, and when it is final if records came since: labels alone are nothing to look at here."""
        changed = window.revision != window.looked_revision
        return window.looks == 0 or (window.looks == 1 and changed and mark_us >= self._final_us(model, window))

    def _settle(self, work: _Pass, window: Due, *, opens: bool) -> None:
        looks, revision = window.looks + opens, window.revision if opens else window.looked_revision
        waits = looks == 1 and revision != window.revision
        decisions.settle(*work.place, window, looks, revision, self._final_us(work.model, window) if waits else None)

    def _judge(self, work: _Pass, first: Due, calling: Candidates, later: Candidates) -> "dict[Test, _Verdicts]":
        of_series: dict[decisions.Series, set[Test]] = defaultdict(set)
        for of in (calling, later):
            for test in (test for test, at in of.items() if at):
                of_series[test.version, test.segment].add(test)
        firsts = decisions.firsts(*work.place, first.reference, of_series.keys())
        found = {}
        for series, tests in of_series.items():
            begin_us = firsts.get(series, first.start_us)
            end_us = work.size.back(begin_us, -most_windows(work.size))
            values = decisions.values(*work.place, first.reference, tests, (begin_us, end_us), first.start_us)
            for test, of_test in values.items():
                candidates = calling.get(test, set()) | later.get(test, set())
                one = _series(test, of_test, candidates, end_us, first.start_us)
                judged = fold(one, first.start_us, work.size, self._settings.delta)
                found[test] = _Verdicts(of_test, one, judged)
        return found

    def _unusual(
        self, work: _Pass, starts: Sequence[int], opening: Set[int], unchanged: Set[int]
    ) -> "dict[Test, _Unusual]":
        """What is usual of each such series in the due windows, and in later ones whose past has changed."""
        bad = unusual.sides(self._settings.least_traffic, self._settings.latency_rise)
        tests = decisions.tests_of(*work.place, starts, bad.keys())
        due = set(starts)
        span_us = starts[0] - reach_us(work.size), 2**62
        free = events.holidays(work.tx, work.workspace, work.model.name, span_us) if tests else []
        found = {}
        for test in tests:
            values = decisions.values(*work.place, None, [test], span_us, span_us[0]).get(test, [])
            series = [Seen(v.start_us, v.end_us, v.value, v.alpha) for v in values]
            first_us, end_us = _touched(values, due, work.size)
            now = {v.start_us for v in values if v.start_us in opening or _stands(v, unchanged)} & due
            again = {v.start_us for v in values if v.candidate and first_us < v.start_us <= end_us} - due
            away = work.model.retired if test.metric == "traffic" else ()
            judged = unusual.judge(series, now | again, free, work.size, bad[test.metric], away)
            found[test] = _Unusual({v.start_us: v for v in values}, judged)
        return found


def _stands(value: Value, unchanged: Set[int]) -> bool:
    """Whether a window may be called apart from a look: it was, or could be and its records are the same."""
    return value.called or (value.candidate and value.start_us in unchanged)


def _touched(values: Sequence[Value], due: Set[int], size: WindowSize) -> tuple[int, int]:
    """Where windows lie that have one of these in their past which changed since it was decided: in (first, last]."""
    changed = [v.start_us for v in values if v.start_us in due and v.stood != v.value]
    return (min(changed), max(changed) + reach_us(size)) if changed else (0, 0)


@dataclass(frozen=True, slots=True)
class _Unusual:
    """A series that is held against what is usual: its values by start, and what those that were judged come to."""

    values: Mapping[int, Value]
    judged: Mapping[int, Found]


@dataclass(frozen=True, eq=False)
class _Verdicts:
    """What one test's series came to, beside what was read of it."""

    values: Sequence[Value]
    series: Series
    judged: Judged

    def at(self, start_us: int) -> tuple[bool, float | None, float | None]:
        """Whether a window is abnormal; its p and delta by its own past, None where that is too short."""
        i = int(np.searchsorted(self.series.starts_us, start_us))
        return bool(self.judged.abnormal[i]), _number(self.judged.p_own[i]), _number(self.judged.deltas[i])


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _calling(
    abnormal: Candidates, opening: Set[int], unchanged: Set[int], standing: Mapping[Test, Mapping[int, bool]]
) -> Candidates:
    """The due windows in which each test calls, and may: at a look, or because it did so before.

    What is only a candidate, and ordinary, holds no place for a window whose records have changed since.
    """
    calling: Candidates = {}
    for test, starts in abnormal.items():
        if test.metric in OWN_PAST:
            before = standing.get(test, {})
            calling[test] = {
                at for at in starts if at in opening or before.get(at) or (at in before and at in unchanged)
            }
    return calling


def _series(test: Test, of: Sequence[Value], candidates: Set[int], end_us: int, since_us: int) -> Series:
    def numbers(values: Sequence[float | None]) -> np.ndarray:
        return np.array([np.nan if value is None else value for value in values], np.float64)

    starts = [value.start_us for value in of]
    values = numbers([value.value for value in of])
    lowers = numbers([value.lower for value in of]) if test.metric == _DECIDING else np.full(len(of), np.nan)
    return Series(
        starts_us=np.array(starts, np.int64),
        values=psi_of_area(values) if test.metric == _AREA else values,
        candidates=np.array([start >= since_us and start in candidates for start in starts], np.bool_),
        alphas=numbers([value.alpha for value in of]),
        lowers=lowers,
        abnormal=np.array([value.called for value in of], np.bool_),
        by_past=np.array([value.p_own is not None for value in of], np.bool_),
        eligible=np.array(starts, np.int64) < end_us,
    )


def _outcome(
    row: Decidable,
    window: Due,
    calling: Candidates,
    judged: Mapping[Test, _Verdicts],
    by_usual: Mapping[Test, _Unusual],
) -> Outcome:
    """What a measurement comes to; what is held against no past stands as measured."""
    if row.test in by_usual and row.status in DECISIVE:
        found = by_usual[row.test].judged.get(window.start_us)
        return _by_usual(found) if found else Outcome(False, False, "ok", _NOT_NOW.get(window.looks, row.basis))
    test = row.test._replace(metric=_DECIDING) if row.test.metric in DISTANCES else row.test
    abnormal = row.status in ABNORMAL
    if not abnormal or test.metric not in OWN_PAST:
        return Outcome(False, abnormal, row.status, row.basis)
    if window.start_us not in calling.get(test, ()):
        return Outcome(False, False, "ok", _NOT_NOW.get(window.looks, row.basis))
    return _by_past(row.test, row.status, row.basis, *judged[test].at(window.start_us))


def _by_past(test: Test, status: str, basis: str, abnormal: bool, p_own: float | None, delta: float | None) -> Outcome:
    itself = test.metric in OWN_PAST  # and no view of one
    if p_own is None:
        return Outcome(itself, abnormal, status, basis)
    how = "own past, " + basis.removeprefix("iid-null, ")
    return Outcome(itself, abnormal, status if abnormal else "ok", how, p_own, delta)


def _by_usual(found: Found) -> Outcome:
    status = Status.DEGRADED if found.called else Status.OK
    usual = found.usual
    if usual is None:
        return Outcome(True, False, status.value, found.basis)
    bounds = {"usual": usual.expected, "usual_lower": usual.lower, "usual_upper": usual.upper}
    return Outcome(True, found.called, status.value, found.basis, usual.p, **bounds)


def _revised_usual(by_usual: Mapping[Test, _Unusual], due: Set[int]) -> Iterator[tuple[Test, int, Outcome]]:
    """The later windows that come out otherwise than they stand."""
    for test, of in by_usual.items():
        for start_us, found in of.judged.items():
            outcome, stands = _by_usual(found), of.values[start_us]
            standing = stands.called, stands.p_own, stands.usual, stands.usual_lower, stands.usual_upper
            new = outcome.abnormal, outcome.p_own, outcome.usual, outcome.usual_lower, outcome.usual_upper
            if start_us not in due and new != standing:
                yield test, start_us, outcome


def _revised(
    judged: Mapping[Test, _Verdicts], later: Candidates, views: Sequence[str]
) -> Iterator[tuple[Test, int, Outcome]]:
    """The later windows whose candidates come out otherwise than they stand, psi's distances with it.

    Args:
        views: the distances that are measured.
    """
    for test in later.keys() & judged.keys():
        all_of_it = (test, *(test._replace(metric=metric) for metric in (views if test.metric == _DECIDING else ())))
        for value in judged[test].values:
            abnormal, p_own, delta = judged[test].at(value.start_us)
            standing = value.called, value.p_own, value.delta
            if value.start_us in later[test] and (abnormal, p_own, delta) != standing:
                for one in all_of_it:
                    yield one, value.start_us, _by_past(one, value.status, value.basis, abnormal, p_own, delta)

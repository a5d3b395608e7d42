"""Delayed labels against a batch: in whatever order predictions and labels come, twice, corrected or before one another, and
whatever is measured, merged or restarted in between, in the end every window says what a batch over the last labels says.

A run is a random program. At the end what is stored is compared with scikit-learn on the rows that the program noted, and with a
second database, into which the same rows were put in one go.

DRIFTGLASS_TEST_STATEFUL_EXAMPLES=1000 runs so many programs instead of a few.
"""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sklearn import metrics as sk

from detectors.metrics import ARRIVAL, CORRECTED, PERFORMANCE
from kernel.clock import DAY_US, HOUR_US, SECOND_US, to_rfc3339
from kernel.windows import WindowSize
from store import models, windows
from store.models import Model
from store.tables import measurements
from testing.measured_days import LABELS, PREDICTIONS, START_US, Traffic

EXAMPLES = int(os.environ.get("DRIFTGLASS_TEST_STATEFUL_EXAMPLES", "3"))
STEPS = 14
EVENT_DAYS = [0, 3, 6, 12]
SIZES = WindowSize("1d"), WindowSize("1w")
CLASSES, NUMBERS = "classes", "numbers"
SEEDS = st.integers(0, 2**16)
COUNTS = st.sampled_from([1, 3, 100])

Key = tuple[str, int, str, str]
"""Window length, start, version, segment."""


@dataclass(frozen=True)
class Made:
    """A prediction: a score, and the class or the number that it stands for."""

    id: str
    version: str
    ts_us: int
    carrier: str
    score: float

    @property
    def late(self) -> str:
        return "late" if self.score > 0.5 else "ok"

    def record(self, model: str) -> dict[str, Any]:
        of = {"model": model, "id": self.id, "version": self.version, "ts": to_rfc3339(self.ts_us)}
        of |= {"features": {"c": self.carrier}}
        if model == NUMBERS:
            return of | {"prediction": 4 * self.score}
        return of | {"prediction": self.late, "scores": {"late": self.score, "ok": 1 - self.score}}


@dataclass(frozen=True)
class Told:
    """A label: a number, or the class that it stands for; `made_us` is when its prediction was made, where it says so."""

    id: str
    ts_us: int
    value: float
    made_us: int | None

    def label(self, model: str) -> Any:
        return self.value if model == NUMBERS else "late" if self.value >= 2 else "ok"

    def record(self, model: str) -> dict[str, Any]:
        hint = {} if self.made_us is None else {"prediction_ts": to_rfc3339(self.made_us)}
        return {"model": model, "id": self.id, "ts": to_rfc3339(self.ts_us), "label": self.label(model)} | hint


class LabelMachine(RuleBasedStateMachine):
    """The rules.

    Args:
        make: a new workspace in which the models are declared, and what it takes in.
        tally: what happened, over all runs.
    """

    def __init__(self, make: Callable[[], tuple[Any, Traffic]], tally: Counter[str]) -> None:
        super().__init__()
        self.make = make
        self.tally = tally
        self.workspace, self.traffic = make()
        self.worker = self.workspace.evaluator()
        self.model = CLASSES
        self.made: list[Made] = []
        self.told: list[Told] = []
        self.unmade: list[Made] = []  # whose labels came first
        self.untold: list[Told] = []  # whose corrections came first
        self.orphans: list[Told] = []

    # Predictions

    @initialize(seed=SEEDS, model=st.sampled_from([CLASSES, NUMBERS]), hint=st.booleans())
    def begin(self, seed: int, model: str, hint: bool) -> None:
        """One row on the last day closes those before."""
        self.model = model
        self.predict(seed, EVENT_DAYS[0], 120)
        self.predict(seed, EVENT_DAYS[-1], 1)
        self.measure(restart=False)
        self.tell(seed, 100, 30, hint=hint, measure=False)

    @rule(seed=SEEDS, day=st.sampled_from(EVENT_DAYS), count=COUNTS)
    def predict(self, seed: int, day: int, count: int) -> None:
        self._predict(self._drawn(np.random.default_rng(seed), day, count))

    @rule(seed=SEEDS)
    def predict_again(self, seed: int) -> None:
        """The same ids with other scores: the first counts."""
        again = [replace(made, score=1 - made.score) for made in _some(np.random.default_rng(seed), self.made, 10)]
        self._send(PREDICTIONS, again)

    @rule(seed=SEEDS, day=st.sampled_from(EVENT_DAYS), count=COUNTS, hint=st.booleans())
    def tell_before_it_is_predicted(self, seed: int, day: int, count: int, hint: bool) -> None:
        rng = np.random.default_rng(seed)
        made = self._drawn(rng, day, count)
        self.unmade += made
        self._tell(self._labels(rng, made, 30, hint))
        self.tally["labels before predictions"] += count

    @precondition(lambda self: self.unmade)
    @rule()
    def predict_what_was_told(self) -> None:
        self._predict(self.unmade)
        self.unmade = []

    def _drawn(self, rng: np.random.Generator, day: int, count: int) -> list[Made]:
        """Of new ids; some are of both versions."""
        first = len(self.made) + len(self.unmade)
        return [
            Made(f"p{number}", version, ts_us, str(rng.choice(["a", "b"])), round(float(rng.random()), 2))
            for number in range(first, first + count)
            for ts_us in [START_US + day * DAY_US + int(rng.integers(24)) * HOUR_US]
            for version in (["1"], ["2"], ["1", "2"])[rng.integers(3)]
        ]

    def _predict(self, made: Sequence[Made]) -> None:
        self.made += made
        self._send(PREDICTIONS, made)

    # Labels

    @rule(seed=SEEDS, count=COUNTS, hours=st.sampled_from([2, 30, 100]), hint=st.booleans(), measure=st.booleans())
    def tell(self, seed: int, count: int, hours: int, hint: bool, measure: bool) -> None:
        rng = np.random.default_rng(seed)
        self._tell(self._labels(rng, _some(rng, self.made, count), hours, hint))
        if measure:
            self.measure(restart=False)

    @precondition(lambda self: self.told)
    @rule(seed=SEEDS)
    def tell_again(self, seed: int) -> None:
        again = _some(np.random.default_rng(seed), self.told, 20)
        self._send(LABELS, again)
        self.tally["copies"] += len(again)

    @precondition(lambda self: self.told)
    @rule(seed=SEEDS)
    def correct(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._tell(self._corrections(rng, _some(rng, self.told, 20)))

    @rule(seed=SEEDS, hint=st.booleans())
    def correct_before_it_is_told(self, seed: int, hint: bool) -> None:
        rng = np.random.default_rng(seed)
        first = self._labels(rng, _some(rng, self.made, 20), 30, hint)
        self.untold += first
        self._tell(self._corrections(rng, first))
        self.tally["corrections first"] += len(first)

    @precondition(lambda self: self.untold)
    @rule()
    def tell_what_was_corrected(self) -> None:
        self._tell(self.untold)
        self.untold = []

    @rule(hint=st.booleans(), day=st.integers(0, 60))
    def tell_of_nothing(self, hint: bool, day: int) -> None:
        """Of an id that nobody predicts."""
        of = Told("nobody", START_US + day * DAY_US, 3.0, START_US + HOUR_US if hint else None)
        self.orphans.append(of)
        self._send(LABELS, [of])

    def _labels(self, rng: np.random.Generator, made: Sequence[Made], hours: int, hint: bool) -> list[Told]:
        """Up to 20 hours before their predictions, to so many after."""
        return [
            Told(
                of.id,
                of.ts_us + int(rng.integers(-20, hours)) * HOUR_US,
                float(rng.integers(5)),
                of.ts_us if hint else None,
            )
            for of in made
        ]

    def _corrections(self, rng: np.random.Generator, told: Sequence[Told]) -> list[Told]:
        """Later ones, or of the same ts, when the larger value counts."""
        return [
            replace(of, ts_us=of.ts_us + int(rng.integers(3)) * 10 * HOUR_US, value=float(rng.integers(5)))
            for of in told
        ]

    def _tell(self, told: Sequence[Told]) -> None:
        self.told += told
        self._send(LABELS, told)

    def _send(self, partition: Any, what: Sequence[Made | Told]) -> None:
        self.traffic.send(partition, [one.record(self.model) for one in what])
        self.workspace.clock.advance(10 * SECOND_US)

    # In between

    @rule(restart=st.booleans())
    def measure(self, restart: bool) -> None:
        if restart:
            self.worker = self.workspace.evaluator()
        self.tally["measured between"] += self.worker.step().measured

    @rule()
    def merge(self) -> None:
        self.tally["merged"] += self.workspace.upkeep().step().merged

    # What must hold in the end

    def teardown(self) -> None:
        try:
            self.predict_what_was_told()
            self.tell_what_was_corrected()
            self.traffic.end()
            self.worker.step()
            assert self.worker.step().measured == 0
            self._compare()
        finally:
            self.workspace.db.close()
            shutil.rmtree(self.workspace.folder)

    def _compare(self) -> None:
        expected = dict(self._batch())
        assert {key: _close(said) for key, said in expected.items()} == _by_scikit_learn(self.workspace, expected)
        at_once, traffic = self.make()
        try:
            traffic.send(PREDICTIONS, [one.record(self.model) for one in self.made])
            traffic.send(LABELS, [one.record(self.model) for one in sorted([*self.told, *self.orphans], key=repr)])
            traffic.end()
            at_once.evaluator().step()
            assert _raw(self.workspace) == _raw(at_once)
            # How late labels are is told as of a window's last label: all are measured once more, as of all labels.
            for place in (self.workspace, at_once):
                model = models.one(place.db, "default", self.model)
                windows.touch_for_labels(place.db, "default", model, [made.ts_us for made in self.made])
                place.evaluator().step()
            assert _all(self.workspace) == _all(at_once)
            self.tally["corrected"] += sum(m.value is not None for m in _stored(at_once, CORRECTED))
        finally:
            at_once.db.close()
            shutil.rmtree(at_once.folder)

    def _batch(self) -> Iterator[tuple[Key, dict[str, float | None]]]:
        """What a batch says of each version and segment of each window that has a label."""
        last: dict[str, Any] = {}
        for told in sorted(self.told, key=lambda told: (told.ts_us, told.label(self.model))):
            last[told.id] = told.label(self.model)
        rows: dict[Key, list[tuple[Made, Any]]] = defaultdict(list)
        for made in self.made:
            for size in SIZES:
                for segment in ("", f"c={made.carrier}"):
                    key = size.text, size.start(made.ts_us), made.version, segment
                    rows[key].append((made, last.get(made.id)))
        for key, of in rows.items():
            known = [(made, label) for made, label in of if label is not None]
            coverage = {"label_coverage": len(known) / len(of)}
            self.tally["labelled rows"] += len(known)
            if known:
                yield key, coverage | (_of_classes if self.model == CLASSES else _of_numbers)(known)


def _some(rng: np.random.Generator, of: Sequence[Any], most: int) -> list[Any]:
    return [of[i] for i in rng.permutation(len(of))[:most]]


def _of_classes(known: Sequence[tuple[Made, str]]) -> dict[str, float | None]:
    truth, predicted = [label for _, label in known], [made.late for made, _ in known]
    late, score = [label == "late" for label in truth], [made.score for made, _ in known]
    found: dict[str, float | None] = {
        "accuracy": sk.accuracy_score(truth, predicted),
        "brier": sk.brier_score_loss(late, score),
        "roc_auc": sk.roc_auc_score(late, score) if 0 < sum(late) < len(late) else None,
        "precision": sk.precision_score(truth, predicted, pos_label="late") if "late" in predicted else None,
        "recall": sk.recall_score(truth, predicted, pos_label="late") if any(late) else None,
    }
    return found


def _of_numbers(known: Sequence[tuple[Made, float]]) -> dict[str, float | None]:
    truth, predicted = [label for _, label in known], [4 * made.score for made, _ in known]
    return {
        "mae": sk.mean_absolute_error(truth, predicted),
        "rmse": sk.root_mean_squared_error(truth, predicted),
        "bias": float(np.mean(predicted) - np.mean(truth)),
    }


def _close(said: dict[str, float | None]) -> dict[str, Any]:
    return {name: None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12) for name, value in said.items()}


def _stored(workspace: Any, names: Sequence[str]) -> list[Any]:
    query = sa.select(measurements).where(measurements.c.metric.in_(names))
    with workspace.db.read() as connection:
        return list(connection.execute(query))


def _by_scikit_learn(workspace: Any, expected: dict[Key, dict[str, float | None]]) -> dict[Key, dict[str, float]]:
    """What is stored of the windows that have a label, as far as it is expected."""
    names = {name for said in expected.values() for name in said}
    found: dict[Key, dict[str, float]] = defaultdict(dict)
    for m in _stored(workspace, sorted(names)):
        found[m.size, m.window_start_us, m.version, m.segment][m.metric] = m.value
    return {key: said for key, said in found.items() if said.keys() != {"label_coverage"}}


def _raw(workspace: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    return {_key(m): (m.value, m.lower, m.upper, m.rows) for m in _stored(workspace, PERFORMANCE)}


def _all(workspace: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    names = (*PERFORMANCE, *CORRECTED, *ARRIVAL)
    return {_key(m): (m.value, m.lower, m.upper, m.rows, m.status, m.basis) for m in _stored(workspace, names)}


def _key(m: Any) -> tuple[Any, ...]:
    return m.size, m.window_start_us, m.version, m.segment, m.metric, m.column


@pytest.fixture
def make(workspace, messages, tmp_path_factory) -> Callable[[], tuple[Any, Traffic]]:
    """Makes workspaces in which the models are declared."""
    size, *rollups = SIZES
    of = {"window": size, "rollups": tuple(rollups), "segments": ("c",), "min_rows": 10**6}
    models.declare(workspace.db, "default", Model(CLASSES, "binary", positive_class="late", **of), 0)
    models.declare(workspace.db, "default", Model(NUMBERS, "regression", **of), 0)
    workspace.db.close()

    def make_one() -> tuple[Any, Traffic]:
        folder: Path = tmp_path_factory.mktemp("run")
        shutil.copytree(workspace.folder, folder, dirs_exist_ok=True)
        made = replace(workspace, folder=folder)
        return made, Traffic(made.sink(), made.clock, messages)

    return make_one


@pytest.mark.timeout(600 + 30 * EXAMPLES)
def test_every_window_says_what_a_batch_over_the_last_labels_says(make) -> None:
    tally: Counter[str] = Counter()
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        suppress_health_check=[HealthCheck.too_slow],
        phases=[Phase.reuse, Phase.generate],  # a program is short as it is, and to shrink one takes minutes
    )
    run_state_machine_as_test(lambda: LabelMachine(make, tally), settings=chosen)
    assert tally["labelled rows"]


def test_a_program_with_all_that_may_happen_comes_to_the_batch_answer(make) -> None:
    tally: Counter[str] = Counter()
    machine = LabelMachine(make, tally)
    measured: dict[str, Any] = {"restart": False}
    program: list[tuple[Callable[..., None], dict[str, Any]]] = [
        (machine.begin, {"seed": 1, "model": CLASSES, "hint": True}),
        (machine.tell, {"seed": 2, "count": 100, "hours": 30, "hint": False, "measure": True}),
        (machine.tell_before_it_is_predicted, {"seed": 3, "day": 3, "count": 100, "hint": False}),
        (machine.measure, measured),
        (machine.predict_what_was_told, {}),
        (machine.measure, {"restart": True}),
        (machine.tell_again, {"seed": 4}),
        (machine.correct_before_it_is_told, {"seed": 5, "hint": True}),
        (machine.measure, measured),
        (machine.tell_what_was_corrected, {}),
        (machine.merge, {}),
        (machine.predict_again, {"seed": 6}),
        (machine.correct, {"seed": 7}),
        (machine.tell_of_nothing, {"hint": True, "day": 60}),
        (machine.measure, measured),
        (machine.tell, {"seed": 8, "count": 3, "hours": 100, "hint": False, "measure": False}),
    ]
    try:
        for act, said in program:
            act(**said)
    finally:
        machine.teardown()
    what = {"labels before predictions", "copies", "corrections first", "measured between", "merged", "corrected"}
    assert what <= {name for name, times in tally.items() if times}

"""Measuring closed windows: where the detectors read and write.

claim      closed windows of a model that do not stand as measured, by lease
read       their profiles and the reference (detectors/window_inputs.py), and their predictions beside the labels
measure    pure functions of what was read
finish     measurements replaced, if the lease holds and for the revisions that were read
decide     detectors/deciding.py: from measurements to decisions, in window order
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from detectors import dial, window_estimates
from detectors.against import Against, Before
from detectors.aside import Aside
from detectors.column_drift import Test, measure_column
from detectors.columns import measure_columns
from detectors.confidence import measure_confidence
from detectors.deciding import Decider
from detectors.duplicate_share import measure_duplicates
from detectors.fairness_windows import FairnessWindows
from detectors.gpu_windows import GpuWindows
from detectors.health import measure_health, measure_traffic
from detectors.labels_by_segment import Seen, measure_labels
from detectors.late_labels import LateLabels
from detectors.lookback import Look
from detectors.metrics import TOGETHER
from detectors.multivariate.sample import MOST_ROWS, columns_of
from detectors.multivariate.together import Sides, measure_together
from detectors.season import length_us
from detectors.service_levels import ServiceLevels
from detectors.settings import DetectorSettings
from detectors.window_inputs import Looks, WindowInputs
from kernel.clock import DAY_US, SECOND_US, Clock
from kernel.column_names import is_compared, measured_name
from kernel.errors import ContractError, UnavailableError
from kernel.measurement import Measurement, SeriesKey, Status
from kernel.profile import WindowProfile
from kernel.profiling import segment_columns
from kernel.windows import Span, WindowSize
from store import label_searches, late, watermarks, windows, windows_due
from store import models as model_rows
from store.database import Database
from store.gpu_settings import GpuTarget
from store.late import Came, Rest
from store.models import Model
from store.record_reads import RecordReader
from store.watermarks import ENDED_US, SILENCE_US
from store.windows import Lease, Measured, Window

OF_DATA = (ArithmeticError, LookupError, TypeError, ValueError, ContractError)
"""What the data of one model may bring about, which must not keep the others waiting."""
_log = logging.getLogger(__name__)
_ROUNDS = 200  # leases of one model in one step
_LONGEST_STEP_S = 20.0  # then it is looked anew what is due, so that a backlog of one model holds up no other
_NO_SUCH_ROW = "the reference has no row of this segment"


@dataclass(frozen=True, slots=True)
class Report:
    """What one look did.

    Attributes:
        measured: windows; superseded: windows whose lease was lost meanwhile, measured by another.
    """

    measured: int = 0
    superseded: int = 0


class Evaluator:
    """Measures the windows of one workspace. Several workers may run; each window is one worker's at a time.

    Args:
        owner: this worker's name, for people who look at leases.
        gpus: exporters of GPUs that serve models.
    """

    def __init__(
        self,
        db: Database,
        reader: RecordReader,
        workspace: str,
        clock: Clock,
        settings: DetectorSettings,
        owner: str,
        gpus: Sequence[GpuTarget] = (),
    ) -> None:
        self._db = db
        self._reader = reader
        self._workspace = workspace
        self._clock = clock
        self._settings = settings
        self._owner = owner
        self._ends: dict[str, int] = {}  # the last moment of models of which no more will come
        self._filled: dict[str, int] = {}  # up to where windows without a record were added, by model
        self._service = ServiceLevels(db, workspace, clock)
        self._decider = Decider(db, workspace, clock, settings)
        self._inputs = WindowInputs(db, reader, workspace, clock, settings)
        self._aside = Aside(clock)
        self._gpus = GpuWindows(db, workspace, gpus)
        self._fairness = FairnessWindows(db, reader, workspace)
        self._labels = LateLabels(db, reader, workspace)
        self._estimated = window_estimates.Place(db, reader, workspace)

    def step(self) -> Report:
        """Measure whatever is due now.

        Raises:
            UnavailableError: the database or the record log is away; what was not finished is due again.
        """
        label_searches.resolve(self._db, self._reader, self._workspace, self._owner, self._settings.lease_s)
        marks = watermarks.of_models(self._db, self._workspace, self._clock.now_us())
        every = model_rows.known(self._db, self._workspace)
        known = {name: model for name, model in every.items() if model.retired_us is None}
        ended = [name for name, mark in marks.items() if mark >= ENDED_US]
        self._ends = watermarks.furthest(self._db, self._workspace, ended)
        self._labels.look(list(known))
        self._decider.step(known, marks)
        came = late.came(self._db, self._workspace)
        self._service.step(known, marks, came, self._rest())
        measured = superseded = 0
        there = [known[name] for name in sorted(marks) if name in known and not self._aside.holds(name)]
        for model in there:
            self._fill(model, marks[model.name], came.get(model.name))
        due = self._due(there, marks)
        turn = [model for model in there if model.name in due and self._count(model, marks[model.name])]
        begun_s = self._clock.monotonic_s()
        for _ in range(_ROUNDS):  # a lease each, so that no model which is always due keeps the others waiting
            if self._clock.monotonic_s() - begun_s > _LONGEST_STEP_S:
                break
            turn, models = [], turn
            for model in models:
                held = self._claim(model, marks[model.name])
                if held is None:
                    continue
                turn.append(model)
                done = self._measure(model, held)
                self._decider.windows(model, WindowSize(held.windows[0].size), marks[model.name])
                measured, superseded = measured + done, superseded + len(held.windows) - done
        return Report(measured, superseded)

    def _rest(self) -> Rest:
        return Rest.of(self._clock.now_us(), round(self._settings.late_pause_s * SECOND_US))

    def _fill(self, model: Model, mark: int, came: Came | None) -> None:
        """Add the windows in which nothing came, each time that another window may close, and when the model has rested from late
        records; none after the end of a stream.
        """
        reached_us = min(mark, self._clock.now_us()) - model.lateness_us
        if mark >= ENDED_US:
            reached_us = min(reached_us, self._ends.get(model.name, reached_us))
        until_us = model.window.start(reached_us)
        rested = self._rest().is_over(came)
        if until_us > self._filled.get(model.name, 0) or (came and rested):
            windows.fill(self._db, self._workspace, model, until_us, SILENCE_US, rested=rested)
            self._filled[model.name] = until_us
        if came and rested:
            late.settle(self._db, self._workspace, model.name, came.last_us)

    def _due(self, there: Sequence[Model], marks: Mapping[str, int]) -> set[str]:
        """The models that something is to be done for: of a fleet few, at most looks."""
        closed_us = {model.name: marks[model.name] - model.lateness_us for model in there}
        reached = {model.name: self._labels.reached_us(model) for model in there}
        labels_us = {name: reached_us for name, reached_us in reached.items() if reached_us is not None}
        return windows_due.models_due(self._db, self._workspace, closed_us, labels_us) | self._labels.moved(there)

    def _count(self, model: Model, mark: int) -> bool:
        """Count how late its labels were; returns whether the model is to be measured."""
        try:
            self._labels.count(model, mark - model.lateness_us)
        except OF_DATA:
            self._set_aside(model)
            return False
        return True

    def _set_aside(self, model: Model) -> None:
        _log.exception("%s cannot be measured, and is set aside for a while; other models go on", model.name)
        self._aside.add(model.name)

    def _claim(self, model: Model, mark: int) -> Lease | None:
        if self._aside.holds(model.name):
            return None
        before = self._clock.now_us() - round(self._settings.label_pause_s * SECOND_US)
        return windows.lease(
            self._db,
            self._workspace,
            model,
            mark,
            self._owner,
            seconds=self._settings.lease_s,
            limit=self._settings.windows_a_lease,
            again_before_us=before,
            labels_us=self._labels.reached_us(model),
            rest=self._rest(),
        )

    def _measure(self, model: Model, held: Lease) -> int:
        """Measure the windows of a lease; returns how many were finished."""
        try:
            looks, against = self._inputs.read(model, held)
            segments = {segment for of in looks.values() for _, segment in of if segment}
            labels = self._labels.read(model, held, segments)
            gpus = self._gpus.of(model, held.windows)
            done, begun_s = 0, self._clock.monotonic_s()
            for window in held.windows:
                if self._clock.monotonic_s() - begun_s > self._settings.lease_s / 2:
                    windows.release(self._db, self._workspace, held)  # the rest is due again, before the lease is over
                    break
                of_it = None if labels is None else labels.of_window(window)
                found = self._window(model, window, looks[window.start_us], against, of_it)
                found[SeriesKey(model.name, "", "", window.size)] += gpus.get(window.start_us, ())
                now_us = self._clock.now_us()
                name = "" if against is None else against.reference.name
                kept = TOGETHER if _only_labels(window) else ()
                untold = None if labels is not None and labels.are_told else windows.UNTOLD_US
                said = windows.Labels(0, untold) if of_it is None else of_it.labels((window.start_us, window.end_us))
                done += windows.finish(self._db, self._workspace, held, window, found, said, now_us, name, kept)
        except UnavailableError:
            windows.release(self._db, self._workspace, held)
            raise
        except OF_DATA:
            windows.release(self._db, self._workspace, held)
            self._set_aside(model)
            return 0
        return done

    def _window(
        self, model: Model, window: Window, looks: Looks, against: Against | None, seen: Seen | None
    ) -> Measured:
        columns = len(drift_columns(_whole(against, (window.start_us, window.end_us))))
        test = Test(
            self._alpha(model, looks, columns, 0 if against is None else _tests_together(against)),
            self._settings.delta,
            model.min_rows,
            self._settings.distances,
            self._settings.low_margin,
        )
        whole = [look.profile.rows for (_, segment), look in looks.items() if not segment]
        cut_off = window.end_us > self._ends.get(model.name, ENDED_US)
        traffic = measure_traffic(whole, None if cut_off else test.alpha)
        found: Measured = {SeriesKey(model.name, "", "", window.size): [traffic]}
        span = window.start_us, window.end_us
        for (version, segment), look in looks.items():
            key = SeriesKey(model.name, version, segment, window.size)
            found.setdefault(key, []).extend(_of_profiles(model, window, segment, look, against, test))
            if against is not None and not segment and not _only_labels(window):
                found[key] += self._together(model, window, version, look, against, test)
        for series, of_group in self._fairness.of(model, looks, span):
            found[SeriesKey(model.name, *series, window.size)].append(of_group)
        if seen is not None:
            predictions = {series: look.profile.rows for series, look in looks.items()}
            for series, of_labels in measure_labels(model, span, predictions, seen, against, test):
                found[SeriesKey(model.name, *series, window.size)].append(of_labels)
        segments = {segment for _, segment in looks if segment}
        by_rows = window_estimates.by_rows(self._estimated, model, span, against, segments)
        for (version, segment), look in looks.items():
            key = SeriesKey(model.name, version, segment, window.size)
            found[key] += window_estimates.measure(key, look, span, against, by_rows, found[key], model.value)
        return found

    def _together(
        self, model: Model, window: Window, version: str, look: Look, against: Against, test: Test
    ) -> Iterator[Measurement]:
        """Many columns at once, from samples of the rows; the window that is the reference itself is held against nothing."""
        span = look.span_start_us, window.end_us
        before = against.sampled(span)
        if before is None or _is_itself(window, against):
            return
        rows = self._reader.sample(model.name, version, span, MOST_ROWS)
        now = None if rows is None else columns_of(rows, multivariate=model.multivariate)
        kinds = {name: column.kind for name, column in against.reference.profile.columns.items()}
        sides = Sides(before.slice(0, 0) if now is None else now, before, kinds)
        for found in measure_together(sides, test.alpha, test.delta):
            yield replace(found, span_start_us=look.span_start_us)

    def _alpha(self, model: Model, looks: Looks, columns: int, together: int) -> float:
        """The level of each planned test: its fixed part of the dial."""
        series, versions = max(1, len(looks)), max(1, len({version for version, _ in looks}))
        days = [length_us(size) / DAY_US for size in model.sizes]
        tests = dial.planned_tests(columns, series, versions, together)
        return dial.alpha(self._settings.false_alarms, dial.windows_per_quarter(*days), tests)


def drift_columns(reference: WindowProfile) -> dict[str, str]:
    """The columns that are tested for drift: name in a measurement -> name in the profiles."""
    return {measured_name(stored): stored for stored in sorted(reference.columns) if is_compared(stored)}


def _whole(against: Against | None, span: Span) -> WindowProfile:
    """All rows of the reference that a span is held against."""
    return (against and against.profile("", span)) or WindowProfile()


def _tests_together(against: Against) -> int:
    if against.sample is None:
        return 0
    sides = Sides(against.sample, against.sample, {})
    beside = against.sample.num_columns - 1 - len(sides.vectors)  # ts is the one
    return len(sides.vectors) + int(beside > 0)


def _only_labels(window: Window) -> bool:
    """Whether nothing but labels came since it was measured: many columns at once are not measured again for that."""
    return window.measured_us is not None and window.measured_data_revision == window.data_revision


def _is_itself(window: Window, against: Against) -> bool:
    """Whether a window was made the provisional reference."""
    reference = against.reference
    return reference.provisional and reference.provenance.get("start_us") == window.start_us


def _of_profiles(
    model: Model, window: Window, segment: str, look: Look, against: Against | None, test: Test
) -> Iterator[Measurement]:
    """Health and drift of one series in a window; a segment is held against the reference's rows of that segment alone."""
    alone = whole = Before()
    if against is not None:
        alone = against.before(segment, look.profile, (window.start_us, window.end_us))
        whole = (
            alone
            if look.whole is look.profile
            else against.before(segment, look.whole, (look.span_start_us, window.end_us))
        )
    for found in measure_health(
        look.profile, alone.profile, window.end_us - window.start_us, test.alpha, latency=not segment
    ):
        yield alone.said_of(found) if found.metric == "error_rate" else found
    for found in measure_confidence(look.whole, whole.profile, test.alpha, test.low_margin, test.min_rows):
        yield replace(whole.said_of(found), span_start_us=look.span_start_us)
    for found in measure_duplicates(look.profile, alone.profile, test.alpha, test.min_rows):
        yield alone.said_of(found if window.size == model.window.text else _told(found))
    if against is None:
        return
    if whole.profile is not None:
        names = {stored: measured_name(stored) for stored in look.whole.columns}
        for found in measure_columns(look.whole, whole.profile, names, test.alpha, test.min_rows):
            yield replace(whole.said_of(found), span_start_us=look.span_start_us)
    itself = _is_itself(window, against)
    same = segment_columns(segment, model.segments)
    for name, stored in drift_columns(_whole(against, (look.span_start_us, window.end_us))).items():
        if stored in same:
            continue
        if whole.profile is None:
            yield Measurement("psi", name, None, Status.INSUFFICIENT, rows=look.profile.rows, basis=_NO_SUCH_ROW)
            continue
        for found in measure_column(name, stored, look.whole, whole.profile, test):
            status = Status.PROVISIONAL if itself and found.status is not Status.INSUFFICIENT else found.status
            yield replace(whole.said_of(found), status=status, span_start_us=look.span_start_us)


def _told(found: Measurement) -> Measurement:
    """Not judged: what comes every night repeats itself in a week, and that says nothing."""
    return (
        replace(found, status=Status.OK, alpha=None, basis="a roll-up: not judged")
        if found.alpha is not None
        else found
    )

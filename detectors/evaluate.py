"""Measuring closed windows: the one place of the detectors that reads and writes.

claim      closed windows of a model that do not stand as measured, by lease
read       their profiles, the reference, and their predictions beside the labels
measure    pure functions of what was read
finish     measurements and decisions replaced, if the lease holds and for the revisions that were read
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from detectors import dial, labelled
from detectors.column_drift import Test, measure_column
from detectors.health import measure_health
from detectors.performance import measure_performance, outcomes
from detectors.settings import DetectorSettings
from kernel.clock import DAY_US, SECOND_US, Clock
from kernel.errors import UnavailableError
from kernel.measurement import Measurement, SeriesKey, Status
from kernel.profile import WindowProfile
from kernel.profiling import FEATURE, POSITIVE_COLUMNS, PREDICTION, SCORE
from store import label_searches, profiles, references, watermarks, windows
from store import models as model_rows
from store.database import Database
from store.models import Model
from store.record_reads import RecordReader
from store.references import Reference
from store.windows import Lease, Measured, Window

_TESTS_A_COLUMN = 3  # psi (js_distance is the same test), missing_share, unseen_share

Groups = Mapping[tuple[str, str], Mapping[int, WindowProfile]]


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
    """

    def __init__(
        self, db: Database, reader: RecordReader, workspace: str, clock: Clock, settings: DetectorSettings, owner: str
    ) -> None:
        self._db = db
        self._reader = reader
        self._workspace = workspace
        self._clock = clock
        self._settings = settings
        self._owner = owner

    def step(self) -> Report:
        """Measure whatever is due now.

        Raises:
            UnavailableError: the database or the record log is away; what was not finished is due again.
        """
        label_searches.resolve(self._db, self._reader, self._workspace, self._owner, self._settings.lease_s)
        marks = watermarks.of_models(self._db, self._workspace, self._clock.now_us())
        known = model_rows.known(self._db, self._workspace)
        measured = superseded = 0
        for name, mark in sorted(marks.items()):
            if name not in known:
                continue
            while (held := self._claim(known[name], mark)) is not None:
                done = self._measure(known[name], held)
                measured, superseded = measured + done, superseded + len(held.windows) - done
        return Report(measured, superseded)

    def _claim(self, model: Model, mark: int) -> Lease | None:
        before = self._clock.now_us() - round(self._settings.label_pause_s * SECOND_US)
        return windows.lease(
            self._db,
            self._workspace,
            model,
            mark,
            self._owner,
            seconds=self._settings.lease_s,
            limit=self._settings.windows_a_lease,
            labels_before_us=before,
        )

    def _measure(self, model: Model, held: Lease) -> int:
        """Measure the windows of a lease; returns how many were finished."""
        try:
            groups = self._profiles(model, held)
            reference = self._reference(model, held, groups)
            joined = self._joined(model, held)
            done = 0
            for window in held.windows:
                rows = None if joined is None else labelled.between(joined, window.start_us, window.end_us)
                found = self._window(model, window, groups, reference, rows)
                labels = 0 if rows is None else labelled.labels(rows)
                done += windows.finish(self._db, self._workspace, held, window, found, labels, self._clock.now_us())
        except UnavailableError:
            windows.release(self._db, self._workspace, held)
            raise
        return done

    def _profiles(self, model: Model, held: Lease) -> Groups:
        """The profiles of the windows, and of those before them that they may look back over."""
        first, last = held.windows[0], held.windows[-1]
        back = self._settings.lookback_windows * (first.end_us - first.start_us)
        return profiles.between(self._db, self._workspace, model.name, first.start_us - back, last.end_us)

    def _reference(self, model: Model, held: Lease, groups: Groups) -> Reference | None:
        """The reference in force; without one the first window that is large enough becomes it, provisionally."""
        found = references.active(self._db, self._workspace, model.name)
        if found is not None:
            return found
        for window in held.windows:
            parts = [p for (_, segment), of in groups.items() if not segment for p in _within(of, window)]
            if parts and sum(p.rows for p in parts) >= model.min_rows:
                provenance = {"window": window.size, "start_us": window.start_us, "end_us": window.end_us}
                references.put(
                    self._db,
                    self._workspace,
                    model.name,
                    profiles.merged(parts),
                    {},
                    provenance,
                    self._clock.now_us(),
                    provisional=True,
                )
                return references.active(self._db, self._workspace, model.name)
        return None

    def _joined(self, model: Model, held: Lease) -> pa.Table | None:
        """Predictions beside their labels, by ts; None where no label ever came."""
        joined = self._reader.labelled(model.name, held.windows[0].start_us, held.windows[-1].end_us)
        if joined is None or any(window.label_revision for window in held.windows):
            return joined
        absent = all(joined[name].null_count == joined.num_rows for name in ("label", "label_value"))
        return None if absent else joined

    def _window(
        self, model: Model, window: Window, groups: Groups, reference: Reference | None, joined: pa.Table | None
    ) -> Measured:
        present = {key: of for key, of in groups.items() if _within(of, window)}
        columns = 0 if reference is None else len(drift_columns(reference.profile))
        test = Test(self._alpha(model, max(1, len(present)), columns), self._settings.delta)
        found: Measured = {}
        for (version, segment), of in present.items():
            key = SeriesKey(model.name, version, segment, window.size)
            found[key] = list(_of_profiles(model, window, of, reference, test, self._settings.lookback_windows))
            if joined is not None and not segment:
                found[key] += _of_labels(model, version, joined, reference)
        return found

    def _alpha(self, model: Model, series: int, columns: int) -> float:
        """The level of each planned test: its fixed part of the dial."""
        days = [(size.end(size.start(0)) - size.start(0)) / DAY_US for size in model.sizes]
        tests = series * (_TESTS_A_COLUMN * columns + 1)
        return dial.alpha(self._settings.false_alarms, dial.windows_per_quarter(*days), tests)


def drift_columns(reference: WindowProfile) -> dict[str, str]:
    """The columns that are tested for drift: name in a measurement -> name in the profiles."""
    return {column_name(stored): stored for stored in sorted(reference.columns) if stored not in POSITIVE_COLUMNS}


def column_name(stored: str) -> str:
    """What a column is called in a measurement: a feature by its own name, unless that is taken."""
    name = stored.removeprefix(FEATURE)
    return stored if stored != name and (name == PREDICTION or name.startswith((SCORE, FEATURE))) else name


def _within(of: Mapping[int, WindowProfile], window: Window) -> list[WindowProfile]:
    return [profile for start, profile in of.items() if window.start_us <= start < window.end_us]


def _of_profiles(
    model: Model,
    window: Window,
    of: Mapping[int, WindowProfile],
    reference: Reference | None,
    test: Test,
    lookback: int,
) -> Iterator[Measurement]:
    profile = profiles.merged(_within(of, window))
    before = None if reference is None else reference.profile
    yield from measure_health(profile, before, window.end_us - window.start_us, test.alpha)
    if reference is None:
        return
    itself = reference.provisional and reference.provenance.get("start_us") == window.start_us
    whole, span_start_us = _look_back(profile, window, of, model, lookback)
    for name, stored in drift_columns(reference.profile).items():
        for found in measure_column(name, stored, whole, reference.profile, test):
            status = Status.PROVISIONAL if itself else found.status
            if whole.rows < model.min_rows:
                status = Status.INSUFFICIENT
            yield replace(found, status=status, span_start_us=span_start_us)


def _look_back(
    profile: WindowProfile, window: Window, of: Mapping[int, WindowProfile], model: Model, lookback: int
) -> tuple[WindowProfile, int]:
    """A window too small takes in the fewest windows before it that reach min_rows together."""
    if profile.rows >= model.min_rows or window.size != model.window.text:
        return profile, window.start_us
    earlier = sorted((start for start in of if start < window.start_us), reverse=True)[:lookback]
    parts, rows = [profile], profile.rows
    for start in earlier:
        parts.append(of[start])
        rows += of[start].rows
        if rows >= model.min_rows:
            return WindowProfile.merge(parts), start
    return profile, window.start_us


def _of_labels(model: Model, version: str, joined: pa.Table, reference: Reference | None) -> Iterator[Measurement]:
    rows = joined.filter(pc.equal(joined["version"], version))
    if rows.num_rows:
        before = {} if reference is None else reference.performance
        yield from measure_performance(outcomes(rows), before, model.positive_class)

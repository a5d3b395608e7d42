"""The labels of windows that are measured: predictions beside them, and how late those of the model are. It reads and writes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors import label_arrival, label_shortfall, labelled
from detectors.label_arrival import ALL, Arrival
from detectors.label_delay import CELLS, Counts
from detectors.label_shortfall import WindowLabels
from detectors.labels_by_segment import Seen, joined_columns, task_of
from detectors.outcomes import label_classes
from store import columns, label_delays, watermarks, windows
from store.database import Database
from store.joined_columns import JoinedColumns
from store.label_delays import Counted, Delays, Stale
from store.models import Model
from store.record_reads import RecordReader
from store.windows import Lease, Window
from stream.codecs.topics import RecordKind

_ROWS_AT_ONCE = 2_000_000
"""Predictions of windows that are joined together, so that memory is bounded however many windows a lease has."""
_WINDOWS_AT_ONCE = 100
_BEFORE_ALL_US = -(2**62)


class LeasedLabels:
    """The labels of leased windows, read as they are asked for: some windows together, in the order of the lease."""

    def __init__(
        self, reader: RecordReader, model: Model, held: Lease, more: JoinedColumns, arrivals: Mapping[str, Arrival]
    ) -> None:
        self._reader = reader
        self._model = model
        self._more = more
        self._groups = list(_together(held.windows))
        self._arrivals = arrivals
        self._joined: pa.Table | None = None
        self._read: Sequence[Window] = ()

    @property
    def are_told(self) -> bool:
        """Whether it can be told how late labels are."""
        return bool(self._arrivals)

    def of_window(self, window: Window) -> Seen | None:
        """Of one of them; None of a window for which no label came, and none is known to be due.

        Raises:
            UnavailableError: the record log is away.
        """
        if window not in self._read:
            self._read = next(group for group in self._groups if window in group)
            self._joined = None  # before the next is read
            spans = [(one.start_us, one.end_us) for one in self._read]
            every = self._model.task == "ranking"  # whose lists are of all their items
            self._joined = self._reader.labelled(window.model, spans, self._more, every=every)
        if self._joined is None:
            return None
        rows = labelled.between(self._joined, window.start_us, window.end_us)
        expected = rows.num_rows > 0 or window.label_revision > 0 or bool(self._arrivals)
        return Seen(rows, self._arrivals) if expected else None


class LateLabels:
    """Reads the labels of windows of one workspace, and counts how late they were."""

    def __init__(self, db: Database, reader: RecordReader, workspace: str) -> None:
        self._db = db
        self._reader = reader
        self._workspace = workspace
        self._labelled: Collection[str] = ()
        self._reached: Mapping[tuple[str, str], int] = {}
        # How far labels had come when it was last looked whether it can be told how late they are.
        self._told: dict[tuple[str, str], int] = {}

    def look(self, models: Sequence[str]) -> None:
        """Look up which of the models ever had a label, and how far the labels of each have come."""
        self._labelled = watermarks.furthest(self._db, self._workspace, models, RecordKind.LABELS).keys()
        self._reached = label_delays.reached(self._db, self._workspace)

    def reached_us(self, model: Model) -> int | None:
        """How far the labels of a model have come, in event time; None while too few belong to a prediction."""
        return self._reached.get(_place(model))

    def moved(self, models: Sequence[Model]) -> set[str]:
        """Those whose labels have come further since it was last looked whether it can be told how late they are."""
        moments = {model.name: (self.reached_us(model), self._told.get(_place(model))) for model in models}
        return {name for name, (reached_us, told_us) in moments.items() if reached_us not in (None, told_us)}

    def read(self, model: Model, held: Lease, segments: Collection[str]) -> LeasedLabels | None:
        """What there is of the labels of leased windows; None of a model that never had one.

        Args:
            segments: for which it is told how late labels are.

        Raises:
            UnavailableError: the database or the record log is away.
        """
        if model.name not in self._labelled and not any(window.label_revision for window in held.windows):
            return None
        self._count(model, max(window.end_us for window in held.windows))
        reached_us = self.reached_us(model)
        arrivals = {} if reached_us is None else self._arrivals(model, reached_us, segments)
        if arrivals and reached_us is not None:
            windows.tell(self._db, self._workspace, model.name, reached_us)
        return LeasedLabels(self._reader, model, held, joined_columns(model, self._flags(model)), arrivals)

    def count(self, model: Model, closed_us: int) -> None:
        """Count how late labels were that came since: with that the labels have come further.

        Where it can be told by now how late they are, windows that were measured before are due, though nothing came for them.

        Args:
            closed_us: windows that end by then are closed.

        Raises:
            UnavailableError: the database or the record log is away.
        """
        if model.name in self._labelled:
            self._count(model, closed_us)
            self._tell(model)

    def _tell(self, model: Model) -> None:
        """Once for each moment that the labels come to: what is learnt of a lease's labels is told by `read`."""
        reached_us = self.reached_us(model)
        if reached_us is None or self._told.get(_place(model)) == reached_us:
            return
        if windows.are_untold(self._db, self._workspace, model.name) and self._arrivals(model, reached_us, ()):
            windows.tell(self._db, self._workspace, model.name, reached_us)
        self._told[_place(model)] = reached_us

    def _count(self, model: Model, closed_us: int) -> None:
        """Count the delays of all windows anew whose labels may be others; each once, however fast more come."""
        after_us = _BEFORE_ALL_US
        while some := label_delays.stale(self._db, self._workspace, model, closed_us, after_us, _WINDOWS_AT_ONCE):
            after_us = some[-1].start_us
            segments = label_delays.segments_of(self._db, self._workspace, model, [one.start_us for one in some])
            more = JoinedColumns(model.segments, flags=self._flags(model))
            for group in _together(some):
                spans = [(one.start_us, one.end_us) for one in group]
                found = self._reader.label_moments(model.name, spans, more)
                parts = [None if found is None else labelled.between(found, *span) for span in spans]
                counted = [
                    Counted(one, {}, ())
                    if rows is None
                    else Counted(one, _delays(model, rows, segments.get(one.start_us, set())), _latest_us(rows))
                    for one, rows in zip(group, parts, strict=True)
                ]
                label_delays.replace(self._db, self._workspace, model, counted)
                self._reached = label_delays.reached(self._db, self._workspace)

    def _flags(self, model: Model) -> tuple[str, ...]:
        return columns.flags(self._db, self._workspace, model.name, model.segments)

    def _arrivals(self, model: Model, reached_us: int, segments: Collection[str]) -> dict[str, Arrival]:
        delays = label_delays.of_model(self._db, self._workspace, model, segments)
        found = {}
        for segment, of_windows in delays.items():
            cohorts = [(end_us, {name: _dense(cells) for name, cells in of.items()}) for end_us, of in of_windows]
            if arrival := label_arrival.learn(cohorts, reached_us):
                found[segment] = arrival
        if "" not in found:
            return found
        labels = {end_us: sum(of[ALL].values()) for end_us, of in delays[""]}
        spans = label_delays.rows_of(self._db, self._workspace, model)
        counted = [WindowLabels(start, end, rows, labels.get(end, 0)) for start, end, rows in spans]
        short = label_shortfall.short(found[""], counted)
        return {segment: replace(arrival, short=short) for segment, arrival in found.items()}


def _place(model: Model) -> tuple[str, str]:
    return model.name, model.window.text


_W = TypeVar("_W", Window, Stale)


def _together(some: Sequence[_W]) -> Iterator[list[_W]]:
    """Windows in groups of bounded rows, one at least."""
    group: list[_W] = []
    rows = 0
    for window in some:
        if group and rows + window.rows > _ROWS_AT_ONCE:
            yield group
            group, rows = [], 0
        group.append(window)
        rows += window.rows
    if group:
        yield group


def _delays(model: Model, rows: pa.Table, segments: Collection[str]) -> dict[str, Delays]:
    """By segment, "" for all; none where nothing has a label."""
    found: dict[str, Delays] = {}
    for segment, of_it in {"": rows, **labelled.of_segments(rows, segments)}.items():
        late_us = pc.subtract(of_it["first_us"], of_it["ts_us"]).to_numpy()
        counts = label_arrival.tally(late_us, label_classes(of_it, task_of(model)))
        if counts:
            found[segment] = {name: _sparse(cells) for name, cells in counts.items()}
    return found


def _latest_us(rows: pa.Table) -> list[int]:
    """When the latest labels came: that of an id which several versions predicted is one."""
    most = label_delays.VOUCHING * pc.count_distinct(rows["version"]).as_py()
    last = rows.select(["id", "first_us"]).take(pc.select_k_unstable(rows, most, [("first_us", "descending")]))
    each = last.group_by("id").aggregate([("first_us", "max")])["first_us_max"].to_numpy()
    return sorted(each.tolist(), reverse=True)[: label_delays.VOUCHING]


def _sparse(counts: Counts) -> Mapping[str, int]:
    return {str(cell): int(counts[cell]) for cell in np.flatnonzero(counts)}


def _dense(cells: Mapping[str, int]) -> Counts:
    counts = np.zeros(CELLS, np.int64)
    counts[[int(cell) for cell in cells]] = list(cells.values())
    return counts

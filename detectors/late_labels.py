"""The labels of windows that are measured: predictions beside them, and how late those of the model are. It reads and writes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors import label_arrival, labelled
from detectors.label_arrival import Arrival
from detectors.label_delay import CELLS, Counts
from detectors.labels_by_segment import Seen, joined_columns, task_of
from detectors.outcomes import label_classes
from store import label_delays, watermarks, windows
from store.database import Database
from store.joined_columns import JoinedColumns
from store.label_delays import Delays, Stale
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

    def __init__(self, reader: RecordReader, model: Model, held: Lease, arrivals: Mapping[str, Arrival]) -> None:
        self._reader = reader
        self._model = model
        self._groups = list(_together(held.windows))
        self._arrivals = arrivals
        self._joined: pa.Table | None = None
        self._read: Sequence[Window] = ()

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
            self._joined = self._reader.labelled(window.model, spans, joined_columns(self._model), every=every)
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
        self._reached: dict[str, int] = {}

    def look(self, models: Sequence[str]) -> None:
        """Look up how far the labels of each model have come, in event time: the largest ts of one."""
        self._reached = watermarks.furthest(self._db, self._workspace, models, RecordKind.LABELS)

    def reached_us(self, model: str) -> int | None:
        """How far the labels of a model had come; None of a model that had none."""
        return self._reached.get(model)

    def read(self, model: Model, held: Lease, segments: Collection[str]) -> LeasedLabels | None:
        """What there is of the labels of leased windows; None of a model that never had one.

        Args:
            segments: for which it is told how late labels are.

        Raises:
            UnavailableError: the database or the record log is away.
        """
        reached_us = self.reached_us(model.name)
        if reached_us is None and not any(window.label_revision for window in held.windows):
            return None
        self._count(model)
        arrivals = self._arrivals(model, reached_us, segments)
        if arrivals and reached_us is not None:
            windows.tell(self._db, self._workspace, model.name, reached_us)
        return LeasedLabels(self._reader, model, held, arrivals)

    def _count(self, model: Model) -> None:
        """Count the delays of all windows anew that labels came for; each once, however fast more come."""
        after_us = _BEFORE_ALL_US
        while some := label_delays.stale(self._db, self._workspace, model, after_us, _WINDOWS_AT_ONCE):
            after_us = some[-1].start_us
            segments = label_delays.segments_of(self._db, self._workspace, model, [one.start_us for one in some])
            for group in _together(some):
                spans = [(one.start_us, one.end_us) for one in group]
                found = self._reader.label_moments(model.name, spans, JoinedColumns(model.segments))
                parts = [None if found is None else labelled.between(found, *span) for span in spans]
                counted = [
                    (one, {} if rows is None else _delays(model, rows, segments.get(one.start_us, set())))
                    for one, rows in zip(group, parts, strict=True)
                ]
                label_delays.replace(self._db, self._workspace, model, counted)

    def _arrivals(self, model: Model, reached_us: int | None, segments: Collection[str]) -> dict[str, Arrival]:
        stored = {} if reached_us is None else label_delays.of_model(self._db, self._workspace, model, segments)
        found = {}
        for segment, of_windows in stored.items():
            cohorts = [(end_us, {name: _dense(cells) for name, cells in of.items()}) for end_us, of in of_windows]
            if arrival := label_arrival.learn(cohorts, reached_us or 0):
                found[segment] = arrival
        return found


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


def _sparse(counts: Counts) -> Mapping[str, int]:
    return {str(cell): int(counts[cell]) for cell in np.flatnonzero(counts)}


def _dense(cells: Mapping[str, int]) -> Counts:
    counts = np.zeros(CELLS, np.int64)
    counts[[int(cell) for cell in cells]] = list(cells.values())
    return counts

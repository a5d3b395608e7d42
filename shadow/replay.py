"""Recorded traffic through a candidate: what the champion said then and the candidate says now, row beside row, in columns."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.clock import DAY_US
from kernel.errors import ContractError
from shadow.candidates.contract import FEATURE, Candidate, CandidateError, FloatArray, Predictions, Source
from shadow.settings import ShadowSettings
from shadow.spec import RunSpec
from store.record_reads import RecordReader

Stopwatch = Callable[[], int]
"""Nanoseconds of a clock that only moves forward."""
Heard = Callable[[float], None]
"""Told the share of the span that is replayed; what it raises ends the replay."""


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What came of a replay.

    Attributes:
        rows: (n,) rows of ts_us, weight, latency_ms, champion, champion_value, champion_score (of the positive class),
            candidate (string, or float64 for a regression), candidate_score, label, label_value.
        positive: the class that the scores are of; "" where there is none.
        batch_ms, batch_rows: how long the candidate took for each batch, and its rows.
        row_ms: how long it took for each of some single rows.
        errors: what it said where it failed, each once.
    """

    rows: pa.Table
    positive: str
    batch_ms: FloatArray
    batch_rows: NDArray[np.int64]
    row_ms: FloatArray
    errors: tuple[str, ...]


@dataclass(slots=True)
class _Notes:
    """What a replay learns on its way."""

    positive: str
    batch_ms: list[float] = field(default_factory=list)
    batch_rows: list[int] = field(default_factory=list)
    row_ms: list[float] = field(default_factory=list)
    errors: dict[str, None] = field(default_factory=dict)
    recorded: set[str] = field(default_factory=set)


class Replay:
    """Replays recorded predictions through one candidate.

    Args:
        recorded_as: where the record log keeps a feature, for those that are known; others are read as the candidate
            wants them.
    """

    def __init__(
        self,
        reader: RecordReader,
        candidate: Candidate,
        settings: ShadowSettings,
        recorded_as: Mapping[str, Source] | None = None,
        stopwatch: Stopwatch = time.perf_counter_ns,
    ) -> None:
        self._reader = reader
        self._candidate = candidate
        self._settings = settings
        self._sources = {name: (recorded_as or {}).get(name, wanted) for name, wanted in candidate.inputs.items()}
        self._stopwatch = stopwatch

    def run(self, spec: RunSpec, positive: str, heard: Heard) -> Replayed | None:
        """Replay the span of a spec, a slice of days at a time.

        Args:
            positive: the positive class; "" takes the last of the candidate's, where it has two.

        Returns:
            None where no prediction was recorded.

        Raises:
            ContractError: a feature that the candidate takes was never recorded.
            UnavailableError: the record log is away.
        """
        notes = _Notes(positive)
        parts: list[pa.Table] = []
        for start_us, end_us in _slices(spec.start_us, spec.end_us, self._settings.slice_days):
            part = self._slice(spec, start_us, end_us, notes, heard)
            if part is not None:
                parts.append(part)
            heard((end_us - spec.start_us) / (spec.end_us - spec.start_us))
        if not parts:
            return None
        self._require_recorded(spec, notes)
        return Replayed(
            pa.concat_tables(parts), notes.positive, np.array(notes.batch_ms), np.array(notes.batch_rows, np.int64),
            np.array(notes.row_ms), tuple(notes.errors),
        )  # fmt: skip

    def _slice(self, spec: RunSpec, start_us: int, end_us: int, notes: _Notes, heard: Heard) -> pa.Table | None:
        version, rows = spec.version or None, self._settings.batch_rows
        batches = self._reader.predictions(spec.model, start_us, end_us, self._sources, version, rows)
        parts = []
        for batch in batches:
            parts.append(self._batch(batch, notes))
            heard((batch["ts_us"][-1].as_py() - spec.start_us) / (spec.end_us - spec.start_us))
        if not parts:
            return None
        found = pa.Table.from_batches(parts)
        return _with_labels(found, self._reader.labelled(spec.model, [(start_us, end_us)]))

    def _batch(self, batch: pa.RecordBatch, notes: _Notes) -> pa.RecordBatch:
        if not notes.batch_ms:
            notes.row_ms.extend(self._single_rows(batch))
        began = self._stopwatch()
        predictions = self._predict(batch, notes)
        notes.batch_ms.append((self._stopwatch() - began) / 1e6)
        notes.batch_rows.append(batch.num_rows)
        notes.recorded.update(n for n in self._sources if batch.column(FEATURE + n).null_count < batch.num_rows)
        notes.positive = notes.positive or _last_of_two(self._candidate.classes)
        return beside(batch, predictions, notes.positive)

    def _predict(self, batch: pa.RecordBatch, notes: _Notes) -> Predictions:
        try:
            return self._candidate.predict(batch)
        except CandidateError as error:
            notes.errors[str(error)] = None
            kind = pa.float64() if self._candidate.is_regression else pa.string()
            return Predictions(pa.nulls(batch.num_rows, kind))

    def _single_rows(self, batch: pa.RecordBatch) -> Iterator[float]:
        """Milliseconds of rows that are predicted one at a time, the first as a warm-up; none where one fails."""
        count = min(self._settings.latency_rows, batch.num_rows)
        try:
            if count:
                self._candidate.predict(batch.slice(0, 1))
            for place in np.linspace(0, batch.num_rows - 1, count).astype(int).tolist():
                began = self._stopwatch()
                self._candidate.predict(batch.slice(place, 1))
                yield (self._stopwatch() - began) / 1e6
        except CandidateError:
            return

    def _require_recorded(self, spec: RunSpec, notes: _Notes) -> None:
        absent = sorted(set(self._sources) - notes.recorded)
        if absent:
            names = ", ".join(repr(name) for name in absent)
            raise ContractError(
                "features", f"{spec.model} recorded no {names} in this span, which the candidate {spec.candidate} takes"
            )


def _slices(start_us: int, end_us: int, days: int) -> Iterator[tuple[int, int]]:
    """[start, end) in parts of whole days, UTC."""
    while start_us < end_us:
        until_us = min(end_us, (start_us // DAY_US + days) * DAY_US)
        yield start_us, until_us
        start_us = until_us


def _last_of_two(classes: tuple[str, ...]) -> str:
    return max(classes) if len(classes) == 2 else ""


def beside(batch: pa.RecordBatch, predictions: Predictions, positive: str) -> pa.RecordBatch:
    """What the champion said beside what the candidate says, row by row; scores are the positive class's."""
    nothing = np.full(batch.num_rows, np.nan)
    columns = {name: batch[name] for name in ("version", "id", "ts_us", "weight", "latency_ms")}
    columns["champion"], columns["champion_value"] = batch["prediction"], batch["prediction_value"]
    columns["champion_score"] = pa.array(score_of(batch["scores"], positive) if positive else nothing)
    columns["candidate"] = predictions.labels
    columns["candidate_score"] = pa.array(predictions.scores.get(positive, nothing))
    return pa.record_batch(columns)


def score_of(maps: pa.MapArray, name: str) -> FloatArray:
    """The score of one class, shape (n,), NaN where a row has none.

    >>> score_of(pa.array([[("a", 0.25)], None], pa.map_(pa.string(), pa.float64())), "a").tolist()
    [0.25, nan]
    """
    offsets = maps.offsets.to_numpy()
    first, entries = int(offsets[0]), int(offsets[-1] - offsets[0])
    here = pc.equal(maps.keys.slice(first, entries), name).to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(maps)), np.diff(offsets))
    values = np.full(len(maps), np.nan)
    values[owner[here]] = maps.items.slice(first, entries).to_numpy(zero_copy_only=False)[here]
    return values


def _with_labels(found: pa.Table, labelled: pa.Table | None) -> pa.Table:
    """Each row's label, by version and id."""
    keyless = found.drop_columns(["version", "id"])
    if labelled is None:
        return keyless.append_column("label", pa.nulls(found.num_rows, pa.string())).append_column(
            "label_value", pa.nulls(found.num_rows, pa.float64())
        )
    places = pc.index_in(_identity(found), value_set=_identity(labelled).combine_chunks())
    for name in ("label", "label_value"):
        keyless = keyless.append_column(name, labelled[name].take(places))
    return keyless


def _identity(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(table["version"].fill_null(""), table["id"], "\x1f")

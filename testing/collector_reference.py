"""What a collector should have kept and counted, worked out the plain way: dictionaries, and loops over single records.

Nothing here knows how the collector works. It is told which messages lie in the log and how far each partition is committed, and
says what must then be stored.
"""

import math
import struct
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kernel.clock import from_datetime, to_datetime
from kernel.grid import Grid
from kernel.profile import Kind, Moments
from stream.codecs.topics import RecordKind, kind_of
from stream.message import Partition
from testing.collector_counts import ColumnCounts, Known, Label, Place, WindowCounts
from testing.collector_traffic import WHOLE_MESSAGE, Held, Record, Sent, as_text

MISFIT = "misfit"
_POSITIVE = ("latency_ms", "queue_ms", "cost")
_FLAGS = {"true": 1, "1": 1, "false": 0, "0": 0}


@dataclass(frozen=True)
class Row:
    """A record in its place."""

    partition: Partition
    offset: int
    row: int
    record: Record

    @property
    def model(self) -> str:
        """Its model."""
        return str(self.record["model"])

    @property
    def version(self) -> str:
        """Its version as text, "" where it has none."""
        return as_text(self.record.get("version", ""))

    @property
    def id(self) -> str:
        """Its id as text, or the one that derives from its place."""
        return as_text(self.record.get("id", f"{self.partition}/{self.offset}/{self.row}"))

    @property
    def ts_us(self) -> int:
        """When it was made."""
        return moment_us(self.record["ts"])

    @property
    def weight(self) -> float:
        """1 / sampling fraction."""
        return float(self.record.get("weight", 1.0))

    def values(self) -> dict[str, Any]:
        """What is profiled, by column."""
        found = {f"feature.{n}": v for n, v in self.record.get("features", {}).items()}
        found |= {f"score.{n}": v for n, v in self.record.get("scores", {}).items()}
        found |= _confidence(self.record.get("scores", {}))
        found |= {n: self.record[n] for n in ("prediction", *_POSITIVE) if n in self.record}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class ModelShape:
    """What people declared of a model."""

    sizes: tuple[str, ...] = ("1d",)  # the first is the window, the others are roll-ups
    segments: tuple[str, ...] = ()


class Reference:
    """The messages of all partitions, and what follows from how far each is committed.

    Args:
        shapes: by model.
    """

    def __init__(self, shapes: Mapping[str, ModelShape]) -> None:
        self._shapes = shapes
        self._sent: dict[Partition, list[Sent]] = defaultdict(list)
        self._hour: dict[tuple[Partition, int], int] = {}
        self.hour = 0  # goes up each time that the horizon of identities has passed

    def send(self, partition: Partition, sent: Sent) -> None:
        """A message was appended."""
        self._sent[partition].append(sent)

    def sent(self, partition: Partition) -> int:
        """How many messages the partition was sent."""
        return len(self._sent[partition])

    def see(self, reached: Mapping[Partition, int]) -> None:
        """Messages before these offsets are taken in, those that are new among them just now."""
        for partition, end in reached.items():
            for offset in range(end):
                self._hour.setdefault((partition, offset), self.hour)

    def doubles(self, reached: Mapping[Partition, int]) -> int:
        """How many good predictions are copies of one before."""
        good = sum(1 for p in reached if kind_of(p.topic) is RecordKind.PREDICTIONS for _ in self._good(p, reached[p]))
        return good - len(self.predictions(reached))

    def predictions(self, reached: Mapping[Partition, int]) -> list[Row]:
        """The first of each identity within its partition and hour, in the order of the log."""
        kept: dict[tuple[object, ...], Row] = {}
        for partition in sorted(reached):
            if kind_of(partition.topic) is RecordKind.PREDICTIONS:
                for row in self._good(partition, reached[partition]):
                    hour = self._hour[partition, row.offset]
                    kept.setdefault((partition, hour, row.model, row.version, row.id), row)
        return list(kept.values())

    def labels(self, reached: Mapping[Partition, int]) -> list[Row]:
        """Every good label: none is a copy."""
        return [r for p in sorted(reached) if kind_of(p.topic) is RecordKind.LABELS for r in self._good(p, reached[p])]

    def events(self, reached: Mapping[Partition, int]) -> set[tuple[str, int, int, str, str]]:
        """Every good event as (partition, offset, row, model, kind)."""
        rows = [r for p in reached if kind_of(p.topic) is RecordKind.EVENTS for r in self._good(p, reached[p])]
        return {(str(r.partition), r.offset, r.row, r.record.get("model", ""), r.record["kind"]) for r in rows}

    def figures(self, reached: Mapping[Partition, int]) -> dict[tuple[str, str, int], set[float]]:
        """By (model, name, ts_us) the last good figure of each partition: one of them is kept."""
        found: dict[tuple[str, str, int], dict[Partition, float]] = defaultdict(dict)
        for partition in reached:
            if kind_of(partition.topic) is RecordKind.BUSINESS:
                for row in self._good(partition, reached[partition]):
                    found[row.model, row.record["name"], row.ts_us][partition] = row.record["value"]
        return {key: set(last.values()) for key, last in found.items()}

    def letters(self, reached: Mapping[Partition, int] | None = None) -> set[tuple[str, int, int, str]]:
        """The dead letters as (source, offset, row, field); of everything that was ever sent where no offsets are given."""
        ends = {p: len(sent) for p, sent in self._sent.items()} if reached is None else reached
        return {(str(p), o, h.row, h.fault) for p in ends for o, h in self._held(p, ends[p]) if h.fault is not None}

    def profiles(self, reached: Mapping[Partition, int], known: Mapping[str, Known]) -> dict[Place, WindowCounts]:
        """Every profile."""
        rows: dict[Place, list[Row]] = defaultdict(list)
        for row in self.predictions(reached):
            shape = self._shape(row)
            start_us = window_start_us(row.ts_us, shape.sizes[0])
            for segment in ("", *(self._segment(row, name) for name in shape.segments)):
                rows[Place(row.model, row.version, segment, start_us, str(row.partition))].append(row)
        return {place: _window(of, known[place.model]) for place, of in rows.items()}

    def windows(self, reached: Mapping[Partition, int]) -> dict[tuple[str, str, int], tuple[int, bool]]:
        """By (model, size, start): the rows, and whether labels came for it."""
        rows: Counter[tuple[str, str, int]] = Counter()
        labelled: set[tuple[str, str, int]] = set()
        for row in self.predictions(reached):
            rows.update((row.model, size, window_start_us(row.ts_us, size)) for size in self._shape(row).sizes)
        for label in self.labels(reached):
            if "prediction_ts" in label.record:
                made_us = moment_us(label.record["prediction_ts"])
                labelled.update((label.model, s, window_start_us(made_us, s)) for s in self._shape(label).sizes)
        return {key: (rows[key], key in labelled) for key in {*rows, *labelled}}

    def watermarks(self, reached: Mapping[Partition, int]) -> dict[tuple[str, str], int]:
        """The largest ts by (model, partition), of predictions and of labels."""
        found: dict[tuple[str, str], int] = {}
        for row in (*self.predictions(reached), *self.labels(reached)):
            key = (row.model, str(row.partition))
            found[key] = max(found.get(key, row.ts_us), row.ts_us)
        return found

    def unhinted(self, reached: Mapping[Partition, int]) -> set[tuple[str, int]]:
        """Where the labels lie that do not say when their prediction was made, as (partition, offset)."""
        return {(str(r.partition), r.offset) for r in self.labels(reached) if "prediction_ts" not in r.record}

    def log_rows(self, kind: RecordKind, reached: Mapping[Partition, int]) -> list[tuple[Any, ...]]:
        """Every row of the record log, as Storage.log_rows says it."""
        rows = self.predictions(reached) if kind is RecordKind.PREDICTIONS else self.labels(reached)
        stored = _stored_prediction if kind is RecordKind.PREDICTIONS else _stored_label
        return sorted(((str(r.partition), r.offset, r.row, *stored(r)) for r in rows), key=lambda row: row[:3])

    def _shape(self, row: Row) -> ModelShape:
        return self._shapes.get(row.model, ModelShape())

    def _segment(self, row: Row, name: str) -> str:
        return f"{name}={as_text(row.values().get(f'feature.{name}', ''))}"

    def _held(self, partition: Partition, end: int) -> Iterator[tuple[int, Held]]:
        for offset, sent in enumerate(self._sent[partition][:end]):
            for held in sent.held:
                yield offset, held

    def _good(self, partition: Partition, end: int) -> Iterator[Row]:
        for offset, held in self._held(partition, end):
            if held.fault is None and held.row != WHOLE_MESSAGE:
                yield Row(partition, offset, held.row, held.record)


def _stored_prediction(row: Row) -> tuple[Any, ...]:
    record = row.record
    features = {
        n: as_text(int(v) if isinstance(v, bool) else v) for n, v in record.get("features", {}).items() if v is not None
    }
    plain = [record.get(name) for name in ("latency_ms", "weight", "error")]
    outcome = _outcome(record.get("prediction"))
    return (row.model, row.version, row.id, row.ts_us, *outcome, *plain, features, record.get("scores", {}))


def _stored_label(row: Row) -> tuple[Any, ...]:
    made = row.record.get("prediction_ts")
    return (row.model, row.id, row.ts_us, *_outcome(row.record["label"]), None if made is None else moment_us(made))


def _outcome(value: object) -> tuple[object, object]:
    """A class and a number, of which one is given."""
    return (None, value) if isinstance(value, float) else (value, None)


def _window(rows: Iterable[Row], known: Known) -> WindowCounts:
    window = WindowCounts()
    columns: dict[str, list[tuple[Row, object]]] = defaultdict(list)
    for row in rows:
        window.rows += 1
        window.errors += "error" in row.record
        window.weight += row.weight
        window.weight2 += row.weight**2
        for name, value in row.values().items():
            columns[name].append((row, value))
    window.columns = {name: _column(name, of, window, known) for name, of in columns.items()}
    return window


def _confidence(scores: Mapping[str, float]) -> dict[str, float]:
    """Entropy and margin of a row's scores, which sum to 1 with what was not sent."""
    if not scores:
        return {}
    rest = 1 - sum(scores.values())
    shares = sorted([*scores.values(), *([rest] if rest > 1e-6 else [])], reverse=True)
    entropy = -sum(p * math.log(p) for p in shares if p) / math.log(max(2, len(shares)))
    return {"confidence.entropy": entropy, "confidence.margin": shares[0] - sum(shares[1:2])}


def _column(name: str, values: list[tuple[Row, object]], window: WindowCounts, known: Known) -> ColumnCounts:
    column = ColumnCounts(missing=window.rows - len(values))
    column.missing_weight = window.weight - sum(row.weight for row, _ in values)
    numbers = []
    for row, value in values:
        label = _label(known.kinds[name], known.grids.get(name), value, chosen=_is_chosen(name, row))
        if label == MISFIT:
            column.misfit += 1
            continue
        column.cells[label] = column.cells.get(label, 0) + 1
        column.weights[label] = column.weights.get(label, 0.0) + row.weight
        if known.kinds[name] not in (Kind.CATEGORICAL, Kind.BOOLEAN):
            numbers.append(float(str(value)))
    if numbers:
        mean = math.fsum(numbers) / len(numbers)
        column.moments = Moments(len(numbers), mean, math.fsum((n - mean) ** 2 for n in numbers))
    return column


def _is_chosen(name: str, row: Row) -> bool:
    """Whether this is the score of the class that was predicted."""
    return name.removeprefix("score.") == row.record.get("prediction")


def _label(kind: Kind, grid: Grid | None, value: object, *, chosen: bool) -> Label:
    """The category or the cell that a value belongs to, MISFIT where it is not of the column's kind."""
    if kind is Kind.CATEGORICAL:
        return as_text(value)
    if kind is Kind.BOOLEAN:
        return _FLAGS.get(as_text(value), MISFIT)
    try:
        number = float(str(value))
    except ValueError:
        return MISFIT
    if kind is Kind.SCORE:
        log_odds = math.log(number / (1 - number))
        return math.floor(64 * log_odds) + 1_024 + 2_048 * chosen
    if kind is Kind.POSITIVE:
        return _code(number)
    if grid is None:
        raise AssertionError("a numeric column with values has a grid")
    return bisect_right(grid.edges.tolist(), _code(number - grid.centre))


def _code(deviation: float) -> int:
    """The top 16 bits of the float32, monotone."""
    (bits,) = struct.unpack("<I", struct.pack("<f", deviation + 0.0))
    return int((bits ^ (0xFFFFFFFF if bits >> 31 else 0x80000000)) >> 16)


def moment_us(text: str) -> int:
    """The microseconds of an RFC 3339 text."""
    return from_datetime(datetime.fromisoformat(text))


def window_start_us(ts_us: int, size: str) -> int:
    """Where the calendar's hour or day begins."""
    moment = to_datetime(ts_us).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return from_datetime(moment if size == "1h" else moment.replace(hour=0))

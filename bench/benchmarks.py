"""What is measured beside what, and the bars of the project's contract."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.child import Subject, run
from bench.ingest import CONFLUENT, KAFKA_PYTHON, PARTITIONS
from bench.size import sized
from testing.kafka_broker import kafka_bootstrap_servers

ARROW_RECORDS = sized(500_000, 2_000)
SHARED_RECORDS = 3_000_000
JSON_RECORDS = sized(100_000, 1_000)
LOCAL = {"local": ""}
CLIENTS = {KAFKA_PYTHON: "", CONFLUENT: " (confluent)"}

Arguments = tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """One figure of a subject's report.

    Attributes:
        subject: its name in the benchmark.
        scale: what it is multiplied with for the table.
    """

    subject: str
    name: str
    unit: str
    scale: float = 1.0


@dataclass(frozen=True)
class Bar:
    """What the ratio (or, without a peer, our figure) must reach: at least or at most `value`."""

    value: float
    at_least: bool

    def met(self, ratio: float) -> bool:
        """Whether it is reached."""
        return ratio >= self.value if self.at_least else ratio <= self.value


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        peer: None where ours stands alone.
        times_faster: the ratio is peer / ours, else ours / peer.
        bar: None where the row only informs.
    """

    what: str
    ours: Figure
    peer: Figure | None
    bar: Bar | None
    times_faster: bool = False


@contextmanager
def _nothing() -> Iterator[Arguments]:
    yield ()


@dataclass(frozen=True)
class Benchmark:
    """Subjects that take turns, and what is read off them.

    Attributes:
        prepare: what must stand before the first turn; yields further arguments of every subject.
    """

    name: str
    subjects: tuple[Subject, ...]
    rows: tuple[Row, ...]
    prepare: Callable[[], AbstractContextManager[Arguments]] = _nothing


def at_least(value: float) -> Bar:
    return Bar(value, at_least=True)


def at_most(value: float) -> Bar:
    return Bar(value, at_least=False)


def _cpu(subject: str) -> Figure:
    return Figure(subject, "cpu_seconds", "s")


def _wall(subject: str) -> Figure:
    return Figure(subject, "seconds", "s")


def _rss(subject: str) -> Figure:
    return Figure(subject, "peak_rss_mb", "MB")


def _faster(what: str, peer: str, bar: float) -> Row:
    return Row(what, _cpu("driftglass"), _cpu(peer), at_least(bar), times_faster=True)


def _sooner(what: str, peer: str, bar: float) -> Row:
    return Row(what, _wall("driftglass"), _wall(peer), at_least(bar), times_faster=True)


_WINDOW = "drift, 1M x 50 window, 2 threads, wall time"

DRIFT = Benchmark(
    "drift",
    (
        Subject("driftglass", "drift_driftglass", threads=2),
        Subject("Evidently PSI", "drift_evidently", "evidently", threads=2),
        Subject("NannyML JS", "drift_nannyml", "nannyml", threads=2),
        Subject("whylogs profile", "drift_whylogs", "whylogs", threads=2),
        Subject("scipy JS, 30 bins", "drift_scipy", threads=2),
    ),
    (
        _sooner(_WINDOW, "Evidently PSI", 300),
        Row(f"{_WINDOW}: peak RSS", _rss("driftglass"), _rss("Evidently PSI"), at_most(0.4)),
        _sooner(_WINDOW, "NannyML JS", 20),
        _sooner(_WINDOW, "whylogs profile", 150),
        _sooner(_WINDOW, "scipy JS, 30 bins", 10),
    ),
)

COUNTING = Benchmark(
    "counting",
    (
        Subject("driftglass", "counting", arguments=("profile",)),
        Subject("driftglass, duplicates", "counting", arguments=("duplicates",)),
        Subject("searchsorted", "counting", arguments=("searchsorted",)),
    ),
    (
        _faster("1M x 50 rows into a profile", "searchsorted", 12),
        Row(
            "1M x 50 rows into a profile with its sample of rows",
            _cpu("driftglass, duplicates"),
            _cpu("searchsorted"),
            at_least(12),
            times_faster=True,
        ),
    ),
)


@dataclass(frozen=True)
class _Reading:
    """The collector and its bare loops by one reader of the log.

    Attributes:
        reader: as bench.ingest.own_log takes it.
        suffix: of the names; "" where the log has one reader only.
    """

    log: str
    what: str
    reader: str
    suffix: str

    @property
    def ours(self) -> str:
        """The collector's name."""
        return f"driftglass{self.suffix}"

    @property
    def bare(self) -> dict[str, str]:
        """Name of each bare loop, by its depth."""
        names = {"append": "bare loop with Delta append"}
        if self.what == "json":
            names["decode"] = "bare consume + msgspec"
            if self.log == "kafka":
                names["client"] = "client alone + msgspec"
        return {depth: name + self.suffix for depth, name in names.items()}

    def subjects(self) -> tuple[Subject, ...]:
        """Ours and the bare loops."""
        ours = Subject(self.ours, "ingest_driftglass", arguments=(self.what, self.reader))
        bare = (Subject(n, "ingest_bare", arguments=(self.what, d, self.reader)) for d, n in self.bare.items())
        return (ours, *bare)

    @property
    def title(self) -> str:
        """Of its rows."""
        return f"{self.log} log to committed, {self.what}{self.suffix}"

    def rows(self) -> tuple[Row, ...]:
        """Ours beside each bare loop; the bar is held against one of them."""
        barred = self.bare["append" if self.what == "arrow" else "decode"]
        beside = (
            Row(self.title, _rate(self.ours), _rate(name), at_least(0.6) if name == barred else None)
            for name in self.bare.values()
        )
        cpu = Row(f"{self.title}: CPU", _cpu(self.ours), _cpu(barred), None, times_faster=True)
        return (*beside, cpu, Row(f"{self.title}: peak RSS", _rss(self.ours), _rss(self.bare["append"]), None))

    def rows_beside(self, other: "_Reading") -> tuple[Row, ...]:
        """Ours by this reader beside ours by another."""
        return (
            Row(self.title, _rate(self.ours), _rate(other.ours), None),
            Row(f"{self.title}: CPU", _cpu(self.ours), _cpu(other.ours), None, times_faster=True),
        )


def _rate(subject: str) -> Figure:
    return Figure(subject, "records_per_s", "k/s", 1e-3)


def _ingest(
    log: str, what: str, records: int, where: Callable[[], AbstractContextManager[str]], readers: dict[str, str]
) -> Benchmark:
    """One log read by each of these readers, by the suffix of its names; the later ones are shown beside the first too."""
    readings = [_Reading(log, what, reader, suffix) for reader, suffix in readers.items()]
    between = [row for reading in readings[1:] for row in reading.rows_beside(readings[0])]
    subjects = tuple(subject for reading in readings for subject in reading.subjects())
    rows = (*(row for reading in readings for row in reading.rows()), *between)

    return Benchmark(f"{log}-{what}", subjects, rows, lambda: _filled(what, records, 1, where))


@contextmanager
def _filled(
    what: str, records: int, partitions: int, where: Callable[[], AbstractContextManager[str]]
) -> Iterator[Arguments]:
    with where() as place:
        arguments = (what, str(records), str(partitions), place)
        sent = run(Subject("filling the log", "ingest_fill", arguments=arguments))
        yield f"{sent['messages']:.0f}", str(records), place


def _costs(name: str, models: int, hours: int) -> Subject:
    return Subject(name, "ingest_models", arguments=(str(sized(models, min(models, 2))), str(hours)))


def _flat(subject: str) -> Row:
    cost = [Figure(name, "us_a_record", "us") for name in (subject, "1 model")]
    return Row(f"a record's cost, {subject} / 1 model", cost[0], cost[1], None)


MODELS = Benchmark(
    "ingest-models",
    (
        _costs("1 model", 1, 1),
        _costs("10 models", 10, 1),
        _costs("100 models", 100, 1),
        _costs("1,000 models", 1_000, 1),
        _costs("24 open windows", 1, 24),
    ),
    tuple(_flat(name) for name in ("10 models", "100 models", "1,000 models", "24 open windows")),
)


@contextmanager
def _kafka() -> Iterator[str]:
    with TemporaryDirectory() as folder, kafka_bootstrap_servers(Path(folder)) as servers:
        yield f"kafka:{servers}"


PROCESSES = Benchmark(
    "ingest-processes",
    (Subject("1 process", "ingest_processes", arguments=("1",)), Subject("2 processes", "ingest_processes", arguments=("2",))),
    (Row("kafka log to committed on PostgreSQL, arrow, 2 processes / 1", _rate("2 processes"), _rate("1 process"), None),),
    lambda: _filled("arrow", SHARED_RECORDS, PARTITIONS, _kafka),
)  # fmt: skip


def _nanoseconds(subject: str, figure: str) -> Figure:
    return Figure("call site", f"{subject}_{figure}_ns", "ns")


def _call(peer: str, name: str, figure: str, bar: Bar | None) -> Row:
    ours = _nanoseconds("client", figure)
    return Row(f"log_prediction / {name}, {figure}", ours, _nanoseconds(peer, figure), bar)


CALL_SITE = Benchmark(
    "call-site",
    (Subject("call site", "call_site", "opentelemetry"),),
    (
        _call("deque", "bare deque.append(tuple)", "median", None),
        _call("deque", "bare deque.append(tuple)", "p99", at_most(3)),
        _call("opentelemetry", "OpenTelemetry histogram.record", "median", None),
        _call("opentelemetry", "OpenTelemetry histogram.record", "p99", at_most(0.1)),
    ),
)


def _milliseconds(figure: str) -> Figure:
    return Figure("closed window", f"{figure}_ms", "ms")


CLOSED_WINDOW = Benchmark(
    "closed-window",
    (Subject("closed window", "closed_window"),),
    (
        Row("closed window, 100 columns, 10^4 rows", _milliseconds("measure_1e4"), None, at_most(50)),
        Row("closed window, 100 columns, 10^8 rows", _milliseconds("measure_1e8"), None, at_most(50)),
        Row("closed window, 10^8 / 10^4 rows", _milliseconds("measure_1e8"), _milliseconds("measure_1e4"), at_most(1.25)),
        Row("closed window, whole step on SQLite, 10^8 / 10^4", _milliseconds("step_1e8"), _milliseconds("step_1e4"), None),
    ),
)  # fmt: skip

_ESTIMATE = "CBPE of a 1M-row window from its profile"

CBPE = Benchmark(
    "cbpe",
    (Subject("driftglass", "cbpe_driftglass"), Subject("NannyML", "cbpe_nannyml", "nannyml")),
    (
        Row(_ESTIMATE, Figure("driftglass", "seconds", "ms", 1_000.0), None, at_most(100)),
        Row(f"{_ESTIMATE}, rows beside it", _wall("driftglass"), _wall("NannyML"), None, times_faster=True),
        Row("the rows into that profile", Figure("driftglass", "fold_seconds", "ms", 1_000.0), None, None),
        *(
            Row(f"{_ESTIMATE}: {metric}", Figure("driftglass", metric, ""), Figure("NannyML", metric, ""), None)
            for metric in ("accuracy", "roc_auc")
        ),
    ),
)


@contextmanager
def _labels() -> Iterator[Arguments]:
    with TemporaryDirectory() as folder:
        run(Subject("filling the record log", "label_fill", arguments=(folder,)))
        yield (folder,)


_BARE_JOIN = "bare DuckDB join"
_LATE = "500,000 late labels into 10M predictions, 2 threads"

LABEL_JOIN = Benchmark(
    "label-join",
    (
        Subject("driftglass", "label_join_driftglass", threads=2),
        Subject(_BARE_JOIN, "label_join_duckdb", threads=2),
    ),
    (
        Row(_LATE, _wall("driftglass"), _wall(_BARE_JOIN), at_most(1.5)),
        Row(f"{_LATE}: peak RSS", _rss("driftglass"), None, at_most(1_024)),
    ),
    _labels,
)

LABEL_STREAM = Benchmark(
    "label-stream",
    (Subject("driftglass", "label_stream", threads=2),),
    (
        Row("1M labels taken in and 30 windows measured again", _wall("driftglass"), None, at_most(60)),
        Row("1M labels taken in", Figure("driftglass", "taken_seconds", "s"), None, None),
        Row("1M labels: peak RSS", _rss("driftglass"), None, None),
    ),
)

_VECTORS = "MMD, {0} x 768 beside {0} x 768, 1 thread"
_FEW, _MANY = _VECTORS.format("5,000"), _VECTORS.format("100,000")

EMBEDDINGS = Benchmark(
    "embeddings",
    (
        Subject("driftglass", "embeddings", arguments=("pairs", "5000", "100")),
        Subject("alibi-detect", "embeddings_alibi", "alibi", arguments=("5000", "100")),
        Subject("driftglass, many rows", "embeddings", arguments=("features", "100000", "2000")),
    ),
    (
        Row(f"{_FEW}, 100 permutations", _cpu("driftglass"), _cpu("alibi-detect"), None, times_faster=True),
        Row(f"{_FEW}: peak RSS", _rss("driftglass"), _rss("alibi-detect"), None),
        Row(f"{_MANY}, 2,000 permutations", _cpu("driftglass, many rows"), None, None),
        Row(f"{_MANY}: peak RSS", _rss("driftglass, many rows"), None, None),
    ),
)

FLEET = Benchmark(
    "fleet",
    (Subject("driftglass", "hourly_fleet", arguments=("10000",)),),
    (
        Row(
            "10,000 models x 100 columns measured once, share of an hour",
            Figure("driftglass", "hour_share", "%", 100.0),
            None,
            at_most(100),
        ),
        Row("10,000 models x 100 columns: peak RSS", _rss("driftglass"), None, None),
    ),
)

BENCHMARKS = (
    DRIFT,
    COUNTING,
    CLOSED_WINDOW,
    CBPE,
    LABEL_JOIN,
    LABEL_STREAM,
    EMBEDDINGS,
    FLEET,
    CALL_SITE,
    MODELS,
    _ingest("local", "arrow", ARROW_RECORDS, TemporaryDirectory, LOCAL),
    _ingest("local", "json", JSON_RECORDS, TemporaryDirectory, LOCAL),
    _ingest("kafka", "arrow", ARROW_RECORDS, _kafka, CLIENTS),
    _ingest("kafka", "json", JSON_RECORDS, _kafka, CLIENTS),
    PROCESSES,
)

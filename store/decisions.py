"""Decisions as the detectors make them: what is due, the series it belongs to, and what replaces it; all in one transaction.

A window is due once it was measured, and once more when it is final if records came in between. Whoever measures a model's
windows and whoever decides about them hold the model's row, so neither overwrites what it has not seen.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import sqlalchemy as sa

from kernel.measurement import ABNORMAL, DECISIVE, SERVICE_LEVELS
from store import decided
from store.database import Database, Transaction, in_parts
from store.models import hold
from store.tables import decisions, measurements, references, windows

_KEYS_A_QUERY = 200
_DECIDED = (
    "workspace", "model", "version", "segment", "size", "window_start_us", "metric", "column", "window_end_us", "value",
    "expected", "p_value", "alpha", "lower", "upper",
)  # fmt: skip
_SAME_WINDOW = sa.and_(
    *(windows.c[name] == measurements.c[name] for name in ("workspace", "model", "size")),
    windows.c.start_us == measurements.c.window_start_us,
)

Series = tuple[str, str]
"""A version and a segment."""


class Test(NamedTuple):
    """One metric of one column of a version and segment: what has a value in every window."""

    version: str
    segment: str
    metric: str
    column: str


@dataclass(frozen=True, slots=True)
class Due:
    """A measured window that is to be decided.

    Attributes:
        reference: what it was held against; "" for nothing.
        looks: how often it could open an alert so far: never, at close, when final.
        looked_revision: the data revision at the last of these; revision: that was measured.
    """

    start_us: int
    end_us: int
    reference: str
    looks: int
    looked_revision: int
    revision: int


@dataclass(frozen=True, slots=True)
class Value:
    """A measurement of one test in one window.

    Attributes:
        status, basis: what it says by itself.
        called: whether it is decided to be abnormal.
        p_own, delta: what is decided by its own past; None where that was too short.
        end_us: of the window; stood: its value when it was decided last; candidate: whether it could be called at the look it had.
        usual, usual_lower, usual_upper: see Outcome.
    """

    start_us: int
    value: float | None
    alpha: float | None
    lower: float | None
    status: str
    basis: str
    called: bool
    p_own: float | None
    delta: float | None
    end_us: int
    stood: float | None
    candidate: bool
    usual: float | None
    usual_lower: float | None
    usual_upper: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is decided of one measurement beyond what it says.

    Attributes:
        p_own, delta: None where its past did not judge it.
        usual, usual_lower, usual_upper: what is expected by its past, and beyond what it is called; None of most metrics.
    """

    candidate: bool
    abnormal: bool
    status: str
    basis: str
    p_own: float | None = None
    delta: float | None = None
    usual: float | None = None
    usual_lower: float | None = None
    usual_upper: float | None = None


_OUTCOME = [field.name for field in fields(Outcome)]


class Decidable(NamedTuple):
    """A measurement that is due: its test and what it says; `row` is what a decision repeats of it."""

    test: Test
    status: str
    basis: str
    row: Mapping[str, Any]


def models_due(db: Database, workspace: str) -> dict[str, dict[str, int]]:
    """Since which event time, 0 for now, something of each model and window length is due."""
    at = windows.c
    query = (
        sa.select(at.model, at.size, sa.func.min(at.decide_at_us))
        .where(at.workspace == workspace, at.decide_at_us.is_not(None))
        .group_by(at.model, at.size)
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with db.read() as connection:
        for model, size, since_us in connection.execute(query):
            found[model][size] = since_us
    return found


def due(tx: Transaction, workspace: str, model: str, size: str, mark_us: int, limit: int) -> list[Due]:
    """The first windows that are due at this event time, of one reference; the model is held until the transaction ends.

    A window that was held against another reference than the one in force is about to be measured again, and left until then;
    one that is sealed never will be.
    """
    hold(tx, workspace, model)
    at, of = windows.c, references.c
    in_force = sa.select(of.reference).where(of.workspace == workspace, of.model == model, of.active).limit(1)
    stands = sa.or_(at.reference == sa.func.coalesce(in_force.scalar_subquery(), ""), at.state == "sealed")
    query = (
        sa.select(at.start_us, at.end_us, at.reference, at.looks, at.looked_revision, at.measured_data_revision)
        .where(*_within(windows, workspace, model, size), at.decide_at_us <= mark_us, stands)
        .order_by(at.start_us)
        .limit(limit)
    )
    found = [Due(*row) for row in tx.execute(query)]
    return [window for window in found if window.reference == found[0].reference]


def firsts(
    tx: Transaction, workspace: str, model: str, size: str, reference: str, series: Collection[Series]
) -> dict[Series, int]:
    """The start of the first window of each series that was held against a reference."""
    m = measurements.c
    wanted, found = sorted(series), {}
    query = (
        sa.select(m.version, m.segment, sa.func.min(m.window_start_us))
        .select_from(measurements.join(windows, _SAME_WINDOW))
        .where(m.workspace == workspace, m.model == model, m.metric == "rows", m.column == "", m.size == size)
        .where(windows.c.reference == reference)
        .group_by(m.version, m.segment)
    )
    place = sa.tuple_(m.version, m.segment)
    for part in in_parts(wanted, _KEYS_A_QUERY):
        for version, segment, start_us in tx.execute(query.where(place.in_(part))):
            found[version, segment] = start_us
    return found


def abnormal(tx: Transaction, workspace: str, model: str, size: str, starts_us: Sequence[int]) -> dict[Test, set[int]]:
    """The windows, of some, in which each test's measurement is abnormal by itself."""
    m = measurements.c
    query = sa.select(m.version, m.segment, m.metric, m.column, m.window_start_us).where(
        *_within(measurements, workspace, model, size),
        m.window_start_us.in_(starts_us),
        m.status.in_(ABNORMAL),
    )
    found: dict[Test, set[int]] = defaultdict(set)
    for version, segment, metric, column, start_us in tx.execute(query):
        found[Test(version, segment, metric, column)].add(start_us)
    return found


def tests_of(
    tx: Transaction, workspace: str, model: str, size: str, starts_us: Sequence[int], metrics: Collection[str]
) -> list[Test]:
    """The tests with one of these metrics that were measured in some windows and have a level, in order."""
    m = measurements.c
    query = (
        sa.select(m.version, m.segment, m.metric, m.column)
        .where(*_within(measurements, workspace, model, size), m.window_start_us.in_(starts_us))
        .where(m.metric.in_(metrics), m.alpha.is_not(None))
        .distinct()
    )
    return sorted(Test(*row) for row in tx.execute(query))


def series_with(
    tx: Transaction, workspace: str, model: str, size: str, starts_us: Sequence[int], metrics: Collection[str]
) -> list[Series]:
    """The series in which one of these metrics of the whole model was measured in some windows, in order."""
    m = measurements.c
    query = (
        sa.select(m.version, m.segment)
        .where(*_within(measurements, workspace, model, size), m.window_start_us.in_(starts_us))
        .where(m.metric.in_(metrics), m.column == "")
        .distinct()
    )
    return sorted((version, segment) for version, segment in tx.execute(query))


def decidable(tx: Transaction, workspace: str, model: str, size: str, start_us: int) -> list[Decidable]:
    """All that was measured in a window."""
    at = measurements.c
    query = sa.select(*(at[name] for name in _DECIDED), at.status, at.basis).where(
        *_within(measurements, workspace, model, size), at.window_start_us == start_us, at.metric.not_in(SERVICE_LEVELS)
    )
    found = []
    for row in tx.execute(query).mappings():
        test = Test(row["version"], row["segment"], row["metric"], row["column"])
        kept = {name: row[name] for name in _DECIDED}
        found.append(Decidable(test, row["status"], row["basis"], kept))
    return found


def candidates(
    tx: Transaction, workspace: str, model: str, size: str, since_us: int, reference: str
) -> dict[Test, dict[int, bool]]:
    """The windows from one on, held against a reference, in which each test may open an alert; and whether it is abnormal there."""
    at = windows.c
    of = sa.select(at.start_us).where(
        *_within(windows, workspace, model, size), at.start_us >= since_us, at.reference == reference
    )
    held = set(tx.scalars(of))
    d = decisions.c
    query = sa.select(d.version, d.segment, d.metric, d.column, d.window_start_us, d.abnormal).where(
        *_within(decisions, workspace, model, size), d.window_start_us >= since_us, d.candidate
    )
    found: dict[Test, dict[int, bool]] = defaultdict(dict)
    for version, segment, metric, column, start_us, is_abnormal in tx.execute(query):
        if start_us in held:
            found[Test(version, segment, metric, column)][start_us] = is_abnormal
    return found


def values(
    tx: Transaction,
    workspace: str,
    model: str,
    size: str,
    reference: str | None,
    tests: Collection[Test],
    span_us: tuple[int, int],
    since_us: int,
    statuses: Sequence[str] = DECISIVE,
) -> dict[Test, list[Value]]:
    """The values of some tests of one series in window order: all in [first, end), and those that are abnormal since a window.

    Args:
        reference: only windows that were held against it; None for all.
        statuses: what is among them; by default not what says nothing, insufficient or provisional.
    """
    m, d = measurements.c, decisions.c
    ((version, segment),) = {(test.version, test.segment) for test in tests}
    query = (
        sa.select(
            m.metric, m.column, m.window_start_us, m.value, m.alpha, m.lower, m.status, m.basis,
            decided.ABNORMAL, d.p_own, d.delta, m.window_end_us, d.value, sa.func.coalesce(d.candidate, sa.false()),
            d.usual, d.usual_lower, d.usual_upper,
        )
        .select_from(measurements.join(windows, _SAME_WINDOW).outerjoin(decisions, decided.SAME))
        .where(
            *_within(measurements, workspace, model, size), m.version == version, m.segment == segment,
            sa.true() if reference is None else windows.c.reference == reference,
            m.status.in_(statuses),
            sa.or_(
                sa.and_(m.window_start_us >= span_us[0], m.window_start_us < span_us[1]),
                sa.and_(m.window_start_us >= since_us, m.status.in_(ABNORMAL)),
            ),
        )
        .order_by(m.window_start_us)
    )  # fmt: skip
    wanted = sorted((test.metric, test.column) for test in tests)
    found: dict[Test, list[Value]] = defaultdict(list)
    place = sa.tuple_(m.metric, m.column)
    for part in in_parts(wanted, _KEYS_A_QUERY):
        for row in tx.execute(query.where(place.in_(part))):
            metric, column, *rest = row
            found[Test(version, segment, metric, column)].append(Value(*rest))
    return found


def replace(
    tx: Transaction, workspace: str, model: str, size: str, window: Due,
    found: Iterable[tuple[Decidable, Outcome]], now_us: int,
) -> None:  # fmt: skip
    """Put these in place of all decisions of a window."""
    d = decisions.c
    here = (*_within(decisions, workspace, model, size), d.window_start_us == window.start_us)
    here = (*here, d.window_end_us == window.end_us)  # the end is what the index has
    tx.execute(sa.delete(decisions).where(*here, d.metric.not_in(SERVICE_LEVELS)))
    rows = [{**of.row, **_outcome(outcome), "decided_us": now_us} for of, outcome in found]
    if rows:
        tx.execute(sa.insert(decisions), rows)


def revise(
    tx: Transaction, workspace: str, model: str, size: str, found: Iterable[tuple[Test, int, Outcome]], now_us: int
) -> None:
    """Change what was decided of some tests in some windows."""
    d = decisions.c
    key = [d[name] == sa.bindparam(f"of_{name}") for name in (*Test._fields, "window_start_us")]
    rows = [
        {**{f"of_{name}": value for name, value in test._asdict().items()}, "of_window_start_us": start_us}
        | {f"new_{name}": value for name, value in _outcome(outcome).items()}
        for test, start_us, outcome in found
    ]
    if rows:
        new: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in _OUTCOME}
        same = (*_within(decisions, workspace, model, size), *key)
        tx.execute(sa.update(decisions).where(*same).values(**new, decided_us=now_us), rows)


def settle(
    tx: Transaction, workspace: str, model: str, size: str, window: Due, looks: int, revision: int, again_us: int | None
) -> None:
    """Note that a window was decided, and at which event time it is due again, if at all."""
    values = {"looks": looks, "looked_revision": revision, "decide_at_us": again_us}
    here = (*_within(windows, workspace, model, size), windows.c.start_us == window.start_us)
    tx.execute(sa.update(windows).where(*here).values(**values))


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in _OUTCOME}


def _within(table: sa.Table, workspace: str, model: str, size: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.workspace == workspace, table.c.model == model, table.c.size == size)

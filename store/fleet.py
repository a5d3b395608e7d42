"""The fleet at a glance: every model with its newest window, its trend and what is open about it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import sqlalchemy as sa

from kernel.measurement import DECISIVE
from kernel.windows import WindowSize
from store import versions
from store.database import Database, in_parts
from store.models import is_retired
from store.tables import alerts, decisions, incidents, measurements, models

COLUMN_METRICS = (
    "psi",
    "js_distance",
    "missing_share",
    "misfit_share",
    "unseen_share",
    "oov_share",
    "out_of_range_share",
)
PERFORMANCE = (("roc_auc", "accuracy"), ("mae", "r2"), ("ndcg", "mrr"))
"""Of classes, numbers and rankings: the metric that tells most, and the next. A model has those of its task alone."""
ESTIMATED = "estimated_"
_PERFORMANCE = tuple(chain.from_iterable(PERFORMANCE))
HEADLINES = ("rows", "error_rate", "latency_p99", *_PERFORMANCE, *(ESTIMATED + metric for metric in _PERFORMANCE))
TREND_WINDOWS = 60
_MODELS_A_QUERY = 100


@dataclass(frozen=True, slots=True)
class FleetRow:
    """A model of the fleet; what was never measured is None.

    Attributes:
        version: the version shown, which stands for the model (store/versions.py); "" where its records name none.
        several: whether the model has records of other versions, too.
        window_start_us, window_end_us: the newest window measured of it.
        drifted: the columns that drift in it, by name.
        latest: by metric of HEADLINES: its newest value that rests on enough rows; where labels come late, of an earlier window.
        estimates: by performance metric: what it is estimated to be since, in a later window than its newest value, or without any.
        rows_trend, psi_trend: rows, and the largest psi of any column, by window, oldest first.
        tier: the worst tier among firing and acknowledged alerts, else of those pending; "" without alerts.
        state: firing, acknowledged or pending, the most urgent of that tier; "" without alerts.
    """

    model: str
    version: str
    several: bool
    size: str
    window_start_us: int | None
    window_end_us: int | None
    drifted: tuple[str, ...]
    latest: Mapping[str, float]
    estimates: Mapping[str, float]
    rows_trend: tuple[float, ...]
    psi_trend: tuple[float, ...]
    tier: str
    state: str
    alerts: int
    incidents: int


@dataclass(frozen=True, slots=True)
class _Head:
    """The version shown of a model, and its newest window."""

    version: str
    several: bool
    size: str
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of one window."""

    start_us: int
    value: float


def fleet(db: Database, workspace: str) -> tuple[FleetRow, ...]:
    """Every model of the workspace that is in service, those with the worst open alert first, then by name."""
    with db.read() as connection:
        sizes = _sizes(connection, workspace)
        heads = _heads(connection, workspace, sizes)
        values, psi = _values(connection, workspace, heads), _largest_psi(connection, workspace, heads)
        drifted = _drifted(connection, workspace, heads)
        urgent = _urgent(connection, workspace)
        counts = _incidents(connection, workspace)
    rows = [
        _row(model, size, heads.get(model), values[model], psi[model], drifted[model], urgent[model], counts[model])
        for model, size in sizes.items()
    ]
    return tuple(sorted(rows, key=_urgency))


def _row(
    model: str,
    size: str,
    head: _Head | None,
    values: Mapping[str, list[_Value]],
    psi: list[float],
    drifted: list[str],
    urgent: list[tuple[str, str]],
    open_incidents: int,
) -> FleetRow:
    called = [found for found in urgent if found[1] != "pending"] or urgent
    tier, state = min(called, key=lambda found: (found[0], found[1] != "firing"), default=("", ""))
    return FleetRow(
        model, head.version if head else "", head is not None and head.several, size,
        head.start_us if head else None, head.end_us if head else None, tuple(drifted),
        {metric: found[-1].value for metric, found in values.items()}, _estimates(values),
        tuple(rows.value for rows in values.get("rows", ())), tuple(psi), tier, state, len(urgent), open_incidents,
    )  # fmt: skip


def _estimates(values: Mapping[str, list[_Value]]) -> dict[str, float]:
    found = {}
    for metric in (metric.removeprefix(ESTIMATED) for metric in values if metric.startswith(ESTIMATED)):
        estimate, known = values[ESTIMATED + metric][-1], values.get(metric)
        if not known or known[-1].start_us < estimate.start_us:
            found[metric] = estimate.value
    return found


def _urgency(row: FleetRow) -> tuple[bool, str, bool, str]:
    return row.state in ("", "pending"), row.tier or "P9", row.state != "firing", row.model


def _sizes(connection: sa.Connection, workspace: str) -> dict[str, str]:
    served = (models.c.workspace == workspace, ~is_retired(workspace, models.c.model))
    query = sa.select(models.c.model, models.c.window).where(*served).order_by(models.c.model)
    return {row.model: row.window for row in connection.execute(query)}


def _heads(connection: sa.Connection, workspace: str, sizes: Mapping[str, str]) -> dict[str, _Head]:
    several = sa.select(models.c.model).where(models.c.workspace == workspace)
    those = set(connection.scalars(several.where(versions.are_several(workspace, models.c.model))))
    return {
        model: _Head(main.version, model in those, sizes[model], main.start_us, main.end_us)
        for model, main in versions.main_of(connection, workspace).items()
        if model in sizes
    }


def _alike(heads: Mapping[str, _Head]) -> Iterator[tuple[_Head, list[str]]]:
    """Models of one version, length and newest window, some at a time.

    A statement that names them, and their windows one by one, finds what it wants by the key; spans of many models, each with its
    own version, are looked for in all that was ever measured.
    """
    by_head: defaultdict[_Head, list[str]] = defaultdict(list)
    for model, head in heads.items():
        by_head[replace(head, several=False)].append(model)
    for head, alike in by_head.items():
        for some in in_parts(alike, _MODELS_A_QUERY):
            yield head, list(some)


def _of(
    table: sa.Table, workspace: str, head: _Head, some: Sequence[str], starts: Sequence[int]
) -> sa.ColumnElement[bool]:
    """What such models have in these windows, of all their rows."""
    t = table.c
    place = (t.version == head.version, t.segment == "", t.size == head.size, t.window_start_us.in_(starts))
    return sa.and_(t.workspace == workspace, t.model.in_(some), *place)


def _trend(head: _Head) -> list[int]:
    """The starts of the windows of a trend."""
    size = WindowSize(head.size)
    return size.between(size.back(head.start_us, TREND_WINDOWS - 1), head.end_us)


def _values(
    connection: sa.Connection, workspace: str, heads: Mapping[str, _Head]
) -> defaultdict[str, defaultdict[str, list[_Value]]]:
    m = measurements.c
    found: defaultdict[str, defaultdict[str, list[_Value]]] = defaultdict(lambda: defaultdict(list))
    for head, some in _alike(heads):
        query = (
            sa.select(m.model, m.metric, m.window_start_us, m.value)
            .where(_of(measurements, workspace, head, some, _trend(head)))
            .where(m.metric.in_(HEADLINES), m.column == "", m.value.is_not(None))
            .where(sa.or_(m.metric == "rows", m.status.in_(DECISIVE)))
            .order_by(m.window_start_us)
        )
        for model, metric, start_us, value in connection.execute(query):
            found[model][metric].append(_Value(start_us, value))
    return found


def _largest_psi(
    connection: sa.Connection, workspace: str, heads: Mapping[str, _Head]
) -> defaultdict[str, list[float]]:
    m = measurements.c
    found: defaultdict[str, list[float]] = defaultdict(list)
    for head, some in _alike(heads):
        query = (
            sa.select(m.model, sa.func.max(m.value))
            .where(_of(measurements, workspace, head, some, _trend(head)), m.metric == "psi", m.value.is_not(None))
            .where(m.status != "insufficient")
            .group_by(m.model, m.window_start_us)
            .order_by(m.model, m.window_start_us)
        )
        for model, value in connection.execute(query):
            found[model].append(value)
    return found


def _drifted(connection: sa.Connection, workspace: str, heads: Mapping[str, _Head]) -> defaultdict[str, list[str]]:
    d = decisions.c
    found: defaultdict[str, list[str]] = defaultdict(list)
    for head, some in _alike(heads):
        query = (
            sa.select(d.model, d.column)
            .where(_of(decisions, workspace, head, some, [head.start_us]))
            .where(d.metric.in_(COLUMN_METRICS), d.abnormal)
            .distinct()
            .order_by(d.model, d.column)
        )
        for model, column in connection.execute(query):
            found[model].append(column)
    return found


def _urgent(connection: sa.Connection, workspace: str) -> defaultdict[str, list[tuple[str, str]]]:
    query = sa.select(alerts.c.model, alerts.c.tier, alerts.c.state).where(
        alerts.c.workspace == workspace, alerts.c.state.in_(("pending", "firing", "acknowledged"))
    )
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for model, tier, state in connection.execute(query):
        found[model].append((tier, state))
    return found


def _incidents(connection: sa.Connection, workspace: str) -> defaultdict[str, int]:
    query = (
        sa.select(incidents.c.model, sa.func.count())
        .where(incidents.c.workspace == workspace, incidents.c.state != "resolved")
        .group_by(incidents.c.model)
    )
    return defaultdict(int, {model: number for model, number in connection.execute(query)})  # noqa: C416 - rows are no pairs to mypy

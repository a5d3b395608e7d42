"""Shadow runs as people read them: the list, and one run with its comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kernel.errors import NotFoundError
from store.database import Database
from store.tables import shadow_runs


@dataclass(frozen=True, slots=True)
class MetricDelta:
    """A metric of both models on the same labelled rows; difference is candidate - champion with its 95% interval."""

    metric: str
    champion: float | None
    candidate: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    rows: int


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test on the labelled rows where exactly one model is right: b the champion, c the candidate."""

    b: int
    c: int
    statistic: float | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles in milliseconds; None where they were not measured."""

    p50: float | None
    p90: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a finished run found.

    Attributes:
        agreement, kappa: share of equal predictions, and Cohen's kappa.
        churn: predictions by champion's class (row) and candidate's class (column), in the order of `classes`.
        label_coverage: share of the rows that has a label.
    """

    rows: int
    agreement: float | None
    kappa: float | None
    classes: tuple[str, ...]
    churn: tuple[tuple[int, ...], ...]
    mcnemar: McNemar | None
    metrics: tuple[MetricDelta, ...]
    champion_latency: Latency
    candidate_latency: Latency
    labels: int
    label_coverage: float | None


@dataclass(frozen=True, slots=True)
class ShadowRun:
    """A shadow run.

    Attributes:
        state: queued, running, done, failed.
        from_us, to_us: the recorded traffic that it replays, in event time; None where the spec does not say.
        verdict: promote, hold, reject; "" before the end.
        comparison: None before the end.
    """

    run: str
    model: str
    version: str
    candidate: str
    from_us: int | None
    to_us: int | None
    state: str
    progress: float | None
    verdict: str
    reasons: tuple[str, ...]
    error: str
    created_us: int
    started_us: int | None
    finished_us: int | None
    comparison: Comparison | None


def runs(db: Database, workspace: str, limit: int = 200) -> tuple[ShadowRun, ...]:
    """The runs of the workspace, newest first."""
    query = (
        sa.select(shadow_runs)
        .where(shadow_runs.c.workspace == workspace)
        .order_by(shadow_runs.c.created_us.desc(), shadow_runs.c.run)
        .limit(limit)
    )
    with db.read() as connection:
        return tuple(_run(row) for row in connection.execute(query))


def run(db: Database, workspace: str, name: str) -> ShadowRun:
    """One run.

    Raises:
        NotFoundError: when the workspace has no such run.
    """
    query = sa.select(shadow_runs).where(shadow_runs.c.workspace == workspace, shadow_runs.c.run == name)
    with db.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"workspace {workspace!r} has no shadow run {name!r}")
    return _run(row)


def _run(row: sa.Row[Any]) -> ShadowRun:
    return ShadowRun(
        row.run, row.model, row.version, row.candidate, row.spec.get("start_us"), row.spec.get("end_us"), row.state,
        row.progress, row.verdict, tuple(row.reasons or ()), row.error, row.created_us, row.started_us, row.finished_us,
        _comparison(row.result) if row.result else None,
    )  # fmt: skip


def _comparison(result: Mapping[str, Any]) -> Comparison:
    mcnemar = result.get("mcnemar")
    latency = result.get("latency_ms") or {}
    return Comparison(
        rows=result.get("rows", 0),
        agreement=result.get("agreement"),
        kappa=result.get("kappa"),
        classes=tuple(result.get("classes") or ()),
        churn=tuple(tuple(line) for line in result.get("churn") or ()),
        mcnemar=McNemar(mcnemar["b"], mcnemar["c"], mcnemar.get("statistic"), mcnemar.get("p_value"))
        if mcnemar
        else None,
        metrics=tuple(_delta(found) for found in result.get("metrics") or ()),
        champion_latency=_latency(latency.get("champion")),
        candidate_latency=_latency(latency.get("candidate")),
        labels=result.get("labels", 0),
        label_coverage=result.get("label_coverage"),
    )


def _delta(found: Mapping[str, Any]) -> MetricDelta:
    champion, candidate, difference = found.get("champion"), found.get("candidate"), found.get("difference")
    lower, upper, rows = found.get("lower"), found.get("upper"), found.get("rows", 0)
    return MetricDelta(found["metric"], champion, candidate, difference, lower, upper, rows)


def _latency(found: Mapping[str, Any] | None) -> Latency:
    return Latency(*((found or {}).get(name) for name in ("p50", "p90", "p99")))

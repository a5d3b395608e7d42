"""Made-up rows of a model of ten columns over 300 days with their monthly roll-ups, as collector and detectors leave them."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from detectors.gpu import measure_gpus
from detectors.service_levels import measure_service
from kernel.cells import Cells
from kernel.clock import DAY_US, from_datetime
from kernel.column_spec import ColumnSpec
from kernel.gpu_use import GpuUse
from kernel.grid import Grid
from kernel.profile import ColumnProfile, Kind, WindowProfile
from kernel.profile_codec import encode_profile
from kernel.profiling import profile_rows
from kernel.windows import WindowSize
from store import tables
from store.database import Database
from store.models import Objectives

WORKSPACE = "default"
DAYS = 300
ROWS = 900
START_US = from_datetime(datetime(2013, 2, 1, tzinfo=UTC))
CARRIERS = ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS"]
AIRPORTS = ["EWR", "JFK", "LGA"]
DESTINATIONS = [f"{a}{b}{c}" for a, b, c in itertools.product("ABCD", "OX", "LNRST")]
Draw = Callable[[np.random.Generator, int], Any]


@dataclass
class Rows:
    """What is to be inserted, by table."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, **values: Any) -> None:
        """Note a row."""
        self.tables.setdefault(table, []).append({"workspace": WORKSPACE, **values})

    def insert(self, db: Database) -> None:
        """Write all rows in one transaction; the database knows at its end how many there are, as one does that has run a while."""
        with db.write() as connection:
            for name, rows in self.tables.items():
                for _, alike in itertools.groupby(rows, key=lambda row: list(row)):
                    connection.execute(tables.metadata.tables[name].insert(), list(alike))
            connection.exec_driver_sql("ANALYZE")


def _dep_delay(rng: np.random.Generator, day: int) -> Any:
    late = rng.exponential(34 if 178 <= day < 186 else 18, ROWS)
    return np.where(rng.random(ROWS) < 0.18, 0.0, np.round(late - 9, 1))


def _temp(rng: np.random.Generator, day: int) -> Any:
    return rng.normal(52 - 24 * np.cos(2 * np.pi * (day + 20) / 365), 9, ROWS)


def _wind(rng: np.random.Generator, day: int) -> Any:
    wind = rng.gamma(3.2, 3.1, ROWS)
    wind[rng.random(ROWS) < (0.31 if day >= 285 else 0.02)] = np.nan
    return wind


def _carrier(rng: np.random.Generator, day: int) -> Any:
    shares = np.r_[np.array([18, 17, 16, 14, 10, 8, 6, 5, 4, 2, 1, 0.0])]
    shares[11] = 22 if 240 <= day < 262 else 0
    return rng.choice(12, ROWS, p=shares / shares.sum()) + 1


NUMERIC: dict[str, Draw] = {
    "dep_delay": _dep_delay,
    "distance": lambda rng, _day: rng.lognormal(6.7, 0.6, ROWS),
    "temp": _temp,
    "hour": lambda rng, _day: np.clip(np.round(rng.normal(13, 4.5, ROWS)), 5, 23),
    "wind_speed": _wind,
    "visib": lambda rng, _day: np.where(rng.random(ROWS) < 0.82, 10.0, rng.uniform(0, 10, ROWS)),
}
CATEGORICAL: dict[str, tuple[list[str], Draw]] = {
    "carrier": (CARRIERS, _carrier),
    "origin": (AIRPORTS, lambda rng, _day: rng.choice(3, ROWS, p=[0.36, 0.33, 0.31]) + 1),
    "dest": (DESTINATIONS, lambda rng, _day: np.minimum(rng.zipf(1.6, ROWS), len(DESTINATIONS))),
    "prediction": (["late", "on_time"], lambda rng, _day: 2 - (rng.random(ROWS) < 0.22)),
}


def _wire(column: str) -> str:
    return column if column == "prediction" else f"feature.{column}"


def _categories(codes: Any) -> ColumnProfile:
    return ColumnProfile(Kind.CATEGORICAL, 0, Cells.of_dense(np.bincount(codes)))


def _score(rng: np.random.Generator) -> ColumnProfile:
    p = rng.beta(1.6, 4.2, ROWS)
    cell = np.clip(np.floor(np.log(p / (1 - p)) * 64) + 1024, 0, 2047).astype(np.int64)
    return ColumnProfile(Kind.SCORE, 0, Cells.of_dense(np.bincount(np.where(p >= 0.5, 2048, 0) + cell)))


def _numeric(values: Any, spec: ColumnSpec) -> ColumnProfile:
    return profile_rows(pa.table({"latency_ms": values.astype(np.float64)}), {"latency_ms": spec}).columns["latency_ms"]


def window_profile(rng: np.random.Generator, day: int, grids: Mapping[str, Grid]) -> WindowProfile:
    """The profile of a day."""
    columns = {_wire(n): _numeric(draw(rng, day), ColumnSpec(Kind.NUMERIC, 1, grids[n])) for n, draw in NUMERIC.items()}
    columns |= {_wire(n): _categories(draw(rng, day)) for n, (_, draw) in CATEGORICAL.items()}
    holiday = Cells.of_dense(np.bincount(rng.random(ROWS) < 0.08, minlength=2))
    columns["feature.holiday"] = ColumnProfile(Kind.BOOLEAN, 0, holiday)
    columns["score.late"] = _score(rng)
    columns["latency_ms"] = _numeric(rng.lognormal(2.4, 0.4, ROWS), ColumnSpec(Kind.POSITIVE))
    return WindowProfile(ROWS, 4, ROWS, ROWS, columns)


def _psi(window: ColumnProfile, reference: ColumnProfile) -> float:
    """Roughly: on about ten groups of the reference's cells."""
    cells = int(max(window.cells.index.max(), reference.cells.index.max())) + 1
    p, q = (c.cells.dense(cells) / max(1.0, c.cells.dense(cells).sum()) for c in (window, reference))
    group = np.clip(np.floor(np.cumsum(q) * 10 - 1e-9), 0, 9).astype(int)
    p, q = (np.maximum(np.bincount(group, s, minlength=10), 1e-4) for s in (p, q))
    return float(((p - q) * np.log(p / q)).sum())


def measure(rows: Rows, model: str, version: str, size: str, start_us: int, metric: str, **found: Any) -> None:
    """A measurement and the decision about it."""
    key = {"model": model, "version": version, "segment": found.pop("segment", ""), "size": size}
    key |= {"window_start_us": start_us}
    key |= {"metric": metric, "column": found.pop("column", ""), "window_end_us": WindowSize(size).end(start_us)}
    common = {n: found.get(n) for n in ("value", "expected", "p_value", "lower", "upper")}
    status = found.get("status", "ok")
    rows.add("measurements", **key, **common, span_start_us=start_us, rows=float(ROWS), reference_rows=27_000.0,
             status=status, basis=found.get("basis", "iid-null"))  # fmt: skip
    abnormal = status in ("drift", "degraded")
    usual = {n: found.get(n) for n in ("usual", "usual_lower", "usual_upper")}
    rows.add("decisions", **key, **common, **usual, status=status, abnormal=abnormal, alpha=2e-4,
             decided_us=start_us + DAY_US)  # fmt: skip


def _measure_columns(
    rows: Rows, where: tuple[str, str, str, int], window: WindowProfile, reference: WindowProfile
) -> None:
    for name, profile in window.columns.items():
        column = name.removeprefix("feature.")
        if column == "latency_ms":
            continue
        psi = _psi(profile, reference.columns[name])
        status = "drift" if psi > 0.16 else "ok"
        p = float(np.exp(-max(0.0, psi - 0.02) * 120))
        lower = max(0.0, psi - 0.05)
        numbers: dict[str, Any] = {"column": column, "expected": 0.012, "p_value": p, "status": status, "lower": lower}
        measure(rows, *where, "psi", value=psi, **numbers)
        measure(rows, *where, "js_distance", value=float(np.sqrt(psi / 8)), **(numbers | {"lower": None}))
        missing = (profile.nan + profile.missing) / window.rows
        alarm = "drift" if missing > 0.2 else "ok"
        measure(rows, *where, "missing_share", value=missing, column=column, expected=0.02, status=alarm)
        if profile.kind is Kind.CATEGORICAL:
            full = profile.cells.dense(100)
            unseen = full[12] / full.sum() if column == "carrier" else 0.0
            unseen_status = "drift" if unseen > 0.05 else "ok"
            measure(rows, *where, "unseen_share", value=unseen, column=column, expected=0.0, status=unseen_status)


VERSION = "3"
UNLABELLED = ("card-fraud", "4")
"""The model and version of which no label has come: the newest one, of a fifth of the rows."""


def _measure_traffic(rows: Rows, where: tuple[str, str, str, int], day: int, scale: float) -> None:
    """Of all versions together, with a silent day."""
    expected = scale * ROWS * (1.08 if day % 7 < 5 else 0.8)
    usual: dict[str, Any] = (
        {"usual": expected, "usual_lower": 0.5 * expected, "usual_upper": 1.25 * expected} if day >= 30 else {}
    )
    silent = day == 230
    value, status = (0.2 * expected, "degraded") if silent else (expected, "ok")
    measure(rows, *where, "traffic", value=float(round(value)), status=status, **usual)


def _measure_model(
    rows: Rows, where: tuple[str, str, str, int], rng: np.random.Generator, day: int, scale: float
) -> None:
    weekly = scale * ROWS * (1.08 if day % 7 < 5 else 0.8) * rng.uniform(0.96, 1.04)
    slow = 2.4 if 178 <= day < 182 else 1.0
    measure(rows, *where, "rows", value=float(round(weekly)), expected=scale * 900.0)
    measure(rows, *where, "throughput", value=weekly / 86_400 / scale)
    errors = 0.041 if day in (178, 179) else rng.uniform(0.002, 0.006)
    measure(rows, *where, "error_rate", value=errors, expected=0.004, status="degraded" if errors > 0.02 else "ok")
    for metric, value in (("latency_p50", 11.0), ("latency_p90", 18.5), ("latency_p99", 31.0)):
        known: dict[str, Any] = {"usual": 31.0, "usual_lower": 22.0, "usual_upper": 46.5}
        judged = known if metric == "latency_p99" and day >= 30 else {}
        status = "degraded" if slow > 1 else "ok"
        measure(rows, *where, metric, value=value * slow * rng.uniform(0.95, 1.05), status=status, **judged)
    for metric, value in (("confidence_entropy", 0.61), ("confidence_margin", 0.42), ("low_confidence_share", 0.21)):
        found = value + rng.normal(0, 0.01)
        measure(rows, *where, metric, value=found, lower=found - 0.012, upper=found + 0.012, expected=value)
    complete = (1.0, 0.94, 0.83, 0.55, 0.12)[max(0, day - DAYS + 5)]
    coverage = 0.97 * complete
    fall = 0.06 if 150 <= day < 215 else 0.0
    for metric, value in (
        ("accuracy", 0.842), ("precision", 0.61), ("recall", 0.48), ("f1", 0.537), ("roc_auc", 0.781), ("log_loss", 0.402),
    ):  # fmt: skip
        value = value + (fall if metric == "log_loss" else -fall) + rng.normal(0, 0.012)
        half = 0.024 / np.sqrt(coverage)
        status = "provisional" if complete < 0.99 else "degraded" if fall and metric == "accuracy" else "ok"
        if where[:2] != UNLABELLED:
            seen = value + 0.06 * (1 - complete)  # what went well is told of first
            measure(rows, *where, metric, value=seen, lower=seen - half, upper=seen + half, status=status)
            known = {"value": value, "lower": value - 1.2 * half, "upper": value + 1.2 * half} if complete > 0.2 else {}
            measure(rows, *where, f"corrected_{metric}", **{"status": "ok" if known else "insufficient", **known})
    if where[:2] != UNLABELLED:
        measure(rows, *where, "label_coverage", value=coverage)
        measure(rows, *where, "label_completeness", value=complete)
        for metric, value in (("label_delay_p50", 30_000.0), ("label_delay_p99", 4.1 * 86_400)):
            measure(rows, *where, metric, value=value)
    _measure_estimates(rows, where, day, fall)


def _measure_estimates(rows: Rows, where: tuple[str, str, str, int], day: int, fall: float) -> None:
    """They see a third of the fall, and are doubted for the rest of it once labels have shown so."""
    status = "insufficient" if 153 <= day < 220 else "ok"
    for metric, value in (
        ("accuracy", 0.842),
        ("precision", 0.61),
        ("recall", 0.48),
        ("f1", 0.537),
        ("roc_auc", 0.781),
    ):
        found, basis = value - fall / 3 + 0.004 * np.sin(day), "cbpe, sees no concept drift"
        measure(rows, *where, f"estimated_{metric}", value=found, lower=found - 0.035, upper=found + 0.035,
                expected=value, status=status, basis=basis)  # fmt: skip
    if where[:2] != UNLABELLED:
        measure(rows, *where, "estimate_error", value=0.4 + 15 * fall)


def _measure_together(rows: Rows, where: tuple[str, str, str, int], rng: np.random.Generator, day: int) -> None:
    """Features that go together otherwise for a month, and vectors that move away."""
    turned, away = 0.22 if 200 <= day < 230 else 0.0, max(0.0, day - 250) * 0.005
    for column, moved in (("", turned), ("embedding", away)):
        area = min(0.99, 0.5 + moved + rng.normal(0, 0.008))
        status = "drift" if area > 0.6 else "ok"
        measure(rows, *where, "domain_auc", column=column, value=area, expected=0.5, lower=area - 0.018,
                 upper=area + 0.018, status=status)  # fmt: skip
    measure(rows, *where, "reconstruction_error", value=1.9 + 2 * turned + rng.normal(0, 0.02), expected=1.9)
    measure(rows, *where, "mmd", column="embedding", value=away**2 / 8 + rng.normal(0, 0.0004), expected=0.0)


def _measure_gpus(rows: Rows, where: tuple[str, str, str, int], rng: np.random.Generator, day: int) -> None:
    """Four GPUs, read from the 40th day on and shared with another model: busier on workdays, and one of them fell ill twice."""
    busy = (0.58 if day % 7 < 5 else 0.31) * rng.uniform(0.95, 1.05)
    power, full_day = 4 * (90 + 420 * busy), 288 if day > 40 else 100
    use = GpuUse(4, 20_000, round(20_000 * (0.9 - busy) ** 2), 20_000 * busy, 20_000, 20_000 * (0.55 + day / 2_000), 288,
                 288 * power, full_day, 300 * full_day * power, 20_000, int(day in (178, 179)))  # fmt: skip
    for m in measure_gpus(use, DAY_US, 2_000_000, 2):
        measure(rows, *where, m.metric, value=m.value, status=m.status.value, basis=m.basis)


def _serve(rows: Rows, model: str, rng: np.random.Generator) -> None:
    """Service levels of the last two days, with an hour in which every tenth row fails."""
    first_us = START_US + (DAYS - 2) * DAY_US
    counts = {name: np.full(576, 100) for name in ("rows", "timed")}
    counts["errors"] = rng.binomial(100, np.where((np.arange(576) >= 300) & (np.arange(576) < 312), 0.2, 0.0005))
    counts["slow"] = rng.binomial(100, 0.006, 576)
    for start_us, m in measure_service(counts, Objectives(0.999, 0.99, 50.0), first_us, first_us):
        found = {name: getattr(m, name) for name in ("value", "expected", "column", "basis")}
        measure(rows, model, "", "5m", start_us, m.metric, **found, status=m.status.value)


def add_model(rows: Rows, model: str, rng: np.random.Generator, scale: float, shift: int) -> None:
    """A model with grids, dictionaries, reference, profiles and measurements: `scale` times the rows, `shift` days on."""
    rows.add("models", model=model, task="binary", window="1d", rollups=["1mo"], positive_class="late", segments=[],
             registered_us=START_US)  # fmt: skip
    grids = {n: Grid.fit(np.concatenate([draw(rng, day) for day in range(30)])) for n, draw in NUMERIC.items()}
    for name, grid in grids.items():
        rows.add(
            "grids",
            model=model,
            column=_wire(name),
            version=1,
            centre=grid.centre,
            edges=grid.edges.astype("<u2").tobytes(),
        )
    for name, (values, _) in CATEGORICAL.items():
        for code, value in enumerate(values, 1):
            rows.add("categories", model=model, column=_wire(name), code=code, value=value)
    reference = WindowProfile.merge(window_profile(rng, day, grids) for day in range(30))
    performance = {m: {"value": v, "lower": v - 0.004, "upper": v + 0.004, "rows": 27_000}
                   for m, v in (("accuracy", 0.845), ("roc_auc", 0.785), ("f1", 0.54), ("log_loss", 0.4))}  # fmt: skip
    rows.add("references", model=model, reference="5f0c8a51d1d6e1b7a6a2c9a1f4f6d0aa", rows=27_000, blob=encode_profile(reference),
             performance=performance, provenance={"kind": "upload"}, active=True, created_us=START_US)  # fmt: skip
    _serve(rows, model, rng)
    months: dict[int, list[WindowProfile]] = {}
    for day in range(DAYS):
        start_us = START_US + day * DAY_US
        window = window_profile(rng, day + shift, grids)
        months.setdefault(WindowSize("1mo").start(start_us), []).append(window)
        rows.add("profiles", model=model, version=VERSION, segment="", window_start_us=start_us, topic="driftglass.predictions",
                 partition=0, rows=ROWS, blob=encode_profile(window))  # fmt: skip
        newer = day >= 240 and model == UNLABELLED[0]
        for version, part in ((VERSION, 1.0), *(((UNLABELLED[1], 0.2),) if newer else ())):
            where = (model, version, "1d", start_us)
            _measure_columns(rows, where, window, reference)
            _measure_model(rows, where, rng, day + shift, scale * part)
            _measure_together(rows, where, rng, day + shift)
        _measure_traffic(rows, (model, "", "1d", start_us), day + shift, scale)
        if model == "flight-delay" and day >= 40:
            _measure_gpus(rows, (model, "", "1d", start_us), np.random.default_rng(day), day)
    for start_us, parts in months.items():
        where = (model, VERSION, "1mo", start_us)
        _measure_columns(rows, where, WindowProfile.merge(parts), reference)
        _measure_model(rows, where, rng, (start_us - START_US) // DAY_US + shift, scale * 30)

"""A database as the collector, the detectors, the alerting and the shadow leave it, made up: two models of ten columns over 300
days with their monthly roll-ups, alerts and shadow runs. The random draws are fixed.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.run import command
from kernel.clock import DAY_US, HOUR_US, from_datetime
from kernel.counting import count
from kernel.grid import Grid
from kernel.profile import Cells, ColumnProfile, Kind, WindowProfile
from kernel.profile_codec import encode_profile
from kernel.windows import WindowSize
from store import tables
from store.database import Database
from store.migrate import migrate
from testing.waiting import free_port, is_listening, wait_until

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
        self.tables.setdefault(table, []).append({"workspace": WORKSPACE, **values})

    def insert(self, db: Database) -> None:
        with db.write() as connection:
            for name, rows in self.tables.items():
                for _, alike in itertools.groupby(rows, key=lambda row: list(row)):
                    connection.execute(tables.metadata.tables[name].insert(), list(alike))


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


def _numeric(values: Any, kind: Kind, version: int, grid: Grid) -> ColumnProfile:
    return ColumnProfile.numeric(kind, version, count(values.astype(np.float64), grid), grid.centre, None)


def window_profile(rng: np.random.Generator, day: int, grids: Mapping[str, Grid]) -> WindowProfile:
    columns = {_wire(n): _numeric(draw(rng, day), Kind.NUMERIC, 1, grids[n]) for n, draw in NUMERIC.items()}
    columns |= {_wire(n): _categories(draw(rng, day)) for n, (_, draw) in CATEGORICAL.items()}
    holiday = Cells.of_dense(np.bincount(rng.random(ROWS) < 0.08, minlength=2))
    columns["feature.holiday"] = ColumnProfile(Kind.BOOLEAN, 0, holiday)
    columns["score.late"] = _score(rng)
    columns["latency_ms"] = _numeric(rng.lognormal(2.4, 0.4, ROWS), Kind.POSITIVE, 0, Grid.identity())
    return WindowProfile(ROWS, 4, ROWS, ROWS, columns)


def _psi(window: ColumnProfile, reference: ColumnProfile) -> float:
    """Roughly: on about ten groups of the reference's cells."""
    cells = int(max(window.cells.index.max(), reference.cells.index.max())) + 1
    p, q = (c.cells.dense(cells) / max(1.0, c.cells.dense(cells).sum()) for c in (window, reference))
    group = np.clip(np.floor(np.cumsum(q) * 10 - 1e-9), 0, 9).astype(int)
    p, q = (np.maximum(np.bincount(group, s, minlength=10), 1e-4) for s in (p, q))
    return float(((p - q) * np.log(p / q)).sum())


def _measure(rows: Rows, model: str, version: str, size: str, start_us: int, metric: str, **found: Any) -> None:
    key = {"model": model, "version": version, "segment": "", "size": size, "window_start_us": start_us}
    key |= {"metric": metric, "column": found.pop("column", ""), "window_end_us": WindowSize(size).end(start_us)}
    common = {n: found.get(n) for n in ("value", "expected", "p_value", "lower", "upper")}
    status = found.get("status", "ok")
    rows.add("measurements", **key, **common, span_start_us=start_us, rows=float(ROWS), reference_rows=27_000.0,
             status=status, basis=found.get("basis", "iid-null"))  # fmt: skip
    abnormal = status in ("drift", "degraded")
    rows.add("decisions", **key, **common, status=status, abnormal=abnormal, alpha=2e-4, decided_us=start_us + DAY_US)


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
        numbers = {"column": column, "expected": 0.012, "p_value": p, "status": status, "lower": lower}
        _measure(rows, *where, "psi", value=psi, **numbers)
        _measure(rows, *where, "js_distance", value=float(np.sqrt(psi / 8)), **(numbers | {"lower": None}))
        missing = (profile.nan + profile.missing) / window.rows
        alarm = "drift" if missing > 0.2 else "ok"
        _measure(rows, *where, "missing_share", value=missing, column=column, expected=0.02, status=alarm)
        if profile.kind is Kind.CATEGORICAL:
            full = profile.cells.dense(100)
            unseen = full[12] / full.sum() if column == "carrier" else 0.0
            unseen_status = "drift" if unseen > 0.05 else "ok"
            _measure(rows, *where, "unseen_share", value=unseen, column=column, expected=0.0, status=unseen_status)


def _measure_model(
    rows: Rows, where: tuple[str, str, str, int], rng: np.random.Generator, day: int, scale: float
) -> None:
    weekly = scale * ROWS * (1.08 if day % 7 < 5 else 0.8) * rng.uniform(0.96, 1.04)
    slow = 2.4 if 178 <= day < 182 else 1.0
    _measure(rows, *where, "rows", value=float(round(weekly)), expected=scale * 900.0)
    _measure(rows, *where, "throughput", value=weekly / 86_400 / scale)
    errors = 0.041 if day in (178, 179) else rng.uniform(0.002, 0.006)
    _measure(rows, *where, "error_rate", value=errors, expected=0.004, status="degraded" if errors > 0.02 else "ok")
    for metric, value in (("latency_p50", 11.0), ("latency_p90", 18.5), ("latency_p99", 31.0)):
        _measure(
            rows, *where, metric, value=value * slow * rng.uniform(0.95, 1.05), status="degraded" if slow > 1 else "ok"
        )
    coverage = 0.97 if day < DAYS - 3 else 0.12
    fall = 0.06 if 150 <= day < 215 else 0.0
    for metric, value in (
        ("accuracy", 0.842), ("precision", 0.61), ("recall", 0.48), ("f1", 0.537), ("roc_auc", 0.781), ("log_loss", 0.402),
    ):  # fmt: skip
        value = value + (fall if metric == "log_loss" else -fall) + rng.normal(0, 0.012)
        half = 0.024 / np.sqrt(coverage)
        status = "insufficient" if coverage < 0.5 else "degraded" if fall and metric == "accuracy" else "ok"
        _measure(rows, *where, metric, value=value, lower=value - half, upper=value + half, status=status)
    _measure(rows, *where, "label_coverage", value=coverage)


def _model(rows: Rows, model: str, rng: np.random.Generator, scale: float, shift: int) -> None:
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
    rows.add("references", model=model, reference="january", rows=27_000, blob=encode_profile(reference),
             performance=performance, provenance={"kind": "upload"}, active=True, created_us=START_US)  # fmt: skip
    months: dict[int, list[WindowProfile]] = {}
    for day in range(DAYS):
        start_us = START_US + day * DAY_US
        window = window_profile(rng, day + shift, grids)
        months.setdefault(WindowSize("1mo").start(start_us), []).append(window)
        rows.add("profiles", model=model, version="3", segment="", window_start_us=start_us, topic="driftglass.predictions",
                 partition=0, rows=ROWS, blob=encode_profile(window))  # fmt: skip
        for version in ("", "3") if day >= 240 else ("",):
            where = (model, version, "1d", start_us)
            _measure_columns(rows, where, window, reference)
            _measure_model(rows, where, rng, day + shift, scale)
    for start_us, parts in months.items():
        where = (model, "", "1mo", start_us)
        _measure_columns(rows, where, WindowProfile.merge(parts), reference)
        _measure_model(rows, where, rng, (start_us - START_US) // DAY_US + shift, scale * 30)


def _alerts(rows: Rows) -> None:
    last = START_US + (DAYS - 1) * DAY_US
    common = {
        "model": "flight-delay",
        "version": "",
        "segment": "",
        "size": "1d",
        "details": {},
        "seen_window_us": last,
    }
    for alert, tier, state, metric, column, value, first_day, summary in (
        (
            "a1",
            "P1",
            "firing",
            "missing_share",
            "wind_speed",
            0.31,
            285,
            "wind_speed is missing in 31% of the rows, not in 2%",
        ),
        (
            "a2",
            "P2",
            "acknowledged",
            "psi",
            "temp",
            0.9,
            120,
            "temp has moved away from the reference: psi 0.9, expected 0.012",
        ),
        ("a3", "P2", "pending", "psi", "distance", 0.11, 299, "distance may be moving: psi 0.11"),
        ("a4", "P0", "resolved", "error_rate", "", 0.041, 178, "4.1% of the predictions failed; 0.4% is ordinary"),
    ):
        acknowledged = {"acknowledged_us": last, "acknowledged_by": "ada"} if state == "acknowledged" else {}
        resolved = {"resolved_us": START_US + 181 * DAY_US} if state == "resolved" else {}
        opened = START_US + (first_day + 1) * DAY_US
        stamps = {"acknowledged_us": None, "acknowledged_by": "", "resolved_us": None} | acknowledged | resolved
        rows.add(
            "alerts",
            **common,
            alert=alert,
            fingerprint=f"{metric}/{column}",
            rule=f"drift-{tier}",
            tier=tier,
            state=state,
            metric=metric,
            column=column,
            value=value,
            expected=0.02,
            summary=summary,
            opened_us=opened,
            fired_us=None if state == "pending" else opened + HOUR_US,
            incident="" if state == "pending" else "i1",
            first_window_us=START_US + first_day * DAY_US,
            last_window_us=START_US + 180 * DAY_US if resolved else last,
            **stamps,
        )
    rows.add(
        "incidents",
        incident="i1",
        model="flight-delay",
        tier="P1",
        state="open",
        title="wind_speed goes missing",
        opened_us=last,
    )
    rows.add(
        "events",
        topic="driftglass.events",
        partition=0,
        offset=0,
        row=0,
        model="flight-delay",
        kind="deploy",
        ts_us=START_US + 240 * DAY_US,
        title="version 3",
        url="",
        details={},
    )


def _shadow(rows: Rows) -> None:
    result = {
        "rows": 291_000,
        "agreement": 0.941,
        "kappa": 0.812,
        "classes": ["late", "on_time"],
        "churn": [[51_200, 9_300], [7_869, 222_631]],
        "mcnemar": {"b": 6_420, "c": 8_310, "statistic": 242.5, "p_value": 1.1e-54},
        "metrics": [
            {
                "metric": m,
                "champion": a,
                "candidate": a + d,
                "difference": d,
                "lower": d - h,
                "upper": d + h,
                "rows": 282_000,
            }
            for m, a, d, h in (
                ("accuracy", 0.842, 0.0067, 0.0009),
                ("roc_auc", 0.781, 0.0142, 0.003),
                ("f1", 0.537, 0.021, 0.006),
                ("log_loss", 0.402, -0.011, 0.0025),
                ("recall", 0.48, -0.004, 0.007),
            )
        ],
        "latency_ms": {
            "champion": {"p50": 0.42, "p90": 0.61, "p99": 1.05},
            "candidate": {"p50": 0.55, "p90": 0.83, "p99": 1.62},
        },
        "labels": 282_000,
        "label_coverage": 0.969,
    }
    done = START_US + 305 * DAY_US
    common = {
        "model": "flight-delay",
        "version": "3",
        "spec": {},
        "error": "",
        "progress": 1.0,
        "started_us": done - HOUR_US,
    }
    for run, candidate, state, verdict, reasons, body, hours in (
        (
            "run-7",
            "january-to-march.onnx",
            "done",
            "promote",
            [
                "Accuracy is 0.0067 higher (95% interval 0.0058 to 0.0076).",
                "Latency p99 of 1.62 ms stays under the limit of 50 ms.",
            ],
            result,
            5,
        ),
        (
            "run-6",
            "deep-64.onnx",
            "done",
            "reject",
            ["Log loss is 0.09 higher."],
            result | {"mcnemar": None, "metrics": [], "labels": 0},
            4,
        ),
        ("run-5", "january-only.onnx", "done", "hold", ["Only 212 labels: too few to tell."], result, 3),
        ("run-8", "retrained.onnx", "running", "", [], {}, 6),
        ("run-4", "broken.onnx", "failed", "", [], {}, 2),
    ):
        own = {"progress": 0.42} if state == "running" else {}
        own |= {"error": "broken.onnx wants 12 features, the model has 10"} if state == "failed" else {"error": ""}
        rows.add(
            "shadow_runs",
            **(common | own),
            run=run,
            candidate=candidate,
            state=state,
            verdict=verdict,
            reasons=reasons,
            result=body,
            created_us=done + hours * HOUR_US,
            finished_us=done + (hours + 1) * HOUR_US if state == "done" else None,
        )


def fill(url: str) -> None:
    """Migrate a database and fill it."""
    db = Database(url)
    migrate(db)
    seed(db)
    db.close()


def seed(db: Database) -> None:
    """Fill a migrated database."""
    rng = np.random.default_rng(20130201)
    rows = Rows()
    _model(rows, "flight-delay", rng, 1.0, 0)
    _model(rows, "card-fraud", rng, 46.0, -400)
    rows.add("models", model="churn", task="", window="1h", rollups=[], segments=[], registered_us=START_US)
    _alerts(rows)
    _shadow(rows)
    rows.insert(db)


@pytest.fixture(scope="session")
def seeded_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a seeded SQLite database; read only, or copy it."""
    path = tmp_path_factory.mktemp("dashboard") / "driftglass.db"
    fill(f"sqlite:///{path}")
    return path


@pytest.fixture
def db(seeded_sqlite: Path) -> Iterator[Database]:
    """The seeded SQLite database, to read from."""
    database = Database(f"sqlite:///{seeded_sqlite}")
    yield database
    database.close()


@pytest.fixture
def seeded_postgres(postgres_url: str) -> Iterator[Database]:
    """The same rows in PostgreSQL."""
    fill(postgres_url)
    database = Database(postgres_url)
    yield database
    database.close()


@contextmanager
def served(url: str, log: Path) -> Iterator[str]:
    """The dashboard in a process of its own over a database; yields its address."""
    port = free_port()
    environment = {**os.environ, "DRIFTGLASS_STORE__DATABASE": url}
    environment.pop("DRIFTGLASS_CONFIG", None)
    with log.open("w") as output:
        process = subprocess.Popen(command(port), env=environment, cwd=log.parent, stdout=output, stderr=output)
        try:
            wait_until(lambda: is_listening(port), timeout_s=120, what=f"the dashboard listens, see {log}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def dashboard(seeded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard over a copy of the seeded database, which a test may write to."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(seeded_sqlite, folder / "driftglass.db")
    with served(f"sqlite:///{folder / 'driftglass.db'}", folder / "streamlit.log") as address:
        yield address


@pytest.fixture(scope="session")
def empty_dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard over a database in which nothing is yet."""
    folder = tmp_path_factory.mktemp("empty")
    url = f"sqlite:///{folder / 'driftglass.db'}"
    database = Database(url)
    migrate(database)
    database.close()
    with served(url, folder / "streamlit.log") as address:
        yield address

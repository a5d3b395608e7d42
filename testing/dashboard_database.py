"""A database as the collector, the detectors, the alerting and the shadow leave it, made up: models, their alerts and some
shadow runs. The random draws are fixed.
"""

from typing import Any

import numpy as np

from dashboard.text import joined
from kernel.clock import DAY_US, HOUR_US
from testing.dashboard_labels import add_canary, add_figures, add_lists, add_numbers, add_scored, add_strays
from testing.dashboard_rows import DAYS, START_US, Rows, add_model, measure
from testing.migrated import open_migrated


def _alerts(rows: Rows) -> None:
    last = START_US + (DAYS - 1) * DAY_US
    common = {
        "model": "flight-delay",
        "size": "1d",
        "seen_window_us": last,
    }
    for alert, tier, state, metric, column, value, first_day, version, segment, under, incident in (
        ("a1", "P1", "firing", "missing_share", "wind_speed", 0.31, 285, "3", "", "", "i1"),
        ("a5", "P1", "firing", "missing_share", "wind_speed", 0.33, 286, "3", "origin=JFK", "a1", "i1"),
        ("a6", "P1", "firing", "missing_share", "wind_speed", 0.32, 286, "3", "origin=EWR", "a1", "i1"),
        ("a7", "P1", "firing", "missing_share", "wind_speed", 0.3, 287, "4", "", "a1", "i1"),
        ("a2", "P2", "acknowledged", "psi", "temp", 0.9, 120, "3", "", "", "i2"),
        ("a3", "P2", "pending", "psi", "distance", 0.11, 299, "3", "", "", ""),
        ("a4", "P0", "resolved", "error_rate", "", 0.041, 178, "3", "", "", "i0"),
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
            summary=f"flight-delay: {joined(column, f'version {version}', segment)}: {metric} {value}, 0.02 expected",
            version=version,
            segment=segment,
            details={"under": under},
            opened_us=opened,
            fired_us=None if state == "pending" else opened + HOUR_US,
            incident=incident,
            first_window_us=START_US + first_day * DAY_US,
            last_window_us=START_US + 180 * DAY_US if resolved else last,
            **stamps,
        )
    for incident, tier, state, title, opened_day in (
        ("i0", "P0", "resolved", "flight-delay: errors", 179),
        ("i1", "P1", "open", "flight-delay: quality on wind_speed", 286),
        ("i2", "P2", "open", "flight-delay: drift on temp", 121),
    ):
        rows.add(
            "incidents",
            incident=incident,
            model="flight-delay",
            tier=tier,
            state=state,
            title=title,
            opened_us=START_US + opened_day * DAY_US,
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
        own: dict[str, Any] = {"progress": 0.42} if state == "running" else {}
        own |= {"error": "broken.onnx wants 12 features, the model has 10"} if state == "failed" else {"error": ""}
        own |= {"version": ""} if run == "run-5" else {}  # of the traffic of all versions
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


def _creep(rows: Rows) -> None:
    """Have two series of a model move towards their limits, evenly, in its last 91 days."""
    rng = np.random.default_rng(20131127)
    for row in rows.tables["measurements"]:
        day = (row["window_start_us"] - START_US) // DAY_US - (DAYS - 91)
        if (row["model"], row["size"]) != ("card-fraud", "1d") or day < 0:
            continue
        if (row["metric"], row["column"]) == ("psi", "hour"):
            row["value"] = (0.08 + 0.0022 * day + rng.normal(0, 0.015)) ** 2
        if row["metric"] == "accuracy":
            row["value"] = 0.9 - 0.0005 * day + rng.normal(0, 0.006)


def _retired(rows: Rows) -> None:
    """One that was measured for a month, and one that was made by a mistyped name and still gets rows."""
    since_us = START_US + (DAYS - 1) * DAY_US + 10 * HOUR_US
    for model, came in (("old_*prices*", 0), ("flihgt-delay", 1_204)):
        rows.add("models", model=model, task="", window="1d", rollups=[], segments=[], registered_us=START_US)
        rows.add("retirements", model=model, since_us=since_us, rows=30)
        rows.add("windows", model=model, size="1d", start_us=START_US, end_us=START_US + DAY_US, rows=30 + came)
    for day in range(30):
        measure(rows, "old_*prices*", "", "1d", START_US + day * DAY_US, "rows", value=900.0 + day)


def fill(url: str, rows: Rows) -> None:
    """Migrate a database, and fill it with the rows."""
    db = open_migrated(url)
    rows.insert(db)
    db.close()


def made_rows() -> Rows:
    """The rows, for any migrated database."""
    rng = np.random.default_rng(20130201)
    rows = Rows()
    add_model(rows, "flight-delay", rng, 1.0, 0)
    add_model(rows, "card-fraud", rng, 46.0, -400)
    rows.add("models", model="churn", task="", window="1h", rollups=[], segments=[], registered_us=START_US)
    add_scored(rows, "flight-delay")
    add_canary(rows, "flight-delay", "4")
    add_strays(rows, "flight-delay")
    add_figures(rows, "flight-delay")
    add_numbers(rows, "house-price")
    add_lists(rows, "search")
    next(row for row in rows.tables["models"] if row["model"] == "flight-delay")["segments"] = ["origin"]
    _creep(rows)
    _retired(rows)
    _alerts(rows)
    _shadow(rows)
    return rows

"""The newest window in six numbers."""

import pandas as pd
import streamlit as st

from dashboard.scene import Scene
from dashboard.text import NONE, count, metric_name, number, share, window
from store.fleet import COLUMN_METRICS

_METRICS = ("rows", "error_rate", "latency_p99", "accuracy", "roc_auc")


def show(scene: Scene) -> None:
    """Draw them; a performance value is the newest that has enough labels, with its distance from the reference."""
    data = scene.frame(*_METRICS)
    newest_us = scene.windows[0].start_us
    day = window(newest_us, scene.scope.size)
    boxes = st.columns(6)
    boxes[0].metric(f"Rows, {day}", count(_newest(data, "rows")))
    boxes[1].metric("Error rate", share(_newest(data, "error_rate")))
    boxes[2].metric("Latency p99", _unit(number(_newest(data, "latency_p99")), "ms"))
    boxes[3].metric("Drifted columns", _drifted(scene))
    for box, metric in zip(boxes[4:], ("accuracy", "roc_auc"), strict=True):
        _performance(box, scene, data[(data["metric"] == metric) & (data["status"] != "insufficient")], metric)


def _newest(data: pd.DataFrame, metric: str) -> float | None:
    values = data.loc[data["metric"] == metric, "value"]
    return None if values.empty else float(values.iloc[-1])


def _unit(text: str, unit: str) -> str:
    return text if text == NONE else f"{text} {unit}"


def _drifted(scene: Scene) -> str:
    now = scene.frame(*COLUMN_METRICS, since_us=scene.windows[0].start_us)
    return f"{now.loc[now['abnormal'], 'column'].nunique()} of {now['column'].nunique()}"


def _performance(box: st.delta_generator.DeltaGenerator, scene: Scene, data: pd.DataFrame, metric: str) -> None:
    name = metric_name(metric)
    if data.empty:
        box.metric(name, NONE, help="No window of the period has enough labels.")
        return
    last = data.iloc[-1]
    reference = scene.card.reference.performance.get(metric) if scene.card.reference else None
    delta = None
    if reference and reference.value is not None:
        delta = f"{last['value'] - reference.value:+.3f} to reference"
    box.metric(f"{name}, {last['when']}", number(last["value"]), delta, delta_color="off")

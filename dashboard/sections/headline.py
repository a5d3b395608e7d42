"""The newest window in six numbers."""

from itertools import chain

import pandas as pd
import streamlit as st

from dashboard.scene import Scene
from dashboard.text import NONE, count, metric_name, number, share, window
from kernel.measurement import DECISIVE
from store.fleet import COLUMN_METRICS

_SERVICE = ("rows", "error_rate", "latency_p99")
_PAIRS = (("accuracy", "roc_auc"), ("mae", "r2"), ("ndcg", "mrr"))
"""Of classes, numbers and rankings: what tells most."""


def show(scene: Scene) -> None:
    """Draw them; a performance value is the newest that has enough labels, with its distance from the reference."""
    data = scene.frame(*_SERVICE, *chain(*_PAIRS))
    newest_us = scene.windows[0].start_us
    day = window(newest_us, scene.scope.size)
    boxes = st.columns(6)
    boxes[0].metric(f"Rows, {day}", count(_newest(data, "rows")))
    boxes[1].metric("Error rate", share(_newest(data, "error_rate")))
    boxes[2].metric("Latency p99", _unit(number(_newest(data, "latency_p99")), "ms"))
    boxes[3].metric("Drifted columns", _drifted(scene))
    pair = next((pair for pair in _PAIRS if data["metric"].isin(pair).any()), _PAIRS[0])
    for box, metric in zip(boxes[4:], pair, strict=True):
        _performance(box, scene, data[(data["metric"] == metric) & data["status"].isin(DECISIVE)], metric)


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
        off = last["value"] - reference.value
        delta = f"{'-' if off < 0 else '+'}{number(abs(off))} to reference"
    box.metric(f"{name}, {last['when']}", number(last["value"]), delta, delta_color="off")

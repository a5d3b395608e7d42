"""Labels: how many predictions have one, how many are still to come, and what they would change."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard.charts.lines import axis_title, line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import metric_name, span
from detectors.metrics import CORRECTED_PREFIX

CAPTION = "Triangle: with the labels that are to come, as far as can be told; until they are there the dot is hollow."
_DELAYS = ("label_delay_p50", "label_delay_p99")


def corrected(scene: Scene, data: pd.DataFrame, metrics: Sequence[str]) -> Mapping[str, pd.DataFrame]:
    """What each of these metrics would be with all labels, of the windows that wait for some; those without are not among them.

    Args:
        data: what the metrics are with the labels that are there.
    """
    found = scene.frame(*(CORRECTED_PREFIX + metric for metric in metrics))
    waiting = data[data["status"] == "provisional"]
    frames = {
        metric: found[
            (found["metric"] == CORRECTED_PREFIX + metric)
            & found["start_us"].isin(waiting.loc[waiting["metric"] == metric, "start_us"])
        ]
        for metric in metrics
    }
    return {metric: frame for metric, frame in frames.items() if frame["value"].notna().any()}


def show(scene: Scene, coverage: pd.DataFrame) -> None:
    """Draw how many there are, and how many are to come where that can be told.

    Args:
        coverage: a frame of label_coverage.
    """
    colours = palette()
    complete = scene.frame("label_completeness")
    known = complete["value"].notna().any()
    boxes = st.columns(2 if known else 1, gap="medium")
    for box, metric, data in zip(boxes, ("label_coverage", "label_completeness"), (coverage, complete), strict=False):
        name = metric_name(metric)
        box.subheader(name, anchor=False)
        chart = line(data, axis_title(metric), colours, percent=True, height=170)
        box.altair_chart(chart, key=f"performance-{metric}", alt=f"{name} over time")
    if known:
        st.caption(_delays(scene))


def _delays(scene: Scene) -> str:
    last = scene.frame(*_DELAYS).dropna(subset="value").groupby("metric").last()["value"]
    half, late = (span(last.get(metric)) for metric in _DELAYS)
    return f"Completeness: share of the labels to come that is there. Half of them are after {half}, 99 in 100 after {late}."

"""Fairness: how a group is treated beside the rest, where the segment that is shown is one."""

import streamlit as st

from dashboard.charts.lines import axis_title, line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import metric_name
from detectors.metrics import DISPARATE_IMPACT, FAIRNESS


def show(scene: Scene) -> None:
    """Draw it, where the segment is a group."""
    data = scene.frame(*FAIRNESS).dropna(subset="value")
    if data.empty:
        return
    colours = palette()
    st.subheader("Fairness", anchor=False)
    for box, metric in zip(st.columns(3, gap="medium"), FAIRNESS, strict=True):
        one = data[data["metric"] == metric]
        if one.empty:
            continue
        alike = 1.0 if metric == DISPARATE_IMPACT else 0.0
        box.markdown(f"**{metric_name(metric)}**")
        chart = line(one, axis_title(metric), colours, zero=False, band=True, reference=alike)
        box.altair_chart(chart, key=f"fairness-{metric}", alt=f"{metric_name(metric)} over time")
    st.caption(
        f"The group {scene.scope.segment} beside all other rows: how much oftener, and how many times as often, it is given the "
        "positive class; and how much oftener its positives are found. Dashed line: treated alike."
    )

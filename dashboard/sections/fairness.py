"""Fairness: how each group is treated beside the rest, in the newest window of the period that says so."""

import streamlit as st

from dashboard import reads
from dashboard.charts.groups import groups
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import metric_name, number, window
from detectors.metrics import DISPARATE_IMPACT, FAIRNESS


def show(scene: Scene) -> None:
    """Draw it, where groups are declared."""
    data = reads.segments(scene.scope, FAIRNESS, scene.since_us).to_pandas().dropna(subset="value")
    if data.empty:
        return
    for name in ("value", "lower", "upper"):
        data[f"{name}_text"] = [number(each) for each in data[name]]
    data["interval"] = data["lower_text"] + " to " + data["upper_text"]
    colours = palette()
    st.subheader(f"Fairness, {window(int(data['start_us'].iloc[0]), scene.scope.size)}", anchor=False)
    for box, metric in zip(st.columns(3, gap="medium"), FAIRNESS, strict=True):
        one = data[data["metric"] == metric]
        if not one.empty:
            chart = groups(one, metric_name(metric), 1.0 if metric == DISPARATE_IMPACT else 0.0, colours)
            box.altair_chart(chart, key=f"fairness-{metric}", alt=f"{metric_name(metric)} of each group")
    st.caption(
        "Each group beside all other rows: how much oftener, and how many times as often, it is given the positive class; and how "
        "much oftener its positives are found. Bars: 95% intervals. Dashed line: treated alike."
    )

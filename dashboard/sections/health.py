"""Health: how much was served, how fast, with how many failures."""

import streamlit as st

from dashboard import reads
from dashboard.charts.lines import LATENCIES, axis_title, latency, line
from dashboard.charts.time_axis import events
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.sections import gpus, objectives
from dashboard.text import joined, metric_name


def show(scene: Scene) -> None:
    """Draw it."""
    colours = palette()
    data = scene.frame("rows", "traffic", "error_rate", *LATENCIES)
    marks = events(reads.happenings(scene.card.model, scene.since_us), colours)
    left, right = st.columns(2, gap="medium")
    for box, metric, title in (
        (left, "traffic", joined("Traffic", scene.words("", pooled=True))),
        (right, "error_rate", "Error rate"),
        (left, "rows", "Rows"),
    ):
        drawn = data[data["metric"] == metric]
        chart = line(drawn, axis_title(metric), colours, percent=metric == "error_rate", usual=metric == "traffic")
        box.subheader(title, anchor=False)
        box.altair_chart(
            chart + marks if marks else chart, key=f"health-{metric}", alt=f"{metric_name(metric)} over time"
        )
    right.subheader("Latency", anchor=False)
    chart = latency(data[data["metric"].isin(list(LATENCIES))], colours)
    right.altair_chart(chart + marks if marks else chart, key="health-latency", alt="Latency p50, p90, p99 over time")
    st.caption(
        "Orange diamond: degraded. Grey band, and dashed line of the latency: what is usual by the last 13 weeks, once "
        "enough of them are known. Upright line: an event that was reported."
    )
    gpus.show(scene, marks)
    objectives.show(scene)

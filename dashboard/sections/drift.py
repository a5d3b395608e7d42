"""Drift: every column over time, one of them opened; and many columns at once."""

import pandas as pd
import streamlit as st

from dashboard.charts.heat_map import PICK, heat_map
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.sections import column, together
from dashboard.text import metric_name, short_name, window
from store.fleet import COLUMN_METRICS

_MAP = "heat-map"


def show(scene: Scene) -> None:
    """Draw it."""
    _columns(scene)
    together.show(scene)


def _columns(scene: Scene) -> None:
    boxes = st.columns([5, 2, 3], vertical_alignment="bottom")
    metric = boxes[0].segmented_control(
        "Measure",
        COLUMN_METRICS,
        default="psi",
        required=True,
        key="metric",
        bind="query-params",
        format_func=short_name,
    )
    data = scene.frame(metric)
    data = data[data["column"] != ""]
    if data.empty:
        st.info(f"{metric_name(metric)} has not been measured in this period: there may be no reference yet.")
        return
    labels = {window(w.start_us, scene.scope.size): w for w in scene.windows}
    label = boxes[1].selectbox("Window opened", list(labels), key="window", bind="query-params")
    name = boxes[2].selectbox(
        "Column opened", _by_need(data, labels[label].start_us), key="column", bind="query-params"
    )
    chart = heat_map(data, metric, labels[label].start_us, name, palette())
    st.altair_chart(
        chart, key=_MAP, on_select=lambda: _pick(scene), alt=f"{metric_name(metric)} of every column over time"
    )
    st.caption("Orange underline: drift was called. Click a cell to open its column in its window.")
    column.show(scene, name, labels[label], metric)


def _by_need(data: pd.DataFrame, start_us: int) -> list[str]:
    """The columns, those that drift in the window first, then by value; those it lacks at the end."""
    now = data[data["start_us"] == start_us].sort_values(["abnormal", "value"], ascending=False)
    return list(dict.fromkeys([*now["column"], *data["column"]]))


def _pick(scene: Scene) -> None:
    """A click on the map opens its cell."""
    points = st.session_state[_MAP].selection.get(PICK) or []
    if points:
        st.session_state["column"] = points[0]["column"]
        st.session_state["window"] = window(int(points[0]["start_us"]), scene.scope.size)

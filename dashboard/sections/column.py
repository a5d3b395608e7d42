"""A column opened: its distribution in the window beside the reference's, its numbers, its trend."""

import pandas as pd
import streamlit as st

from dashboard import reads
from dashboard.bars import bars
from dashboard.charts import distribution
from dashboard.charts.lines import line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.sections import ahead
from dashboard.text import METRICS, NONE, count, metric_name, number, p_value, share, window
from detectors.metrics import QUALITY
from kernel.clock import from_datetime
from kernel.column_spec import LABEL
from store.column_view import ColumnView
from store.fleet import COLUMN_METRICS
from store.series import Window


def show(scene: Scene, name: str, opened: Window, metric: str) -> None:
    """Draw it; `metric` is the one whose trend is shown."""
    data = scene.frame(*COLUMN_METRICS, column=name)
    now = data[data["start_us"] == opened.start_us].set_index("metric")
    span_us = _span_start(now, opened)
    view = reads.column(scene.card.model, scene.scope.version, name, span_us, opened.end_us)
    st.subheader(f"{name}, {window(opened.start_us, scene.scope.size)}, beside the reference", anchor=False)
    if span_us < opened.start_us:
        st.caption(f"The window alone has too few rows: measured since {window(span_us, scene.scope.size)}.")
    _numbers(now)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _distribution(view)
    with right:
        st.markdown(f"**{metric_name(metric)} over time**")
        trend = data[data["metric"] == metric]
        chart = line(trend, metric_name(metric), palette(), percent=metric in QUALITY, height=distribution.HEIGHT)
        st.altair_chart(chart, key="column-trend", alt=f"{metric_name(metric)} of {name} over time")
        for text in ahead.captions(scene, metric, column=name).values():
            st.caption(text)


def _span_start(now: pd.DataFrame, opened: Window) -> int:
    """A small window is measured together with those before it."""
    spans = [from_datetime(moment.to_pydatetime()) for moment in now["span_start"]]
    return min([*spans, opened.start_us])


def _numbers(now: pd.DataFrame) -> None:
    strange = next((metric for metric in ("unseen_share", "oov_share") if metric in now.index), "out_of_range_share")
    for box, metric in zip(st.columns(4), ("psi", "js_distance", "missing_share", strange), strict=True):
        if metric not in now.index:
            box.metric(metric_name(metric), NONE, help="Not measured for this column.")
            continue
        row = now.loc[metric]
        text = share if metric in QUALITY else number
        mark = "▲ drift" if row["abnormal"] else row["status"]
        about = [f"expected {text(row['expected'])}"] if pd.notna(row["expected"]) else []
        about += [f"p {p_value(row['p_value'])}"] if pd.notna(row["p_value"]) else []
        box.metric(
            f"{METRICS[metric]}: {mark}",
            text(row["value"]),
            " · ".join(about) or None,
            delta_color="off",
            delta_arrow="off",
            help=f"Decided by: {row['basis']}." if row["basis"] else None,
        )


def _distribution(view: ColumnView) -> None:
    st.markdown("**Distribution**")
    drawn, colours = bars(view), palette()
    if drawn.histogram is None and drawn.values is None:
        of_labels = view.column == LABEL
        st.info(
            "Labels are read when a window is measured; how they are distributed is not kept."
            if of_labels
            else "No profile of this column is stored for this window."
        )
        return
    if view.reference is None:
        st.caption("The reference has no such column.")
    elif not view.comparable:
        st.caption("The reference was counted on another grid and cannot be drawn beside it.")
    if drawn.histogram is None and drawn.values is not None:
        upright = view.kind not in ("categorical", "boolean", "text")
        chart = distribution.values(drawn.values, view.column, colours, upright=upright)
        st.altair_chart(chart, key="column-values", alt=f"Shares of the values of {view.column}")
    elif drawn.histogram is not None:
        boxes = st.columns([4, 1 + 0.3 * len(drawn.values.names)]) if drawn.values else [st.container()]
        chart = distribution.histogram(drawn.histogram, view.column, colours)
        boxes[0].altair_chart(chart, key="column-histogram", alt=f"Histogram of {view.column}")
        if drawn.values:
            heavy = distribution.values(drawn.values, "frequent values", colours, upright=True, named=False)
            boxes[1].altair_chart(heavy, key="column-values", alt=f"Frequent values of {view.column}")
    st.caption(_about(view))


def _about(view: ColumnView) -> str:
    sides = []
    for title, profile in (("window", view.current), ("reference", view.reference)):
        if profile is None:
            continue
        text = f"{title}: {count(profile.values)} values"
        if profile.moments.count:
            text += f", mean {number(profile.moments.mean)}, {number(profile.low)} to {number(profile.high)}"
        missing = profile.missing + profile.nan
        sides.append(text + (f", {count(missing)} missing" if missing else ""))
    return " · ".join(sides)

"""Objectives: what is left of the error budget, and how fast it burns. Drawn for models that have some."""

from dataclasses import replace

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import reads
from dashboard.charts.lines import graded, tooltip
from dashboard.charts.time_axis import HEIGHT, frame, when
from dashboard.palette import Palette, palette
from dashboard.scene import Scene
from dashboard.text import share
from kernel.clock import DAY_US

_RATES = {"burn_1h": "1 hour", "burn_6h": "6 hours", "burn_3d": "3 days"}
_TICKS = [0, 1, 6, 14.4, 100]  # the limits among them
_SHOWN = 576  # five minutes of two days
_SIZE = "5m"


def show(scene: Scene) -> None:
    """Draw them."""
    scope = replace(scene.scope, segment="", size=_SIZE)
    since_us = scene.windows[0].end_us - 2 * DAY_US
    data = frame(reads.series(scope, (*_RATES, "error_budget", "uptime"), since_us), _SIZE)
    if data.empty:
        return
    st.subheader("Objectives", anchor=False)
    rates = data[data["metric"].isin(list(_RATES))]
    names = sorted(rates["column"].unique())
    boxes = st.columns(max(3, len(names) + 1))
    for box, name in zip(boxes, names, strict=False):
        left = _newest(data, "error_budget", name)
        box.metric(f"Budget left, {name}", share(left), help="Of the bad rows that the objective allows in 30 days.")
    boxes[len(names)].metric("Uptime", share(_newest(data, "uptime")), help="Five minutes with a good row, of 30 days.")
    for box, name in zip(st.columns(max(2, len(names)), gap="medium"), names, strict=False):
        box.markdown(f"**Burn rate, {name}**")
        chart = _burn(rates[rates["column"] == name].groupby("metric").tail(_SHOWN), palette())
        box.altair_chart(chart, key=f"burn-{name}", alt=f"Burn rates of {name} over the last two days")
    st.caption(
        "Times as fast as the objective allows; each is called at its limit (14.4, 6 and 1) or above, at an orange diamond."
    )


def _newest(data: pd.DataFrame, metric: str, column: str = "") -> float | None:
    values = data.loc[(data["metric"] == metric) & (data["column"] == column), "value"]
    return None if values.empty else float(values.iloc[-1])


def _burn(data: pd.DataFrame, colours: Palette) -> alt.LayerChart:
    data = data.assign(span=data["metric"].map(_RATES))
    colour = graded("span:N", list(_RATES.values()), colours)
    y = alt.Y("value:Q", title="burn rate", scale=alt.Scale(type="symlog"), axis=alt.Axis(values=_TICKS))
    base = alt.Chart(data).encode(x=when(data), y=y)
    called = base.mark_point(shape="diamond", filled=True, size=14, opacity=1, color=colours.alarm)
    hover = base.mark_point(size=60, opacity=0, filled=True).encode(
        tooltip=tooltip(more=[alt.Tooltip("span", title="span"), alt.Tooltip("basis", title="bad rows")])
    )
    lines = base.mark_line(strokeWidth=1.4).encode(color=colour)
    return alt.layer(lines, called.transform_filter("datum.abnormal"), hover).properties(height=HEIGHT)

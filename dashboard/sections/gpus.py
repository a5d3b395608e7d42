"""GPUs: how busy and how full they were, what they drew. Drawn for models whose GPUs are read."""

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.charts.lines import axis_title, line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import joined, metric_name
from kernel.measurement import GPU, GPU_SHARES


def show(scene: Scene, marks: alt.LayerChart | None) -> None:
    """Draw them.

    Args:
        marks: events, drawn over each chart.
    """
    data = scene.frame(*GPU)
    drawn = [metric for metric in GPU if not data.loc[data["metric"] == metric, "value"].isna().all()]
    if not drawn:
        return
    colours = palette()
    st.subheader("GPUs", anchor=False)
    boxes = st.columns(3, gap="medium")
    for place, metric in enumerate(drawn):
        box, one = boxes[place % 3], data[data["metric"] == metric]
        box.markdown(f"**{metric_name(metric)}**")
        chart = line(one, axis_title(metric), colours, percent=metric in GPU_SHARES)
        box.altair_chart(
            chart + marks if marks else chart, key=f"gpus-{metric}", alt=f"{metric_name(metric)} over time"
        )
    st.caption(_caption(data, scene.words("", pooled=True)))


def _caption(data: pd.DataFrame, versions: str) -> str:
    """What the figures are of, as the newest window's basis says; that of energy says most."""
    of = data.groupby("metric")["basis"].last()
    text = f"{joined('Newest window', versions)}: {of.get('energy_per_1000', of.iloc[0])}."
    if "energy_per_1000" in of:
        text += " Energy is over the predictions of every model on these GPUs; hollow dot: it was told in too little of the window."
    return text

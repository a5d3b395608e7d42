"""Calibration: whether scores are probabilities, in the newest window that has labels, and whether sets still hold what happens."""

import pandas as pd
import streamlit as st

from dashboard.charts.diagram import diagram
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import metric_name, number, share
from detectors.metrics import CONFORMAL_COVERAGE, RELIABILITY, TEMPERATURE


def show(scene: Scene) -> None:
    """Draw it, where scores have met labels."""
    data = scene.frame(RELIABILITY).dropna(subset="value")
    if data.empty:
        return
    newest = data[data["start_us"] == data["start_us"].max()].sort_values("expected")
    st.subheader(f"{metric_name(RELIABILITY)}, {newest['when'].iloc[0]}", anchor=False)
    half, _ = st.columns(2)  # about as high as it is wide
    half.altair_chart(
        diagram(newest, palette()), key="performance-reliability", alt="What happened, by its probability"
    )
    st.caption("Bars: 95% intervals. Dashed line: calibrated. " + _checks(scene, int(newest["start_us"].iloc[0])))


def _checks(scene: Scene, start_us: int) -> str:
    """What the checks say of the same window."""
    data = scene.frame(TEMPERATURE, CONFORMAL_COVERAGE).dropna(subset="value")
    here = data[data["start_us"] == start_us].set_index("metric")
    said = [
        f"{metric_name(metric)} {_value(metric, here.loc[metric])}."
        for metric in (TEMPERATURE, CONFORMAL_COVERAGE)
        if metric in here.index
    ]
    return " ".join(said)


def _value(metric: str, row: pd.Series) -> str:
    shown = share if metric == CONFORMAL_COVERAGE else number
    return f"{shown(row['value'])} ({shown(row['lower'])} to {shown(row['upper'])})"

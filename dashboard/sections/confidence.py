"""Confidence: how sure the model was of its predictions, which needs no labels."""

import streamlit as st

from dashboard.charts.lines import axis_title, line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import metric_name
from detectors.metrics import CONFIDENCE


def show(scene: Scene) -> None:
    """Draw it, where the model sends scores."""
    data = scene.frame(*CONFIDENCE)
    if data["value"].isna().all():
        return
    colours = palette()
    st.subheader("Confidence", anchor=False)
    for box, metric in zip(st.columns(3, gap="medium"), CONFIDENCE, strict=True):
        one = data[data["metric"] == metric]
        share = metric == "low_confidence_share"
        box.markdown(f"**{metric_name(metric)}**")
        chart = line(one, axis_title(metric), colours, zero=False, percent=share, band=True)
        box.altair_chart(chart, key=f"confidence-{metric}", alt=f"{metric_name(metric)} over time")
    st.caption(
        "From the scores alone. Entropy: 0 sure, 1 undecided. Margin: the gap between the two likeliest classes; "
        "a prediction with a small one is of low confidence."
    )

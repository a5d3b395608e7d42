"""Estimates: what performance was to be expected without labels, on the charts of what labels said, or in their place."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.charts.estimated import alone
from dashboard.charts.lines import axis_title, line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import metric_name, number
from detectors.metrics import ESTIMATE_ERROR, ESTIMATED, ESTIMATED_PREFIX

CAPTION = (
    "Dotted: estimated without labels, within three sampling errors. It sees what other rows cost, and no change of what rows mean "
    "(concept drift). Hollow dot on it: labels have shown such estimates to be off, and it is not judged."
)


def frames(scene: Scene) -> dict[str, pd.DataFrame]:
    """The estimates of the period by the metric that they are of; those without a value are not among them."""
    data = scene.frame(*ESTIMATED)
    found = {metric.removeprefix(ESTIMATED_PREFIX): data[data["metric"] == metric] for metric in ESTIMATED}
    return {metric: one for metric, one in found.items() if not one["value"].isna().all()}


def show(scene: Scene, found: Mapping[str, pd.DataFrame]) -> None:
    """Draw them by themselves, where no labels have come."""
    if not found:
        return
    colours = palette()
    reference = scene.card.reference.performance if scene.card.reference else {}
    boxes = [box for _ in range(0, len(found), 3) for box in st.columns(3, gap="medium")]
    for box, (metric, one) in zip(boxes, found.items(), strict=False):
        known = reference.get(metric)
        level = known.value if known else None
        name = metric_name(ESTIMATED_PREFIX + metric)
        box.subheader(name, anchor=False)
        text = f"{name} over time" + (f", reference {number(level)}" if level is not None else "")
        box.altair_chart(alone(one, axis_title(metric), colours, level), key=f"estimate-{metric}", alt=text)
    st.caption(CAPTION)


def show_error(scene: Scene) -> None:
    """Draw how far they were off, where labels have come for at least half of a window."""
    data = scene.frame(ESTIMATE_ERROR)
    if data["value"].isna().all():
        return
    name = metric_name(ESTIMATE_ERROR)
    st.subheader(name, anchor=False)
    chart = line(data, axis_title(ESTIMATE_ERROR), palette(), reference=1.0, height=170)
    st.altair_chart(chart, key="estimate-error", alt=f"{name} over time")
    st.caption(
        "In units of its interval: beyond 1 labels said something else than chance allows. Hollow dot: too few labels."
    )

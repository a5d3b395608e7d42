"""Performance: what the labels say, once they are there."""

import streamlit as st

from dashboard.charts.estimated import beside
from dashboard.charts.lines import axis_title, line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.sections import ahead, confidence, estimates
from dashboard.text import metric_name, number

METRICS = ("accuracy", "roc_auc", "f1", "precision", "recall", "log_loss")


def show(scene: Scene) -> None:
    """Draw it."""
    data = scene.frame(*METRICS, "label_coverage")
    estimated = estimates.frames(scene)
    if data[data["metric"].isin(METRICS)]["value"].isna().all():
        st.info("No labels have come for these windows yet. Send them with `log_label` or POST /v1/labels.")
        estimates.show(scene, estimated)
        confidence.show(scene)
        return
    colours = palette()
    reference = scene.card.reference.performance if scene.card.reference else {}
    coming = ahead.captions(scene, *METRICS)
    boxes = [*st.columns(3, gap="medium"), *st.columns(3, gap="medium")]
    for box, metric in zip(boxes, METRICS, strict=True):
        one = data[data["metric"] == metric]
        known = reference.get(metric)
        level = known.value if known else None
        box.subheader(metric_name(metric), anchor=False)
        if one["value"].isna().all():
            box.caption("Not measured in this period.")
            continue
        chart = line(one, axis_title(metric), colours, zero=False, band=True, reference=level)
        if metric in estimated:
            chart = beside(chart, estimated[metric], axis_title(metric), colours)
        text = f"{metric_name(metric)} over time" + (f", reference {number(level)}" if level is not None else "")
        box.altair_chart(chart, key=f"performance-{metric}", alt=text)
        if metric in coming:
            box.caption(coming[metric])
    st.subheader("Label coverage", anchor=False)
    coverage = line(
        data[data["metric"] == "label_coverage"], axis_title("label_coverage"), colours, percent=True, height=170
    )
    st.altair_chart(coverage, key="performance-coverage", alt="Share of predictions that has a label, over time")
    st.caption(
        "Band: 95% interval. Dashed line: the reference. Orange diamond: degraded. Hollow dot: too few labels to judge."
    )
    if estimated:
        st.caption(estimates.CAPTION)
        estimates.show_error(scene)
    confidence.show(scene)

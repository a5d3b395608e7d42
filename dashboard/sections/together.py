"""Many columns at once: whether the features go together as they did, and whether vectors lie where they did."""

import streamlit as st

from dashboard.charts.lines import axis_title, line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import metric_name, plain

_BESIDE = {"": "reconstruction_error"}
_OF_VECTORS = "mmd"


def show(scene: Scene) -> None:
    """Draw it, where a model has such measurements."""
    data = scene.frame("domain_auc", *_BESIDE.values(), _OF_VECTORS)
    subjects = sorted(data[data["metric"] == "domain_auc"]["column"].unique())
    if not subjects:
        return
    colours = palette()
    for column in subjects:
        st.subheader(f"Vectors: {plain(column)}" if column else "Features together", anchor=False)
        shown = ("domain_auc", _BESIDE.get(column, _OF_VECTORS))
        for box, metric in zip(st.columns(2, gap="medium"), shown, strict=True):
            one = data[(data["metric"] == metric) & (data["column"] == column)]
            box.markdown(f"**{metric_name(metric)}**")
            if one["value"].isna().all():
                box.caption("Not measured in this period.")
                continue
            decides = metric == "domain_auc"
            chart = line(one, axis_title(metric), colours, zero=False, band=decides, reference=0.5 if decides else None)
            box.altair_chart(chart, key=f"together-{column}-{metric}", alt=f"{metric_name(metric)} over time")
    st.caption(
        "From samples of rows. The area is 0.5 where a classifier cannot tell the window from the reference, 1 where it "
        "always can. Orange diamond: drift was called. Hollow dot: too few rows."
    )

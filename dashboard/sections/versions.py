"""Versions beside one another, on the labels of the windows that both served."""

import pandas as pd
import streamlit as st

from dashboard import reads
from dashboard.scene import Scene
from dashboard.text import NONE, count, metric_name, number, p_value
from detectors.version_comparison import LEAST_WINDOWS
from detectors.version_series import Compared

_MOST_VERSIONS = 3


def show(scene: Scene) -> None:
    """Draw them, of a version that shares windows with labels with another."""
    mine = scene.scope.version
    others = [version for version in scene.card.versions if version not in ("", mine)] if mine else []
    for other in others[:_MOST_VERSIONS]:
        found = reads.compared(scene.scope, other)
        if not found:
            continue
        st.subheader(f"Version {mine} beside version {other}", anchor=False)
        rows = pd.DataFrame([_row(one, mine, other) for one in found])
        st.dataframe(
            rows, hide_index=True, key=f"versions-{other}", alt=f"Version {mine} less version {other}, by metric"
        )
        st.caption(
            "Over all windows with labels of both. The interval and the p-value hold whenever one looks, from "
            f"{LEAST_WINDOWS} windows on, where chance gave each version its share of the traffic."
        )


def _row(one: Compared, mine: str, other: str) -> dict[str, str]:
    gap = one.difference
    whenever = NONE if gap.always_lower is None else f"{number(gap.always_lower)} to {number(gap.always_upper)}"
    better = "open" if one.is_better is None else f"version {mine if one.is_better else other}"
    return {
        "Metric": metric_name(one.metric),
        "Difference": number(gap.value),
        "95% interval": whenever,
        "p-value": p_value(gap.p_value),
        "Better": better,
        "Windows": count(gap.windows),
        "Labels": f"{count(one.rows)} and {count(one.other_rows)}",
    }

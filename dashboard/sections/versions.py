"""Versions beside one another, on the labels of the windows that both served."""

import pandas as pd
import streamlit as st

from dashboard import reads
from dashboard.scene import Scene
from dashboard.text import NONE, count, metric_name, number, p_value, plain, sentence
from detectors.version_comparison import LEAST_WINDOWS
from detectors.version_series import Compared

_MOST_VERSIONS = 3


def show(scene: Scene) -> None:
    """Draw them, of a version that shares windows with labels with another."""
    mine = scene.words(scene.scope.version)
    for version in scene.others[:_MOST_VERSIONS]:
        other = scene.words(version)
        found = reads.compared(scene.scope, version)
        if not found:
            continue
        st.subheader(plain(sentence(f"{mine} beside {other}")), anchor=False)
        rows = pd.DataFrame([_row(one, mine, other) for one in found])
        text = sentence(f"{mine} less {other}, by metric")
        st.dataframe(rows, hide_index=True, key=f"versions-{version}", alt=text)
        st.caption(
            "Over all windows with labels of both. The interval and the p-value hold whenever one looks, from "
            f"{LEAST_WINDOWS} windows on, where chance gave each version its share of the traffic."
        )


def _row(one: Compared, mine: str, other: str) -> dict[str, str]:
    gap = one.difference
    whenever = NONE if gap.always_lower is None else f"{number(gap.always_lower)} to {number(gap.always_upper)}"
    better = "open" if one.is_better is None else mine if one.is_better else other
    return {
        "Metric": metric_name(one.metric),
        "Difference": number(gap.value),
        "95% interval": whenever,
        "p-value": p_value(gap.p_value),
        "Better": better,
        "Windows": count(gap.windows),
        "Labels": f"{count(one.rows)} and {count(one.other_rows)}",
    }

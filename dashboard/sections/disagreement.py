"""How far versions disagree on the rows that both predicted: a hint at a change before any label has come."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import log_reads
from dashboard.charts.lines import line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import number, plain, sentence, window
from detectors.disagreement import Disagreement
from kernel.windows import WindowSize

_MOST_VERSIONS = 3


def show(scene: Scene) -> None:
    """Draw it once it is asked for, of a version that has others beside it: it reads the record log."""
    if not scene.others:
        return
    st.subheader("Disagreement of versions", anchor=False)
    if not st.toggle("Compare predictions of the same rows", key="disagreement", bind="query-params"):
        st.caption("Reads the rows that two versions predicted from the record log; it needs no label.")
        return
    span = scene.since_us, scene.windows[0].end_us
    for box, other in zip(st.columns(_MOST_VERSIONS, gap="medium"), scene.others, strict=False):
        found = log_reads.disagreement(scene.scope, other, span)
        with box:
            _draw(scene, other, found)
    st.caption(
        "Rows with different classes, or the mean distance of two numbers. Band: 95% interval for independent rows. Orange "
        "diamond: detectors agree that it had risen."
    )


def _draw(scene: Scene, other: str, found: Sequence[Disagreement]) -> None:
    mine, its = scene.words(scene.scope.version), scene.words(other)
    title = plain(sentence(f"{mine} and {its}"))
    if not found:
        st.info(f"{title} have predicted none of the same rows in these windows.")
        return
    in_share = found[0].unit == "share"
    axis = "rows of another class, %" if in_share else "mean distance"
    st.markdown(f"**{title}**")
    chart = line(_frame(found, WindowSize(scene.scope.size)), axis, palette(), percent=in_share, band=True)
    st.altair_chart(chart, key=f"disagreement-{other}", alt=f"Disagreement with {its} by window")


def _frame(found: Sequence[Disagreement], size: WindowSize) -> pd.DataFrame:
    parts = [one.estimate for one in found]
    return pd.DataFrame(
        {
            "window_start": pd.to_datetime([one.start_us for one in found], unit="us"),
            "window_end": pd.to_datetime([size.end(one.start_us) for one in found], unit="us"),
            "when": [window(one.start_us, size.text) for one in found],
            "value": pd.array([part.value for part in parts], "Float64"),
            "lower": pd.array([part.lower for part in parts], "Float64"),
            "upper": pd.array([part.upper for part in parts], "Float64"),
            "value_text": [number(part.value) for part in parts],
            "interval": [f"{number(part.lower)} to {number(part.upper)}" for part in parts],
            "basis": [f"{part.rows:,} rows of both" for part in parts],
            "abnormal": [one.called for one in found],
            "status": ["risen" if one.called else "ok" for one in found],
        }
    )

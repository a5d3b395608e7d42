"""Why a metric changed within the period that is shown: other rows, another outcome of like rows, and which segments."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import log_reads, reads
from dashboard.charts.groups import groups
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import count, metric_name, number, share, window
from detectors.change_by_segment import SegmentPart
from detectors.concept_series import AGREED
from detectors.estimate import Estimate
from detectors.performance_change import Change
from detectors.row_values import MEANS
from kernel.errors import ContractError, NotFoundError

_SHOWN = 10


def show(scene: Scene, drawn: Sequence[str]) -> None:
    """Draw it once it is asked for: it reads the record log.

    Args:
        drawn: the metrics that the period has.
    """
    metrics = [metric for metric in drawn if metric in MEANS]
    starts = [one.start_us for one in reversed(scene.windows)][1:]
    if not metrics or not starts:
        return
    st.subheader("Why it changed", anchor=False)
    boxes = st.columns([2, 2, 6], vertical_alignment="bottom")
    if not boxes[0].toggle("Split the change", key="change", bind="query-params"):
        st.caption("Reads the labelled rows of two times from the record log, and splits what moved between them.")
        return
    metric = boxes[1].selectbox("Metric", metrics, format_func=metric_name, key="change_of")
    start_us = boxes[2].select_slider(
        "The later time is from",
        starts,
        _begin(scene, starts),
        lambda us: window(us, scene.scope.size),
        key="change_at",
    )
    try:
        found = log_reads.change(scene.scope, (scene.since_us, start_us), (start_us, scene.windows[0].end_us), metric)
    except (ContractError, NotFoundError) as error:
        st.info(str(error))
        return
    _draw(found)


def _begin(scene: Scene, starts: Sequence[int]) -> int:
    """The window at which detectors agreed last; else the middle of the period."""
    called = [us for one in reads.concept_drift(scene.scope) if one.detector == AGREED for us in one.starts_us]
    return next((us for us in reversed(called) if us in starts), starts[len(starts) // 2])


def _draw(found: Change) -> None:
    name = metric_name(found.metric)
    parts = {
        "all of it": found.split.total,
        "other rows (covariate)": found.split.covariate,
        "other outcomes of like rows (concept)": found.split.concept,
    }
    rows = [_part(label, part) for label, part in parts.items() if part.value is not None]
    left, right = st.columns(2, gap="medium")
    left.altair_chart(
        groups(pd.DataFrame(rows), f"change of {name}", 0.0, palette()),
        key="change-parts",
        alt=f"Parts of the change of {name}",
    )
    by_segment = sorted(
        ((f"{feature}={part.segment}", part) for feature, of in found.segments.items() for part in of),
        key=lambda one: -abs((one[1].mix.value or 0.0) + (one[1].within.value or 0.0)),
    )
    if by_segment:
        table = pd.DataFrame([_segment(*one) for one in by_segment[:_SHOWN]])
        right.dataframe(
            table, hide_index=True, key="change-segments", alt=f"What each segment adds to the change of {name}"
        )
    else:
        right.caption("Declare segments to see which of them the change is of.")
    st.caption(_caption(found))


def _part(label: str, part: Estimate) -> dict[str, object]:
    return {
        "segment": label, "value": part.value, "lower": part.lower, "upper": part.upper, "rows": part.rows,
        "value_text": number(part.value), "interval": f"{number(part.lower)} to {number(part.upper)}",
    }  # fmt: skip


def _segment(name: str, part: SegmentPart) -> dict[str, str]:
    return {
        "Segment": name,
        "By its share": _with_interval(part.mix),
        "By its own rows": _with_interval(part.within),
        "Share": f"{share(part.share_before)} → {share(part.share_after)}",
        "Metric": f"{number(part.before)} → {number(part.after)}",
    }


def _with_interval(part: Estimate) -> str:
    if part.lower is None:
        return number(part.value)
    return f"{number(part.value)} ({number(part.lower)} to {number(part.upper)})"


def _caption(found: Change) -> str:
    said = (
        f"{metric_name(found.metric)} {number(found.before)} → {number(found.after)}, of {count(found.rows_before)} and "
        f"{count(found.rows_after)} labelled rows. Overlap of the two times {number(found.split.overlap)}, from 0 to 1. "
    )
    if found.split.covariate.value is None:
        return said + "They have too little in common to tell other rows from other outcomes."
    return said + "Bars and brackets: 95% intervals. What no feature tells counts as concept."

"""Figures of the business, beside the metric that goes together with them most surely, and how surely each does."""

import pandas as pd
import streamlit as st

from dashboard import reads
from dashboard.charts.figures import figures, figures_frame
from dashboard.charts.lines import axis_title, line
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import count, metric_name, number, p_value, plain
from detectors.rank_correlation import LEAST_WINDOWS, RankCorrelation

_MEAN, _SUM = "mean", "sum"
_SHOWN = 6


def show(scene: Scene) -> None:
    """Draw them, or say how to send some."""
    names = reads.business_series(scene.card.model)
    st.subheader("Business", anchor=False)
    if not names:
        st.caption("No figures yet: send revenue or handling time with POST /v1/business or over driftglass.business.")
        return
    boxes = st.columns([3, 2, 5], vertical_alignment="bottom")
    name = boxes[0].selectbox("Figures", names, key="figures", bind="query-params")
    by = boxes[1].segmented_control(
        "Of a window the", (_MEAN, _SUM), default=_MEAN, required=True, key="figures_by", bind="query-params"
    )
    found = reads.goes_together(scene.scope, name, summed=by == _SUM)
    left, right = st.columns(2, gap="medium")
    with left:
        _series(scene, name, by)
    with right:
        _surest(scene, name, found)
    if found:
        rows = pd.DataFrame([_row(*one) for one in found[:_SHOWN]])
        st.dataframe(rows, hide_index=True, key="business-correlations", alt=f"What goes together with {name}")
        st.caption(
            "Spearman's rank correlation over all windows with both; neighbouring windows count as the independent ones they are "
            "worth. It does not say what causes what."
        )


def _series(scene: Scene, name: str, by: str) -> None:
    spans = scene.windows[::-1]
    data = figures_frame(spans, reads.figures(scene.card.model, name, spans, summed=by == _SUM), scene.scope.size)
    st.markdown(f"**{plain(name)}**, {by} of a window")
    if data["value"].isna().all():
        st.info("No figure lies in the windows that are shown.")
        return
    st.altair_chart(figures(data, f"{name}, {by}", palette()), key="business-figures", alt=f"{name} by window")


def _surest(scene: Scene, name: str, found: list[tuple[str, RankCorrelation]]) -> None:
    if not found:
        st.info(f"Nothing to hold beside it: {LEAST_WINDOWS} windows with a figure and a metric are needed.")
        return
    metric, of = found[0]
    data = scene.frame(metric, column="")
    said = f"correlation {number(of.value)}, 95% interval {number(of.lower)} to {number(of.upper)}"
    st.markdown(f"**{metric_name(metric)}**, the surest: {said}")
    chart = line(data, axis_title(metric), palette(), zero=False, band=bool(data["lower"].notna().any()))
    st.altair_chart(chart, key="business-metric", alt=f"{metric_name(metric)} beside {name}")


def _row(metric: str, found: RankCorrelation) -> dict[str, str]:
    return {
        "Metric": metric_name(metric),
        "Correlation": number(found.value),
        "95% interval": f"{number(found.lower)} to {number(found.upper)}",
        "p-value": p_value(found.p_value),
        "Windows": count(found.windows),
        "Independent": number(found.size),
    }

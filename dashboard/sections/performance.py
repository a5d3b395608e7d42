"""Performance: what the labels say, once they are there."""

import pandas as pd
import streamlit as st

from dashboard.charts.corrected import with_corrected
from dashboard.charts.estimated import beside
from dashboard.charts.lines import axis_title, line
from dashboard.charts.matrix import matrix
from dashboard.palette import Palette, palette
from dashboard.scene import Scene
from dashboard.sections import (
    ahead,
    business,
    calibration,
    change,
    concept,
    confidence,
    disagreement,
    estimates,
    fairness,
    labels,
    versions,
)
from dashboard.text import metric_name, number, window
from detectors.brier_decomposition import PARTS
from detectors.confusion_cells import cell
from detectors.metrics import CONFUSION

ORDER = (
    "accuracy", "roc_auc", "pr_auc", "f1", "precision", "recall", "f1_weighted", "precision_weighted", "recall_weighted",
    "log_loss", "brier", "calibration_error", "mae", "rmse", "mape", "r2", "bias", "ndcg", "mrr",
    "value_per_row", "value",
)  # fmt: skip
"""What is drawn of a model, three beside one another, where it is measured."""
_A_ROW = 3
_NOT_JUDGED = "Not judged: no window has labels of 30 days or other clusters. Declare the roll-up 1mo, a cluster, or your own rule."


def show(scene: Scene) -> None:
    """Draw it."""
    data = scene.frame(*ORDER, *PARTS, "label_coverage")
    drawn = [metric for metric in ORDER if data.loc[data["metric"] == metric, "value"].notna().any()]
    estimated = estimates.frames(scene)
    if not drawn:
        st.info("No labels have come for these windows yet. Send them with `log_label` or POST /v1/labels.")
        estimates.show(scene, estimated)
        disagreement.show(scene)
        fairness.show(scene)
        confidence.show(scene)
        business.show(scene)
        return
    colours = palette()
    said = ahead.captions(scene, *drawn), concept.captions(scene)
    waiting = labels.corrected(scene, data, drawn)
    for place in range(0, len(drawn), _A_ROW):
        for box, metric in zip(st.columns(_A_ROW, gap="medium"), drawn[place : place + _A_ROW], strict=False):
            with box:
                _metric(scene, data[data["metric"] == metric], estimated.get(metric), waiting.get(metric), colours)
                if metric == "brier":
                    _parts(scene, data)
                for text in (of[metric] for of in said if metric in of):
                    st.caption(text)
    st.caption(
        "Band: 95% interval; hover for what it allows for. Dashed line: the reference. Orange diamond: degraded. Hollow dot: "
        "too few labels to judge."
    )
    if not data.loc[data["metric"].isin(drawn), "basis"].str.startswith("cluster").any():
        st.caption(_NOT_JUDGED)
    if waiting:
        st.caption(labels.CAPTION)
    if estimated:
        st.caption(estimates.CAPTION)
        estimates.show_error(scene)
    _matrix(scene, colours)
    calibration.show(scene)
    labels.show(scene, data[data["metric"] == "label_coverage"])
    concept.show(scene)
    change.show(scene, drawn)
    versions.show(scene)
    disagreement.show(scene)
    fairness.show(scene)
    confidence.show(scene)
    business.show(scene)


def _metric(
    scene: Scene, data: pd.DataFrame, estimated: pd.DataFrame | None, corrected: pd.DataFrame | None, colours: Palette
) -> None:
    metric = data["metric"].iloc[0]
    known = scene.card.reference.performance.get(metric) if scene.card.reference else None
    level = known.value if known else None
    st.subheader(metric_name(metric), anchor=False)
    chart = line(data, axis_title(metric), colours, zero=False, percent=metric == "mape", band=True, reference=level)
    if estimated is not None:
        chart = beside(chart, estimated, axis_title(metric), colours)
    if corrected is not None:
        chart = with_corrected(chart, corrected, axis_title(metric), colours)
    text = f"{metric_name(metric)} over time" + (f", reference {number(level)}" if level is not None else "")
    st.altair_chart(chart, key=f"performance-{metric}", alt=text)


def _parts(scene: Scene, data: pd.DataFrame) -> None:
    """What the newest score is made of."""
    last = data[data["metric"].isin(PARTS)].dropna(subset="value").groupby("metric").last()
    if set(last.index) == set(PARTS):
        reliability, resolution, uncertainty = (number(last.loc[part, "value"]) for part in PARTS)
        when = window(int(last["start_us"].iloc[0]), scene.scope.size)
        st.caption(f"{when}: reliability {reliability} − resolution {resolution} + uncertainty {uncertainty}.")  # noqa: RUF001


def _matrix(scene: Scene, colours: Palette) -> None:
    """The confusion matrix of the newest window that has one."""
    data = scene.frame(CONFUSION).dropna(subset="value")
    if data.empty:
        return
    newest = data[data["start_us"] == data["start_us"].max()]
    sides = [cell(column) for column in newest["column"]]
    cells = pd.DataFrame(sides, columns=["label", "prediction"]).assign(rows=newest["value"].to_numpy())
    st.subheader(f"{metric_name(CONFUSION)}, {newest['when'].iloc[0]}", anchor=False)
    st.altair_chart(
        matrix(cells, "label", "prediction", colours), key="performance-confusion", alt="Labels by what was predicted"
    )
    st.caption("Rows of each label by what was predicted; in brackets, and as colour, their share of the label's rows.")

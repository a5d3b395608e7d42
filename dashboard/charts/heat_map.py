"""Drift of every column over time: columns down, windows across, colour for how far, an orange bar under what was called drift."""

import altair as alt
import pandas as pd

from dashboard.charts.time_axis import when
from dashboard.palette import Palette
from dashboard.text import metric_name

ROW_HEIGHT = 26
_AROUND = 100  # the legend above and the time axis below
PICK = "pick"
_FULL = {"psi": 0.5, "js_distance": 0.3}  # where the colour scale ends, so that a colour means the same on every model


def heat_map(data: pd.DataFrame, metric: str, chosen_us: int, chosen_column: str, colours: Palette) -> alt.LayerChart:
    """The map; a click selects `column` and `start_us` under the name PICK.

    Args:
        data: a frame of one metric, all columns.
        metric: its name.
        chosen_us, chosen_column: the window and the column that are open below.
    """
    order = _order(data)
    height = ROW_HEIGHT * len(order) + _AROUND
    y = alt.Y(
        "column:N",
        title=None,
        sort=order,
        axis=alt.Axis(labelLimit=160, domain=False, ticks=False, labelFontSize=12, labelOverlap=False),
    )
    full = _FULL.get(metric, max(0.1, float(data["value"].max() or 0.0)))
    colour = alt.Color(
        "value:Q",
        title=metric_name(metric),
        scale=alt.Scale(domain=[0, full], range=list(colours.sequence), clamp=True, interpolate="lab"),
        legend=alt.Legend(
            orient="top",
            direction="horizontal",
            gradientLength=180,
            gradientThickness=10,
            titleOrient="left",
            tickCount=3,
        ),
    )
    base = alt.Chart(data).encode(x=when(data), x2="window_end:T", y=y)
    cells = base.mark_rect(cursor="pointer").encode(color=colour, tooltip=_tooltip(metric))
    cells = cells.add_params(alt.selection_point(name=PICK, fields=["column", "start_us"], toggle=False))
    drift = base.mark_rule(strokeWidth=4, yOffset=ROW_HEIGHT / 2 - 4, color=colours.alarm).transform_filter(
        "datum.abnormal"
    )
    chosen = base.mark_rect(filled=False, stroke=colours.text, strokeWidth=2).transform_filter(
        f"datum.start_us == {chosen_us} && datum.column == {chosen_column!r}"
    )
    return alt.layer(cells, drift, chosen).properties(height=height)


def _order(data: pd.DataFrame) -> list[str]:
    """The column that drifts most often comes first, then the one that went furthest."""
    columns = data.groupby("column").agg(drifts=("abnormal", "sum"), furthest=("value", "max"))
    return list(columns.sort_values(["drifts", "furthest"], ascending=False).index)


def _tooltip(metric: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("column", title="column"),
        alt.Tooltip("when", title="window"),
        alt.Tooltip("value_text", title=metric_name(metric)),
        alt.Tooltip("expected_text", title="expected"),
        alt.Tooltip("p_text", title="p"),
        alt.Tooltip("lower_text", title="lower bound"),
        alt.Tooltip("status", title="status"),
    ]

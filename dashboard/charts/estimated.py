"""What was expected of a metric without labels, beside what labels said."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from dashboard.charts.lines import line
from dashboard.charts.time_axis import when
from dashboard.palette import Palette

BY_LABELS, ESTIMATED = "by labels", "estimated"


def alone(data: pd.DataFrame, axis: str, colours: Palette, reference: float | None = None) -> alt.LayerChart:
    """Estimates over time where no labels have come.

    Args:
        data: a frame of one estimated metric.
        axis: title of the value's axis.
        reference: the reference's value by its labels, drawn as a dashed line.
    """
    nothing = line(data.iloc[:0], axis, colours, zero=False, reference=reference)
    return _over(nothing, data, axis, colours, {ESTIMATED: colours.text})


def beside(measured: alt.LayerChart, data: pd.DataFrame, axis: str, colours: Palette) -> alt.LayerChart:
    """The chart of a metric with its estimates as a dotted line in a band of three sampling errors.

    A window whose estimate is not believed has a hollow dot.
    """
    return _over(measured, data, axis, colours, {BY_LABELS: colours.current, ESTIMATED: colours.text})


def _over(
    measured: alt.LayerChart, data: pd.DataFrame, axis: str, colours: Palette, names: Mapping[str, str]
) -> alt.LayerChart:
    """Estimates over a chart; `names` are those of the legend, with their colours."""
    scale = alt.Scale(domain=list(names), range=list(names.values()))
    legend = alt.Legend(orient="top", direction="horizontal", symbolType="stroke")
    y = alt.Y("value:Q", title=axis, scale=alt.Scale(zero=False, nice=True))
    base = alt.Chart(data.assign(shown=ESTIMATED)).encode(x=when(data))
    band = base.mark_area(opacity=0.1, color=colours.text).encode(y=alt.Y("lower:Q", title=axis), y2="upper:Q")
    drawn = base.mark_line(strokeDash=[2, 3], strokeWidth=1.6).encode(
        y=y, color=alt.Color("shown:N", title=None, scale=scale, legend=legend)
    )
    doubted = base.mark_point(filled=False, size=28, color=colours.text, opacity=1).encode(y=y)
    hover = base.mark_point(size=90, opacity=0, filled=True).encode(
        y=y,
        tooltip=[
            alt.Tooltip("when", title="window"),
            alt.Tooltip("value_text", title="estimated"),
            alt.Tooltip("interval", title="three sampling errors"),
            alt.Tooltip("basis", title="by"),
        ],
    )
    return measured.add_layers(band, drawn, doubted.transform_filter("datum.status == 'insufficient'"), hover)

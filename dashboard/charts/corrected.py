"""What a metric would be with the labels that are still to come, on its chart."""

import altair as alt
import pandas as pd

from dashboard.charts.time_axis import when
from dashboard.palette import Palette


def with_corrected(measured: alt.LayerChart, data: pd.DataFrame, axis: str, colours: Palette) -> alt.LayerChart:
    """The chart with a triangle and its 95% interval at each window that waits for labels.

    Args:
        data: a frame of one corrected metric.
        axis: title of the value's axis.
    """
    y = alt.Y("value:Q", title=axis, scale=alt.Scale(zero=False, nice=True))
    base = alt.Chart(data).encode(x=when(data))
    reach = base.mark_rule(strokeWidth=1.2, color=colours.text).encode(y=alt.Y("lower:Q", title=axis), y2="upper:Q")
    tips = base.mark_point(shape="triangle-up", filled=True, size=34, opacity=1, color=colours.text).encode(
        y=y,
        tooltip=[
            alt.Tooltip("when", title="window"),
            alt.Tooltip("value_text", title="with labels to come"),
            alt.Tooltip("interval", title="95% interval"),
        ],
    )
    return measured.add_layers(reach, tips)

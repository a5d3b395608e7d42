"""Figures of the business over time, by the windows that a model is measured by."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from dashboard.charts.time_axis import HEIGHT, when
from dashboard.palette import Palette
from dashboard.text import number, window
from store.series import Window


def figures_frame(spans: Sequence[Window], values: Sequence[float], size: str) -> pd.DataFrame:
    """The figure of each window, NaN of one that has none."""
    return pd.DataFrame(
        {
            "window_start": pd.to_datetime([one.start_us for one in spans], unit="us"),
            "window_end": pd.to_datetime([one.end_us for one in spans], unit="us"),
            "when": [window(one.start_us, size) for one in spans],
            "value": np.asarray(values, np.float64),
            "value_text": [number(value) for value in values],
        }
    )


def figures(data: pd.DataFrame, axis: str, colours: Palette) -> alt.LayerChart:
    """The line of a figures_frame."""
    y = alt.Y("value:Q", title=axis, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(tickCount=4, format="~s"))
    base = alt.Chart(data).encode(x=when(data), y=y)
    shown = [alt.Tooltip("when", title="window"), alt.Tooltip("value_text", title=axis)]
    line = base.mark_line(color=colours.text, strokeWidth=1.6, point={"size": 14, "color": colours.text})
    return alt.layer(line, base.mark_point(size=90, opacity=0).encode(tooltip=shown)).properties(height=HEIGHT)

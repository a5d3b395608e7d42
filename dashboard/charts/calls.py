"""When each of several detectors called, a row a detector."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.charts.time_axis import when
from dashboard.palette import Palette


def calls(
    data: pd.DataFrame, names: Sequence[str], agreed: str, period: tuple[pd.Timestamp, pd.Timestamp], colours: Palette
) -> alt.LayerChart:
    """A mark for each call, over the whole period.

    Args:
        data: `detector`, `window_start`, `window_end` and `when`, at least one row.
        names: every detector, from top to bottom; `agreed` is the one that stands for several.
        period: what the axis spans.
    """
    ends = alt.Chart(pd.DataFrame({"window_start": list(period)})).mark_point(opacity=0).encode(x=when(data))
    y = alt.Y("detector:N", title=None, sort=None, scale=alt.Scale(domain=list(names)), axis=alt.Axis(grid=True))
    base = alt.Chart(data).encode(
        x=when(data),
        y=y,
        tooltip=[alt.Tooltip("detector", title="detector"), alt.Tooltip("when", title="had called by")],
    )
    single = base.mark_point(filled=True, size=60, opacity=1, color=colours.current)
    several = base.mark_point(shape="diamond", filled=True, size=90, opacity=1, color=colours.alarm)
    together = alt.datum.detector == agreed
    return alt.layer(ends, single.transform_filter(~together), several.transform_filter(together)).properties(
        height=40 + 26 * len(names)
    )

"""A measure of each group, with its interval, beside what it would be if all were treated alike."""

import altair as alt
import pandas as pd

from dashboard.palette import Palette


def groups(data: pd.DataFrame, axis: str, alike: float, colours: Palette) -> alt.LayerChart:
    """One row a group.

    Args:
        data: `segment`, `value`, `lower`, `upper`, and for people `value_text`, `interval` and `rows`.
        axis: title of the value's axis.
        alike: the value of a group that is treated as the rest.
    """
    y = alt.Y("segment:N", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    base = alt.Chart(data).encode(y=y)
    shown = [
        alt.Tooltip("segment", title="group"),
        alt.Tooltip("value_text", title="value"),
        alt.Tooltip("interval", title="95% interval"),
        alt.Tooltip("rows", title="rows", format=",.0f"),
    ]
    fixed = alt.Chart(pd.DataFrame({"value": [alike]})).encode(x="value:Q")
    return alt.layer(
        fixed.mark_rule(strokeDash=[5, 4], color=colours.reference, strokeWidth=1.2),
        base.mark_rule(color=colours.current, opacity=0.5, strokeWidth=1.6).encode(
            x=alt.X("lower:Q", title=axis), x2="upper:Q"
        ),
        base.mark_point(color=colours.current, filled=True, size=48, opacity=1).encode(
            x=alt.X("value:Q", title=axis, scale=alt.Scale(zero=False, nice=True)), tooltip=shown
        ),
    ).properties(height=90 + 30 * data["segment"].nunique())

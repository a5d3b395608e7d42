"""A reliability diagram: how often what was forecast happened, by its probability."""

import altair as alt
import pandas as pd

from dashboard.palette import Palette


def diagram(bins: pd.DataFrame, colours: Palette) -> alt.LayerChart:
    """The diagram.

    Args:
        bins: `expected`, the mean probability of a bin, `value`, how often it happened, with `lower` and `upper`, and for people
            `column`, `value_text`, `interval` and `rows`.
    """
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("expected:Q", title="probability", scale=scale, axis=alt.Axis(format="%", tickCount=5))
    y = alt.Y("value:Q", title="happened", scale=scale, axis=alt.Axis(format="%", tickCount=5))
    base = alt.Chart(bins).encode(x=x)
    ideal = alt.Chart(pd.DataFrame({"expected": [0.0, 1.0], "value": [0.0, 1.0]})).encode(x=x, y=y)
    shown = [
        alt.Tooltip("column", title="probability"),
        alt.Tooltip("value_text", title="happened"),
        alt.Tooltip("interval", title="95% interval"),
        alt.Tooltip("rows", title="rows", format=",.0f"),
    ]
    return alt.layer(
        ideal.mark_line(strokeDash=[5, 4], color=colours.reference, strokeWidth=1.2),
        base.mark_rule(color=colours.current, opacity=0.5, strokeWidth=1.6).encode(
            y=alt.Y("lower:Q", title="happened"), y2="upper:Q"
        ),
        base.mark_line(color=colours.current, strokeWidth=1.2).encode(y=y),
        base.mark_point(color=colours.current, filled=True, size=48, opacity=1).encode(y=y, tooltip=shown),
    ).properties(height=300)

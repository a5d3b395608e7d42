"""How many rows are in each pair of classes: a square a pair, its colour the share of what stands at its left."""

import altair as alt
import pandas as pd

from dashboard.palette import Palette
from dashboard.text import count, share

_FEW = 8  # classes with room for shares beside the counts


def matrix(cells: pd.DataFrame, down: str, across: str, colours: Palette) -> alt.LayerChart:
    """The matrix.

    Args:
        cells: `down` and `across`, the classes in the order in which they are drawn, and `rows`, of each pair.
        down, across: the columns of the classes, and the titles of the axes with their underscores as blanks.
    """
    totals = cells.groupby(down)["rows"].transform("sum")
    data = cells.assign(share=cells["rows"] / totals.clip(lower=1))
    classes = cells[down].nunique()
    data["text"] = [
        f"{count(r)}  ({share(s)})" if classes <= _FEW else count(r)
        for r, s in zip(data["rows"], data["share"], strict=True)
    ]
    base = alt.Chart(data).encode(
        x=alt.X(f"{across}:N", title=_title(across), sort=None, axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y(f"{down}:N", title=_title(down), sort=None),
    )
    scale = alt.Scale(domain=[0, 1], range=list(colours.sequence), interpolate="lab")
    squares = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=scale, legend=None),
        tooltip=[down, across, alt.Tooltip("text", title="rows")],
    )
    # The scale runs to dark in the light theme and to bright in the dark one: the text takes the other end.
    contrast = alt.condition("datum.share > 0.45", alt.value(colours.sequence[0]), alt.value(colours.text))
    text = base.mark_text(fontSize=13).encode(text="text", color=contrast)
    return alt.layer(squares, text).properties(height=max(190, 60 * min(6, classes) + 70))


def _title(column: str) -> str:
    return column.replace("_", " ")

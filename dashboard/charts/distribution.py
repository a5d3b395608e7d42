"""A column's distribution in a window beside the reference's."""

import altair as alt
import numpy as np
import pandas as pd

from dashboard.bars import Histogram, Values
from dashboard.palette import Palette
from dashboard.text import number, share

HEIGHT = 270
_PAIR = 26  # pixels of a pair of bars
_AROUND = 150  # pixels of the legend, the axis and its title, which the page takes from the height
REFERENCE, CURRENT = "reference", "window"
_PERCENT = alt.Axis(format=".3~%", tickCount=5)


def _colour(colours: Palette, *, named: bool = True) -> alt.Color:
    legend = alt.Legend(orient="top", direction="horizontal", symbolType="square") if named else None
    scale = alt.Scale(domain=[REFERENCE, CURRENT], range=[colours.reference, colours.current])
    return alt.Color("side:N", title=None, scale=scale, legend=legend)


def histogram(drawn: Histogram, title: str, colours: Palette, height: int = HEIGHT) -> alt.LayerChart:
    """Bars for the reference, an outline for the window over them; the end bars hold all beyond them."""
    left, right = drawn.bounds[:-1], drawn.bounds[1:]
    ranges = [f"{number(a)} to {number(b)}" for a, b in zip(left, right, strict=True)]
    ranges[0], ranges[-1] = f"below {number(right[0])}", f"from {number(left[-1])}"
    data = pd.DataFrame(
        {"left": left, "right": right, "range": ranges, "reference": drawn.reference, "window": drawn.current}
    )
    data["nothing"], data["side"] = 0.0, REFERENCE
    data["reference_text"], data["window_text"] = data["reference"].map(share), data["window"].map(share)
    x = alt.X("left:Q", title=title, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False, tickCount=8))
    y_title = "share of values, %"
    base = alt.Chart(data)
    bars = base.mark_rect(opacity=0.6).encode(
        x=x, x2="right:Q", y=alt.Y("reference:Q", title=y_title, axis=_PERCENT), y2="nothing:Q",
        color=_colour(colours),
    )  # fmt: skip
    steps = pd.DataFrame({"left": drawn.bounds, "window": np.append(drawn.current, drawn.current[-1]), "side": CURRENT})
    outline = (
        alt.Chart(steps)
        .mark_line(interpolate="step-after", strokeWidth=2.2)
        .encode(x=x, y=alt.Y("window:Q", title=y_title), color=_colour(colours))
    )
    hover = base.mark_rect(opacity=0).encode(
        x=x, x2="right:Q",
        tooltip=[alt.Tooltip("range", title="values"), alt.Tooltip("reference_text", title="reference"),
                 alt.Tooltip("window_text", title="window")],
    )  # fmt: skip
    return alt.layer(bars, outline, hover).properties(height=height)


def values(drawn: Values, title: str, colours: Palette, *, upright: bool = False, named: bool = True) -> alt.Chart:
    """A pair of bars for each value or category; upright for values in their order, lying for names; `named` adds the legend."""
    data = pd.DataFrame(
        {
            "name": list(drawn.names) * 2,
            "side": [REFERENCE] * len(drawn.names) + [CURRENT] * len(drawn.names),
            "share": np.concatenate([drawn.reference, drawn.current]),
        }
    )
    data["share_text"] = data["share"].map(share)
    shown = [
        alt.Tooltip("name", title=title),
        alt.Tooltip("side", title="of"),
        alt.Tooltip("share_text", title="share"),
    ]
    length = {"title": "share of values, %", "axis": _PERCENT}
    sides = [REFERENCE, CURRENT]
    base = alt.Chart(data).mark_bar().encode(color=_colour(colours, named=named), tooltip=shown)
    if upright:
        x = alt.X("name:N", title=title, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True))
        chart = base.encode(x=x, xOffset=alt.XOffset("side:N", sort=sides), y=alt.Y("share:Q", **length))
        return chart.properties(height=HEIGHT)
    y = alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=140))
    chart = base.encode(y=y, yOffset=alt.YOffset("side:N", sort=sides), x=alt.X("share:Q", **length))
    return chart.properties(height=_PAIR * len(drawn.names) + _AROUND)

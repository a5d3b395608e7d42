"""What every chart over time shares: the axis in UTC, the frame it is drawn from, and the marks of what happened."""

from collections.abc import Iterable, Sequence

import altair as alt
import pandas as pd
import pyarrow as pa

from dashboard.palette import Palette
from dashboard.text import moment, number, p_value, window
from store.model_view import Happening

HEIGHT = 215


def frame(table: pa.Table, size: str) -> pd.DataFrame:
    """A series with what tooltips say: `when`, `shown` (the value), and the other numbers as text."""
    data = table.to_pandas()
    data["start_us"] = table.column("window_start").cast(pa.int64()).to_pandas()
    data["when"] = [window(us, size) for us in data["start_us"]]
    for name in ("value", "expected", "lower", "upper", "usual_lower", "usual_upper"):
        data[f"{name}_text"] = [number(v) for v in data[name]]
    data["p_text"] = [p_value(v) for v in data["p_value"]]
    data["interval"] = _spans(data["lower_text"], data["upper_text"])
    data["usual"] = _spans(data["usual_lower_text"], data["usual_upper_text"])
    for name in ("window_start", "window_end"):
        data[name] = data[name].dt.tz_localize(None)  # drawn on a UTC scale; the zone would be shifted by the browser
    return data


def _spans(lower: Iterable[str], upper: Iterable[str]) -> list[str]:
    return [f"{low} to {high}" for low, high in zip(lower, upper, strict=True)]


def when(data: pd.DataFrame | None = None) -> alt.X:
    """The time axis; days and months are named, hours only where windows are shorter than a day."""
    axis = alt.Axis(grid=False, tickCount=8, format=_format(data), labelOverlap=True)
    return alt.X("window_start:T", title="window start, UTC", scale=alt.Scale(type="utc"), axis=axis)


def _format(data: pd.DataFrame | None) -> str:
    if data is None or data.empty:
        return "%-d %b"
    span, length = (
        data["window_start"].max() - data["window_start"].min(),
        (data["window_end"] - data["window_start"]).min(),
    )
    if length.days > 7:
        return "%b %Y"
    if length.days < 1 and span.days < 8:
        return "%-d %b %H:%M"
    return "%-d %b"


def events(happened: Sequence[Happening], colours: Palette) -> alt.LayerChart | None:
    """A dashed line with its title where something was reported; None when nothing was."""
    if not happened:
        return None
    data = pd.DataFrame(
        {
            "window_start": pd.to_datetime([h.ts_us for h in happened], unit="us"),
            "title": [f"{h.kind}: {h.title}" for h in happened],
            "when": [moment(h.ts_us) for h in happened],
        }
    )
    base = alt.Chart(data).encode(
        x=when(), tooltip=[alt.Tooltip("when", title="when"), alt.Tooltip("title", title="event")]
    )
    rule = base.mark_rule(strokeDash=[2, 3], color=colours.reference, strokeWidth=1.5)
    text = base.mark_text(align="left", baseline="bottom", dx=-2, dy=-3, fontSize=11, color=colours.reference).encode(
        y=alt.value(0), text="title"
    )
    return rule + text

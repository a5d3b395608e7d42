"""One metric, or the three latency quantiles, over time."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.charts.time_axis import HEIGHT, when
from dashboard.palette import Palette
from dashboard.text import METRICS

LATENCIES = {"latency_p50": "p50", "latency_p90": "p90", "latency_p99": "p99"}


def line(
    data: pd.DataFrame,
    axis: str,
    colours: Palette,
    *,
    zero: bool = True,
    percent: bool = False,
    band: bool = False,
    usual: bool = False,
    reference: float | None = None,
    height: int = HEIGHT,
) -> alt.LayerChart:
    """One metric over time; a window that is abnormal has an orange diamond, one with too few rows a hollow dot.

    Args:
        data: a frame of one metric (and column).
        axis: title of the value's axis, with its unit.
        zero: whether the axis starts at 0.
        percent: whether values are shares, shown in per cent.
        band: whether `lower` and `upper` are an interval to draw; usual: whether what is usual of the series is.
        reference: the reference's value, drawn as a dashed line.
    """
    y = alt.Y(
        "value:Q",
        title=axis,
        scale=alt.Scale(zero=zero, nice=True),
        axis=alt.Axis(tickCount=4, **_format(data, percent=percent)),
    )
    base = alt.Chart(data).encode(x=when(data))
    layers: list[alt.Chart] = []
    if band:
        layers.append(
            base.mark_area(opacity=0.18, color=colours.current).encode(y=alt.Y("lower:Q", title=axis), y2="upper:Q")
        )
    if usual:
        layers.append(
            base.mark_area(opacity=0.14, color=colours.reference).encode(
                y=alt.Y("usual_lower:Q", title=axis), y2="usual_upper:Q"
            )
        )
    if reference is not None:
        fixed = alt.Chart(pd.DataFrame({"value": [reference]}))
        layers.append(fixed.mark_rule(strokeDash=[5, 4], color=colours.reference, strokeWidth=1.5).encode(y=y))
    layers.append(base.mark_line(color=colours.current, strokeWidth=1.6).encode(y=y))
    layers += _marks(base, y, colours)
    layers.append(
        base.mark_point(size=90, opacity=0, filled=True).encode(y=y, tooltip=tooltip(interval=band, usual=usual))
    )
    return alt.layer(*layers).properties(height=height)


def _format(data: pd.DataFrame, *, percent: bool) -> dict[str, str | int]:
    """Per cent for shares, thousands as k where there are tens of them, whole ticks for a few counts, else as the ticks fall."""
    if percent:
        return {"format": ".3~%"}
    if data["value"].max() < 4 and (data["value"].dropna() % 1 == 0).all():
        return {"format": "d", "tickMinStep": 1}
    return {"format": ".3~s"} if data["value"].max() >= 10_000 else {}


def _marks(base: alt.Chart, y: alt.Y, colours: Palette) -> list[alt.Chart]:
    abnormal = base.mark_point(shape="diamond", filled=True, size=48, opacity=1, color=colours.alarm).encode(y=y)
    thin = base.mark_point(filled=False, size=28, color=colours.reference, opacity=1).encode(y=y)
    return [
        abnormal.transform_filter("datum.abnormal"),
        thin.transform_filter("datum.status == 'insufficient' || datum.status == 'provisional'"),
    ]


def tooltip(*, interval: bool = False, usual: bool = False, more: Sequence[alt.Tooltip] = ()) -> list[alt.Tooltip]:
    """What hovering shows of a value."""
    shown = [
        alt.Tooltip("when", title="window"),
        *more,
        alt.Tooltip("value_text", title="value"),
        alt.Tooltip("status", title="status"),
    ]
    if interval:
        shown += [alt.Tooltip("interval", title="95% interval"), alt.Tooltip("basis", title="basis")]
    if usual:
        shown += [alt.Tooltip("expected_text", title="expected"), alt.Tooltip("usual", title="usual")]
    return shown


def graded(field: str, names: Sequence[str], colours: Palette) -> alt.Color:
    """From light to dark by the order of three names, with a legend above."""
    return alt.Color(
        field,
        title=None,
        scale=alt.Scale(domain=list(names), range=list(colours.latency)),
        legend=alt.Legend(orient="top", direction="horizontal", symbolType="stroke"),
    )


def latency(data: pd.DataFrame, colours: Palette) -> alt.LayerChart:
    """The latency quantiles over time, in milliseconds; the frame holds the three metrics."""
    data = data.assign(quantile=data["metric"].map(LATENCIES))
    colour = graded("quantile:N", list(LATENCIES.values()), colours)
    y = alt.Y("value:Q", title="latency, ms", axis=alt.Axis(tickCount=4))
    base = alt.Chart(data).encode(x=when(data), y=y)
    lines = base.mark_line(strokeWidth=1.6).encode(color=colour)
    abnormal = base.mark_point(shape="diamond", filled=True, size=40, opacity=1, color=colours.alarm).transform_filter(
        "datum.abnormal"
    )
    hover = base.mark_point(size=90, opacity=0, filled=True).encode(
        tooltip=tooltip(usual=True, more=[alt.Tooltip("quantile", title="quantile")])
    )
    limit = base.mark_line(strokeDash=[5, 4], color=colours.reference, strokeWidth=1.2).encode(y="usual_upper:Q")
    return alt.layer(limit.transform_filter("isValid(datum.usual_upper)"), lines, abnormal, hover).properties(
        height=HEIGHT
    )


def axis_title(metric: str) -> str:
    """The axis title of a metric, with its unit."""
    units = {
        "rows": "rows a window",
        "traffic": "rows a window",
        "error_rate": "error rate, % of rows",
        "label_coverage": "labelled, % of rows",
        "label_completeness": "complete, %",
        "log_loss": "log loss, nats",
        "mape": "MAPE, % of the label",
        "bias": "prediction − label",  # noqa: RUF001 - a minus
        "estimate_error": "error, of its interval",
        "domain_auc": "area under the ROC curve",
        "reconstruction_error": "error, deviations",
        "confidence_entropy": "mean entropy, of the most",
        "low_confidence_share": "low confidence, % of rows",
        "gpu_utilization": "busy, % of the time",
        "gpu_idle_share": "idle, % of readings",
        "gpu_memory_share": "used, % of memory",
        "gpu_power_w": "all GPUs together, W",
        "energy_per_1000": "joules per 1,000",
        "gpu_errors": "XID errors a window",
    }
    return units.get(metric, METRICS.get(metric, metric))

"""A candidate against the champion: where they differ, by how much, how fast."""

import altair as alt
import pandas as pd

from dashboard.charts.matrix import matrix
from dashboard.palette import Palette
from dashboard.text import count, metric_name, number
from store.shadow_view import Comparison, Latency, MetricDelta


def churn(found: Comparison, colours: Palette) -> alt.LayerChart:
    """The churn matrix: champion's class down, candidate's across; colour is the share of the champion's class."""
    cells = pd.DataFrame(
        [
            {"champion_predicts": a, "candidate_predicts": b, "rows": rows}
            for a, line in zip(found.classes, found.churn, strict=True)
            for b, rows in zip(found.classes, line, strict=True)
        ]
    )
    return matrix(cells, "champion_predicts", "candidate_predicts", colours)


def deltas(found: tuple[MetricDelta, ...], colours: Palette) -> alt.LayerChart:
    """Each metric's difference with its 95% interval, around a line at none."""
    data = pd.DataFrame([{"metric": metric_name(d.metric), **_numbers(d)} for d in found])
    y = alt.Y("metric:N", title=None, sort=None)
    x_title = "candidate minus champion, 95% interval"
    base = alt.Chart(data).encode(y=y)
    shown = [alt.Tooltip(n, title=n) for n in ("metric", "champion", "candidate", "change", "interval", "rows")]
    zero = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(strokeDash=[5, 4], color=colours.reference).encode(x="x:Q")
    bar = base.mark_rule(strokeWidth=3, color=colours.current, opacity=0.55).encode(
        x=alt.X("lower:Q", title=x_title, axis=alt.Axis(tickCount=6)), x2="upper:Q", tooltip=shown
    )
    dot = base.mark_point(filled=True, size=80, opacity=1, color=colours.current).encode(
        x="difference:Q", tooltip=shown
    )
    return alt.layer(zero, bar, dot).properties(height=max(120, 34 * len(found) + 50))


def _numbers(delta: MetricDelta) -> dict[str, object]:
    return {
        "champion": number(delta.champion), "candidate": number(delta.candidate), "change": number(delta.difference),
        "interval": f"{number(delta.lower)} to {number(delta.upper)}", "rows": count(delta.rows),
        "difference": delta.difference, "lower": delta.lower, "upper": delta.upper,
    }  # fmt: skip


def latency(champion: Latency, candidate: Latency, colours: Palette) -> alt.LayerChart:
    """The latency quantiles of both, in milliseconds."""
    quantiles = ("p50", "p90", "p99")
    data = pd.DataFrame(
        [
            {"quantile": q, "model": name, "ms": getattr(side, q), "text": number(getattr(side, q))}
            for name, side in (("champion", champion), ("candidate", candidate))
            for q in quantiles
        ]
    )
    scale = alt.Scale(domain=["champion", "candidate"], range=[colours.reference, colours.current])
    base = alt.Chart(data).encode(
        y=alt.Y("quantile:N", title=None, sort=None),
        yOffset=alt.YOffset("model:N", sort=["champion", "candidate"]),
        x=alt.X("ms:Q", title="latency, ms", axis=alt.Axis(tickCount=5)),
        tooltip=["model", "quantile", alt.Tooltip("text", title="ms")],
    )
    legend = alt.Legend(orient="top", direction="horizontal", symbolType="square")
    bars = base.mark_bar().encode(color=alt.Color("model:N", title=None, scale=scale, legend=legend))
    text = base.mark_text(align="left", dx=4, fontSize=11, color=colours.text).encode(text="text")
    return alt.layer(bars, text).properties(height=230)

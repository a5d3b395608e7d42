"""The plots of docs/statistics.md, drawn from the figures of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import altair as alt

from bench.calibration.power import Power
from bench.calibration.restless import Restless

_COLOURS = {
    "Driftglass": "#1f5fbf", "independent rows alone": "#8db4e2", "PSI > 0.2": "#d1480a",
    "JS > 0.1": "#80600a", "Evidently's default": "#8a94a3", "NannyML's default": "#80600a",
}  # fmt: skip
_NULLS = {"flights": "flights by weeks, daily", "ar1": "wandering mean, hourly", "week": "rhythm of the week, hourly"}
_RULES = {"ours": "Driftglass", "iid": "independent rows alone", "psi_rule": "PSI > 0.2", "js_rule": "JS > 0.1"}


def draw(power: Sequence[Power], restless: Sequence[Restless], folder: Path) -> list[Path]:
    """Write the plots as SVG into a folder, which is made where it is missing; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = {
        "calibration-power": _power(power),
        "calibration-clean": _clean(power),
        "calibration-restless": _restless(restless),
    }
    paths = []
    for name, chart in charts.items():
        paths.append(folder / f"{name}.svg")
        _dressed(chart).save(str(paths[-1]))
    return paths


def _dressed(chart: alt.TopLevelMixin) -> Any:
    """In a font that both the drawing and the reader have, with room for one that is wider."""
    styled = chart.configure(
        background="white",
        font="Liberation Sans, Arial, sans-serif",
        padding={"left": 40, "right": 30, "top": 8, "bottom": 8},
    )
    return styled.configure_legend(labelLimit=0).configure_axis(labelLimit=0, titleFontWeight="normal")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _colour(rules: Iterable[str], title: str | None = None) -> alt.Color:
    named = list(dict.fromkeys(rules))
    return alt.Color(
        "rule:N", title=title, sort=named, scale=alt.Scale(domain=named, range=[_COLOURS[rule] for rule in named])
    )


def _power(power: Sequence[Power]) -> alt.Chart:
    rows: list[dict[str, Any]] = [asdict(p) for p in power]
    base = alt.Chart(alt.Data(values=rows)).mark_line(point=True, strokeWidth=2)
    return base.encode(
        x=alt.X("shift:Q", title="the mean moves by, in deviations"),
        y=alt.Y("in_a_week:Q", title="seen within a week", axis=alt.Axis(format="%")),
        color=_colour(p.rule for p in power),
        strokeDash=alt.StrokeDash("rule:N", legend=None),
        column=alt.Column("rows:Q", title="rows a window", header=alt.Header(format=",")),
    ).properties(width=200, height=180)  # fmt: skip


def _clean(power: Sequence[Power]) -> alt.Chart:
    """While nothing has moved, over the shifts together."""
    rules, sizes = dict.fromkeys(p.rule for p in power), dict.fromkeys(p.rows for p in power)
    rows = []
    for rule in rules:
        for size in sizes:
            of = [p for p in power if (p.rule, p.rows) == (rule, size)]
            rows.append({"rule": rule, "rows": f"{size:,}", "false": sum(p.false for p in of) / len(of)})
    return _bars(
        rows, alt.Y("rows:N", title="rows a window", sort=None), "false alarms a quarter, one daily column", rules
    )


def _restless(restless: Sequence[Restless]) -> alt.Chart:
    rows = [
        {"rule": name, "null": _NULLS[r.null], "false": getattr(r, field)}
        for r in restless
        for field, name in _RULES.items()
    ]
    return _bars(
        rows,
        alt.Y("null:N", title=None, sort=None),
        "called windows a quarter, ten columns; the dial stands at 1",
        _RULES.values(),
    )


def _bars(rows: list[dict[str, Any]], y: alt.Y, title: str, rules: Iterable[str]) -> alt.Chart:
    base = alt.Chart(alt.Data(values=[row | {"label": _number(row["false"])} for row in rows]))
    x = alt.X(
        "false:Q", title=title, scale=alt.Scale(type="symlog"), axis=alt.Axis(values=[0, 1, 10, 100, 1_000, 10_000])
    )
    named = list(rules)
    bars = base.mark_bar().encode(x=x, y=y, yOffset=alt.YOffset("rule:N", sort=named), color=_colour(named))
    labels = base.mark_text(align="left", dx=3, fontSize=9).encode(
        x=x, y=y, yOffset=alt.YOffset("rule:N", sort=named), text="label:N"
    )
    return (bars + labels).properties(width=460, height=alt.Step(15))

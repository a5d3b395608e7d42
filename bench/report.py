"""The results as one table, or as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.benchmarks import Bar, Figure
from bench.turns import Result

WIDTH = 150


def print_table(results: Sequence[Result]) -> None:
    """One table on standard output; beneath it what could not be measured."""
    table = Table("what", "peer", *(("ours", "peer's", "ratio", "bar", "verdict")), title="python -m bench")
    for column in table.columns[2:6]:
        column.justify = "right"
    for r in results:
        row = r.row
        peer = "" if row.peer is None else row.peer.subject
        shown = ("", "", "") if r.problem else (_value(r.ours, row.ours), _value(r.peer, row.peer), _ratio(r))
        table.add_row(
            row.what, "" if row.peer and peer == row.ours.subject else peer, *shown, _bar(row.bar), _verdict(r)
        )
    console = Console(width=WIDTH)
    console.print(table)
    for problem in dict.fromkeys(r.problem for r in results if r.problem):
        console.print(problem, markup=False)


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The same, an object a row; null where there is nothing."""
    return [
        {
            "what": r.row.what,
            "unit": r.row.ours.unit,
            "ours": r.ours,
            "peer": None if r.row.peer is None else f"{r.row.peer.subject}: {r.row.peer.name}",
            "peer_value": r.peer,
            "ratio": r.ratio,
            "bar": _bar(r.row.bar) or None,
            "met": r.met,
            "problem": r.problem or None,
        }
        for r in results
    ]


def _value(value: float | None, figure: Figure | None) -> str:
    return (
        ""
        if value is None or figure is None
        else f"{value:.3g} {figure.unit}"
        if value < 100
        else f"{value:,.0f} {figure.unit}"
    )


def _ratio(result: Result) -> str:
    if result.row.peer is None or result.ratio is None:
        return ""
    return f"{result.ratio:.3g}" if result.ratio < 100 else f"{result.ratio:,.0f}"


def _bar(bar: Bar | None) -> str:
    return "" if bar is None else f"{'>=' if bar.at_least else '<='} {bar.value:g}"


def _verdict(result: Result) -> str:
    if result.problem:
        return "not measured"
    return {None: "", True: "met", False: "missed"}[result.met]

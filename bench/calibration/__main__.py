"""Whether alarms mean something: python -m bench.calibration [--months N] [--json] [--plots FOLDER].

Model-months without any shift at 1 false alarm a quarter, series that are restless and in order, and shifts of known size.
Exit status 1 where more windows were called than the dial allows.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.calibration import clean, concept, power, restless, rhythm, together
from bench.calibration.plots import draw
from service.demo.flights import load_flights

MONTHS, MODELS, SERIES, DAYS = 1_000, 20, 200, 500
ROWS = (100, 500, 1_000, 10_000)
NULLS = ("flights", "ar1", "week")
POWER_ROWS = (100, 1_000, 10_000)
SHIFTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run found."""

    clean: list[clean.Clean]
    restless: list[restless.Restless]
    power: list[power.Power]
    rhythm: list[rhythm.Rhythm]
    together: list[together.Together]
    concept: list[concept.Concept]


def main() -> int:
    options = _options()
    found = _read(options.read) if options.read else _measure(options.months)
    if options.json:
        print(json.dumps(asdict(found), indent=2), flush=True)
    else:
        _print(found)
    if options.plots:
        draw(found.power, found.restless, options.plots)
    return int(not all(months.passed for months in found.clean))


def _read(file: Path) -> Figures:
    stored = json.loads(file.read_text())
    return Figures(
        [clean.Clean(**row) for row in stored["clean"]],
        [restless.Restless(**row) for row in stored["restless"]],
        [power.Power(**row) for row in stored["power"]],
        [rhythm.Rhythm(**row) for row in stored["rhythm"]],
        [together.Together(**row) for row in stored["together"]],
        [concept.Concept(**row) for row in stored["concept"]],
    )


def _measure(months: int) -> Figures:
    models, series, days = (max(1, months * of // MONTHS) for of in (MODELS, SERIES, DAYS))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def telling(what: str, total: int) -> Callable[[], None]:
            task = progress.add_task(what, total=total)
            return lambda: progress.advance(task)

        quiet = [
            found
            for size in ("1h", "1d")
            for rows in ROWS
            for found in clean.months(size, rows, months, telling(f"clean, {size}, {rows:,} rows", months))
        ]
        flights = load_flights()
        moving = [restless.measure(null, models, flights, telling(f"restless, {null}", models)) for null in NULLS]
        seen = [
            found
            for rows in POWER_ROWS
            for shift in SHIFTS
            for found in power.measure(rows, shift, series, telling(f"shift of {shift}, {rows:,} rows", series))
        ]
        usual = [
            rhythm.measure(kind, size, of, telling(f"{kind}, {size}", of))
            for size, of in (("1h", models), ("1d", days))
            for kind in rhythm.KINDS
        ]
        many = together.measure(models, flights, telling("flights, all columns together", models))
        errors = [
            found
            for kept in concept.KEPT
            for found in concept.measure(kept, series, telling(f"errors that keep {kept}", series))
        ]
    return Figures(quiet, moving, seen, usual, [many], errors)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.calibration", description="Whether alarms mean something.")
    parser.add_argument(
        "--months",
        type=int,
        default=MONTHS,
        help="model-months of each kind (default %(default)s); fewer are all fewer",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--read", type=Path, metavar="FILE", help="measure nothing, take the JSON of an earlier run")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the plots of docs/statistics.md there")
    return parser.parse_args()


def _print(found: Figures) -> None:
    quiet, moving, seen = found.clean, found.restless, found.power
    console = Console(width=140)
    title = f"nothing moves: {quiet[0].months:,} model-months each of {clean.COLUMNS} columns, dial 1 a quarter"
    _table(console, title, ("windows", "rows", "delta", "called", "alerts", "incidents", "99.9% worst", "allowed", "verdict"), [
        (q.size, f"{q.rows:,}", q.delta, q.called, q.alerts, q.incidents, q.worst, q.expected, "met" if q.passed else "missed")
        for q in quiet
    ])  # fmt: skip
    title = f"restless and in order: called windows a quarter and model of {restless.COLUMNS} columns, dial 1"
    rules = ("ours", "alerts", "independent rows", "PSI > 0.2", "JS > 0.1", "first 30")
    _table(console, title, ("null", "windows", "models", *rules), [
        (m.null, m.size, m.models, m.ours, m.alerts, m.iid, m.psi_rule, m.js_rule, m.first) for m in moving
    ])  # fmt: skip
    title = f"a normal mean moves: {seen[0].series} daily series each"
    _table(console, title, ("rows", "shift", "psi", "rule", "false a quarter", "seen at once", "in a week"), [
        (f"{s.rows:,}", s.shift, power.psi_of_shift(s.shift), s.rule, s.false, f"{s.at_once:.0%}", f"{s.in_a_week:.0%}")
        for s in seen
    ])  # fmt: skip
    title = "traffic and latency in which nothing is wrong, and failures of three windows"
    rules = (
        "called a quarter",
        "its part of the dial",
        "p < 0.001, over 0.001",
        "failure seen at once",
        "in three windows",
    )
    _table(console, title, ("kind", "windows", "models", *rules), [
        (r.kind, r.size, r.models, r.called, r.part, r.level, f"{r.seen:.0%}", f"{r.soon:.0%}") for r in found.rhythm
    ])  # fmt: skip
    title = "the domain classifier on flights, restless and in order: called windows a quarter and model, dial 1"
    rules = ("ours", "alerts", "independent rows", "first 30", "an area of 1 seen")
    _table(console, title, ("models", "days each", "median area", *rules), [
        (t.models, t.days, t.area, t.ours, t.alerts, t.iid, t.first, f"{t.seen:.0%}") for t in found.together
    ])  # fmt: skip
    title = (
        f"concept drift: calls in {concept.WINDOWS} windows of noise, and how many windows after a rise it is called"
    )
    rules = ("a window keeps", "detector", "false", *(f"rise of {rise}" for rise in concept.RISES))
    _table(console, title, rules, [(c.kept, c.detector, c.false, *c.delays) for c in found.concept])


def _table(console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())

"""The benchmarks: python -m bench [--only NAME] [--json]. Exit status 1 where something could not be measured."""

import argparse
import json
import sys
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench.benchmarks import BENCHMARKS, Benchmark
from bench.report import as_json, print_table
from bench.turns import Result, measure

ROUNDS = 3


def main() -> int:
    options = _options()
    chosen = [b for b in BENCHMARKS if not options.only or b.name in options.only]
    if options.list:
        for benchmark in chosen:
            for row in benchmark.rows:
                peer = "" if row.peer is None else row.peer.subject
                print(f"{benchmark.name:14} {row.what:52} {peer}".rstrip())
        return 0
    results = _measure(chosen, options.rounds)
    if options.json:
        print(json.dumps(as_json(results), indent=2))
    else:
        print_table(results)
    return int(any(result.problem for result in results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Driftglass beside its peers.")
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each subject (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list", action="store_true", help="print the rows and measure nothing")
    return parser.parse_args()


def _measure(chosen: list[Benchmark], rounds: int) -> list[Result]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results: list[Result] = []
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=rounds * sum(len(b.subjects) for b in chosen))
        for benchmark in chosen:
            with_name = partial(_tell, progress, task, benchmark.name)
            results += measure(benchmark, rounds, with_name)
    return results


def _tell(progress: Progress, task: TaskID, benchmark: str, subject: str, turns: int) -> None:
    progress.update(task, advance=turns, description=f"{benchmark}: {subject}")


if __name__ == "__main__":
    sys.exit(main())

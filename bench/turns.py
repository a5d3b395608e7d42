"""Running a benchmark: its subjects take turns, each turn a process of its own; a row is the median of the rounds."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench.benchmarks import Arguments, Benchmark, Figure, Row
from bench.child import Figures, Subject, WorkloadError, run
from testing.missing import ServiceMissingError
from testing.peers import PeerMissingError


@dataclass(frozen=True)
class Result:
    """A row, measured.

    Attributes:
        ours, peer: medians, scaled to their figures' units; None where not measured.
        ratio: the median of each round's ratio; without a peer our own figure.
        problem: why it was not measured; "" where it was.
    """

    row: Row
    ours: float | None = None
    peer: float | None = None
    ratio: float | None = None
    problem: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None without a bar or a measurement."""
        return None if self.row.bar is None or self.ratio is None else self.row.bar.met(self.ratio)


def measure(benchmark: Benchmark, rounds: int, tell: Callable[[str, int], None]) -> list[Result]:
    """All rows of a benchmark.

    Args:
        tell: called with a subject's name and the turns just done: 0 before a turn, 1 after it.
    """
    found: dict[str, list[Figures]] = {subject.name: [] for subject in benchmark.subjects}
    problems: dict[str, str] = {}
    try:
        with benchmark.prepare() as arguments:
            for _ in range(rounds):
                for subject in benchmark.subjects:
                    tell(subject.name, 0)
                    if subject.name not in problems:
                        _turn(subject, arguments, found, problems)
                    tell(subject.name, 1)
    except (ServiceMissingError, WorkloadError) as error:
        problems = dict.fromkeys(found, str(error))
    return [_result(row, found, problems) for row in benchmark.rows]


def _turn(subject: Subject, arguments: Arguments, found: dict[str, list[Figures]], problems: dict[str, str]) -> None:
    try:
        found[subject.name].append(run(subject, arguments))
    except (PeerMissingError, WorkloadError) as error:
        problems[subject.name] = str(error)


def _result(row: Row, found: dict[str, list[Figures]], problems: dict[str, str]) -> Result:
    figures = [row.ours] if row.peer is None else [row.ours, row.peer]
    for figure in figures:
        if figure.subject in problems:
            return Result(row, problem=problems[figure.subject])
    ours = _series(row.ours, found)
    if row.peer is None:
        return Result(row, statistics.median(ours), None, statistics.median(ours))
    peer = _series(row.peer, found)
    ratios = [p / o if row.times_faster else o / p for o, p in zip(ours, peer, strict=True)]
    return Result(row, statistics.median(ours), statistics.median(peer), statistics.median(ratios))


def _series(figure: Figure, found: dict[str, list[Figures]]) -> list[float]:
    return [figures[figure.name] * figure.scale for figures in found[figure.subject]]

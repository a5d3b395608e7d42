"""What the scenarios of a run counted, one JSON line each, and the line that sums them up."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "DRIFTGLASS_TEST_FAULTS_TALLY"


@dataclass(frozen=True, slots=True)
class Entry:
    """One scenario's."""

    scenario: str
    faults: int
    sent: int
    lost: int
    doubled: int
    caught_up_s: float
    seconds: float


def note(entry: Entry) -> None:
    """Add an entry to the file that the variable names; without one nothing is kept."""
    if path := os.environ.get(VARIABLE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)) + "\n")


def read(path: Path) -> list[Entry]:
    """The entries of a run."""
    if not path.exists():
        return []
    return [Entry(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def total(entries: Iterable[Entry]) -> Entry:
    """The sum of a run; it caught up as late as the latest of its scenarios."""
    all_ = list(entries)
    return Entry(
        "total",
        faults=sum(entry.faults for entry in all_),
        sent=sum(entry.sent for entry in all_),
        lost=sum(entry.lost for entry in all_),
        doubled=sum(entry.doubled for entry in all_),
        caught_up_s=max((entry.caught_up_s for entry in all_), default=0.0),
        seconds=sum(entry.seconds for entry in all_),
    )


def sentence(entry: Entry) -> str:
    """One line.

    >>> sentence(Entry("total", 57, 120_000, 0, 0, 3.2, 400.0))
    'faults=57 sent=120000 lost=0 doubled=0'
    """
    return f"faults={entry.faults} sent={entry.sent} lost={entry.lost} doubled={entry.doubled}"


def passed(entry: Entry) -> bool:
    """Whether faults were injected, records were sent, and each of them was counted once.

    >>> passed(Entry("total", 57, 120_000, 0, 1, 3.2, 400.0)), passed(Entry("total", 0, 0, 0, 0, 0.0, 0.0))
    (False, False)
    """
    return entry.faults > 0 and entry.sent > 0 and entry.lost == 0 and entry.doubled == 0


def table(entries: Iterable[Entry]) -> list[str]:
    """The entries as a table, a line each."""
    head = f"{'scenario':<76} {'faults':>6} {'sent':>9} {'lost':>5} {'doubled':>7} {'lag 0 after':>11} {'took':>7}"
    return [head, *map(_line, entries)]


def _line(e: Entry) -> str:
    counts = f"{e.faults:>6} {e.sent:>9} {e.lost:>5} {e.doubled:>7}"
    return f"{e.scenario:<76} {counts} {e.caught_up_s:>9.1f} s {e.seconds:>5.0f} s"

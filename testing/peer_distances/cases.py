"""Columns to compare, on their way to a peer's process and back. Standard library only: the peers' environments import it too."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

Value = str | float
Distances = dict[str, float]


class Case(NamedTuple):
    """A column of both sides: of numbers, or of classes by name."""

    numbers: bool
    reference: list[Value]
    window: list[Value]


def write(cases: Mapping[str, Case], path: Path) -> None:
    """Put the cases where a peer reads them."""
    path.write_text(json.dumps({name: case._asdict() for name, case in cases.items()}))


def answer(measure: Callable[[Case], Distances]) -> None:
    """Measure each case of the file that is named by the first argument, and print the distances by case as the last line."""
    cases = json.loads(Path(sys.argv[1]).read_text())
    found = {name: measure(Case(**case)) for name, case in cases.items()}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def read(output: str) -> dict[str, Distances]:
    """The distances that a peer printed."""
    found: dict[str, Distances] = json.loads(output.strip().splitlines()[-1])
    return found

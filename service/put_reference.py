"""Putting a reference, as the command does it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from api.reference import ReferencePut
from api.reference_building import Place, from_rows, make, moving_by, of_earlier
from api.reference_files import from_file
from kernel.moving import LAG, ROLLING
from service.wiring import Wiring
from store.record_reads import RecordReader

_TOLD = 20  # refusals on the terminal


def run(
    wiring: Wiring, model: str, path: Path, heard: Callable[[float], None], recounted: Callable[[float], None]
) -> dict[str, Any]:
    """Put a file's rows in force as a model's reference; the answer is that of PUT /v1/models/{model}/reference.

    Args:
        heard: is told the share of the rows that are read; recounted: of the windows that are counted again on new grids.

    Raises:
        DriftglassError: the file is not there, cannot be read, or no row of it is good: nothing is put in force.
    """
    place = _place(wiring)
    sent = from_file(path, model, wiring.clock.now_us(), heard)
    build = partial(from_rows, place, model, sent, uuid4().hex)
    return ReferencePut.of(*make(place, model, build, recounted)).model_dump(mode="json")


def of_earlier_windows(wiring: Wiring, model: str, rolling: str, lag: str) -> dict[str, Any]:
    """Have a model's windows held against earlier ones, by one of the two lengths; the same answer.

    Raises:
        DriftglassError: the length does not suit the model, or there is no such model.
    """
    moving = moving_by(ROLLING, rolling) if rolling else moving_by(LAG, lag)
    place = _place(wiring)
    return ReferencePut.of(*make(place, model, partial(of_earlier, place, model, moving))).model_dump(mode="json")


def _place(wiring: Wiring) -> Place:
    settings = wiring.settings
    reader = RecordReader(wiring.record_log(), settings.workspace)
    return Place(wiring.db, settings.workspace, wiring.clock, settings.collector.max_segments, reader)


def as_text(model: str, answer: dict[str, Any]) -> str:
    """The answer for people."""
    length = answer["provenance"].get("length")
    if answer["provenance"]["source"] == ROLLING:
        return f"Every window of {model} is held against the {length} before it from now on."
    if answer["provenance"]["source"] == LAG:
        return f"Every window of {model} is held against the same span {length} earlier from now on."
    refused = f"{answer['rejected']} {'was' if answer['rejected'] == 1 else 'were'} refused"
    lines = [
        f"{model} is held against {answer['rows']} rows of {answer['provenance']['name']} from now on, "
        f"{answer['labels']} of them with a label; {refused}."
    ]
    if answer["estimated_by"]:
        lines.append(f"Performance is estimated from it before labels come ({answer['estimated_by']}).")
    if "ts" in answer["provenance"]:
        lines.append("The file has no column ts: its rows are of now.")
    if answer["new_grids"]:
        lines.append(
            f"Counted again on a new grid, for the old one could not tell its values apart: {', '.join(answer['new_grids'])}."
        )
    lines += [f"Perhaps of another name: {warning}." for warning in answer["warnings"]]
    lines += [f"row {e['index']}: {e['field']} {e['reason']}" for e in answer["errors"][:_TOLD]]
    if answer["rejected"] > _TOLD:
        lines.append(f"... and {answer['rejected'] - _TOLD} more; --json lists the first 1,000.")
    return "\n".join(lines)

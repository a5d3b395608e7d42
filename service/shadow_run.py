"""`driftglass shadow --model M --candidate FILE`: one shadow run from the command line, to its end."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.numbers import plain
from kernel.clock import from_datetime, to_rfc3339
from kernel.errors import ContractError, DriftglassError, NotFoundError
from service.wiring import Wiring
from shadow.replay import Heard
from shadow.runner import submit
from shadow.spec import RunSpec
from store import models, shadow_runs, windows
from store.shadow_runs import StoredRun

_LOOK_S = 0.5


class ShadowRunError(DriftglassError):
    """A shadow run could not be done."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The run that is asked for.

    Attributes:
        candidate: its ONNX file.
        start_us, end_us: the recorded traffic; None for the beginning of the model's first window, the end of its last.
        version: the champion's; "" for all that were recorded.
    """

    model: str
    candidate: Path
    start_us: int | None = None
    end_us: int | None = None
    version: str = ""


def run_to_its_end(wiring: Wiring, asked: Asked, heard: Heard) -> StoredRun:
    """Queue a run, do it here or see another runner do it, and return it done.

    Args:
        heard: told the share that is replayed.

    Raises:
        NotFoundError: the model or the file is not there, or nothing was recorded.
        ContractError: the span has no length.
        ShadowRunError: the run failed; the sentence says why.
    """
    workspace, spec = wiring.settings.workspace, _spec(wiring, asked)
    run = submit(wiring.db, workspace, spec, wiring.clock.now_us())
    runner = wiring.shadow()
    while True:
        done_here = runner.do(run, heard)
        found = shadow_runs.one(wiring.db, workspace, run)
        if found.state == "failed":
            raise ShadowRunError(f"shadow run {run} failed: {found.error}")
        if found.state == "done":
            return found
        heard(found.progress or 0.0)
        if not done_here:  # a worker took it first
            wiring.clock.sleep(_LOOK_S)


def _spec(wiring: Wiring, asked: Asked) -> RunSpec:
    models.one(wiring.db, wiring.settings.workspace, asked.model)
    if not asked.candidate.is_file():
        raise NotFoundError(
            f"there is no candidate at {asked.candidate}: export the model to ONNX, or correct the path"
        )
    start_us, end_us = _span(wiring, asked)
    return RunSpec(
        model=asked.model, version=asked.version, candidate=asked.candidate.name, path=str(asked.candidate.resolve()),
        start_us=start_us, end_us=end_us,
    )  # fmt: skip


def _span(wiring: Wiring, asked: Asked) -> tuple[int, int]:
    if asked.start_us is not None and asked.end_us is not None:
        if asked.end_us <= asked.start_us:
            raise ContractError("--to", "must be later than --from")
        return asked.start_us, asked.end_us
    known = windows.listing(wiring.db, wiring.settings.workspace, asked.model)
    if not known:
        raise NotFoundError(f"{asked.model} has no window yet: send predictions, or name --from and --to")
    start_us = min(w.start_us for w in known) if asked.start_us is None else asked.start_us
    end_us = max(w.end_us for w in known) if asked.end_us is None else asked.end_us
    if end_us <= start_us:
        span = f"{to_rfc3339(start_us)} to {to_rfc3339(end_us)}"
        raise NotFoundError(f"{asked.model} has nothing between --from and --to: {span}")
    return start_us, end_us


def moment(option: str, text: str | None) -> int | None:
    """Microseconds of a date, or of a time, in UTC unless it says otherwise; None for none.

    Raises:
        ContractError: it is neither.

    >>> moment("--from", "2013-03-01"), moment("--from", "2013-03-01T10:00:00+01:00")
    (1362096000000000, 1362128400000000)
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ContractError(option, f"{text!r} is no time: write 2013-04-01, or 2013-04-01T06:00:00Z") from error
    return from_datetime(found if found.tzinfo else found.replace(tzinfo=UTC))


def as_json(found: StoredRun) -> dict[str, Any]:
    """A run that is done, as REST tells it."""
    same = ("run", "model", "version", "candidate", "state", "verdict")
    return {name: getattr(found, name) for name in same} | {
        "reasons": list(found.reasons),
        "comparison": plain(found.result),
    }


def as_text(found: StoredRun) -> str:
    """The verdict and its reasons, for people."""
    rows = f"{found.result['rows']:,} recorded rows of {found.model}"
    reasons = [f"- {reason}" for reason in found.reasons]
    return "\n".join([f"{found.verdict}: {found.candidate} on {rows} (run {found.run})", *reasons])

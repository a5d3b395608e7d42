"""What `driftglass silence` does: a silence as over REST, with a length instead of an end where that is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from api.moments import read_moment
from api.problems import as_contract_error
from api.silences import SilenceAsked, SilenceOut
from kernel.clock import to_rfc3339
from kernel.errors import ContractError
from kernel.windows import parse_duration
from service.wiring import Wiring
from store import silences


@dataclass(frozen=True, slots=True)
class Asked:
    """A silence as it is typed; "" where nothing is.

    Attributes:
        matchers: by their names; None for any.
        all_alerts: every alert, instead of matchers.
        start, until: RFC 3339; now and `length` later by default.
        length: such as 2h.
    """

    matchers: Mapping[str, str | None]
    all_alerts: bool
    start: str
    length: str
    until: str
    reason: str
    by: str


def make(wiring: Wiring, asked: Asked) -> dict[str, Any]:
    """Make a silence; the answer is that of REST.

    Raises:
        ContractError: it cannot be; says the field.
    """
    now_us = wiring.clock.now_us()
    body = {
        "matchers": {name: value for name, value in asked.matchers.items() if value is not None},
        "all": asked.all_alerts,
        **({"from": asked.start} if asked.start else {}),
        "until": _until(asked, now_us),
        "reason": asked.reason,
        "by": asked.by,
    }
    try:
        new = SilenceAsked.model_validate(body).new()
    except ValidationError as error:
        raise as_contract_error([dict(one) for one in error.errors()]) from error
    return _answer(silences.create(wiring.db, wiring.settings.workspace, new, now_us), now_us)


def end(wiring: Wiring, silence: str) -> dict[str, Any]:
    """End a silence now.

    Raises:
        NotFoundError: when there is none of that id.
    """
    now_us = wiring.clock.now_us()
    return _answer(silences.end(wiring.db, wiring.settings.workspace, silence, now_us), now_us)


def as_text(answer: Mapping[str, Any]) -> str:
    """The answer for people."""
    what = ", ".join(f"{name} {value!r}" for name, value in answer["matchers"].items()) or "every alert"
    if answer["state"] == "expired":
        return f"The silence {answer['silence']} of {what} is over."
    when = f"until {answer['until']}"
    if answer["state"] == "pending":
        when = f"from {answer['from']} {when}"
    name = answer["silence"]
    return f"Nobody is told of {what} {when}. To end it: driftglass silence --end {name}"


def _until(asked: Asked, now_us: int) -> str:
    if not asked.length:
        return asked.until
    try:
        begin_us = read_moment(asked.start) if asked.start else now_us
    except ValueError as error:
        raise ContractError("from", str(error)) from error
    try:
        return to_rfc3339(max(begin_us, now_us) + parse_duration(asked.length))
    except (ValueError, OverflowError) as error:
        raise ContractError("for", str(error)) from error


def _answer(silence: silences.Silence, now_us: int) -> dict[str, Any]:
    return SilenceOut.of(silence, now_us).model_dump(mode="json", by_alias=True)

"""Silences: make one, list them, look at one, end one."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator

from api.alerts import Tier
from api.caller import Admin, Viewer
from api.listing import Limit, Page
from api.moments import Asked, Moment
from detectors.metrics import METRICS
from store import silences as stored
from store.silences import NewSilence, Silence, SilenceState

router = APIRouter(prefix="/v1/silences", tags=["silences"])


class Matchers(BaseModel):
    """What an alert has to have, all of it and exactly; what is left out may be anything."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, min_length=1)
    rule: str | None = Field(None, min_length=1)
    tier: Tier | None = None
    metric: str | None = Field(None, description="As the alert has it: drift metrics of a column are one alert.")
    column: str | None = Field(None, description="Empty for the whole model.")
    version: str | None = Field(None, description="Empty for all versions together.")
    segment: str | None = Field(None, description="Empty for all rows.")

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str | None) -> str | None:
        if metric is not None and metric not in METRICS:
            raise ValueError("no metric has this name; docs/statistics.md lists them")
        return metric


class SilenceAsked(BaseModel):
    """A silence to make: it lasts from `from` until `until`, 90 days at most."""

    model_config = ConfigDict(extra="forbid")

    matchers: Matchers = Matchers()
    all_: bool = Field(False, alias="all", description="Every alert of the workspace, instead of matchers.")
    from_: Asked | None = Field(None, alias="from", description="Now where it is left out, or past.")
    until: Asked
    reason: str = Field(min_length=1, max_length=1_000)
    by: str = Field(min_length=1, max_length=255, description="Who it is.")

    def new(self) -> NewSilence:
        """As it is stored."""
        matchers = self.matchers.model_dump(exclude_none=True)
        return NewSilence(matchers, self.until, self.reason, self.by, self.from_, self.all_)


class SilenceOut(BaseModel):
    """A silence."""

    silence: str
    state: SilenceState
    matchers: dict[str, str] = Field(description="Empty for every alert.")
    from_: Moment = Field(alias="from")
    until: Moment
    ended: Moment | None = Field(description="Where somebody ended it before.")
    reason: str
    by: str
    created: Moment

    @classmethod
    def of(cls, silence: Silence, now_us: int) -> "SilenceOut":
        """A stored silence, as it is now."""
        return cls.model_validate(
            {
                "silence": silence.silence,
                "state": silence.state(now_us),
                "matchers": dict(silence.matchers),
                "from": silence.from_us,
                "until": silence.until_us,
                "ended": silence.over_us if silence.over_us < silence.until_us else None,
                "reason": silence.reason,
                "by": silence.created_by,
                "created": silence.created_us,
            }
        )


@router.post("", status_code=201)
def create(asked: SilenceAsked, caller: Admin) -> SilenceOut:
    """Tell nobody of some alerts for a while. What still fires when it is over is told then."""
    return SilenceOut.of(stored.create(caller.db, caller.workspace, asked.new(), caller.now_us), caller.now_us)


@router.get("")
def listing(
    caller: Viewer,
    state: SilenceState | None = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Page[SilenceOut]:
    """Silences, active ones first, then pending, then those of the last 90 days that are over, each the newest first."""
    found, following = stored.listing(caller.db, caller.workspace, caller.now_us, state, limit, cursor)
    return Page(items=[SilenceOut.of(silence, caller.now_us) for silence in found], next=following)


@router.get("/{silence}")
def one(silence: str, caller: Viewer) -> SilenceOut:
    """One silence."""
    return SilenceOut.of(stored.one(caller.db, caller.workspace, silence), caller.now_us)


@router.delete("/{silence}")
def end(silence: str, caller: Admin) -> SilenceOut:
    """End it now; one that is over stays as it is. To change one, end it and make another."""
    return SilenceOut.of(stored.end(caller.db, caller.workspace, silence, caller.now_us), caller.now_us)

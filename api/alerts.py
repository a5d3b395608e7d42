"""Alerts and incidents: list, acknowledge, resolve."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.caller import Admin, Viewer
from api.listing import Items, Limit, Page
from api.moments import Moment
from api.numbers import Name, Number
from store import alerts as stored
from store.alert_rows import RESOLVED
from store.alerts import Alert, Incident
from store.silences import Silence, active_now, covering

router = APIRouter(prefix="/v1", tags=["alerts"])

Tier = Literal["P0", "P1", "P2"]
AlertState = Literal["pending", "firing", "acknowledged", "resolved"]


class EvidenceOut(BaseModel):
    """One metric's part in an alert, in its last abnormal window."""

    model_config = ConfigDict(from_attributes=True)

    metric: str
    value: Number
    expected: Number
    p_value: Number
    status: str


class AlertOut(BaseModel):
    """One alert. Windows are event time; opened, fired, acknowledged and resolved are by the wall clock."""

    alert: str
    rule: str
    tier: Tier
    state: AlertState
    model: str
    version: Name
    segment: Name
    window: str = Field(description="Length of the windows.")
    metric: str
    column: Name
    value: Number
    expected: Number
    summary: str
    evidence: list[EvidenceOut]
    first_window: Moment
    last_window: Moment
    opened: Moment
    fired: Moment | None
    acknowledged: Moment | None
    acknowledged_by: Name
    resolved: Moment | None
    resolved_by: Name
    resolution: Name = Field(
        description="calm, withdrawn (late data took it back), person, retired (its model was) or lapsed (its version is decided "
        "no more); null while it is open."
    )
    incident: Name
    under: Name = Field(
        description="The wider alert of the incident that speaks for it: that one was told, and is acknowledged for both."
    )
    silenced_by: list[str] = Field(description="The silences that cover it now.")
    withheld: bool = Field(description="Nobody was told that it fires: it was silenced then.")

    @classmethod
    def of(cls, alert: Alert, active: Sequence[Silence]) -> "AlertOut":
        """A stored alert, beside the silences that last now."""
        return cls.model_validate(
            {
                **{name: getattr(alert, name) for name in cls.model_fields if hasattr(alert, name)},
                **{n: getattr(alert, f"{n}_us") for n in ("first_window", "last_window", "opened", "fired")},
                **{n: getattr(alert, f"{n}_us") for n in ("acknowledged", "resolved")},
                "window": alert.size,
                "evidence": [EvidenceOut.model_validate(e) for e in alert.details.evidence],
                "resolved_by": alert.details.resolved_by,
                "resolution": alert.details.resolution,
                "under": alert.details.under,
                "silenced_by": [silence.silence for silence in covering(active, alert) if alert.state != RESOLVED],
            }
        )


class IncidentOut(BaseModel):
    """Alerts of one model and tier that fired in the same window, and under those."""

    incident: str
    model: str
    tier: Tier
    state: Literal["open", "resolved"]
    title: str
    opened: Moment
    resolved: Moment | None
    alerts: list[str]


class By(BaseModel):
    """A person who acts."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(min_length=1, max_length=255, description="Who it is.")


@router.get("/alerts")
def alerts(
    caller: Viewer,
    model: str | None = None,
    tier: Tier | None = None,
    state: AlertState | None = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Page[AlertOut]:
    """Alerts, newest first. Walk on with `next` until it is null."""
    found, following = stored.alert_page(caller.db, caller.workspace, model, state, tier, limit, cursor)
    active = active_now(caller.db, caller.workspace, caller.now_us)
    return Page(items=[AlertOut.of(alert, active) for alert in found], next=following)


@router.get("/alerts/{alert}")
def alert(alert: str, caller: Viewer) -> AlertOut:
    """One alert."""
    return _alert(caller, stored.alert(caller.db, caller.workspace, alert))


@router.post("/alerts/{alert}/ack")
def acknowledge(alert: str, person: By, caller: Admin) -> AlertOut:
    """Take an alert on, and what is under it: they no longer escalate."""
    return _alert(caller, stored.acknowledge(caller.db, caller.workspace, alert, person.by, caller.now_us))


@router.post("/alerts/{alert}/resolve")
def resolve(alert: str, person: By, caller: Admin) -> AlertOut:
    """Say that it is over, and what is under it; windows that are abnormal after this open a new alert."""
    return _alert(caller, stored.resolve(caller.db, caller.workspace, alert, person.by, caller.now_us))


@router.get("/incidents")
def incidents(
    caller: Viewer,
    model: str | None = None,
    state: Annotated[Literal["open", "resolved"] | None, Query()] = None,
    limit: Limit = 100,
) -> Items[IncidentOut]:
    """Incidents with their alerts, newest first."""
    found = stored.incidents(caller.db, caller.workspace, model, state, limit)
    return Items(items=[_incident(caller, one) for one in found])


@router.post("/incidents/{incident}/ack")
def acknowledge_incident(incident: str, person: By, caller: Admin) -> IncidentOut:
    """Take on all that fires in an incident."""
    taken = stored.acknowledge_incident(caller.db, caller.workspace, incident, person.by, caller.now_us)
    return _incident(caller, taken)


def _alert(caller: Viewer, alert: Alert) -> AlertOut:
    return AlertOut.of(alert, active_now(caller.db, caller.workspace, caller.now_us))


def _incident(caller: Viewer, incident: Incident) -> IncidentOut:
    members = stored.incident_alerts(caller.db, caller.workspace, incident)
    return IncidentOut.model_validate(
        {
            **{name: getattr(incident, name) for name in ("incident", "model", "tier", "state", "title")},
            "opened": incident.opened_us,
            "resolved": incident.resolved_us,
            "alerts": [member.alert for member in members],
        }
    )

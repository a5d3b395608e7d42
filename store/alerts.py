"""What people and the dashboard do with alerts: list them, acknowledge, resolve."""

from dataclasses import replace

import sqlalchemy as sa

from kernel.errors import ContractError, NotFoundError
from store.alert_groups import below
from store.alert_ledger import alerts_of_incident, incident_of, lock, save
from store.alert_rows import (
    ACKNOWLEDGED,
    ALERT_COLUMNS,
    FIRING,
    INCIDENT_COLUMNS,
    RESOLVED,
    Alert,
    AlertDetails,
    Evidence,
    Incident,
    read_alerts,
    to_alert,
)
from store.database import Database, Transaction
from store.pages import Moment, decode_cursor, encode_cursor
from store.tables import alerts as t
from store.tables import incidents as i

__all__ = [
    "Alert",
    "AlertDetails",
    "Evidence",
    "Incident",
    "acknowledge",
    "acknowledge_incident",
    "alert",
    "alert_page",
    "incident_alerts",
    "incidents",
    "open_alerts",
    "resolve",
]

_Key = tuple[Moment, str]


def alert_page(
    db: Database,
    workspace: str,
    model: str | None = None,
    state: str | None = None,
    tier: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> tuple[list[Alert], str | None]:
    """Alerts, newest first, and the cursor of the next page: None after the last. None for any.

    A walk along the cursors meets every alert that is there throughout, and fulfils what is asked, exactly once.

    Args:
        cursor: as the page before gave it; None for the first page.

    Raises:
        ContractError: the cursor is none of ours.
    """
    query = sa.select(*ALERT_COLUMNS).where(t.c.workspace == workspace)
    for column, wanted in ((t.c.model, model), (t.c.state, state), (t.c.tier, tier)):
        if wanted is not None:
            query = query.where(column == wanted)
    if cursor is not None:
        opened_us, last = decode_cursor(cursor, _Key)
        query = query.where(sa.or_(t.c.opened_us < opened_us, sa.and_(t.c.opened_us == opened_us, t.c.alert > last)))
    with db.read() as connection:
        rows = connection.execute(query.order_by(t.c.opened_us.desc(), t.c.alert).limit(limit + 1))
        found = [to_alert(row) for row in rows]
    shown = found[:limit]
    return shown, encode_cursor([shown[-1].opened_us, shown[-1].alert]) if len(found) > limit else None


def open_alerts(db: Database, workspace: str, model: str | None = None) -> list[Alert]:
    """All alerts that fire, acknowledged ones too: the worst tier first, then the newest."""
    query = sa.select(*ALERT_COLUMNS).where(t.c.workspace == workspace, t.c.state.in_((FIRING, ACKNOWLEDGED)))
    if model is not None:
        query = query.where(t.c.model == model)
    with db.read() as connection:
        rows = connection.execute(query.order_by(t.c.tier, t.c.fired_us.desc(), t.c.alert))
        return [to_alert(row) for row in rows]


def alert(db: Database, workspace: str, alert: str) -> Alert:
    """One alert.

    Raises:
        NotFoundError: when there is none of that id.
    """
    with db.read() as connection:
        return _one(connection, workspace, alert)


def incidents(
    db: Database, workspace: str, model: str | None = None, state: str | None = None, limit: int = 100
) -> list[Incident]:
    """Incidents, newest first; None for any."""
    query = sa.select(*INCIDENT_COLUMNS).where(i.c.workspace == workspace)
    for column, wanted in ((i.c.model, model), (i.c.state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    with db.read() as connection:
        rows = connection.execute(query.order_by(i.c.opened_us.desc(), i.c.incident).limit(limit))
        return [Incident(*row) for row in rows]


def incident_alerts(db: Database, workspace: str, incident: Incident) -> list[Alert]:
    """The alerts of an incident, by first window."""
    with db.read() as connection:
        return alerts_of_incident(connection, workspace, incident)


def acknowledge(db: Database, workspace: str, alert: str, by: str, now_us: int) -> Alert:
    """A person takes a firing alert on, and those under it; taking it on twice keeps the first.

    Raises:
        NotFoundError: when there is none of that id.
        ContractError: when it does not fire.
    """
    with db.write() as tx:
        found, held = _locked(tx, workspace, alert)
        if found.state == ACKNOWLEDGED:
            return found
        if found.state != FIRING:
            raise ContractError("alert", f"{alert} is {found.state}; only a firing alert can be acknowledged")
        taken = [_taken(a, by, now_us) for a in (found, *held) if a.state == FIRING]
        save(tx, workspace, taken)
        return taken[0]


def acknowledge_incident(db: Database, workspace: str, incident: str, by: str, now_us: int) -> Incident:
    """A person takes on whatever fires in an incident; taking it on twice keeps the first.

    Raises:
        NotFoundError: when there is none of that id.
        ContractError: when it is over.
    """
    with db.write() as tx:
        found = _incident(tx, workspace, incident)
        lock(tx, workspace, found.model)
        found = _incident(tx, workspace, incident)
        if found.state == RESOLVED:
            raise ContractError("incident", f"{incident} is resolved; only an open incident can be acknowledged")
        firing = [a for a in alerts_of_incident(tx, workspace, found) if a.state == FIRING]
        save(tx, workspace, [_taken(a, by, now_us) for a in firing])
        return found


def _taken(alert: Alert, by: str, now_us: int) -> Alert:
    details = replace(alert.details, acknowledged_value=alert.value)
    return replace(alert, state=ACKNOWLEDGED, acknowledged_us=now_us, acknowledged_by=by, details=details)


def _incident(tx: Transaction, workspace: str, incident: str) -> Incident:
    found = incident_of(tx, workspace, incident)
    if found is None:
        raise NotFoundError(f"there is no incident {incident} in workspace {workspace}")
    return found


def resolve(db: Database, workspace: str, alert: str, by: str, now_us: int) -> Alert:
    """A person says that it is over, and what fires under it; windows that are abnormal after this open a new alert.

    Resolving twice changes nothing.

    Raises:
        NotFoundError: when there is none of that id.
    """
    with db.write() as tx:
        found, held = _locked(tx, workspace, alert)
        if found.state == RESOLVED:
            return found
        closed = [_closed(a, by, now_us) for a in (found, *held) if a.state != RESOLVED]
        save(tx, workspace, closed)
        return closed[0]


def _closed(alert: Alert, by: str, now_us: int) -> Alert:
    details = replace(alert.details, resolution="person", resolved_by=by)
    return replace(alert, state=RESOLVED, resolved_us=now_us, details=details)


def _one(tx: Transaction, workspace: str, alert: str) -> Alert:
    found = read_alerts(tx, t.c.workspace == workspace, t.c.alert == alert)
    if not found:
        raise NotFoundError(f"there is no alert {alert} in workspace {workspace}")
    return found[0]


def _locked(tx: Transaction, workspace: str, alert: str) -> tuple[Alert, list[Alert]]:
    """An alert and those under it, read again behind the lock: what was read before it may be old."""
    lock(tx, workspace, _one(tx, workspace, alert).model)
    found = _one(tx, workspace, alert)
    incident = incident_of(tx, workspace, found.incident)
    return found, below(alert, alerts_of_incident(tx, workspace, incident)) if incident else []

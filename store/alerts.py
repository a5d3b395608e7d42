"""What people and the dashboard do with alerts: list them, acknowledge, resolve."""

from dataclasses import replace

import sqlalchemy as sa

from kernel.errors import ContractError, NotFoundError
from store.alert_ledger import alerts_of_incident, lock, save
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
from store.tables import alerts as t
from store.tables import incidents as i

__all__ = [
    "Alert",
    "AlertDetails",
    "Evidence",
    "Incident",
    "acknowledge",
    "alert",
    "alerts",
    "incident_alerts",
    "incidents",
    "open_alerts",
    "resolve",
]


def alerts(
    db: Database,
    workspace: str,
    model: str | None = None,
    state: str | None = None,
    tier: str | None = None,
    limit: int = 100,
) -> list[Alert]:
    """Alerts, newest first; None for any."""
    query = sa.select(*ALERT_COLUMNS).where(t.c.workspace == workspace)
    for column, wanted in ((t.c.model, model), (t.c.state, state), (t.c.tier, tier)):
        if wanted is not None:
            query = query.where(column == wanted)
    with db.read() as connection:
        rows = connection.execute(query.order_by(t.c.opened_us.desc(), t.c.alert).limit(limit))
        return [to_alert(row) for row in rows]


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
    """A person takes an alert on; it no longer escalates. Acknowledging twice changes nothing.

    Raises:
        NotFoundError: when there is none of that id.
        ContractError: when it does not fire.
    """
    with db.write() as tx:
        found = _locked(tx, workspace, alert)
        if found.state == ACKNOWLEDGED:
            return found
        if found.state != FIRING:
            raise ContractError("alert", f"{alert} is {found.state}; only a firing alert can be acknowledged")
        taken = replace(found, state=ACKNOWLEDGED, acknowledged_us=now_us, acknowledged_by=by)
        save(tx, workspace, [taken])
        return taken


def resolve(db: Database, workspace: str, alert: str, by: str, now_us: int) -> Alert:
    """A person says that it is over; windows that are abnormal after this open a new alert. Resolving twice changes nothing.

    Raises:
        NotFoundError: when there is none of that id.
    """
    with db.write() as tx:
        found = _locked(tx, workspace, alert)
        if found.state == RESOLVED:
            return found
        details = replace(found.details, resolution="person", resolved_by=by)
        closed = replace(found, state=RESOLVED, resolved_us=now_us, details=details)
        save(tx, workspace, [closed])
        return closed


def _one(tx: Transaction, workspace: str, alert: str) -> Alert:
    found = read_alerts(tx, t.c.workspace == workspace, t.c.alert == alert)
    if not found:
        raise NotFoundError(f"there is no alert {alert} in workspace {workspace}")
    return found[0]


def _locked(tx: Transaction, workspace: str, alert: str) -> Alert:
    """Read again behind the lock: what was read before it may be old."""
    lock(tx, workspace, _one(tx, workspace, alert).model)
    return _one(tx, workspace, alert)

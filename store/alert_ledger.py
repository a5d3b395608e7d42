"""What one pass of alerting reads and writes, inside its own transaction.

All writers of one model's alerts queue behind `lock`, so that a person's acknowledgement and a pass never overwrite each other.
"""

from collections.abc import Collection, Sequence
from dataclasses import fields

import sqlalchemy as sa

from store.alert_rows import (
    ACKNOWLEDGED,
    FIRING,
    INCIDENT_COLUMNS,
    OPEN,
    PENDING,
    RESOLVED,
    Alert,
    Incident,
    alert_row,
    derived_key,
    read_alerts,
)
from store.database import Transaction, upsert
from store.tables import alerts as t
from store.tables import incidents as i
from store.tables import leases

_OF_INCIDENT = [t.c[name] == i.c[name] for name in ("workspace", "model", "incident")]


def lock(tx: Transaction, workspace: str, model: str) -> None:
    """Queue behind every other writer of this model's alerts until the transaction ends."""
    name = "alerting/" + derived_key(workspace, model)
    upsert(tx, leases, [{"name": name, "owner": "", "token": "", "until_us": 0}], update=["owner"])


def touched(tx: Transaction, workspace: str, model: str, since_window_us: int) -> list[Alert]:
    """A model's alerts that are open, or that had seen this window (event time) or a later one."""
    recent = sa.or_(t.c.state != RESOLVED, t.c.seen_window_us >= since_window_us)
    return read_alerts(tx, t.c.workspace == workspace, t.c.model == model, recent)


def unresolved(tx: Transaction, workspace: str, model: str) -> list[Alert]:
    """A model's alerts that are open, pending ones too."""
    return read_alerts(tx, t.c.workspace == workspace, t.c.model == model, t.c.state != RESOLVED)


def of_fingerprint(tx: Transaction, workspace: str, fingerprint: str, since_window_us: int) -> list[Alert]:
    """The alerts of one fingerprint that are open, or that had seen this window (event time) or a later one."""
    recent = sa.or_(t.c.state != RESOLVED, t.c.seen_window_us >= since_window_us)
    return read_alerts(tx, t.c.workspace == workspace, t.c.fingerprint == fingerprint, recent)


def alerts_of_incident(tx: Transaction, workspace: str, incident: Incident) -> list[Alert]:
    """The alerts of an incident, by first window."""
    return read_alerts(tx, t.c.workspace == workspace, t.c.model == incident.model, t.c.incident == incident.incident)


def save(tx: Transaction, workspace: str, changed: Sequence[Alert]) -> None:
    """Write alerts, new or known."""
    update = [f.name for f in fields(Alert) if f.name != "alert"]
    upsert(tx, t, [alert_row(workspace, a) for a in changed], update=update)


def drop(tx: Transaction, workspace: str, pending: Collection[str]) -> None:
    """Forget pending alerts that never fired."""
    if pending:
        tx.execute(sa.delete(t).where(t.c.workspace == workspace, t.c.alert.in_(pending), t.c.state == PENDING))


def unacknowledged(tx: Transaction, workspace: str, rule: str, fired_until_us: int) -> list[Alert]:
    """A rule's alerts that fired by then, of which people heard, and that nobody took on and nothing escalated since."""
    return read_alerts(
        tx,
        t.c.workspace == workspace,
        t.c.rule == rule,
        t.c.state == FIRING,
        t.c.escalated_us.is_(None),
        t.c.fired_us <= fired_until_us,
        ~t.c.withheld,
    )


def withheld(tx: Transaction, workspace: str, model: str | None = None) -> list[Alert]:
    """What fires, acknowledged or not, and nobody was told of; of one model, or of all."""
    where = [t.c.workspace == workspace, t.c.withheld, t.c.state.in_((FIRING, ACKNOWLEDGED))]
    return read_alerts(tx, *where, *([] if model is None else [t.c.model == model]))


def incident_of(tx: Transaction, workspace: str, incident: str) -> Incident | None:
    """An incident, or None."""
    row = tx.execute(sa.select(*INCIDENT_COLUMNS).where(i.c.workspace == workspace, i.c.incident == incident)).first()
    return Incident(*row) if row else None


def save_incident(tx: Transaction, workspace: str, incident: Incident) -> None:
    """Write an incident, new or known."""
    values = {f.name: getattr(incident, f.name) for f in fields(incident)}
    upsert(tx, i, [values | {"workspace": workspace}], update=[n for n in values if n != "incident"])


def calm_incidents(tx: Transaction, workspace: str, model: str | None = None) -> list[Incident]:
    """Open incidents none of whose alerts is live any more; of one model, or of all."""
    query = sa.select(*INCIDENT_COLUMNS).where(*_open(workspace, model), ~_has(FIRING, ACKNOWLEDGED))
    return [Incident(*row) for row in tx.execute(query.order_by(i.c.opened_us, i.c.incident))]


def taken_incidents(tx: Transaction, workspace: str, model: str | None = None) -> list[tuple[Incident, int]]:
    """Open incidents of which somebody took on all that fires, and when last; of one model, or of all.

    What came under an alert that was acknowledged before is acknowledged from the moment it fired, by nobody.
    """
    by_somebody = sa.select(sa.func.max(t.c.acknowledged_us)).where(*_OF_INCIDENT, t.c.acknowledged_us != t.c.fired_us)
    taken_us = sa.func.coalesce(by_somebody.correlate(i).scalar_subquery(), 0)
    query = sa.select(*INCIDENT_COLUMNS, taken_us).where(*_open(workspace, model), ~_has(FIRING), _has(ACKNOWLEDGED))
    return [(Incident(*row[:-1]), row[-1]) for row in tx.execute(query.order_by(i.c.opened_us, i.c.incident))]


def _has(*states: str) -> sa.ColumnElement[bool]:
    """Whether an incident has an alert in one of these states."""
    return sa.exists().where(*_OF_INCIDENT, t.c.state.in_(states))


def _open(workspace: str, model: str | None) -> list[sa.ColumnElement[bool]]:
    where = [i.c.workspace == workspace, i.c.state == OPEN]
    return where if model is None else [*where, i.c.model == model]

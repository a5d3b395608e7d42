"""Silences: what fires in one is withheld from people, and told once it is over, if it still fires then.

Whether an alert is silenced is read in the transaction that tells of it, or does not; that nobody was told is written there,
too, so that no crash and no other process makes a message of it twice, or never.
"""

from collections.abc import Sequence
from dataclasses import replace

from alerting.revising import Change
from alerting.telling import Teller
from store import alert_ledger as ledger
from store import silences
from store.alert_rows import Alert
from store.database import Transaction


def withhold(tx: Transaction, workspace: str, changes: Sequence[Change], now_us: int) -> list[Change]:
    """The changes, what fires in them marked where it is silenced now."""
    if not any(change.fired for change in changes):
        return list(changes)
    active = silences.active(tx, workspace, now_us)
    return [replace(c, after=_marked(c.fired, active)) if c.fired else c for c in changes]


def _marked(alert: Alert, active: Sequence[silences.Silence]) -> Alert:
    return replace(alert, withheld=bool(silences.covering(active, alert)))


def released(tx: Transaction, workspace: str, now_us: int, model: str | None = None) -> list[Alert]:
    """What still fires, was withheld, and is silenced no more; of one model, or of all."""
    waiting = ledger.withheld(tx, workspace, model)
    active = silences.active(tx, workspace, now_us) if waiting else []
    return [alert for alert in waiting if not silences.covering(active, alert)]


def release(tx: Transaction, workspace: str, model: str, teller: Teller, now_us: int) -> None:
    """Tell of what a silence withheld of a model; the caller holds its lock."""
    told = [
        replace(alert, withheld=False, details=replace(alert.details, told_us=now_us))
        for alert in released(tx, workspace, now_us, model)
    ]
    ledger.save(tx, workspace, told)
    for name in sorted({alert.incident for alert in told}):
        incident = ledger.incident_of(tx, workspace, name)
        if incident:
            teller.still_fires(tx, incident, [alert for alert in told if alert.incident == name], now_us)

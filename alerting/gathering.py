"""Stage 4: alerts of one model and tier that fire in the same window are one incident, with what fires under them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerting.message import title
from store import alert_ledger as ledger
from store.alert_groups import heads
from store.alert_rows import OPEN, RESOLVED, Alert, Incident, derived_key
from store.database import Transaction


@dataclass(frozen=True, slots=True)
class Gathered:
    """An incident and those of its alerts that fired in this pass."""

    incident: Incident
    fired: tuple[Alert, ...]


def in_incident(workspace: str, alert: Alert) -> Alert:
    """An alert that fires, in an incident; an alert never moves to another."""
    if alert.incident:
        return alert
    incident = derived_key(workspace, alert.model, alert.tier, alert.details.fired_window_us)
    return replace(alert, incident=incident)


def gather(tx: Transaction, workspace: str, fired: Sequence[Alert], now_us: int) -> list[Gathered]:
    """Open the incidents of the alerts that fired, or open them again, or let the alerts join."""
    by_incident: dict[str, list[Alert]] = {}
    for alert in fired:
        by_incident.setdefault(alert.incident, []).append(alert)
    return [_gather(tx, workspace, name, alerts, now_us) for name, alerts in by_incident.items()]


def _gather(tx: Transaction, workspace: str, name: str, fired: list[Alert], now_us: int) -> Gathered:
    known = ledger.incident_of(tx, workspace, name)
    incident = known or Incident(name, fired[0].model, fired[0].tier, OPEN, "", now_us)
    speaks = any(
        alert.is_live or not alert.details.under for alert in fired
    )  # what was held and is over concerns nobody
    if incident.state == RESOLVED and speaks:
        incident = replace(incident, state=OPEN, tier=fired[0].tier, opened_us=now_us, resolved_us=None)
    incident = replace(incident, title=title(incident.model, heads(ledger.alerts_of_incident(tx, workspace, incident))))
    ledger.save_incident(tx, workspace, incident)
    return Gathered(incident, tuple(fired))

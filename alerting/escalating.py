"""Escalation, by the wall clock: a P1 alert that nobody acknowledged in time goes to P0, or to another notifier.

The time to acknowledge begins when people are told, and anew when a silence is over: in one nobody is asked to do anything.
"""

from dataclasses import replace

from alerting.rules import P0, Rule
from alerting.settings import AlertingSettings
from alerting.telling import Teller
from store import alert_ledger as ledger
from store import silences
from store.alert_rows import Alert, Incident
from store.database import Transaction


def due(tx: Transaction, workspace: str, rule: Rule, now_us: int) -> list[Alert]:
    """A rule's alerts that nobody took on in time."""
    if rule.escalate_after is None:
        return []
    since_us = now_us - rule.escalate_after
    late = [
        a for a in ledger.unacknowledged(tx, workspace, rule.name, since_us) if (a.details.told_us or 0) <= since_us
    ]
    quiet = silences.lasting(tx, workspace, since_us, now_us) if late else []
    return [alert for alert in late if not silences.covering(quiet, alert)]


def escalate(tx: Transaction, workspace: str, settings: AlertingSettings, teller: Teller, now_us: int) -> int:
    """Escalate what is due; how many alerts were.

    The models are locked in the order of their names, so that two passes cannot wait for one another; what is due is read again
    behind the locks, because somebody may have acknowledged it meanwhile.
    """
    found = [alert for rule in settings.rules for alert in due(tx, workspace, rule, now_us)]
    models = sorted({alert.model for alert in found})
    for model in models:
        ledger.lock(tx, workspace, model)
    escalated = 0
    for rule in settings.rules:
        alerts = [alert for alert in due(tx, workspace, rule, now_us) if alert.model in models]
        _escalate(tx, workspace, settings, teller, rule, alerts, now_us)
        escalated += len(alerts)
    return escalated


def _escalate(
    tx: Transaction,
    workspace: str,
    settings: AlertingSettings,
    teller: Teller,
    rule: Rule,
    alerts: list[Alert],
    now_us: int,
) -> None:
    tier = P0 if rule.escalate_to == P0 else rule.tier
    ledger.save(tx, workspace, [replace(alert, escalated_us=now_us, tier=tier) for alert in alerts])
    notifiers = settings.notifiers_of(rule) if rule.escalate_to == P0 else (rule.escalate_to,)
    for name in sorted({alert.incident for alert in alerts}):
        incident = ledger.incident_of(tx, workspace, name)
        if incident:
            raised = _raised(tx, workspace, incident, tier)
            teller.escalates(tx, raised, [a for a in alerts if a.incident == name], notifiers, now_us)


def _raised(tx: Transaction, workspace: str, incident: Incident, tier: str) -> Incident:
    raised = replace(incident, tier=min(incident.tier, tier))
    ledger.save_incident(tx, workspace, raised)
    return raised

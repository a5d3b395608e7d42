"""Stage 5: messages into the outbox, one an incident, happening and notifier, in the transaction of what they tell."""

from collections.abc import Iterable, Sequence

from alerting.gathering import Gathered
from alerting.message import Happening, compose
from alerting.settings import AlertingSettings
from store import alert_ledger as ledger
from store import notifications, versions
from store.alert_groups import groups
from store.alert_rows import Alert, Incident
from store.database import Transaction
from store.notifications import NewNotification, notification_key


class Teller:
    """Writes messages.

    Args:
        workspace: whose.
        settings: rules and who they tell.
    """

    def __init__(self, workspace: str, settings: AlertingSettings) -> None:
        self._workspace = workspace
        self._settings = settings
        self._rules = {rule.name: rule for rule in settings.rules}

    def fires(self, tx: Transaction, gathered: Gathered, now_us: int) -> None:
        """Tell every notifier which of its alerts fire; the alerts that join before it is sent come into the same message.

        One that joins later is told of where the message spoke of its column, and not of anything as bad.
        """
        incident = gathered.incident
        known = ledger.alerts_of_incident(tx, self._workspace, incident)
        # One pass over the past may see an alert fire and resolve.
        alerts = [alert for alert in known if alert.is_live or alert in gathered.fired]
        for notifier in self._settings.notifiers:
            mine = [alert for alert in alerts if notifier in self._notifiers_of(alert)]
            if mine and not self._enqueue(tx, incident, "firing", notifier, mine, mine[0].alert, now_us):
                self._follow(tx, incident, "firing", notifier, _unheard(mine, known, gathered), now_us)

    def escalates(
        self, tx: Transaction, incident: Incident, alerts: Sequence[Alert], notifiers: Iterable[str], now_us: int
    ) -> None:
        """Tell notifiers that nobody took these alerts on, each alert once."""
        for notifier in notifiers:
            self._follow(tx, incident, "escalated", notifier, alerts, now_us)

    def resolves(self, tx: Transaction, incident: Incident, now_us: int) -> None:
        """Tell whoever was told that it fires, or that it escalated, that it is over."""
        alerts = ledger.alerts_of_incident(tx, self._workspace, incident)
        for notifier in self._settings.notifiers:
            if self._told(tx, incident, "firing", notifier) or self._told(tx, incident, "escalated", notifier):
                self._follow(tx, incident, "resolved", notifier, alerts, now_us)

    def _notifiers_of(self, alert: Alert) -> tuple[str, ...]:
        """Nobody, once its rule is gone from the settings."""
        rule = self._rules.get(alert.rule)
        return self._settings.notifiers_of(rule) if rule else ()

    def _told(self, tx: Transaction, incident: Incident, happening: Happening, notifier: str) -> tuple[str, int] | None:
        key = notification_key(incident.incident, incident.opened_us, happening, notifier)
        return notifications.told(tx, self._workspace, key)

    def _follow(
        self,
        tx: Transaction,
        incident: Incident,
        happening: Happening,
        notifier: str,
        alerts: Sequence[Alert],
        now_us: int,
    ) -> None:
        """A message that goes out after those before it: filed under the same alert, and later by a microsecond at least."""
        if not alerts:
            return
        again = happening != "resolved" and self._told(tx, incident, happening, notifier)
        more = ",".join(sorted(f"{alert.alert} {alert.fired_us}" for alert in alerts)) if again else ""
        before = [self._told(tx, incident, "escalated", notifier), self._told(tx, incident, "firing", notifier)]
        lead, told_us = next((b for b in before if b), (alerts[0].alert, now_us - 1))
        self._enqueue(tx, incident, happening, notifier, alerts, lead, max(now_us, told_us + 1), more)

    def _enqueue(
        self,
        tx: Transaction,
        incident: Incident,
        happening: Happening,
        notifier: str,
        alerts: Sequence[Alert],
        lead: str,
        created_us: int,
        more: str = "",
    ) -> bool:
        several = versions.has_several(tx, self._workspace, incident.model)
        message = compose(self._workspace, incident, happening, alerts, self._settings.dashboard_url, several=several)
        key = notification_key(incident.incident, incident.opened_us, happening, notifier, more)
        new = NewNotification(key, lead, happening, notifier, message.to_payload(), created_us)
        return notifications.enqueue(tx, self._workspace, new)


def _unheard(alerts: Sequence[Alert], known: Sequence[Alert], gathered: Gathered) -> list[Alert]:
    """Those that fired now, speak for themselves and are of a cause that the incident has told of, with what is under them."""
    fired = {alert.alert for alert in gathered.fired if alert.is_live}
    told = {_cause(alert) for alert in known if alert.alert not in fired}
    new = [(head, held) for head, held in groups(alerts) if head.alert in fired and _cause(head) in told]
    return [alert for head, held in new for alert in (head, *held)]


def _cause(alert: Alert) -> tuple[str, str, str]:
    return alert.rule, alert.metric, alert.column

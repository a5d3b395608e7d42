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

_OPENING: tuple[Happening, ...] = ("escalated", "firing")  # what a notifier first hears of an incident


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

        One that joins later is told of where the message spoke of its column, and not of anything as bad. What is silenced is told
        to nobody, and speaks for nothing else.
        """
        if all(alert.withheld for alert in gathered.fired):
            return
        incident = gathered.incident
        known = ledger.alerts_of_incident(tx, self._workspace, incident)
        # One pass over the past may see an alert fire and resolve.
        alerts = [alert for alert in known if (alert.is_live or alert in gathered.fired) and not alert.withheld]
        for notifier in self._hearing("firing", incident):
            mine = [alert for alert in alerts if notifier in self._notifiers_of(alert)]
            if mine and not self._enqueue(tx, incident, "firing", notifier, mine, now_us):
                self._follow(tx, incident, "firing", notifier, _unheard(mine, known, gathered), now_us)

    def still_fires(self, tx: Transaction, incident: Incident, released: Sequence[Alert], now_us: int) -> None:
        """Tell of what fired in a silence and still does, less what fires under one that was told of."""
        told = [a for a in ledger.alerts_of_incident(tx, self._workspace, incident) if not a.withheld]
        mute = {alert.alert for alert in released}
        new = [a for head, held in groups(told) if head.alert in mute for a in (head, *held)]
        for notifier in self._hearing("firing", incident):
            mine = [alert for alert in told if alert.is_live and notifier in self._notifiers_of(alert)]
            news = [alert for alert in new if alert in mine]
            if news and not self._enqueue(tx, incident, "firing", notifier, mine, now_us):
                self._follow(tx, incident, "firing", notifier, news, now_us)

    def escalates(
        self, tx: Transaction, incident: Incident, alerts: Sequence[Alert], notifiers: Iterable[str], now_us: int
    ) -> None:
        """Tell notifiers that nobody took these alerts on, each alert once."""
        hearing = self._hearing("escalated", incident)
        for notifier in notifiers:
            if notifier in hearing:
                self._follow(tx, incident, "escalated", notifier, alerts, now_us)

    def acknowledges(self, tx: Transaction, taken: Sequence[tuple[Incident, int]], now_us: int) -> None:
        """Tell whoever was told of these incidents that somebody took on all that fires, and when last; each time once."""
        for incident, taken_us, notifier in self.unaware(tx, taken):
            alerts = _heard([a for a in ledger.alerts_of_incident(tx, self._workspace, incident) if a.is_live])
            self._enqueue(tx, incident, "acknowledged", notifier, alerts, now_us, str(taken_us))

    def unaware(self, tx: Transaction, taken: Sequence[tuple[Incident, int]]) -> list[tuple[Incident, int, str]]:
        """Of incidents that were taken on, those with a notifier that was told of them, is to hear of that, and did not yet."""
        asked = [
            (incident, taken_us, notifier)
            for incident, taken_us in taken
            for notifier in self._hearing("acknowledged", incident)
        ]
        opening = [[_key(one, happening, notifier) for happening in _OPENING] for one, _, notifier in asked]
        heard = [_key(one, "acknowledged", notifier, str(taken_us)) for one, taken_us, notifier in asked]
        written = notifications.written(tx, self._workspace, [*heard, *(key for keys in opening for key in keys)])
        found = zip(asked, opening, heard, strict=True)
        return [one for one, keys, key in found if not written.isdisjoint(keys) and key not in written]

    def resolves(self, tx: Transaction, incident: Incident, now_us: int) -> None:
        """Tell whoever was told that it fires, or that it escalated, that it is over."""
        alerts = _heard(ledger.alerts_of_incident(tx, self._workspace, incident))
        for notifier in self._hearing("resolved", incident):
            if self._knows(tx, incident, notifier):
                self._follow(tx, incident, "resolved", notifier, alerts, now_us)

    def _hearing(self, happening: Happening, incident: Incident) -> list[str]:
        return [name for name, one in self._settings.notifiers.items() if one.hears(happening, incident.tier)]

    def _knows(self, tx: Transaction, incident: Incident, notifier: str) -> bool:
        return any(self._told(tx, incident, happening, notifier) for happening in _OPENING)

    def _notifiers_of(self, alert: Alert) -> tuple[str, ...]:
        """Nobody, once its rule is gone from the settings."""
        rule = self._rules.get(alert.rule)
        return self._settings.notifiers_of(rule) if rule else ()

    def _told(self, tx: Transaction, incident: Incident, happening: Happening, notifier: str) -> tuple[str, int] | None:
        return notifications.told(tx, self._workspace, _key(incident, happening, notifier))

    def _follow(
        self,
        tx: Transaction,
        incident: Incident,
        happening: Happening,
        notifier: str,
        alerts: Sequence[Alert],
        now_us: int,
    ) -> None:
        """A message about these alerts, unless there are none; what came after the first of its happening is one more."""
        if not alerts:
            return
        again = happening != "resolved" and self._told(tx, incident, happening, notifier)
        more = ",".join(sorted(f"{alert.alert} {alert.fired_us}" for alert in alerts)) if again else ""
        self._enqueue(tx, incident, happening, notifier, alerts, now_us, more)

    def _enqueue(
        self,
        tx: Transaction,
        incident: Incident,
        happening: Happening,
        notifier: str,
        alerts: Sequence[Alert],
        now_us: int,
        more: str = "",
    ) -> bool:
        """A message that goes out after those before it, those of when the incident was open before too: later by a microsecond."""
        several, url = versions.has_several(tx, self._workspace, incident.model), self._settings.dashboard_url
        message = compose(self._workspace, incident, happening, alerts, url, now_us, several=several)
        key = _key(incident, happening, notifier, more)
        filed, last_us = self._file(tx, incident, notifier)
        new = NewNotification(key, filed, happening, notifier, message.to_payload(), max(now_us, last_us + 1))
        return notifications.enqueue(tx, self._workspace, new)

    def _file(self, tx: Transaction, incident: Incident, notifier: str) -> tuple[str, int]:
        """What an incident's messages are filed under, and the moment of the newest of them that is known."""
        before = [self._told(tx, incident, happening, notifier) for happening in _OPENING]
        filed, told_us = next((b for b in before if b), (incident.incident, 0))
        return filed, max(told_us, notifications.last_pending_us(tx, self._workspace, filed, notifier))


def _key(incident: Incident, happening: Happening, notifier: str, more: str = "") -> str:
    return notification_key(incident.incident, incident.opened_us, happening, notifier, more)


def _heard(alerts: Sequence[Alert]) -> Sequence[Alert]:
    """Less those of which nobody was told; all of them where that leaves none, since whoever knows the incident hears its end."""
    return [alert for alert in alerts if not alert.withheld] or alerts


def _unheard(alerts: Sequence[Alert], known: Sequence[Alert], gathered: Gathered) -> list[Alert]:
    """Those that fired now, speak for themselves and are of a cause that the incident has told of, with what is under them."""
    fired = {alert.alert for alert in gathered.fired if alert.is_live}
    told = {_cause(alert) for alert in known if alert.alert not in fired}
    new = [(head, held) for head, held in groups(alerts) if head.alert in fired and _cause(head) in told]
    return [alert for head, held in new for alert in (head, *held)]


def _cause(alert: Alert) -> tuple[str, str, str]:
    return alert.rule, alert.metric, alert.column

"""What is open, as people look at it: incident by incident, each cause with the alerts that are told as one."""

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from store.alert_groups import groups
from store.alert_rows import ALERT_COLUMNS, FIRING, INCIDENT_COLUMNS, OPEN, Alert, Incident, to_alert
from store.database import Database
from store.tables import alerts as t
from store.tables import incidents as i


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that is open.

    Attributes:
        groups: each alert that speaks for itself, with those under it: the worst tier first, live before over, the newest, the
            furthest from what was expected.
    """

    incident: Incident
    groups: tuple[tuple[Alert, tuple[Alert, ...]], ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All of them, each group from its head on."""
        return tuple(alert for head, held in self.groups for alert in (head, *held))

    @property
    def since_us(self) -> int:
        """The first abnormal window of any that speaks for itself (event time)."""
        return min((head.first_window_us for head, _ in self.groups), default=self.incident.opened_us)

    @property
    def is_taken(self) -> bool:
        """Whether somebody has taken on all that fires in it."""
        return all(alert.state != FIRING for alert in self.alerts)


def open_incidents(db: Database, workspace: str, model: str | None = None) -> tuple[OpenIncident, ...]:
    """The open incidents of a model, or of all: the worst tier first, what nobody has taken on before the rest, then the newest."""
    which = [i.c.workspace == workspace, i.c.state == OPEN, *([] if model is None else [i.c.model == model])]
    members: defaultdict[str, list[Alert]] = defaultdict(list)
    same = sa.and_(t.c.workspace == i.c.workspace, t.c.model == i.c.model, t.c.incident == i.c.incident)
    with db.read() as connection:
        opened = [Incident(*row) for row in connection.execute(sa.select(*INCIDENT_COLUMNS).where(*which))]
        query = sa.select(*ALERT_COLUMNS).select_from(t.join(i, same)).where(*which)
        for row in connection.execute(query.order_by(t.c.first_window_us, t.c.alert)):
            members[row.incident].append(to_alert(row))
    found = [_opened(incident, members[incident.incident]) for incident in opened]
    return tuple(sorted(found, key=lambda o: (o.incident.tier, o.is_taken, -o.since_us, o.incident.incident)))


def _opened(incident: Incident, alerts: list[Alert]) -> OpenIncident:
    ordered = sorted(groups(alerts), key=lambda group: _urgency(group[0]))
    return OpenIncident(incident, tuple((head, tuple(sorted(held, key=_place))) for head, held in ordered))


def _urgency(alert: Alert) -> tuple[str, bool, int, float, str]:
    return alert.tier, not alert.is_live, -alert.first_window_us, -alert.distance, alert.alert


def _place(alert: Alert) -> tuple[str, ...]:
    return alert.size, alert.column, alert.version, alert.segment, alert.alert

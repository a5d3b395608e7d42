"""Alerts and incidents as they are stored.

An alert is one fingerprint (rule, model, version, segment, size, metric, column) from its first abnormal window until it is calm
again; an incident gathers the alerts of one model and tier that fired in the same window, and those that fired under them.
"""

import hashlib
from dataclasses import dataclass, fields
from typing import Any

import msgspec
import sqlalchemy as sa

from store.database import Transaction
from store.tables import alerts as t
from store.tables import incidents as i

PENDING, FIRING, ACKNOWLEDGED, RESOLVED = "pending", "firing", "acknowledged", "resolved"
RETIRED = "retired"  # a resolution: its model was
LAPSED = "lapsed"  # a resolution: its version is decided no more
OPEN = "open"  # of an incident; it ends as RESOLVED


@dataclass(frozen=True, slots=True)
class Evidence:
    """One metric's part in an alert, in the metric's unit."""

    metric: str
    value: float | None
    expected: float | None
    p_value: float | None
    status: str


@dataclass(frozen=True, slots=True)
class AlertDetails:
    """What has no column of its own.

    Attributes:
        fired_window_us: event time: start of the window in which it fired; None while pending.
        last_window_end_us: event time: end of the last abnormal window.
        evidence: of the last abnormal window.
        resolution: "calm", "withdrawn" (late data took the abnormal windows back), "person", "retired" (its model was) or
            "lapsed" (its version is decided no more, others are calm); "" while open.
        resolved_by: the person.
        acknowledged_value: the value that whoever acknowledged it was shown; None where nobody did.
        under: the wider alert of the same incident that fired when this one did, and speaks for it; "" when it speaks for itself.
        told_us: wall clock: when people were told that it fires, where that waited for the end of a silence.
    """

    fired_window_us: int | None = None
    last_window_end_us: int = 0
    evidence: tuple[Evidence, ...] = ()
    resolution: str = ""
    resolved_by: str = ""
    under: str = ""
    acknowledged_value: float | None = None
    told_us: int | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; `*_window_us` are starts of windows in event time, every other `*_us` is wall clock.

    Attributes:
        withheld: nobody was told that it fires, since it was silenced then; it stays so when it ends untold.
    """

    alert: str
    fingerprint: str
    rule: str
    tier: str
    state: str
    model: str
    version: str
    segment: str
    size: str
    metric: str
    column: str
    value: float | None
    expected: float | None
    summary: str
    details: AlertDetails
    first_window_us: int
    last_window_us: int
    seen_window_us: int
    calm_windows: int
    opened_us: int
    fired_us: int | None = None
    acknowledged_us: int | None = None
    acknowledged_by: str = ""
    resolved_us: int | None = None
    escalated_us: int | None = None
    incident: str = ""
    withheld: bool = False

    @property
    def distance(self) -> float:
        """How far its value is from what was expected."""
        return abs((self.value or 0.0) - (self.expected or 0.0))

    @property
    def is_live(self) -> bool:
        """Whether people are still meant to act on it."""
        return self.state in (FIRING, ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts of one model and tier that fired in the same window, and under those; `opened_us` moves when it opens again."""

    incident: str
    model: str
    tier: str
    state: str
    title: str
    opened_us: int
    resolved_us: int | None = None


ALERT_COLUMNS = [t.c[f.name] for f in fields(Alert)]
INCIDENT_COLUMNS = [i.c[f.name] for f in fields(Incident)]


def derived_key(*parts: object) -> str:
    """A key that depends on its parts alone: writing the same thing twice writes it once.

    >>> derived_key("a", "bc") == derived_key("ab", "c")
    False
    """
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def to_alert(row: sa.Row[Any]) -> Alert:
    """The alert of a row of ALERT_COLUMNS."""
    values = row._asdict()
    return Alert(**values | {"details": msgspec.convert(values["details"], AlertDetails)})


def alert_row(workspace: str, alert: Alert) -> dict[str, Any]:
    """The row of an alert."""
    values = {f.name: getattr(alert, f.name) for f in fields(alert)}
    return values | {"workspace": workspace, "details": msgspec.to_builtins(alert.details)}


def read_alerts(tx: Transaction, *where: sa.ColumnElement[bool]) -> list[Alert]:
    """Alerts by what they fulfil, by first window."""
    query = sa.select(*ALERT_COLUMNS).where(*where).order_by(t.c.first_window_us, t.c.alert)
    return [to_alert(row) for row in tx.execute(query)]

"""What a notifier is given: everything a person needs to judge an incident, and nothing of any channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from kernel.versions import OF_ALL_VERSIONS, version_words
from kernel.windows import span_words
from store.alert_groups import also, groups
from store.alert_rows import RETIRED, Alert, Incident

Happening = Literal["firing", "escalated", "acknowledged", "resolved"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One alert in a message; column "" for the whole model, segment "" for all rows; numbers in the metric's unit.

    Attributes:
        several: whether the model has versions to tell apart; what version "" is then, kernel/versions.py says.
        also: where else the same fires, for people; "" for nowhere.
    """

    rule: str
    version: str
    segment: str
    size: str
    metric: str
    column: str
    value: float | None
    expected: float | None
    window_start_us: int
    window_end_us: int
    resolution: str = ""
    also: str = ""
    several: bool = False

    @property
    def subject(self) -> str:
        """What moved, for people; "" where it is all that the model has."""
        pooled = self.metric in OF_ALL_VERSIONS
        version = version_words(self.version, pooled=pooled, several=self.several)
        return ", ".join(part for part in (self.column, version, self.segment) if part)

    @property
    def numbers(self) -> str:
        """The value beside what was expected, for people."""
        return f"{self.metric} {show(self.value)}, {show(self.expected)} expected"

    @property
    def window(self) -> str:
        """The last abnormal window, for people."""
        return span_words((self.window_start_us, self.window_end_us))


@dataclass(frozen=True, slots=True)
class Message:
    """One happening of one incident.

    Attributes:
        incident: its id; the same in every message about it.
        happening: firing, escalated, acknowledged or resolved.
        tier: P0, P1 or P2.
        title: one line.
        findings: its alerts, less those that fire under another of them; never empty.
        link: the dashboard's page.
        told_us: when it was written, by the wall clock; 0 where nobody said.
    """

    workspace: str
    incident: str
    happening: Happening
    tier: str
    model: str
    title: str
    findings: tuple[Finding, ...]
    link: str
    told_us: int = 0

    def to_payload(self) -> dict[str, Any]:
        """The message as JSON; `from_payload` gives it back."""
        payload: dict[str, Any] = msgspec.to_builtins(self)
        return payload

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> "Message":
        """The message of a payload.

        Raises:
            msgspec.ValidationError: when the payload is none.
        """
        return msgspec.convert(payload, cls)


def show(number: float | None) -> str:
    """A number in four significant digits; a dash for none.

    >>> show(0.123456), show(None)
    ('0.1235', '-')
    """
    return "-" if number is None else f"{number:.4g}"


def finding(alert: Alert, held: Sequence[Alert] = (), *, several: bool) -> Finding:
    """An alert as a message tells it, with those that fire under it."""
    return Finding(
        rule=alert.rule,
        version=alert.version,
        segment=alert.segment,
        size=alert.size,
        metric=alert.metric,
        column=alert.column,
        value=alert.value,
        expected=alert.expected,
        window_start_us=alert.last_window_us,
        window_end_us=alert.details.last_window_end_us,
        resolution=alert.details.resolution,
        also=also(alert, held),
        several=several,
    )


def summary(alert: Alert, *, several: bool) -> str:
    """One line about one alert."""
    told = finding(alert, several=several)
    return ": ".join(part for part in (alert.model, told.subject, told.numbers) if part)


def title(model: str, alerts: Sequence[Alert]) -> str:
    """One line about an incident: the rules it broke, and on how many columns."""
    rules = ", ".join(sorted({alert.rule for alert in alerts}))
    columns = sorted({alert.column for alert in alerts if alert.column})
    if not columns:
        return f"{model}: {rules}"
    return f"{model}: {rules} on {columns[0]}" if len(columns) == 1 else f"{model}: {rules} on {len(columns)} columns"


def compose(
    workspace: str,
    incident: Incident,
    happening: Happening,
    alerts: Sequence[Alert],
    dashboard_url: str,
    told_us: int = 0,
    *,
    several: bool,
) -> Message:
    """The message about some alerts of an incident: the worst tier first, then the furthest from what was expected.

    Args:
        several: whether the model has versions to tell apart.
    """
    told = sorted(groups(alerts), key=lambda g: (g[0].tier, -g[0].distance, g[0].alert))
    over = happening == "resolved" and any(alert.details.resolution == RETIRED for alert in alerts)
    headline = title(incident.model, [head for head, _ in told])
    return Message(
        workspace=workspace,
        incident=incident.incident,
        happening=happening,
        tier=incident.tier,
        model=incident.model,
        title=f"{headline} (the model was retired)" if over else headline,
        findings=tuple(finding(head, held, several=several) for head, held in told),
        link=f"{dashboard_url.rstrip('/')}/model?model={quote(incident.model, safe='')}",
        told_us=told_us,
    )

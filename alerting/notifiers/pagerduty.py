"""PagerDuty, by its Events API v2: an incident here is one alert there, from the first message to the last.

Source: https://developer.pagerduty.com/docs/events-api-v2-overview, and "Send an alert event" beside it. 202 is success, 400 a
fault of ours; 429, 5xx and silence are tried again. Its own client (pagerduty on PyPI) tries again by itself, waiting within the
call, which the outbox does here and does across a crash; so this posts by the library that the retraining webhook is posted by.
"""

from typing import Any, Literal

import httpx
import msgspec
from pydantic import Field, HttpUrl, SecretStr, field_validator

from alerting.errors import UnansweredError, require_success
from alerting.message import Finding, Happening, Message, show
from alerting.notifiers.contract import NotifierSection
from alerting.rules import Tier
from kernel.clock import to_rfc3339
from store.alert_rows import derived_key

_KEY_CHARS = 32  # PagerDuty's length of an integration key
_SUMMARY_CHARS = 1_024  # PagerDuty's limit
_TEXT_CHARS = 255  # of any other text: the event stays far below PagerDuty's 512 KB
_FINDINGS = 10  # what a person reads at night; the rest is behind the link
_ACTIONS: dict[Happening, str] = {
    "firing": "trigger",
    "escalated": "trigger",
    "acknowledged": "acknowledge",
    "resolved": "resolve",
}
_SEVERITIES = {"P0": "critical", "P1": "error", "P2": "warning"}


class PagerDutySettings(NotifierSection):
    """A service of PagerDuty."""

    kind: Literal["pagerduty"] = "pagerduty"
    routing_key: SecretStr = Field(description="The integration key of the service, 32 characters; of Events API v2.")
    base_url: HttpUrl = Field(
        HttpUrl("https://events.pagerduty.com"),
        description="Where events go; https://events.eu.pagerduty.com for accounts in the EU.",
    )
    tiers: tuple[Tier, ...] = Field(("P0", "P1"), min_length=1, description="The tiers that it is told of.")
    runbook: HttpUrl | None = Field(None, description="A page that every alert links to, beside the dashboard.")
    timeout_s: int = Field(10, ge=1, le=20, description="Seconds that PagerDuty may take.")

    @field_validator("routing_key")
    @classmethod
    def _is_whole(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if len(text) != _KEY_CHARS or not (text.isascii() and text.isalnum()):
            raise ValueError(f"an integration key of PagerDuty's Events API v2 is {_KEY_CHARS} letters and digits")
        return key

    def hears(self, happening: Happening, tier: str) -> bool:
        """What it was told of it follows to the end, whichever tiers it takes by then."""
        return happening in ("acknowledged", "resolved") or tier in self.tiers


class PagerDutyNotifier:
    """Sends events to one service; tries once, since the outbox tries again."""

    def __init__(self, settings: PagerDutySettings) -> None:
        self._routing_key = settings.routing_key
        self._runbook = str(settings.runbook or "")
        self._client = httpx.Client(base_url=str(settings.base_url), timeout=settings.timeout_s)

    def send(self, message: Message) -> None:
        """Send one event. Sent twice it is one alert still: the deduplication key says which.

        Raises:
            RetryableError: PagerDuty is away or busy (429 with its Retry-After, 5xx).
            FinalError: PagerDuty refused the event, or the key.
        """
        key = self._routing_key.get_secret_value()
        body = msgspec.json.encode({"routing_key": key, **event(message, self._runbook)})
        try:
            answer = self._client.post("v2/enqueue", content=body, headers={"Content-Type": "application/json"})
        except httpx.HTTPError as error:
            raise UnansweredError(f"PagerDuty does not answer: {error}") from error
        require_success("PagerDuty", answer.status_code, answer.headers, answer.text.replace(key, "***"))


def event(message: Message, runbook: str = "") -> dict[str, Any]:
    """The message as an event, less the routing key.

    Args:
        runbook: a URL; "" for none.
    """
    links = [{"href": message.link, "text": "Dashboard"}]
    return {
        "event_action": _ACTIONS[message.happening],
        "dedup_key": dedup_key(message),
        "payload": _payload(message),
        "links": [*links, {"href": runbook, "text": "Runbook"}] if runbook else links,
        "client": "Driftglass",
        "client_url": message.link,
    }


def dedup_key(message: Message) -> str:
    """What says that events are of one alert: the same in every message about an incident, and in none about another."""
    return f"driftglass-{derived_key(message.workspace, message.model, message.incident)}"


def _payload(message: Message) -> dict[str, Any]:
    worst = message.findings[0]
    told = {"timestamp": to_rfc3339(message.told_us)} if message.told_us else {}
    return told | {
        "summary": _summary(message),
        "source": _clip(f"{message.workspace}/{message.model}"),
        "severity": _SEVERITIES[message.tier],
        "component": _clip(worst.version),
        "group": _clip(message.workspace),
        "class": _clip(worst.metric),
        "custom_details": _details(message),
    }


def _summary(message: Message) -> str:
    worst, more = message.findings[0], len(message.findings) - 1
    parts = (
        f"{message.tier} {message.happening}: {_clip(message.title)}",
        f"{_clip(worst.subject or message.model)}: {_clip(worst.numbers)}, {worst.window}",
        *([f"and {more} more"] if more else []),
    )
    return _clip("; ".join(parts), _SUMMARY_CHARS)


def _details(message: Message) -> dict[str, Any]:
    shown = message.findings[:_FINDINGS]
    more = len(message.findings) - len(shown)
    return {
        "incident": _clip(message.incident),
        "model": _clip(message.model),
        "findings": [_finding(one) for one in shown],
    } | ({"more_findings": more} if more else {})


def _finding(finding: Finding) -> dict[str, str]:
    told = {
        "what": finding.subject,
        "rule": finding.rule,
        "metric": finding.metric,
        "value": show(finding.value),
        "expected": show(finding.expected),
        "window": finding.window,
        "also": finding.also,
        "resolution": finding.resolution,
    }
    return {name: _clip(text) for name, text in told.items() if text}


def _clip(text: str, longest: int = _TEXT_CHARS) -> str:
    """A text of so many characters at most.

    >>> _clip("a long name", 6)
    'a lon…'
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

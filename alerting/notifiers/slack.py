"""Slack, by an incoming webhook."""

from http.client import HTTPException
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookClient

from alerting.errors import UnansweredError, require_success
from alerting.message import Finding, Message
from alerting.notifiers.contract import NotifierSection

_HEADER_CHARS, _SECTION_CHARS = 150, 3_000  # Slack's limits of a block
_FINDINGS = 10  # what a person reads in a channel; the rest is behind the link
_MARKS = {"P0": ":rotating_light:", "P1": ":warning:", "P2": ":information_source:"}


class SlackSettings(NotifierSection):
    """A Slack channel."""

    kind: Literal["slack"] = "slack"
    url: SecretStr = Field(description="The incoming webhook's URL, https://hooks.slack.com/services/...")
    timeout_s: int = Field(10, ge=1, description="Seconds that Slack may take.")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("a Slack webhook's URL begins with https://")
        return url


class SlackNotifier:
    """Posts messages to one channel; tries once, since the outbox tries again."""

    def __init__(self, settings: SlackSettings) -> None:
        self._client = WebhookClient(settings.url.get_secret_value(), settings.timeout_s, retry_handlers=[])

    def send(self, message: Message) -> None:
        """Post one message.

        Raises:
            RetryableError: Slack is away or busy (429 with its Retry-After, 5xx).
            FinalError: Slack refused: the webhook is gone, or the channel archived.
        """
        try:
            answer = self._client.send(text=_headline(message), blocks=blocks(message))
        except (OSError, HTTPException, SlackClientError) as error:
            raise UnansweredError(f"Slack does not answer: {error}") from error
        headers = {name.lower(): str(value) for name, value in answer.headers.items()}
        require_success("Slack", answer.status_code, headers, answer.body)


def blocks(message: Message) -> list[dict[str, Any]]:
    """The message in Slack's Block Kit: tier and model, what moved, value beside expected, window, link."""
    parts = [
        {"type": "header", "text": {"type": "plain_text", "text": _headline(message)[:_HEADER_CHARS]}},
        _section(_findings(message)),
        _section(f"<{message.link}|Open the dashboard>"),
    ]
    context = f"{message.workspace} · incident {message.incident}"
    parts.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _escape(context)}]})
    return parts


def _headline(message: Message) -> str:
    mark = ":white_check_mark:" if message.happening == "resolved" else _MARKS[message.tier]
    return f"{mark} {message.tier} {message.happening}: {message.title}"


def _findings(message: Message) -> str:
    lines = [
        f"• *{_escape(finding.subject or message.model)}*: {_escape(finding.numbers)} ({finding.window}){_also(finding)}"
        for finding in message.findings[:_FINDINGS]
    ]
    more = len(message.findings) - len(lines)
    if more:
        lines.append(f"and {more} more")
    return "\n".join(lines)


def _also(finding: Finding) -> str:
    return f"; also {_escape(finding.also)}" if finding.also else ""


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_SECTION_CHARS]}}


def _escape(text: str) -> str:
    """Slack's own three; see https://docs.slack.dev/messaging/formatting-message-text#escaping."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

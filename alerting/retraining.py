"""Retraining: a P1 drift that fires asks for it, once an incident; the request is posted where there is a webhook."""

from typing import Any

import httpx

from alerting.errors import UnansweredError, require_success
from alerting.gathering import Gathered
from alerting.rules import Rule
from alerting.settings import RetrainingSettings
from kernel.clock import to_rfc3339
from store.alert_rows import Alert, derived_key
from store.database import Transaction
from store.retraining import NewRequest, write_request


def request_retraining(
    tx: Transaction,
    workspace: str,
    settings: RetrainingSettings,
    rules: dict[str, Rule],
    gathered: Gathered,
    now_us: int,
) -> bool:
    """Write the request of an incident, if one of the alerts that fired asks for it; whether one was written now."""
    causes = [a for a in gathered.fired if a.rule in rules and rules[a.rule].retrains]
    if not causes:
        return False
    versions = {alert.version for alert in causes}
    new = NewRequest(
        request=derived_key(workspace, "retraining", gathered.incident.incident),
        model=gathered.incident.model,
        version=versions.pop() if len(versions) == 1 else "",
        alert=causes[0].alert,
        reason=gathered.incident.title,
        payload=_payload(workspace, gathered, causes, settings),
        state="pending" if settings.webhook else "recorded",
        created_us=now_us,
    )
    return write_request(tx, workspace, new)


def _payload(workspace: str, gathered: Gathered, causes: list[Alert], settings: RetrainingSettings) -> dict[str, Any]:
    """What a training pipeline needs: what moved, when, and the data to train on, which ends with the newest drifted window."""
    until_us = max(alert.details.last_window_end_us for alert in causes)
    spans = sorted({(a.first_window_us, a.details.last_window_end_us, a.size) for a in causes})
    return {
        "workspace": workspace,
        "incident": gathered.incident.incident,
        "model": gathered.incident.model,
        "versions": sorted({alert.version for alert in causes}),
        "reason": gathered.incident.title,
        "columns": sorted({alert.column for alert in causes if alert.column}),
        "windows": [{"start": to_rfc3339(a), "end": to_rfc3339(b), "size": size} for a, b, size in spans],
        "training_window": {
            "start": to_rfc3339(until_us - settings.training_window),
            "end": to_rfc3339(until_us),
        },
    }


class RetrainingWebhook:
    """Posts requests as JSON; tries once, since the outbox tries again. The Idempotency-Key is the request's id.

    Args:
        settings: with a webhook.
    """

    def __init__(self, settings: RetrainingSettings) -> None:
        self._url = str(settings.webhook)
        self._client = httpx.Client(timeout=settings.timeout_s)

    def post(self, request: str, payload: dict[str, Any]) -> None:
        """Post one request.

        Raises:
            RetryableError: the webhook is away or busy.
            FinalError: the webhook refused.
        """
        try:
            answer = self._client.post(
                self._url, json={"request": request, **payload}, headers={"Idempotency-Key": request}
            )
        except httpx.HTTPError as error:
            raise UnansweredError(f"the retraining webhook does not answer: {error}") from error
        require_success("the retraining webhook", answer.status_code, answer.headers, answer.text)

    def close(self) -> None:
        """Close its connections; nothing is posted afterwards."""
        self._client.close()

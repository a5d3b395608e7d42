"""Notifiers from their settings."""

from collections.abc import Mapping

from alerting.notifiers.console import ConsoleNotifier, ConsoleSettings
from alerting.notifiers.contract import Notifier
from alerting.notifiers.pagerduty import PagerDutyNotifier, PagerDutySettings
from alerting.notifiers.slack import SlackNotifier, SlackSettings
from alerting.settings import NotifierSettings


def build_notifiers(settings: Mapping[str, NotifierSettings]) -> dict[str, Notifier]:
    """One notifier a name."""
    return {name: _build(one) for name, one in settings.items()}


def _build(settings: NotifierSettings) -> Notifier:
    match settings:
        case ConsoleSettings():
            return ConsoleNotifier()
        case SlackSettings():
            return SlackNotifier(settings)
        case PagerDutySettings():
            return PagerDutyNotifier(settings)

"""Notifiers from their settings."""

from collections.abc import Mapping

from alerting.notifiers.console import ConsoleNotifier, ConsoleSettings
from alerting.notifiers.contract import Notifier
from alerting.notifiers.slack import SlackNotifier
from alerting.settings import NotifierSettings


def build_notifiers(settings: Mapping[str, NotifierSettings]) -> dict[str, Notifier]:
    """One notifier a name."""
    return {name: _build(one) for name, one in settings.items()}


def _build(settings: NotifierSettings) -> Notifier:
    return ConsoleNotifier() if isinstance(settings, ConsoleSettings) else SlackNotifier(settings)

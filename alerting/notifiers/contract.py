"""What every notifier is, whatever the channel; tests/alerting/test_notifier_conformance.py holds each of them to it."""

from typing import Protocol

from alerting.message import Happening, Message
from kernel.settings import Section


class NotifierSection(Section):
    """What is common to the settings of all notifiers."""

    def hears(self, happening: Happening, tier: str) -> bool:  # noqa: ARG002 - some look at it
        """Whether it is told of such a happening: of all but an acknowledgement, which is for those that keep a state."""
        return happening != "acknowledged"


class Notifier(Protocol):
    """Tells people, or a system that tells people.

    Sending is at least once: after a crash the same message may come again, with the same incident and happening.
    """

    def send(self, message: Message) -> None:
        """Deliver one message; when this returns, the other side has it.

        Raises:
            RetryableError: trying again may help.
            FinalError: the same message will be refused again.
        """
        ...

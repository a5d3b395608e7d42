"""Stage 6: what is in an outbox goes out, at least once; it is recorded as sent only after the sending succeeded."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from alerting.errors import FinalError, RetryableError, UnansweredError
from alerting.settings import RetrySettings
from kernel.clock import SECOND_US, Clock
from store.database import Database
from store.outbox import Claim, Outbox

_log = logging.getLogger("driftglass.alerting")
_BATCH = 20


def wait_us(settings: RetrySettings, attempt: int, jitter: float) -> int:
    """How long to wait after an attempt, from 1: doubling up to the longest, and between half and all of that by jitter in [0, 1].

    >>> settings = RetrySettings(first="4s", longest="60s")
    >>> [wait_us(settings, attempt, 1.0) // SECOND_US for attempt in (1, 2, 3, 99)]
    [4, 8, 16, 60]
    """
    longest_us: int = min(settings.first * 2 ** min(attempt - 1, 32), settings.longest)
    return round(longest_us * (0.5 + jitter / 2))


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one pass did: messages sent, put off, and given up."""

    sent: int = 0
    put_off: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends what is due in one outbox.

    Attributes:
        outbox: where the messages are.
        send: sends one; raises RetryableError or FinalError.
        about: who is told, and of what: errors begin with it.
        jitter: a number in [0, 1] each time.
    """

    db: Database
    workspace: str
    outbox: Outbox
    send: Callable[[Claim], None]
    about: Callable[[Claim], str]
    settings: RetrySettings
    clock: Clock
    jitter: Callable[[], float]

    def step(self) -> Delivered:
        """Send everything that is due now; who does not answer is asked once, and holds up nobody else."""
        outcomes: list[str] = []
        silent: dict[str, UnansweredError] = {}
        while claims := self.outbox.claim(self.db, self.workspace, self.clock.now_us(), self.settings.lease, _BATCH):
            outcomes += [self._deliver(claim, silent) for claim in claims]
        return Delivered(outcomes.count("sent"), outcomes.count("put off"), outcomes.count("failed"))

    def _deliver(self, claim: Claim, silent: dict[str, UnansweredError]) -> str:
        if claim.target in silent:
            return self._put_off(claim, silent[claim.target])
        if not self.outbox.hold(self.db, self.workspace, claim, self.settings.lease):
            return "lost"  # those before it took long, and another process has sent it, and maybe what follows it
        try:
            self.send(claim)
        except FinalError as error:
            return self._fail(claim, str(error))
        except RetryableError as error:
            if isinstance(error, UnansweredError):
                silent[claim.target] = error
            return self._put_off(claim, error)
        self.outbox.mark_sent(self.db, self.workspace, claim, self.clock.now_us())
        return "sent"

    def _put_off(self, claim: Claim, error: RetryableError) -> str:
        wait = max(wait_us(self.settings, claim.attempts, self.jitter()), round(error.retry_after_s * SECOND_US))
        next_try_us = self.clock.now_us() + wait
        if next_try_us > claim.created_us + self.settings.give_up_after:
            return self._fail(claim, f"given up: {error}")
        said = f"{self.about(claim)}: {error}"
        _log.warning("%s; trying again in %.0f s", said, wait / SECOND_US)
        self.outbox.postpone(self.db, self.workspace, claim, said, next_try_us)
        return "put off"

    def _fail(self, claim: Claim, reason: str) -> str:
        said = f"{self.about(claim)}: {reason}"
        _log.error("%s; it is not tried again", said)
        self.outbox.mark_failed(self.db, self.workspace, claim, said)
        return "failed"

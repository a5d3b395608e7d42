"""Keeps a sender below what a client of Driftglass can hold, so that the client never has to drop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from driftglass_client import LOSSES
from kernel.clock import SECOND_US, Clock
from kernel.errors import UnavailableError

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Load:
    """How many records a client holds that the gateway has not taken, and how many it has lost, by reason."""

    pending: int
    lost: Mapping[str, int]

    @classmethod
    def of(cls, stats: Mapping[str, int]) -> Self:
        """The load in what Client.stats() tells.

        >>> Load.of({"queued": 3, "spooled": 0, "sent": 5, "queue_full": 1, "invalid": 0})
        Load(pending=3, lost={'queue_full': 1})
        """
        return cls(stats["queued"] + stats["spooled"], {why: stats[why] for why in LOSSES if stats.get(why)})


class Throttle:
    """Waits while a client holds too much; told of every sending.

    No more than max_pending records go between two readings of the load, so the client never holds more than twice that.

    Args:
        name: whose client, for the error.
        read: tells the client's load; may be a request over the network.
        max_pending: records the client may hold when more are sent; under half of what it has room for.
        patience_s: how long the client may get rid of nothing before this gives up.
    """

    def __init__(self, name: str, read: Callable[[], Load], clock: Clock, max_pending: int, patience_s: float) -> None:
        self._name = name
        self._read = read
        self._clock = clock
        self._max_pending = max_pending
        self._patience_s = patience_s
        self._unread = 0

    def before(self, rows: int) -> None:
        """Announce rows about to be sent; waits while the client holds more than max_pending.

        Raises:
            UnavailableError: when the client gets rid of nothing for patience_s.
        """
        if self._unread + rows > self._max_pending:
            self._wait(self._max_pending)
            self._unread = 0
        self._unread += rows

    def drain(self) -> Load:
        """Wait until the client holds nothing, and tell its last load.

        Raises:
            UnavailableError: when the client gets rid of nothing for patience_s.
        """
        return self._wait(0)

    def _wait(self, max_pending: int) -> Load:
        load = self._read()
        least, since_us = load.pending, self._clock.now_us()
        while load.pending > max_pending:
            self._clock.sleep(_POLL_S)
            load = self._read()
            if load.pending < least:
                least, since_us = load.pending, self._clock.now_us()
            elif self._clock.now_us() - since_us > self._patience_s * SECOND_US:
                raise UnavailableError(
                    f"the {self._name} client still holds {load.pending} records after {self._patience_s:g} s: "
                    "see that the gateway runs and answers"
                )
        return load

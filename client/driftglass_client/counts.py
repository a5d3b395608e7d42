"""What became of the records: sent, rejected, or lost and why."""

from __future__ import annotations

import logging
import threading

logger = logging.getLogger("driftglass_client")

LOSSES = {
    "queue_full": "the queue in memory was full",
    "invalid": "the record holds a value that the wire has no form for",
    "rejected": "the collector accepted the batch but not this record; it is in the dead letters",
    "unreachable": "the log was away for longer than retry_s, and there is no spool",
    "spool_full": "the log was away and the spool has reached spool_bytes",
    "spool_failed": "the log was away and the spool could not be written",
    "spool_damaged": "a batch in the spool could not be read back",
    "bad_request": "the gateway could not read the batch",
    "unauthorized": "the gateway does not know the API key",
    "forbidden": "the API key, or the Kafka user, may not write",
    "too_large": "one record alone is over the size limit",
    "refused": "the log refused the batch for another reason",
    "closed": "the record was logged after close, or close ran out of time",
    "internal": "a defect in the client; the log of the process has its traceback",
}
"""Every reason for a loss that Client.stats() counts."""


class Counts:
    """Counters that any thread may add to. Its lock may be taken again by a signal handler's call."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._counts = dict.fromkeys(["sent", "sampled_out", *LOSSES], 0)
        self._told: set[str] = set()
        self._why: dict[str, str] = {}

    def add(self, name: str, records: int, why: str = "") -> None:
        """Count records as "sent", "sampled_out" or under a reason of LOSSES; an unknown reason is "refused".

        Args:
            why: what was wrong with one of them, for people.
        """
        with self._lock:
            if why:
                self._why.setdefault(name, why)
            self._counts[name if name in self._counts else "refused"] += records

    def snapshot(self) -> dict[str, int]:
        """All counters as they are now."""
        with self._lock:
            return dict(self._counts)

    def tell(self) -> None:
        """Log one warning for each reason that is new, so that no loss is silent and none floods a log."""
        for reason, meaning in LOSSES.items():
            records = self._counts[reason]
            if records and reason not in self._told:
                self._told.add(reason)
                first = f"; the first: {self._why[reason]}" if reason in self._why else ""
                logger.warning("Driftglass lost %d records (%s): %s%s", records, reason, meaning, first)

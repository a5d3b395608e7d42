"""More predictions over HTTP than can be taken, from several senders at once, each waiting no longer than it is told to."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import msgspec

from kernel.clock import to_rfc3339

ROWS = 500  # of one request
_FIRST_US = 1_700_006_400_000_000  # 2023-11-15, midnight
_TIMEOUT_S = 30.0
_LONGEST_PAUSE_S = 0.1  # a flood does not wait as long as it is asked to


@dataclass(slots=True)
class Flood:
    """Senders of equal bodies without ids: those derive from each request's own key, KEY:ROW.

    Attributes:
        accepted: the keys of the requests that were answered with 202.
        refused: the keys of those that were answered with 429.
        turned_away: the keys of those that were answered with 503.
        unanswered: how many got no answer, or another: what they held may be stored or not.
        odd: answers that the contract does not know.
    """

    url: str
    senders: int
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    turned_away: list[str] = field(default_factory=list)
    unanswered: int = 0
    odd: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["Flood"]:
        """Send while the block lasts; at its end every request has its answer, or has failed."""
        body = _body()
        threads = [threading.Thread(target=self._send, args=(body,), daemon=True) for _ in range(self.senders)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join(2 * _TIMEOUT_S)

    def _send(self, body: bytes) -> None:
        with httpx.Client(base_url=self.url, timeout=_TIMEOUT_S) as http:
            while not self._over.is_set():
                key = uuid.uuid4().hex
                headers = {"content-type": "application/x-ndjson", "Idempotency-Key": key}
                try:
                    answer = http.post("/v1/predictions", content=body, headers=headers)
                except httpx.TransportError:
                    self.unanswered += 1
                    continue
                self._note(key, answer)

    def _note(self, key: str, answer: httpx.Response) -> None:
        if answer.status_code == 202 and answer.json()["accepted"] == ROWS:
            self.accepted.append(key)
        elif answer.status_code in (429, 503) and answer.headers.get("Retry-After", "").isdigit():
            (self.refused if answer.status_code == 429 else self.turned_away).append(key)
            self._over.wait(min(int(answer.headers["Retry-After"]), _LONGEST_PAUSE_S))
        else:
            self.odd.append(f"{answer.status_code}: {answer.text[:200]}")


def _body() -> bytes:
    """Records of one model, about 400 bytes each."""
    records = [
        {
            "model": "flooded",
            "ts": to_rfc3339(_FIRST_US + row),
            "features": {f"n{i}": row / (i + 1) for i in range(12)} | {"country": "de"},
            "prediction": "yes" if row % 3 else "no",
        }
        for row in range(ROWS)
    ]
    return b"\n".join(msgspec.json.encode(record) for record in records)

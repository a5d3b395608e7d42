"""What can go wrong when something is sent, and whether trying again may help: that is part of every notifier's contract.

DriftglassError
└── DeliveryError
    ├── RetryableError      the other side is busy or away; may say how long to wait
    │   └── UnansweredError it says nothing at all
    └── FinalError          the other side refused; the same message will be refused again
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from kernel.errors import DriftglassError

_BUSY = frozenset({408, 425, 429})  # request timeout, too early, too many requests
_LONGEST_WAIT_S = 86_400.0  # of what another side may ask for


class DeliveryError(DriftglassError):
    """A message was not delivered."""


class RetryableError(DeliveryError):
    """Trying again may help.

    Args:
        retry_after_s: seconds to wait at least, where the other side said so.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnansweredError(RetryableError):
    """Nobody answers, or not in time: asking for the next message would take as long again."""


class FinalError(DeliveryError):
    """Trying again will not help."""


def require_success(where: str, status: int, headers: Mapping[str, str], body: str) -> None:
    """What an HTTP answer means for a message.

    Args:
        where: who answered, for people; without secrets.
        status: the HTTP status.
        headers: the answer's headers, by their names in lower case.
        body: the answer's text.

    Raises:
        RetryableError: for 408, 425, 429 and every 5xx; with the seconds of Retry-After, a day at most.
        FinalError: for everything else that is not 2xx.

    >>> require_success("the webhook", 204, {}, "")
    """
    if 200 <= status < 300:
        return
    said = f"{where} answered {status}: {body.strip()[:200] or 'nothing'}"
    if status in _BUSY or status >= 500:
        raise RetryableError(said, _asked_wait_s(headers))
    raise FinalError(said)


def _asked_wait_s(headers: Mapping[str, str]) -> float:
    """What Retry-After asks for: seconds, or a moment, which is held against the answer's own Date; 0 where it says neither.

    Source: RFC 9110, section 10.2.3.

    >>> _asked_wait_s({"retry-after": "Tue, 01 Dec 2026 10:02:00 GMT", "date": "Tue, 01 Dec 2026 10:00:00 GMT"})
    120.0
    """
    after = headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        return min(float(after), _LONGEST_WAIT_S)
    try:
        wait = parsedate_to_datetime(after) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):  # no date, or one with a zone beside one without
        return 0.0
    return min(max(wait.total_seconds(), 0.0), _LONGEST_WAIT_S)

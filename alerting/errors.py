"""What can go wrong when something is sent, and whether trying again may help: that is part of every notifier's contract.

DriftglassError
└── DeliveryError
    ├── RetryableError   the other side is busy or away; may say how long to wait
    └── FinalError       the other side refused; the same message will be refused again
"""

from collections.abc import Mapping

from kernel.errors import DriftglassError

_BUSY = frozenset({408, 425, 429})  # request timeout, too early, too many requests


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
        RetryableError: for 408, 425, 429 and every 5xx; with the seconds of Retry-After, where it says seconds.
        FinalError: for everything else that is not 2xx.

    >>> require_success("the webhook", 204, {}, "")
    """
    if 200 <= status < 300:
        return
    said = f"{where} answered {status}: {body.strip()[:200] or 'nothing'}"
    if status in _BUSY or status >= 500:
        after = headers.get("retry-after", "")
        raise RetryableError(said, float(after) if after.isdigit() else 0.0)
    raise FinalError(said)

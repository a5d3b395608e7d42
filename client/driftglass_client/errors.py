"""Every error of the client.

ClientError
├── ClientConfigError   the arguments or the environment are wrong; raised only while a Client is being made
├── SparseBatchError    the rows of a batch share too few names; never reaches the caller, the batch is halved
├── InvalidRecordError  a record cannot be put on the wire; never reaches the caller, counted as "invalid"
└── SendError           a transport could not hand a message over
    ├── UnavailableError   trying again may help
    └── RefusedError       trying again will not help; carries the reason it is counted under
        └── TooLargeError  a part of it may be accepted
"""

from __future__ import annotations


class ClientError(Exception):
    """The root of the client's errors."""


class ClientConfigError(ClientError):
    """The client cannot be made from these arguments, settings or environment variables."""


class InvalidRecordError(ClientError):
    """A record holds a value that the wire has no form for."""


class SparseBatchError(ClientError):
    """Rows that hardly share a name would make a table of holes; fewer of them will not."""


class SendError(ClientError):
    """A transport could not hand a message over."""


class UnavailableError(SendError):
    """The log is away or busy.

    Args:
        message: what happened, for people.
        retry_after_s: how long the log asked to be left alone, in seconds, if it did.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RefusedError(SendError):
    """The log will never take this message.

    Args:
        reason: the name it is counted under in `Client.stats()`.
        message: what happened, for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TooLargeError(RefusedError):
    """The message is over the size limit; half of it may not be."""

    def __init__(self, message: str) -> None:
        super().__init__("too_large", message)

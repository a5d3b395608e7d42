"""Every error Driftglass raises on purpose.

DriftglassError
├── SettingsError       the configuration is wrong; says the line and what is allowed
├── ContractError       a record or a request breaks the contract; says the field
├── RefusedError        a store takes these rows never: what they hold is wrong, and trying again does not help
├── NotFoundError       what was asked for does not exist
├── UnavailableError    a service or a file is not there now; trying again may help
│   └── FullError       a buffer or a disk limit is reached; try again after a while
├── UnauthorizedError   no API key, or one that is not known
├── ForbiddenError      the API key's role does not allow this
└── FencedError         another process owns the partition or the lease; drop the work unwritten

A message is one sentence for people: what is wrong, where, and what to do.
"""


class DriftglassError(Exception):
    """The root of all errors of ours; a command prints it as one line and exits with 1."""


class SettingsError(DriftglassError):
    """The configuration is wrong."""


class ContractError(DriftglassError):
    """A record or a request breaks the contract.

    Args:
        field: the field that is wrong, as the sender spells it; "" for the whole body.
        reason: one sentence.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class RefusedError(DriftglassError):
    """A store refuses rows for what they hold."""


class NotFoundError(DriftglassError):
    """What was asked for does not exist."""


class UnauthorizedError(DriftglassError):
    """No API key was sent, or one that is not known."""


class ForbiddenError(DriftglassError):
    """The API key's role does not allow this."""


class UnavailableError(DriftglassError):
    """A service or a file is not there now."""


class FullError(UnavailableError):
    """A buffer or a disk limit is reached.

    Args:
        retry_after_s: seconds after which another try makes sense.
    """

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class FencedError(DriftglassError):
    """Another process owns the partition or the lease; nothing of this batch was written here."""

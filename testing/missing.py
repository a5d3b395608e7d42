"""What a test says when the service it needs is not on this machine."""


class ServiceMissingError(Exception):
    """A service is not installed; the message is one sentence that says what to do."""

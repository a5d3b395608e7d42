"""How long work over the record log is spread: over nothing, one item after another here, or over Ray's processes."""

from collections.abc import Callable, Generator, Sequence
from importlib.util import find_spec
from typing import Protocol

from kernel.errors import SettingsError
from kernel.settings import StoreSettings

Work = Callable[[int], bytes]
"""Of one item; it travels to where it is done, so it holds what can be sent."""


class Spread(Protocol):
    """Does work on each of some items."""

    def map(self, work: Work, items: Sequence[int]) -> Generator[bytes]:
        """What each item gives, in their order, a few held at a time. Close it where it is not read to its end.

        Raises:
            UnavailableError: what the work needs is away, or who does it.
        """
        ...


class Here:
    """In this process, one after another."""

    def map(self, work: Work, items: Sequence[int]) -> Generator[bytes]:
        """See Spread."""
        return (work(item) for item in items)


def spread_of(settings: StoreSettings) -> Spread:
    """The way that the settings choose; share it in a process.

    Raises:
        SettingsError: it needs an extra that is missing.
    """
    if settings.recount == "here":
        return Here()
    if find_spec("ray") is None:
        raise SettingsError("store.recount is 'ray', and Ray is missing: install it, pip install 'driftglass[ray]'")
    from store.spread_on_ray import OnRay

    return OnRay(settings.ray_address)

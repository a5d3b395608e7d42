"""How much of the fault suite is run: the short form is part of the tests, the long one is `make faults`."""

import os
from typing import TypeVar

VARIABLE = "DRIFTGLASS_TEST_FAULTS"

T = TypeVar("T")


class Scale:
    """Picks a scenario's numbers."""

    def __init__(self) -> None:
        self._long = os.environ.get(VARIABLE) == "long"

    def __call__(self, *, short: T, long: T) -> T:
        """The number of the form that runs."""
        return long if self._long else short

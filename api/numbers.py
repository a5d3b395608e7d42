"""Values in answers: what does not exist is null, never NaN and never an empty name."""

import math
from typing import Annotated

from pydantic import BeforeValidator


def plain(value: object) -> object:
    """JSON as it may be sent: NaN and the infinities become null, however deep they lie.

    >>> plain({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(plain)]
"""A number, or null."""


def _name(value: object) -> object:
    return None if value == "" else value


Name = Annotated[str | None, BeforeValidator(_name)]
"""A name, or null where storage has "" for all, or for none."""

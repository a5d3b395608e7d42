"""Where the next page of a listing begins: the key of the last row of the page before, as a text that says nothing to people."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from kernel.errors import ContractError

Moment = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Microseconds in a key, as the database can hold them."""


def encode_cursor(key: Sequence[object]) -> str:
    """A cursor of a key of texts and numbers.

    >>> encode_cursor(["m", 1])
    'WyJtIiwxXQ'
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str, type_: Any) -> tuple[Any, ...]:
    """The key again.

    Args:
        type_: of the key, a tuple.

    Raises:
        ContractError: the cursor is none of ours.

    >>> decode_cursor("WyJtIiwxXQ", tuple[str, int])
    ('m', 1)
    """
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        key: tuple[Any, ...] = msgspec.json.decode(packed, type=type_)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise ContractError("cursor", "is none that this API gave; take `next` of the page before") from error
    return key

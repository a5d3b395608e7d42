"""Lists in answers, and how much of them is asked for."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

Item = TypeVar("Item")
LONGEST = 1_000

Limit = Annotated[int, Query(ge=1, le=LONGEST, description="Items at most.")]


class Items(BaseModel, Generic[Item]):
    """Some items."""

    items: list[Item]


class Page(Items[Item], Generic[Item]):
    """Some items, and where the next ones begin."""

    next: str | None

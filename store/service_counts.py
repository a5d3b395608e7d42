"""Rows, errors and slow rows of models with objectives, in five minutes each, added up in the profiles' transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sqlalchemy as sa

from kernel.measurement import SERVICE_SPAN_US
from store.database import Database, Transaction, upsert
from store.late import Came
from store.tables import service_counts as t
from stream.message import Partition


@dataclass(frozen=True, slots=True, order=True)
class CountKey:
    """Five minutes of a model, from one source partition."""

    partition: Partition
    model: str
    start_us: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What came in five minutes.

    Attributes:
        errors: rows with an error; timed: rows with a latency; slow: those of them that took longer than the objective's limit.
    """

    rows: int
    errors: int
    timed: int
    slow: int


_NAMES = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True, slots=True)
class Late:
    """Five minutes of a model that rows came to after they were measured.

    Attributes:
        start_us: of the first of them.
    """

    start_us: int
    came: Came


def add(
    tx: Transaction, workspace: str, added: Mapping[CountKey, Counts], reached: Mapping[str, int], now_us: int
) -> None:
    """Add to what there is.

    Args:
        reached: up to where the five minutes of each model are measured, or passed: what comes before that comes late.
    """
    keys = sorted(added)
    if not keys:
        return
    upsert(tx, t, [_key(workspace, key) for key in keys])
    place = [t.c[name] == sa.bindparam(f"at_{name}") for name in _key(workspace, keys[0])]
    more = {name: t.c[name] + sa.bindparam(f"more_{name}") for name in _NAMES}
    more["late_us"] = sa.func.coalesce(sa.bindparam("late", type_=sa.BigInteger), t.c.late_us)
    values = [
        {f"at_{name}": value for name, value in _key(workspace, key).items()}
        | {f"more_{name}": getattr(added[key], name) for name in _NAMES}
        | {"late": now_us if key.start_us + SERVICE_SPAN_US <= reached.get(key.model, 0) else None}
        for key in keys
    ]
    tx.execute(sa.update(t).where(*place).values(**more), values)


def late(tx: Transaction, workspace: str, model: str | None = None) -> dict[str, Late]:
    """What came late to each model, or to one of them, that has any such five minutes."""
    query = (
        sa.select(t.c.model, sa.func.min(t.c.start_us), sa.func.min(t.c.late_us), sa.func.max(t.c.late_us))
        .where(t.c.workspace == workspace, t.c.late_us.is_not(None))
        .group_by(t.c.model)
    )
    if model is not None:
        query = query.where(t.c.model == model)
    return {name: Late(start_us, Came(*came)) for name, start_us, *came in tx.execute(query)}


def settle(tx: Transaction, workspace: str, model: str) -> None:
    """What came late to a model was measured."""
    here = (t.c.workspace == workspace, t.c.model == model, t.c.late_us.is_not(None))
    tx.execute(sa.update(t).where(*here).values(late_us=None))


def between(tx: Transaction, workspace: str, model: str, start_us: int, end_us: int) -> dict[str, np.ndarray]:
    """By name of Counts, the sums of each five minutes in [start, end), which are whole ones, shape (buckets,)."""
    found = {name: np.zeros((end_us - start_us) // SERVICE_SPAN_US, np.int64) for name in _NAMES}
    query = (
        sa.select(t.c.start_us, *(sa.func.sum(t.c[name]) for name in _NAMES))
        .where(t.c.workspace == workspace, t.c.model == model, t.c.start_us >= start_us, t.c.start_us < end_us)
        .group_by(t.c.start_us)
    )
    for at_us, *sums in tx.execute(query):
        for name, value in zip(_NAMES, sums, strict=True):
            found[name][(at_us - start_us) // SERVICE_SPAN_US] = value
    return found


def known(db: Database, workspace: str, models: Sequence[str]) -> set[str]:
    """Those of some models of which any five minutes are known."""
    query = sa.select(t.c.model).where(t.c.workspace == workspace, t.c.model.in_(models)).distinct()
    with db.read() as connection:
        return set(connection.scalars(query))


def span(tx: Transaction, workspace: str, model: str) -> tuple[int, int]:
    """The starts of the first and the last five minutes that are known of a model that has any."""
    query = sa.select(sa.func.min(t.c.start_us), sa.func.max(t.c.start_us))
    first_us, last_us = tx.execute(query.where(t.c.workspace == workspace, t.c.model == model)).one()
    return int(first_us), int(last_us)


def expire(tx: Transaction, workspace: str, model: str, before_us: int) -> None:
    """Delete what is older."""
    tx.execute(sa.delete(t).where(t.c.workspace == workspace, t.c.model == model, t.c.start_us < before_us))


def _key(workspace: str, key: CountKey) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "model": key.model,
        "start_us": key.start_us,
        "topic": key.partition.topic,
        "partition": key.partition.number,
    }

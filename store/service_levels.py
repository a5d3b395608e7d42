"""Service levels as they are written: measurements of five minutes that are their own decision, and how far they have come."""

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from kernel.measurement import ABNORMAL, SERVICE_SPAN_US, Measurement, SeriesKey
from store import watermarks
from store.database import Transaction, in_parts, upsert
from store.tables import cursors, decisions, measurements
from store.tables import models as model_rows
from store.windows import Window, measurement_row

SIZE = "5m"
_MODELS_A_QUERY = 5_000
_KEY = [column.name for column in decisions.primary_key.columns]
_COPIED = ("window_end_us", "status", "basis", "value", "expected", "p_value", "alpha", "lower", "upper")


def reached(tx: Transaction, workspace: str, models: Collection[str]) -> dict[str, int]:
    """Up to where the five minutes of some models are measured, or event time has passed those of which none is.

    Whoever measures them waits until this transaction ends: so what comes before that is noted, or was measured.
    """
    named, at = {_consumer(model): model for model in models}, cursors.c
    found: dict[str, int] = {}
    for part in in_parts(sorted(named), _MODELS_A_QUERY):
        query = sa.select(at.consumer, at.position).where(at.workspace == workspace, at.consumer.in_(part))
        of_part = tx.execute(query.with_for_update(read=True))
        found |= {named[consumer]: int(position) for consumer, position in of_part}
    for new in in_parts(sorted(set(models) - found.keys()), _MODELS_A_QUERY):
        mark_us = watermarks.stored(workspace, model_rows.c.model)
        marks = sa.select(model_rows.c.model, mark_us).where(model_rows.c.workspace == workspace)
        found |= {model: us or 0 for model, us in tx.execute(marks.where(model_rows.c.model.in_(new)))}
    return found


def come_to(tx: Transaction, workspace: str, model: str) -> int | None:
    """Where the first five minutes of a model begin that are not measured yet; None at first. None come late until it ends."""
    query = sa.select(cursors.c.position).where(
        cursors.c.workspace == workspace, cursors.c.consumer == _consumer(model)
    )
    found = tx.execute(query.with_for_update()).scalar()
    return None if found is None else int(found)


def write(
    tx: Transaction, workspace: str, model: str, found: Iterable[tuple[int, Measurement]], end_us: int, now_us: int
) -> None:
    """Write measurements of all versions of a model by the start of their five minutes, and that all before `end_us` are done."""
    key = SeriesKey(model, "", "", SIZE)
    rows = [measurement_row(workspace, _window(model, start_us), key, one) for start_us, one in found]
    decided = [
        {name: row[name] for name in (*_KEY, *_COPIED)} | {"abnormal": row["status"] in ABNORMAL, "decided_us": now_us}
        for row in rows
    ]
    if rows:
        for table, found_again in ((measurements, rows), (decisions, decided)):
            upsert(
                tx,
                table,
                found_again,
                update=[c.name for c in table.c if not c.primary_key and c.name in found_again[0]],
            )
    place = {"workspace": workspace, "consumer": _consumer(model), "position": str(end_us)}
    upsert(tx, cursors, [place], update=["position"])


def _consumer(model: str) -> str:
    return f"service levels of {model}"[:255]


def _window(model: str, start_us: int) -> Window:
    return Window(model, SIZE, start_us, start_us + SERVICE_SPAN_US, "measured", 0, 0, 0, 0, 0, 0, None)

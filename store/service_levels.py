"""Service levels as they are written: measurements of five minutes that are their own decision, and how far they have come."""

from collections.abc import Iterable

import sqlalchemy as sa

from kernel.measurement import ABNORMAL, SERVICE_SPAN_US, Measurement, SeriesKey
from store.database import Transaction, upsert
from store.tables import cursors, decisions, measurements
from store.windows import Window, measurement_row

SIZE = "5m"
_KEY = [column.name for column in decisions.primary_key.columns]
_COPIED = ("window_end_us", "status", "basis", "value", "expected", "p_value", "alpha", "lower", "upper")


def come_to(tx: Transaction, workspace: str, model: str) -> int | None:
    """Where the first five minutes of a model begin that are not measured yet; None at first."""
    query = sa.select(cursors.c.position).where(
        cursors.c.workspace == workspace, cursors.c.consumer == _consumer(model)
    )
    found = tx.execute(query).scalar()
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
        upsert(tx, measurements, rows)
        upsert(tx, decisions, decided)
    place = {"workspace": workspace, "consumer": _consumer(model), "position": str(end_us)}
    upsert(tx, cursors, [place], update=["position"])


def _consumer(model: str) -> str:
    return f"service levels of {model}"[:255]


def _window(model: str, start_us: int) -> Window:
    return Window(model, SIZE, start_us, start_us + SERVICE_SPAN_US, "measured", 0, 0, 0, 0, 0, 0, None)

"""Labels that came without the moment of their prediction: finding the windows that they touch."""

import uuid
from collections import defaultdict

import sqlalchemy as sa

from kernel.clock import SECOND_US
from store import models as model_rows
from store import windows
from store.database import Database, database_now_us
from store.record_reads import RecordReader
from store.tables import label_searches
from stream.message import Partition

_AT_ONCE = 50


def resolve(db: Database, reader: RecordReader, workspace: str, owner: str, seconds: float) -> int:
    """Look up the predictions of waiting labels, mark their windows to be measured again; returns the searches done.

    A label whose prediction has not come changes no window: it is joined when its window is measured, whenever that is.
    """
    token, spans = _claim(db, workspace, owner, seconds)
    if not spans:
        return 0
    known = model_rows.known(db, workspace)
    moments: dict[str, set[int]] = defaultdict(set)
    for partition, first, end in spans:
        found = reader.moments_of_labels(partition, first, end)
        if found is not None:
            for model, ts_us in zip(found["model"].to_pylist(), found["ts_us"].to_pylist(), strict=True):
                moments[model].add(known[model].window.start(ts_us) if model in known else ts_us)
    for model, starts in sorted(moments.items()):
        if model in known:
            windows.touch_for_labels(db, workspace, known[model], sorted(starts))
    _done(db, workspace, token)
    return len(spans)


def _claim(db: Database, workspace: str, owner: str, seconds: float) -> tuple[str, list[tuple[Partition, int, int]]]:
    at = label_searches.c
    waiting = sa.select(label_searches).where(at.workspace == workspace, at.until_us < database_now_us())
    token = uuid.uuid4().hex
    with db.write() as connection:
        ordered = waiting.order_by(at.topic, at.partition, at.first_offset).limit(_AT_ONCE)
        rows = list(connection.execute(ordered.with_for_update(skip_locked=True)))
        for row in rows:
            here = (at.workspace == workspace, at.topic == row.topic, at.partition == row.partition)
            held = sa.update(label_searches).where(*here, at.first_offset == row.first_offset)
            until_us = database_now_us() + round(seconds * SECOND_US)
            connection.execute(held.values(owner=owner, token=token, until_us=until_us))
    return token, [(Partition(row.topic, row.partition), row.first_offset, row.end_offset) for row in rows]


def _done(db: Database, workspace: str, token: str) -> None:
    at = label_searches.c
    with db.write() as connection:
        connection.execute(sa.delete(label_searches).where(at.workspace == workspace, at.token == token))

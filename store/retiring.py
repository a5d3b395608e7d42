"""Retiring of models that were taken out of service, or made by a mistyped name: nothing is deleted, nothing measured or told.

Its records are taken in as ever, and its windows wait: once it is back they are measured as if it had never been away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from store import alert_ledger as ledger
from store import models as model_rows
from store.alert_rows import PENDING, RESOLVED, RETIRED, Alert
from store.database import Database, Transaction, upsert
from store.models import hold
from store.tables import models, retirements, windows

_BASE_WINDOWS = (
    sa.select(sa.cast(sa.func.coalesce(sa.func.sum(windows.c.rows), 0), sa.BigInteger))
    .where(windows.c.workspace == models.c.workspace, windows.c.model == models.c.model)
    .where(windows.c.size == models.c.window)
    .correlate(models)
    .scalar_subquery()
)
"""The rows of a model that ever came, of a statement that is about it."""


@dataclass(frozen=True, slots=True)
class Retired:
    """A model that is retired.

    Attributes:
        since_us: by the wall clock.
        rows: that came since.
    """

    model: str
    since_us: int
    rows: int


def retire(db: Database, workspace: str, model: str, now_us: int) -> None:
    """Take a model out of service: what is open about it is over, and who was told hears so. Doing it twice keeps the first.

    Raises:
        NotFoundError: when the workspace has none of that name.
    """
    model_rows.one(db, workspace, model)
    with db.write() as tx:
        ledger.lock(tx, workspace, model)
        hold(tx, workspace, model)
        if is_retired(tx, workspace, model):
            return
        here = (models.c.workspace == workspace, models.c.model == model)
        rows = tx.scalar(sa.select(_BASE_WINDOWS).select_from(models).where(*here))
        begun = {"workspace": workspace, "model": model, "since_us": now_us, "until_us": None, "rows": rows}
        upsert(tx, retirements, [begun], update=["until_us", "rows"])
        _close(tx, workspace, ledger.unresolved(tx, workspace, model), now_us)


def unretire(db: Database, workspace: str, model: str, now_us: int) -> None:
    """Take a model back into service; one that is there stays so.

    Raises:
        NotFoundError: when the workspace has none of that name.
    """
    model_rows.one(db, workspace, model)
    at = retirements.c
    lasting = (at.workspace == workspace, at.model == model, at.until_us.is_(None))
    with db.write() as tx:
        hold(tx, workspace, model)
        tx.execute(sa.update(retirements).where(*lasting).values(until_us=now_us))


def is_retired(tx: Transaction, workspace: str, model: str) -> bool:
    """Whether it is just now."""
    return bool(tx.scalar(sa.select(model_rows.is_retired(workspace, model))))


def listing(db: Database, workspace: str, model: str | None = None) -> list[Retired]:
    """The models that are retired, or one of them, by name."""
    at = retirements.c
    same = sa.and_(at.workspace == models.c.workspace, at.model == models.c.model)
    query = (
        sa.select(at.model, at.since_us, _BASE_WINDOWS - at.rows)
        .select_from(retirements.join(models, same))
        .where(at.workspace == workspace, at.until_us.is_(None))
        .order_by(at.model)
    )
    if model is not None:
        query = query.where(at.model == model)
    with db.read() as connection:
        return [Retired(*row) for row in connection.execute(query)]


def _close(tx: Transaction, workspace: str, unresolved: Sequence[Alert], now_us: int) -> None:
    """End what people know of, and forget what they do not; the incidents and who was told are the alerting's business."""
    ledger.drop(tx, workspace, [alert.alert for alert in unresolved if alert.state == PENDING])
    closed = [
        replace(a, state=RESOLVED, resolved_us=now_us, details=replace(a.details, resolution=RETIRED))
        for a in unresolved
        if a.is_live
    ]
    ledger.save(tx, workspace, closed)

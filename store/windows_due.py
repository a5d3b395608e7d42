"""Which models have windows to look at: few of many, found in one query, so that a fleet that stands still costs next to nothing.

Whatever touches a window that was measured opens it again, so what is measured as it stands is told by its state. It is exact for
each model at that moment; a lease looks again.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from store.database import Database
from store.tables import windows

_TOUCHED = ("open", "closed")


def models_due(db: Database, workspace: str, closed_us: Mapping[str, int], labels_us: Mapping[str, int]) -> set[str]:
    """The models of which a closed window is not measured as it stands, has all its labels by now, or got labels uncounted yet.

    Args:
        closed_us: by model, up to where its windows are closed; others are not looked at.
        labels_us: by model, how far its labels have come (store/label_delays.py).
    """
    at = windows.c
    touched = (
        sa.select(at.model, sa.func.min(at.end_us), sa.func.max(at.label_revision - at.delays_revision))
        .where(at.workspace == workspace, at.state.in_(_TOUCHED))
        .group_by(at.model)
    )
    final = (
        sa.select(at.model, sa.func.min(at.labels_due_us))
        .where(at.workspace == workspace, at.labels_due_us <= max(labels_us.values(), default=0), at.state != "sealed")
        .group_by(at.model)
    )
    with db.read() as connection:
        open_ = {model: (end_us, uncounted) for model, end_us, uncounted in connection.execute(touched)}
        due = {model: due_us for model, due_us in connection.execute(final)}  # noqa: C416 - rows are no pairs to mypy
    found = {
        model for model, (end_us, uncounted) in open_.items() if uncounted > 0 or end_us <= closed_us.get(model, 0)
    }
    found |= {model for model, due_us in due.items() if due_us <= labels_us.get(model, 0)}
    return found & closed_us.keys()

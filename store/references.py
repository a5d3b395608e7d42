"""References: what a model's windows are held against. Replaced, never changed; the old ones stay."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kernel.profile import WindowProfile
from kernel.profile_codec import decode_profile, encode_profile
from store.database import Database
from store.tables import references, windows


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference of a model.

    Attributes:
        performance: metric -> {"value", "lower", "upper", "rows"} of its labelled rows; empty without labels.
        provenance: where its rows came from.
        provisional: made from the first window, because none was given yet.
    """

    name: str
    profile: WindowProfile
    performance: Mapping[str, Mapping[str, float | None]]
    provenance: Mapping[str, Any]
    provisional: bool
    created_us: int


def active(db: Database, workspace: str, model: str) -> Reference | None:
    """The reference in force; None where there is none."""
    at = references.c
    query = sa.select(references).where(at.workspace == workspace, at.model == model, at.active)
    with db.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    return Reference(
        row.reference, decode_profile(row.blob), row.performance, row.provenance, row.provisional, row.created_us
    )


def put(
    db: Database,
    workspace: str,
    model: str,
    profile: WindowProfile,
    performance: Mapping[str, Mapping[str, float | None]],
    provenance: Mapping[str, Any],
    now_us: int,
    *,
    provisional: bool = False,
) -> str:
    """Put a reference in force and return its name; every window is then due to be measured again.

    A provisional one never takes the place of another: who comes second gets the name of the one in force.
    """
    at = references.c
    mine = (at.workspace == workspace, at.model == model)
    name = uuid.uuid4().hex
    with db.write() as connection:
        current = connection.execute(sa.select(at.reference).where(*mine, at.active)).scalar()
        if provisional and current is not None:
            return str(current)
        connection.execute(sa.update(references).where(*mine, at.active).values(active=False))
        row = {
            "workspace": workspace,
            "model": model,
            "reference": name,
            "rows": profile.rows,
            "blob": encode_profile(profile),
            "performance": dict(performance),
            "provenance": dict(provenance),
            "provisional": provisional,
            "active": True,
            "created_us": now_us,
        }
        connection.execute(sa.insert(references).values(**row))
        if not provisional:
            _measure_again(connection, workspace, model)
    return name


def _measure_again(connection: sa.Connection, workspace: str, model: str) -> None:
    at = windows.c
    here = (at.workspace == workspace, at.model == model, at.state != "sealed")
    state = sa.case((at.state == "measured", "closed"), else_=at.state)
    connection.execute(sa.update(windows).where(*here).values(data_revision=at.data_revision + 1, state=state))

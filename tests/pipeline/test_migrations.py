"""A database of an earlier release comes to the newest schema with what it holds, on both databases that are supported."""

import pytest
import sqlalchemy as sa
from alembic import command

from kernel.clock import DAY_US
from store import label_delays, windows
from store.database import Database
from store.migrate import _config, check, migrate
from store.models import Model
from store.tables import models, references
from store.tables import windows as table


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def db(request, tmp_path):
    url = f"sqlite:///{tmp_path}/old.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Database(url)
    command.upgrade(_config(made), "0001")
    yield made
    made.close()


def declared(db: Database, model: str, segments: list[str]) -> None:
    """A model as the first release wrote it."""
    with db.write() as connection:
        row = {"workspace": "default", "model": model, "segments": segments, "rollups": [], "min_rows": 500}
        connection.execute(sa.insert(models).values(**row))


def test_what_the_first_release_measured_wrongly_is_measured_again(db) -> None:
    declared(db, "segmented", ["origin"])
    declared(db, "plain", [])
    stored = [("segmented", 0, "measured"), ("plain", 0, "measured"), ("plain", 3, "measured"), ("plain", 4, "sealed")]
    with db.write() as connection:
        for start_us, (model, labelled, state) in enumerate(stored):
            revisions = {"data_revision": 1, "measured_data_revision": 1}
            revisions |= {"label_revision": labelled, "measured_label_revision": labelled}
            row = {"workspace": "default", "model": model, "size": "1d", "start_us": start_us, "state": state}
            connection.execute(sa.insert(table).values(**row, **revisions))
    migrate(db)
    check(db)
    found = [w for model in ("segmented", "plain") for w in windows.listing(db, "default", model)]
    assert [(w.state, w.data_revision, w.label_revision) for w in found] == [
        ("closed", 2, 0),
        ("measured", 1, 0),
        ("closed", 1, 4),
        ("sealed", 1, 4),
    ]


def test_what_was_measured_by_an_earlier_release_is_decided_anew(db) -> None:
    declared(db, "m", [])
    in_force = {"rows": 1, "blob": b"", "performance": {}, "provenance": {}, "active": True, "reference": "r"}
    with db.write() as connection:
        connection.execute(sa.insert(references).values(workspace="default", model="m", **in_force))
        for start_us, state in enumerate(["measured", "closed", "sealed"]):
            row = {"workspace": "default", "model": "m", "size": "1d", "start_us": start_us, "state": state}
            connection.execute(sa.insert(table).values(**row))
    migrate(db)
    with db.read() as connection:
        found = connection.execute(sa.select(table.c.reference, table.c.decide_at_us).order_by(table.c.start_us)).all()
    assert found == [("r", 0), ("", None), ("", None)]


def test_how_far_labels_have_come_is_counted_again_and_what_one_label_may_have_called_final_is_open(db) -> None:
    """Of the newest windows with labels alone: labels of older ones are all there."""
    command.upgrade(_config(db), "0016")
    stored = [(0, "measured", 1), (200, "measured", 1), (201, "measured", 0), (202, "sealed", 1)]
    with db.write() as connection:
        for day, state, labelled in stored:
            place = {"workspace": "default", "model": "m", "size": "1d"}
            place |= {"start_us": day * DAY_US, "end_us": (day + 1) * DAY_US, "state": state, "measured_us": 1}
            row = place | {"label_revision": labelled, "delays_revision": labelled}
            connection.execute(sa.insert(sa.table("windows", *map(sa.column, row))).values(**row))
    migrate(db)
    found = [w.labels_due_us == windows.UNTOLD_US for w in windows.listing(db, "default", "m")]
    assert found == [False, True, False, False]
    uncounted = label_delays.stale(db, "default", Model("m"), 0, -1, 10)
    assert [one.start_us // DAY_US for one in uncounted] == [0, 200]
    command.downgrade(_config(db), "0016")
    migrate(db)
    check(db)

"""A model that cannot be measured does not keep the others waiting, and is tried again."""

import sqlalchemy as sa

from store import models, references
from store.models import Model
from store.tables import references as reference_rows
from testing.measured_days import PREDICTIONS, Traffic, a_day


def test_a_model_that_cannot_be_measured_is_set_aside_and_tried_again(workspace, messages) -> None:
    for name in ("m", "n"):
        models.declare(workspace.db, "default", Model(name), 0)
    traffic = Traffic(workspace.sink(), workspace.clock, messages)
    traffic.send(PREDICTIONS, [row | {"model": name} for name in ("m", "n") for row in a_day(0)])
    traffic.end()
    worker = workspace.evaluator()
    worker.step()
    profile = references.active(workspace.db, "default", "m").profile
    for name in ("m", "n"):
        references.put(workspace.db, "default", name, profile, {}, {}, 0, estimator={"kind": "of another release"})
    stored = sa.update(reference_rows).where(reference_rows.c.active)
    with workspace.db.write() as connection:
        connection.execute(stored.where(reference_rows.c.model == "n").values(estimator=None))
    assert worker.step().measured == 1
    assert worker.step().measured == 0  # and m is not tried at every look
    with workspace.db.write() as connection:
        connection.execute(stored.values(estimator=None))
    workspace.clock.advance(59 * 1_000_000)
    assert worker.step().measured == 0
    workspace.clock.advance(2 * 1_000_000)
    assert worker.step().measured == 1

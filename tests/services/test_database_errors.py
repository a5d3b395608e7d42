"""What goes wrong between us and the database is told as one error: it is away."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from kernel.errors import UnavailableError
from store.database import Database


def _use_all_connections(db: Database, held: ExitStack) -> None:
    while True:
        held.enter_context(db.read())


def test_a_pool_whose_connections_are_all_in_use_is_told_as_unavailable(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/state.db", patience_s=0.01)
    with pytest.raises(UnavailableError, match="in use"), ExitStack() as held:
        _use_all_connections(db, held)
    with db.read() as connection:
        assert connection.execute(sa.text("select 1")).scalar_one() == 1
    db.close()

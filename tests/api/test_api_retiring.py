"""Retiring a model over HTTP: who may, what is listed, and what is said of it."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.clock import DAY_US, HOUR_US, to_rfc3339
from store.tables import windows


@pytest.fixture
def two(api: Any) -> Any:
    """An API with two declared models."""
    for name in ("kept", "tpyo"):
        api.http.put(f"/v1/models/{name}", json={"min_rows": 50, "rollups": ["1w"]})
    return api


def listed(api: Any, **query: Any) -> list[str]:
    return [model["model"] for model in api.get("/v1/models", **query).json()["items"]]


def served(api: Any, rows: int) -> None:
    """The windows of a model as the collector leaves them; a roll-up has the rows of its windows once more."""
    with api.db.write() as tx:
        tx.execute(sa.delete(windows))
        for size, end_us in (("1d", DAY_US), ("1w", 7 * DAY_US)):
            place = {"workspace": "default", "model": "tpyo", "size": size, "start_us": 0, "end_us": end_us}
            tx.execute(sa.insert(windows).values(**place, rows=rows))


def test_a_retired_model_is_listed_apart_and_still_answers(two: Any) -> None:
    answer = two.http.post("/v1/models/tpyo/retire")
    assert (answer.status_code, answer.json()["retired"]) == (200, to_rfc3339(two.clock.now_us()))
    assert (listed(two), listed(two, retired=True)) == (["kept"], ["tpyo"])
    assert two.get("/v1/models/tpyo").json() == answer.json()
    assert two.get("/v1/models/tpyo/windows").status_code == 200
    back = two.http.post("/v1/models/tpyo/unretire").json()
    assert (back["retired"], back["rows_since_retired"]) == (None, None)
    assert (listed(two), listed(two, retired=True)) == (["kept", "tpyo"], [])


def test_retiring_twice_keeps_the_first_moment_and_a_model_in_service_stays_there(two: Any) -> None:
    assert two.http.post("/v1/models/kept/unretire").json()["retired"] is None
    first = two.http.post("/v1/models/tpyo/retire").json()
    two.clock.advance(HOUR_US)
    assert two.http.post("/v1/models/tpyo/retire").json() == first
    assert two.http.post("/v1/models/tpyo/unretire").json()["retired"] is None
    two.clock.advance(HOUR_US)
    assert two.http.post("/v1/models/tpyo/retire").json()["retired"] == to_rfc3339(two.clock.now_us())


def test_a_declaration_does_not_bring_it_back(two: Any) -> None:
    two.http.post("/v1/models/tpyo/retire")
    changed = two.http.put("/v1/models/tpyo", json={"min_rows": 60}).json()
    assert (changed["min_rows"], changed["retired"] is None) == (60, False)
    assert listed(two) == ["kept"]


def test_records_that_still_come_are_counted_and_told(two: Any) -> None:
    served(two, 30)
    assert two.http.post("/v1/models/tpyo/retire").json()["rows_since_retired"] == 0
    served(two, 42)
    found = two.get("/v1/models/tpyo").json()
    assert (found["rows_since_retired"], found["retired"] is None) == (12, False)
    assert listed(two) == ["kept"]


def test_only_admins_retire_and_only_what_is_there(serve: Callable[..., Any]) -> None:
    keys = [{"key": role * 16, "workspace": "red", "role": name} for role, name in (("v", "viewer"), ("a", "admin"))]
    api = serve(keys=keys)

    def post(key: str, what: str) -> Any:
        return api.http.post(f"/v1/models/m/{what}", headers={"X-Api-Key": key * 16})

    for what in ("retire", "unretire"):
        assert "viewer" in api.refused(403, post("v", what))
        assert "'m'" in api.refused(404, post("a", what))

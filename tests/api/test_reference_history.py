"""Replacing a reference loses no history: all that a model has had are listed, the newest first, page by page."""

import json
from typing import Any

import pytest

from kernel.profile import WindowProfile
from store import models, references
from store.models import Model

PATH = "/v1/models/flights/references"


@pytest.fixture
def names(api: Any) -> list[str]:
    """Five references, of which the last three were put at the same moment; oldest first."""
    models.declare(api.db, "default", Model("flights"), 0)
    made = []
    for number in range(5):
        where = {"source": "record log", "number": number}
        moment_us = min(number, 2) * 1_000_000
        put = references.put(api.db, "default", "flights", WindowProfile(rows=number), {}, where, moment_us)
        made.append(put)
    return made


def test_the_history_has_all_of_them(api: Any, names: list[str]) -> None:
    answer = api.get(PATH).json()
    assert answer["next"] is None
    assert {item["reference"] for item in answer["items"]} == set(names)
    assert [item["created"] for item in answer["items"]] == ["1970-01-01T00:00:02Z"] * 3 + [
        "1970-01-01T00:00:01Z",
        "1970-01-01T00:00:00Z",
    ]
    by_name = {item["reference"]: item for item in answer["items"]}
    assert [by_name[name]["active"] for name in names] == [False] * 4 + [True]
    assert by_name[names[1]] == {
        "reference": names[1], "rows": 1, "provisional": False, "active": False, "created": "1970-01-01T00:00:01Z",
        "provenance": {"source": "record log", "number": 1},
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_pages_together_are_the_whole(api: Any, names: list[str], limit: int) -> None:
    whole, found, cursor = api.get(PATH).json()["items"], [], None
    while True:
        asked = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = api.get(PATH, **asked).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == whole


def test_what_is_put_over_http_is_listed(api: Any) -> None:
    row = {"model": "flights", "ts": "2013-03-01T10:00:00Z", "features": {"x": 1}}
    for _ in range(2):
        answer = api.http.put("/v1/models/flights/reference", content=json.dumps([row]))
        assert answer.status_code == 200, answer.text
    newest, oldest = api.get(PATH).json()["items"]
    assert {newest["active"], oldest["active"]} == {True, False}
    assert newest["provenance"] == {"source": "rows", "from": row["ts"], "to": row["ts"]}


def test_what_cannot_be_listed_says_why(api: Any, names: list[str]) -> None:
    assert "'boats'" in api.refused(404, api.get("/v1/models/boats/references"))
    assert "next" in api.refused(422, api.get(PATH, cursor="nonsense"))
    assert "limit" in api.refused(422, api.get(PATH, limit=0))

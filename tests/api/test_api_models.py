"""Models over HTTP, and the same declarations as code."""

from collections.abc import Callable
from typing import Any

import pytest

from api.declaration import ModelDeclaration, apply
from kernel.clock import DAY_US
from kernel.errors import ContractError
from kernel.profile import Kind
from store import columns, models
from store.registry import Registry
from store.tables import windows

FULL = {
    "task": "binary",
    "window": "1h",
    "rollups": ["1d", "1mo"],
    "lateness": "90s",
    "schema": [{"name": "carrier", "type": "text"}, {"name": "delay", "type": "numeric"}],
    "positive_class": "late",
    "segments": ["carrier"],
    "min_rows": 50,
    "cluster": "customer",
    "ranking": {"group": "request", "k": 3},
    "fairness": ["carrier"],
    "value": {"currency": "EUR", "cells": {"late": {"late": 10.0, "on_time": -5.0}}, "per_error": None},
}


def test_a_declaration_comes_back(api: Any) -> None:
    answer = api.http.put("/v1/models/flights", json=FULL)
    assert answer.status_code == 200
    found = answer.json()
    assert found == api.get("/v1/models/flights").json()
    assert {name: found[name] for name in FULL if name != "schema"} == {n: FULL[n] for n in FULL if n != "schema"}
    assert found["schema"] == [{"name": "carrier", "type": "text"}, {"name": "delay", "type": "numeric"}]
    assert (found["model"], found["declared"], found["reference"]) == ("flights", True, None)
    assert [m["model"] for m in api.get("/v1/models").json()["items"]] == ["flights"]


def test_declared_columns_reach_the_registry(api: Any) -> None:
    embedding = {"name": "vector", "type": "embedding"}
    api.http.put("/v1/models/flights", json={**FULL, "schema": [*FULL["schema"], embedding]})
    stored = columns.of_models(api.db, "default", ["flights"])["flights"]
    assert {name: (c.kind, c.declared, c.fixed) for name, c in stored.items()} == {
        "feature.carrier": (Kind.TEXT, True, True),
        "feature.delay": (Kind.NUMERIC, True, True),
    }
    registry = Registry(api.db, "default", api.clock)
    assert registry.refresh({"flights"})["flights"].lateness_us == 90_000_000


def test_a_put_replaces_what_was_declared(api: Any) -> None:
    api.http.put("/v1/models/flights", json=FULL)
    found = api.http.put("/v1/models/flights", json={}).json()
    assert (found["task"], found["window"], found["lateness"], found["schema"]) == (None, "1d", "1h", [])
    assert (found["cluster"], found["ranking"]) == (None, {"group": "query", "k": 10})
    assert (found["fairness"], found["value"]) == ([], None)
    assert not columns.of_models(api.db, "default", ["flights"])["flights"]["feature.delay"].declared


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"task": "guessing"}, ["task", "'guessing'", "'binary'", "'ranking'"]),
        ({"windoww": "1d"}, ["windoww", "spelling"]),
        ({"window": "7h"}, ["window", "1mo"]),
        ({"rollups": ["1h"]}, ["rollups", "1h", "1d"]),
        ({"window": "1w", "rollups": ["1mo"]}, ["rollups", "1mo"]),
        ({"rollups": ["1w", "1w"]}, ["rollups", "twice"]),
        ({"lateness": "soon"}, ["lateness", "5m"]),
        ({"min_rows": 0}, ["min_rows", "1"]),
        ({"ranking": {"k": 0}}, ["ranking.k", "1"]),
        ({"cluster": ""}, ["cluster", "no name"]),
        ({"fairness": ["sex"], "positive_class": "late"}, ["fairness", "'sex'", "segments"]),
        ({"fairness": ["sex"], "segments": ["sex"]}, ["fairness", "positive_class"]),
        ({"value": {"currency": "EUR"}}, ["value", "cells", "per_error"]),
        ({"value": {"cells": {"a": {"b": 1}}}}, ["value.currency", "missing"]),
        ({"task": "regression", "value": {"currency": "EUR", "cells": {"a": {"b": 1}}}}, ["value", "per_error"]),
        ({"task": "binary", "value": {"currency": "EUR", "per_error": -2}}, ["value", "cells", "binary"]),
        ({"task": "ranking", "value": {"currency": "EUR", "per_error": -2}}, ["value", "ranking"]),
        ({"schema": [{"name": "a", "type": "colour"}]}, ["schema.0.type", "'numeric'", "'embedding'"]),
        ({"schema": [{"name": "", "type": "text"}]}, ["schema.0.name", "no name"]),
        ({"schema": [{"name": "a", "type": "text"}] * 2}, ["schema", "twice"]),
    ],
)
def test_wrong_values_name_the_field_and_what_is_allowed(api: Any, body: dict[str, Any], said: list[str]) -> None:
    sentence = api.refused(422, api.http.put("/v1/models/flights", json=body))
    assert all(part in sentence for part in said), sentence
    assert models.known(api.db, "default") == {}


def test_what_is_no_declaration_is_a_bad_request(api: Any) -> None:
    for content in (b"{", b"[]", b""):
        answer = api.http.put("/v1/models/m", content=content, headers={"content-type": "application/json"})
        assert "JSON" in api.refused(400, answer) or not content
    assert "model" in api.refused(422, api.http.put(f"/v1/models/{'m' * 256}", json={}))


def test_apply_declares_all_or_none(api: Any) -> None:
    def declare(*declared: dict[str, Any]) -> list[str]:
        return apply(api.db, "default", [ModelDeclaration.model_validate(one) for one in declared], 5)

    assert declare({"model": "b"}, {"model": "a", **FULL}) == ["b", "a"]
    assert models.one(api.db, "default", "a").positive_class == "late"
    with api.db.write() as connection:
        day = {"workspace": "default", "model": "b", "size": "1d", "start_us": 0, "end_us": DAY_US}
        connection.execute(windows.insert().values(**day))
    with pytest.raises(
        ContractError, match=r"models\.1\.window: is '1h', but 'b' is profiled in windows of 1d already"
    ):
        declare({"model": "c"}, {"model": "b", "window": "1h"})
    assert set(models.known(api.db, "default")) == {"a", "b"}


def test_an_unknown_model_is_not_found(api: Any) -> None:
    for path in ("/v1/models/none", "/v1/models/none/windows"):
        assert "'none'" in api.refused(404, api.get(path))


def test_keys_open_workspaces_by_role(serve: Callable[..., Any]) -> None:
    keys = [
        {"key": "v" * 16, "workspace": "red", "role": "viewer"},
        {"key": "a" * 16, "workspace": "red", "role": "admin"},
        {"key": "b" * 16, "workspace": "blue", "role": "admin"},
        {"key": "i" * 16, "workspace": "red", "role": "ingest"},
    ]
    api = serve(keys=keys)

    def put(key: str) -> Any:
        return api.http.put("/v1/models/m", json={}, headers={"X-Api-Key": key * 16})

    def listed(key: str) -> Any:
        return api.http.get("/v1/models", headers={"Authorization": f"Bearer {key * 16}"})

    assert put("a").status_code == 200
    assert "viewer" in api.refused(403, put("v"))
    assert [len(listed(key).json()["items"]) for key in "vab"] == [1, 1, 0]
    assert "ingest" in api.refused(403, listed("i"))
    assert "not known" in api.refused(401, listed("x"))
    assert "X-Api-Key" in api.refused(401, api.get("/v1/models"))
    assert api.get("/healthz").status_code == 200

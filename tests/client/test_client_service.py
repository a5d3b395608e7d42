"""The decorator and the middleware: what a service gets for one line."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from driftglass_client import Client, DriftglassMiddleware


def test_watch_logs_and_changes_nothing(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=300)

    @client.watch
    def predict(features: dict[str, float], scale: float = 1.0) -> float:
        """Doc."""
        return features["x"] * scale

    assert (predict({"x": 2.0}, scale=3), predict.__name__, predict.__doc__) == (6.0, "predict", "Doc.")
    with pytest.raises(KeyError):
        predict({"y": 1.0})
    assert client.flush(10)
    worked, failed = gateway.rows()
    assert (worked["feature.x"], worked["prediction_value"], worked["error"]) == (2.0, 6.0, None)
    assert (failed["feature.y"], failed["prediction_value"], failed["error"]) == (1.0, None, "KeyError: 'x'")
    assert 0 < worked["latency_ms"] < 1_000


def test_watch_reads_what_it_is_told_to(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=300)

    class Service:
        @client.watch(
            prediction=lambda result: result["class"],
            scores=lambda result: result["scores"],
            id=lambda _self, carrier, delay: f"{carrier}-{delay}",
            tags={"region": "eu"},
        )
        async def predict(self, carrier: str, delay: float) -> dict[str, Any]:
            await asyncio.sleep(0)
            if delay < 0:
                raise ValueError(f"{carrier} is early")
            return {"class": "late", "scores": {"late": 0.9}}

    service = Service()
    assert asyncio.run(service.predict("UA", 5))["class"] == "late"
    with pytest.raises(ValueError, match="early"):
        asyncio.run(service.predict("AA", delay=-1))
    with pytest.raises(TypeError):
        asyncio.run(service.predict())  # type: ignore[call-arg]
    assert client.flush(10)
    worked, failed = gateway.rows()
    assert (worked["id"], worked["prediction"], worked["score.late"], worked["tag.region"]) == (
        "UA-5",
        "late",
        0.9,
        "eu",
    )
    assert (worked["feature.carrier"], worked["feature.delay"]) == ("UA", 5.0)
    assert (failed["id"], failed["feature.delay"], failed["error"]) == ("AA--1", -1.0, "ValueError: AA is early")
    assert client.stats()["invalid"] == 1


def test_an_extractor_that_fails_does_not_break_the_prediction(client_of: Callable[..., Client]) -> None:
    client = client_of()
    predict = client.watch(scores=lambda result: result["scores"])(lambda features: len(features))
    assert predict({"x": 1.0}) == 1
    assert client.stats()["invalid"] == 1


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"].endswith("/crash"):
        raise RuntimeError("no model")
    status = {"/predict/busy": 503, "/predict/wrong": 422}.get(scope["path"], 200)
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def call(application: Any, *paths: str) -> list[int]:
    async def calls() -> list[int]:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            return [(await http.post(path)).status_code for path in paths]

    return asyncio.run(calls())


PATHS = ["/predict", "/predict/busy", "/predict/wrong", "/predict/crash", "/predictions", "/health"]
STATUSES = [200, 503, 422, 500, 200, 200]


def test_the_middleware_logs_latency_and_errors_of_its_paths(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=300)
    assert call(client.asgi(app, paths=["/predict"]), *PATHS) == STATUSES
    assert client.flush(10)
    assert [(row["error"], row["tag.path"], row["tag.status"]) for row in gateway.rows()] == [
        (None, "/predict", "200"),
        ("HTTP 503", "/predict", "503"),
        (None, "/predict", "422"),
        ("RuntimeError: no model", "/predict", "500"),
    ]
    assert all(row["latency_ms"] > 0 for row in gateway.rows())


def test_the_middleware_may_log_errors_only(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=300)
    call(DriftglassMiddleware(app, client, errors_only=True), *PATHS)
    assert client.flush(10)
    assert [row["error"] for row in gateway.rows()] == ["HTTP 503", "RuntimeError: no model"]

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from kernel.clock import SystemClock
from service.demo.flights import FEATURES, Flights
from service.demo.inference import Features
from service.demo.model import OnnxModel
from service.demo.paths import DemoPaths

FLIGHT = {
    "id": "B622-JFK-20130101",
    "ts": "2013-01-02T06:42:00Z",
    "features": {
        "dep_delay": 103.0,
        "sched_hour": 23.0,
        "distance": 1617.0,
        "temp": None,
        "wind_speed": 12.5,
        "visib": 10.0,
        "precip": 0.0,
        "carrier": "B6",
        "origin": "JFK",
        "dest": "SJU",
    },
}


def predict(url: str, flights: list[dict[str, Any]]) -> httpx.Response:
    return httpx.post(f"{url}/predict", json={"flights": flights})


def test_the_service_takes_the_features_that_the_models_were_trained_on() -> None:
    assert tuple(Features.model_fields) == FEATURES


def test_a_prediction_is_answered_and_logged(inference_url: str, gateway: Any) -> None:
    answer = predict(inference_url, [FLIGHT]).raise_for_status().json()["predictions"]
    assert [(row["id"], row["prediction"]) for row in answer] == [("B622-JFK-20130101", "late")]
    scores = answer[0]["scores"]
    assert scores["late"] > 0.9
    assert scores["late"] + scores["on_time"] == pytest.approx(1)
    clock, started_us = SystemClock(), SystemClock().now_us()
    while not gateway.tables["/v1/predictions"]:
        assert clock.now_us() - started_us < 20_000_000, "nothing came to the gateway"
        clock.sleep(0.02)
    logged = gateway.predictions.filter(pl.col("id") == "B622-JFK-20130101").row(0, named=True)
    assert (logged["model"], logged["version"], logged["id"]) == ("flight-delay", "1", "B622-JFK-20130101")
    assert logged["ts"].isoformat() == "2013-01-02T06:42:00+00:00"
    assert {name: logged.get(f"feature.{name}") for name in FEATURES} == FLIGHT["features"]
    assert (logged["prediction"], logged["score.late"], logged["batch_size"]) == ("late", scores["late"], 1)
    assert 0 < logged["latency_ms"] < 1_000


def test_the_service_says_what_the_model_says(inference_url: str, flights: Flights, demo_paths: DemoPaths) -> None:
    rows = flights.frame.filter(pl.col("id").str.ends_with("20130208"))[:200]
    features = rows.select(FEATURES).to_dicts()
    sent = [FLIGHT | {"id": name, "features": row} for name, row in zip(rows["id"], features, strict=True)]
    answer = predict(inference_url, sent).raise_for_status().json()["predictions"]
    expected = OnnxModel(demo_paths.champion).score(rows.select(FEATURES).to_dict(as_series=False))
    assert [row["id"] for row in answer] == rows["id"].to_list()
    assert [row["prediction"] for row in answer] == expected.labels
    assert [row["scores"]["late"] for row in answer] == pytest.approx(expected.probabilities[:, 0].tolist())


def test_a_request_that_breaks_the_contract_names_the_field(inference_url: str) -> None:
    answer = predict(inference_url, [FLIGHT | {"ts": "2013-01-02T06:42:00"}])
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "flights", 0, "ts"]
    assert predict(inference_url, []).status_code == 422


def test_health_tells_the_model_and_what_its_monitor_holds(inference_url: str) -> None:
    health = httpx.get(f"{inference_url}/healthz").json()
    assert (health["status"], health["model"], health["version"]) == ("ok", "flight-delay", "1")
    assert health["monitor"]["queue_full"] == 0


def test_a_missing_model_file_ends_the_process_with_one_sentence(tmp_path: Path) -> None:
    options = ["--model", str(tmp_path / "absent.onnx"), "--port", "1", "--gateway", "http://127.0.0.1:1"]
    ended = subprocess.run(
        [sys.executable, "-m", "service.demo.inference", *options], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("no model file at ")
    assert ended.stderr.count("\n") == 1

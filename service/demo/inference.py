"""The demo's inference service: flights in, delay predictions out, watched by Driftglass in three lines.

python -m service.demo.inference --model flight-delay-1.onnx --port 8001 --gateway http://127.0.0.1:8080
"""

import argparse
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, Field

from driftglass_client import Client
from kernel.errors import UnavailableError
from service.demo.flights import FEATURES, MODEL
from service.demo.model import OnnxModel

MAX_BATCH_ROWS = 1_024


class Features(BaseModel):
    """What is known of a flight when it departs; the names are FEATURES."""

    dep_delay: float | None
    sched_hour: float
    distance: float
    temp: float | None
    wind_speed: float | None
    visib: float | None
    precip: float | None
    carrier: str
    origin: str
    dest: str


class Flight(BaseModel):
    """One flight to predict: its id, the moment of the prediction, its features."""

    id: str
    ts: AwareDatetime
    features: Features


class Flights(BaseModel):
    """The flights to predict together."""

    flights: list[Flight] = Field(min_length=1, max_length=MAX_BATCH_ROWS)


class Prediction(BaseModel):
    """The likelier class of one flight, and the probability of each."""

    id: str
    prediction: str
    scores: dict[str, float]


class Predictions(BaseModel):
    """One prediction a flight, in the order they came."""

    predictions: list[Prediction]


def create_app(model: OnnxModel, monitor: Client) -> FastAPI:
    """The service: POST /predict and GET /healthz; closes the monitor when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        monitor.close()

    app = FastAPI(title=MODEL, version=model.version, lifespan=lifespan)

    @app.post("/predict")
    async def predict(batch: Flights) -> Predictions:
        # On the event loop: a batch takes less than handing it to a thread and back would.
        started = time.perf_counter()
        predictions = _predict(model, batch.flights)
        latency_ms = (time.perf_counter() - started) * 1e3
        for flight, made in zip(batch.flights, predictions, strict=True):
            monitor.log_prediction(
                vars(flight.features),
                made.prediction,
                scores=made.scores,
                id=flight.id,
                ts=flight.ts,
                latency_ms=latency_ms,
                batch_size=len(predictions),
            )
        return Predictions(predictions=predictions)

    @app.get("/healthz")
    async def healthz() -> dict[str, object]:
        return {"status": "ok", "model": MODEL, "version": model.version, "monitor": monitor.stats()}

    return app


def _predict(model: OnnxModel, flights: list[Flight]) -> list[Prediction]:
    rows = [vars(flight.features) for flight in flights]
    scored = model.score({name: [row[name] for row in rows] for name in FEATURES})
    return [
        Prediction(id=flight.id, prediction=label, scores=dict(zip(model.classes, probabilities, strict=True)))
        for flight, label, probabilities in zip(flights, scored.labels, scored.probabilities.tolist(), strict=True)
    ]


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the ONNX file to serve")
    parser.add_argument("--port", type=int, required=True, help="the port to listen on, on 127.0.0.1")
    parser.add_argument("--gateway", required=True, help="the URL of Driftglass's gateway")
    arguments = parser.parse_args()
    try:
        model = OnnxModel(arguments.model)
    except UnavailableError as error:
        sys.exit(str(error))
    monitor = Client(MODEL, model.version, url=arguments.gateway)
    uvicorn.run(create_app(model, monitor), host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()

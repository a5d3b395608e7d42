"""Lives the flights again in event time: each is predicted when it departs, and its label comes when it lands.

A client of Driftglass drops what does not fit in its memory rather than wait, as it must beside a real service. A replay
may wait, so it watches both clients, its own (labels) and the inference service's (predictions), and slows down before
either is full. Nothing may be lost.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from driftglass_client import Client
from kernel.clock import SECOND_US, Clock
from kernel.errors import DriftglassError, UnavailableError
from service.demo.flights import Flights
from service.demo.schedule import Step, steps
from service.demo.throttle import Load, Throttle


class LossError(DriftglassError):
    """A client of Driftglass lost records during the replay."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How a replay goes.

    Args:
        inference_url: where the inference service listens.
        batch_rows: the most flights predicted in one request.
        stretch: the flights of one request leave within one calendar stretch of this length.
        speed: seconds of event time in a second; None is as fast as it goes.
        max_pending: records either client may hold when more are sent; under half of the clients' queue_records.
        patience_s: how long the service may take to answer, and a client to get rid of anything at all.
    """

    inference_url: str
    batch_rows: int = 64
    stretch: timedelta = timedelta(hours=1)
    speed: float | None = None
    max_pending: int = 8_000
    patience_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is: the event time reached (None before the first step), predictions made and labels sent."""

    reached: datetime | None = None
    predictions: int = 0
    labels: int = 0

    def after(self, step: Step) -> "Progress":
        """The progress once this step is done too."""
        return Progress(step.reached, self.predictions + len(step.flights), self.labels + len(step.labels))


def replay(
    flights: Flights,
    monitor: Client,
    clock: Clock,
    settings: ReplaySettings,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Send every flight to the inference service and every label to Driftglass, then wait until all has arrived.

    Args:
        flights: what to replay; the labels are those of these flights only.
        monitor: the client that sends the labels; its owner closes it.
        on_progress: called after every step.

    Raises:
        UnavailableError: when the inference service does not answer, or a client gets rid of nothing.
        LossError: when a client lost something.
    """
    progress = Progress()
    pace = _Pace(clock, settings.speed)
    with _service(settings) as service:
        limits = (clock, settings.max_pending, settings.patience_s)
        predictions = Throttle("inference service's", lambda: _load_of(service), *limits)
        labels = Throttle("replay's own", lambda: Load.of(monitor.stats()), *limits)
        for step in steps(flights, settings.batch_rows, settings.stretch):
            pace.wait(step.reached)
            predictions.before(len(step.flights))
            _predict(service, step.flights)
            _send_labels(monitor, labels, step)
            progress = progress.after(step)
            on_progress(progress)
        _refuse_losses(predictions.drain(), labels.drain())
    return progress


class _Pace:
    """Holds event time to a speed, counted from the first step."""

    def __init__(self, clock: Clock, speed: float | None) -> None:
        self._clock = clock
        self._speed = speed
        self._first: tuple[datetime, int] | None = None

    def wait(self, reached: datetime) -> None:
        if self._speed is None:
            return
        event_start, started_us = self._first = self._first or (reached, self._clock.now_us())
        due_us = started_us + (reached - event_start).total_seconds() / self._speed * SECOND_US
        self._clock.sleep(max(0.0, (due_us - self._clock.now_us()) / SECOND_US))


@contextmanager
def _service(settings: ReplaySettings) -> Iterator[httpx.Client]:
    try:
        with httpx.Client(base_url=settings.inference_url, timeout=settings.patience_s) as service:
            yield service
    except httpx.HTTPStatusError as error:
        raise UnavailableError(
            f"the inference service refused a request: {error.response.status_code} {error.response.text:.300}"
        ) from error
    except httpx.TransportError as error:
        raise UnavailableError(f"the inference service at {settings.inference_url} does not answer: {error}") from error


def _predict(service: httpx.Client, flights: list[str]) -> None:
    if flights:
        body = f'{{"flights":[{",".join(flights)}]}}'
        service.post("/predict", content=body, headers={"content-type": "application/json"}).raise_for_status()


def _load_of(service: httpx.Client) -> Load:
    return Load.of(service.get("/healthz").raise_for_status().json()["monitor"])


def _send_labels(monitor: Client, throttle: Throttle, step: Step) -> None:
    for flight_id, label, landed, departed in step.labels:
        throttle.before(1)
        monitor.log_label(flight_id, label, ts=landed, prediction_ts=departed)


def _refuse_losses(*loads: Load) -> None:
    losses = [f"{count} ({why})" for load in loads for why, count in load.lost.items()]
    if losses:
        raise LossError(f"the replay lost records: {', '.join(losses)}; what was measured is incomplete")

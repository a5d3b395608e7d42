from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from driftglass_client import Client, ClientSettings
from kernel.clock import ManualClock, SystemClock, from_datetime
from kernel.errors import UnavailableError
from service.demo.flights import FEATURES, Flights
from service.demo.replay import LossError, Progress, ReplaySettings, replay
from service.demo.schedule import steps
from service.demo.throttle import Load, Throttle

STORM = datetime(2013, 2, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def two_days(flights: Flights) -> Flights:
    return flights.between(STORM, STORM + timedelta(days=2))


def test_steps_hold_every_flight_and_label_once_in_event_time(two_days: Flights) -> None:
    made = list(steps(two_days, batch_rows=16, stretch=timedelta(minutes=30)))
    assert sum(len(step.flights) for step in made) == two_days.frame.height
    assert max(len(step.flights) for step in made) == 16
    assert [step.reached for step in made] == sorted(step.reached for step in made)
    labels = [label for step in made for label in step.labels]
    assert [(id_, label, landed) for id_, label, landed, _ in labels] == two_days.landings().select(
        "id", "label", "landed_ts"
    ).rows()
    assert sum(departed is None for *_, departed in labels) == -(-len(labels) // 10)


def test_a_label_comes_in_a_later_step_than_its_flight_and_not_long_after_landing(two_days: Flights) -> None:
    step_of: dict[str, int] = {}
    for number, step in enumerate(steps(two_days, batch_rows=16, stretch=timedelta(minutes=30))):
        for name, _, landed, _ in step.labels:
            assert step_of[name] < number
            assert landed <= step.reached
        step_of.update({text[7 : text.index('"', 7)]: number for text in step.flights})


def test_two_days_arrive_complete(inference_url: str, gateway: Any, two_days: Flights) -> None:
    told: list[Progress] = []
    with Client("flight-delay", "1", url=gateway.url) as monitor:
        done = replay(two_days, monitor, SystemClock(), ReplaySettings(inference_url), told.append)
    assert (done.predictions, done.labels) == (two_days.frame.height, two_days.landings().height)
    assert told[-1] == done
    sent = gateway.predictions.sort("ts", "id")
    assert sent.select("id", "ts").equals(two_days.frame.select("id", "ts"))
    features = sent.select(pl.col(f"feature.{name}").alias(name) for name in FEATURES)
    assert features.equals(two_days.frame.select(FEATURES))
    labels = gateway.labels.sort("ts", "id")
    assert labels.select("id", "label", landed_ts="ts").equals(two_days.landings().select("id", "label", "landed_ts"))
    assert labels["prediction_ts"].null_count() == -(-labels.height // 10)


def test_a_small_client_makes_the_replay_wait_and_loses_nothing(
    inference_url: str, gateway: Any, two_days: Flights
) -> None:
    morning = two_days.between(STORM, STORM + timedelta(hours=14))
    small = ClientSettings(url=gateway.url, queue_records=20, batch_records=5)
    with Client("flight-delay", "1", settings=small) as monitor:
        replay(morning, monitor, SystemClock(), ReplaySettings(inference_url, max_pending=10))
        stats = monitor.stats()
    assert (stats["sent"], stats["queue_full"]) == (morning.landings().height, 0)


def test_lost_records_end_the_replay_with_an_error(
    inference_url: str, refusing_gateway: Any, two_days: Flights
) -> None:
    morning = two_days.between(STORM, STORM + timedelta(hours=15))
    with (
        Client("flight-delay", "1", url=refusing_gateway.url) as monitor,
        pytest.raises(LossError, match="bad_request"),
    ):
        replay(morning, monitor, SystemClock(), ReplaySettings(inference_url))


def test_a_service_that_is_not_there_is_one_clear_sentence(gateway: Any, two_days: Flights) -> None:
    with (
        Client("flight-delay", "1", url=gateway.url) as monitor,
        pytest.raises(UnavailableError, match="does not answer"),
    ):
        replay(two_days, monitor, SystemClock(), ReplaySettings("http://127.0.0.1:9"))


def test_a_speed_holds_event_time_to_the_clock(inference_url: str, gateway: Any, two_days: Flights) -> None:
    hours = two_days.between(STORM + timedelta(hours=10), STORM + timedelta(hours=13))
    clock = ManualClock(0)
    told: list[tuple[int, Progress]] = []
    with Client("flight-delay", "1", url=gateway.url) as monitor:
        # The clock runs as fast as it is asked to, the gateway does not: patience counts in the former.
        settings = ReplaySettings(inference_url, speed=3_600, patience_s=1e6)
        replay(hours, monitor, clock, settings, lambda progress: told.append((clock.now_us(), progress)))
    first = told[0][1].reached
    assert first is not None
    paced = [(now_us, from_datetime(progress.reached or first)) for now_us, progress in told]
    assert all(now_us >= (event_us - from_datetime(first)) / 3_600 - 1 for now_us, event_us in paced)


def test_a_client_that_gets_rid_of_nothing_ends_the_waiting() -> None:
    stuck = Throttle("stuck", lambda: Load(500, {}), ManualClock(0), max_pending=100, patience_s=5)
    stuck.before(100)
    with pytest.raises(UnavailableError, match="the stuck client still holds 500 records after 5 s"):
        stuck.before(1)


def test_a_client_that_makes_progress_is_waited_for() -> None:
    held = iter([500, 400, 300, 200, 100, 0])
    slow = Throttle("slow", lambda: Load(next(held), {}), ManualClock(0), max_pending=100, patience_s=0.03)
    assert slow.drain().pending == 0

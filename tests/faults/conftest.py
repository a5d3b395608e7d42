"""The brokers and the world of the fault scenarios."""

import logging
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testing.faults.scale import Scale
from testing.faults.summary import keep_for_summary
from testing.faults.tally import Entry, note
from testing.faults.world import Verdict, World, a_world
from testing.kafka_cluster import KafkaCluster, kafka_cluster
from testing.missing import ServiceMissingError


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three brokers, shared by the scenarios; each leaves them whole."""
    try:
        with kafka_cluster(tmp_path_factory.mktemp("cluster")) as made:
            yield made
    except ServiceMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def noted(request: pytest.FixtureRequest) -> Callable[[Verdict], None]:
    """Notes what the scenario counted, for the sum of the run."""
    began = time.monotonic()

    def keep(given: Verdict) -> None:
        counts = (given.faults, given.sent, given.lost, given.doubled, given.caught_up_s)
        entry = Entry(request.node.name, *counts, time.monotonic() - began)
        note(entry)
        keep_for_summary(request.node, entry)

    return keep


@pytest.fixture
def world(
    cluster: KafkaCluster,
    postgres_url: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    noted: Callable[[Verdict], None],
) -> Iterator[World]:
    """A world of this scenario alone; what it counted is noted."""
    seed = zlib.crc32(request.node.name.encode())
    with a_world(cluster, postgres_url, tmp_path, f"faults-{uuid.uuid4().hex[:8]}", seed) as made:
        yield made
        if made.verdict_given is not None:
            noted(made.verdict_given)


@pytest.fixture(autouse=True)
def _quiet_clients() -> Iterator[None]:
    """kafka-python tells of every lost connection, which here are the tests' own doing."""
    logger = logging.getLogger("kafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture
def scale() -> Scale:
    """Picks the short or the long form's numbers."""
    return Scale()

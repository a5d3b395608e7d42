"""The brokers and the world of the fault scenarios, and what they counted, told at the end of the run."""

import logging
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.faults.scale import Scale
from testing.faults.tally import Entry, note, table, total
from testing.faults.world import World, a_world
from testing.kafka_cluster import KafkaCluster, kafka_cluster
from testing.missing import ServiceMissingError

_ENTRIES = pytest.StashKey[list[Entry]]()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three brokers, shared by the scenarios; each leaves them whole."""
    try:
        with kafka_cluster(tmp_path_factory.mktemp("cluster")) as made:
            yield made
    except ServiceMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def world(cluster: KafkaCluster, postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world of this scenario alone; what it counted is noted."""
    scenario, began = request.node.name, time.monotonic()
    seed = zlib.crc32(scenario.encode())
    with a_world(cluster, postgres_url, tmp_path, f"faults-{uuid.uuid4().hex[:8]}", seed) as made:
        yield made
        if (given := made.verdict_given) is not None:
            entry = Entry(
                scenario,
                given.faults,
                given.sent,
                given.lost,
                given.doubled,
                given.caught_up_s,
                time.monotonic() - began,
            )
            note(entry)
            request.config.stash.setdefault(_ENTRIES, []).append(entry)


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    entries = terminalreporter.config.stash.get(_ENTRIES, [])
    if entries:
        terminalreporter.section("faults")
        for line in table([*entries, total(entries)]):
            terminalreporter.write_line(line)

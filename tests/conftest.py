"""The real services that tests run against, as fixtures, and the settings of the run.

For tests with Kafka:

- A consumer group forms in about 0.2 s on this broker (group.initial.rebalance.delay.ms=0; the default adds 3 s).
- kafka-python 3.0 loses a race: a group that forms before the consumer knows its topics may be assigned nothing until
  the metadata ages (metadata_max_age_ms, five minutes). Make the consumer without topics, call
  partitions_for_topic(topic) for each, and subscribe then.
- A member that joins or leaves later is noticed at the next heartbeat: heartbeat_interval_ms=200 makes that 0.25 s
  instead of 3 s. A killed one holds its partitions for session_timeout_ms: 3000 is quick and survives a busy machine,
  1000 does not, the default is 45 s.
- Give poll() 200 ms or more: with 20 ms, a rebalance on a busy machine may never end. Keep what it returns: the call
  that completes the join may already return records.

A test gets the marker of each service it uses, so `pytest -m "not kafka and not postgres and not chromium"` runs the rest.
scripts/test.sh runs the tests of these markers, and those of the rooms that wait for processes of their own, in front of the
others.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest
from playwright.sync_api import Browser

from testing import waiting
from testing.chromium import chromium_binary, running_browser
from testing.faults.summary import summarise_faults
from testing.kafka_broker import admin_client, create_topic, kafka_bootstrap_servers
from testing.migrated import migrated_template
from testing.missing import ServiceMissingError
from testing.postgres_server import new_database, postgres_server_url
from testing.skips import in_ci, pytest_make_collect_report, pytest_runtest_makereport
from testing.skips import pytest_terminal_summary as summarise_skips

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

SERVICE_MARKERS = {"kafka": "kafka", "cluster": "kafka", "postgres_server": "postgres", "chromium": "chromium"}
WAITING_ROOMS = {"client", "dashboard", "demo", "faults", "service", "services"}

# The services and the other tests share the cores, so the time of one example says nothing.
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if in_ci() else "dev")


class MakeTopic(Protocol):
    def __call__(self, partitions: int = 1, prefix: str = "topic") -> str: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(Path(__file__).parent / room) for room in WAITING_ROOMS):
            item.add_marker("waits")
        for fixture, marker in SERVICE_MARKERS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    summarise_faults(terminalreporter)
    summarise_skips(terminalreporter)


@contextmanager
def _skip_where_missing() -> Iterator[None]:
    try:
        yield
    except ServiceMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a real Kafka broker."""
    with _skip_where_missing(), kafka_bootstrap_servers(tmp_path_factory.mktemp("kafka")) as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture
def kafka_topic(kafka: str) -> Iterator[MakeTopic]:
    """Makes topics with unique names; they are deleted after the test."""
    admin = admin_client(kafka)
    made: list[str] = []

    def make(partitions: int = 1, prefix: str = "topic") -> str:
        name = f"{prefix}-{uuid.uuid4().hex}"
        create_topic(admin, name, partitions)
        made.append(name)
        return name

    try:
        yield make
    finally:
        if made:
            admin.delete_topics(made)
        admin.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The SQLAlchemy URL of a real PostgreSQL server's maintenance database."""
    with _skip_where_missing(), postgres_server_url() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty PostgreSQL database."""
    with new_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database, to copy."""
    with migrated_template(postgres_server) as url:
        yield url


@pytest.fixture
def migrated_postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The SQLAlchemy URL of a new PostgreSQL database at the newest schema."""
    with new_database(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The binary of a real Chromium."""
    with _skip_where_missing():
        return chromium_binary()


@pytest.fixture
def browser(chromium: Path) -> Iterator[Browser]:
    """A real headless browser of this test alone: asyncio.run would fail in any other test that shared its life."""
    with running_browser(chromium) as running:
        yield running


@pytest.fixture
def wait_until() -> Callable[..., object]:
    """testing.waiting.wait_until, for tests that would rather not import it."""
    return waiting.wait_until


@pytest.fixture
def free_port() -> Callable[[], int]:
    """testing.waiting.free_port, for tests that would rather not import it."""
    return waiting.free_port

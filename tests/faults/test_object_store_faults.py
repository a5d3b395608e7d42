"""The object store refuses, is cut off or stands still: the collectors stand by and go on, each record once."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from testing.faults.scale import Scale
from testing.faults.world import World
from testing.object_store import ObjectStore, object_store
from testing.tcp_proxy import TcpProxy
from testing.waiting import wait_until

MEMBERS = 2


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture
def way(store: ObjectStore) -> Iterator[TcpProxy]:
    """What the collectors reach the store through."""
    with TcpProxy(store.port) as proxy:
        yield proxy


@contextmanager
def _cut(way: TcpProxy) -> Iterator[None]:
    """Cut what is under way, perhaps a commit of which nobody will then know whether it was done."""
    wait_until(lambda: way.cut() > 0, 60, what="a connection to the object store")
    yield


def _standing_by(world: World) -> int:
    """How often a collector has said that the record log does not take or give what it asked for."""
    return sum(" ".join(c.log.split()).count("the record log s3://") for c in world.collectors.running)


def test_the_object_store_refuses_writes_and_connections_and_stands_still(
    world: World, store: ObjectStore, way: TcpProxy, scale: Scale
) -> None:
    world.environment["DRIFTGLASS_STORE__RECORDS"] = store.root
    options = store.options(way.port) | {"timeout": "2s", "max_retries": "4"}
    world.environment["DRIFTGLASS_STORE__STORAGE_OPTIONS"] = json.dumps(options)
    # Each with what is waited for under it: that a collector stands by, or that so many more records were sent.
    kinds: list[tuple[Callable[[], AbstractContextManager[None]], int | None]] = [
        (store.refusing_writes, None),
        (way.refusing, None),
        (lambda: _cut(way), 60),
        (way.stalled, 1_800),  # for longer than the timeout: what waits is asked again
    ]
    world.collectors.start(MEMBERS, world.environment)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=4, long=40)):
            begin, more = kinds[number % len(kinds)]
            before = _standing_by(world)
            with world.during(begin()):
                if more is not None:
                    load.wait_for(more)
                else:
                    wait_until(lambda before=before: _standing_by(world) > before, 120, what="a collector standing by")
            world.wait_for_commits()
        verdict = world.verdict(load, fetch=lambda: store.fetch(world.records))
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())

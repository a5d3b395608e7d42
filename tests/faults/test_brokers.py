"""One of three brokers dies, hangs, or is slow, while records are produced and consumed: every record is counted once."""

import random
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pytest

from kernel.errors import UnavailableError
from kernel.settings import KafkaSettings, LogSettings
from stream.codecs.topics import RecordKind
from stream.kafka_client import check_topics, ensure_topics
from stream.kafka_source import KafkaSource
from stream.message import Partition
from stream.open import open_source
from testing.faults.load import Load
from testing.faults.scale import Scale
from testing.faults.world import SESSION_MS, World
from testing.kafka_broker import admin_client
from testing.kafka_cluster import Broker, KafkaCluster
from testing.waiting import wait_until

COLLECTORS = 2
JOIN_S = 90.0  # a join itself may last five minutes
ROWS = 600
MESSAGES = 300  # fewer than the rows make, and more than a flush that was under way may bring


Victim = Callable[[World, random.Random], Broker]


def any_broker(world: World, chance: random.Random) -> Broker:
    return chance.choice(world.cluster.brokers)


def coordinator(world: World, _chance: random.Random) -> Broker:
    return world.cluster.coordinator()


def leader(world: World, _chance: random.Random) -> Broker:
    return world.cluster.leader(world.topic(RecordKind.PREDICTIONS), 0)


def is_killed_and_comes_back(broker: Broker, world: World, load: Load, _chance: random.Random) -> None:
    world.fault(broker.kill)
    load.wait_for(ROWS)
    world.wait_for_commits(MESSAGES)
    world.cluster.start(broker)
    load.wait_for(ROWS)
    world.cluster.wait_until_whole()


def is_slow_then_hangs_then_loses_its_connections(
    broker: Broker, world: World, load: Load, chance: random.Random
) -> None:
    with world.during(broker.proxy.slowed(0.2)):
        load.wait_for(ROWS)
        world.wait_for_commits()
    # While its leader is out of reach a partition takes nothing and gives nothing, so only time can pass.
    with world.during(broker.proxy.stalled()):
        time.sleep(chance.choice((0.5, 1.5)) * SESSION_MS / 1_000)
    world.fault(broker.proxy.cut)
    with world.during(broker.proxy.refusing()):
        time.sleep(1.5 * SESSION_MS / 1_000)
    load.wait_for(ROWS)
    world.wait_for_commits()


def stands_still_until_the_others_give_it_up(broker: Broker, world: World, load: Load, _chance: random.Random) -> None:
    with world.during(broker.frozen()):
        load.wait_for(ROWS)
        world.wait_for_commits(MESSAGES)
    load.wait_for(ROWS)
    world.cluster.wait_until_whole()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What becomes of a broker; of which one, in turns."""

    happen: Callable[[Broker, World, Load, random.Random], None]
    victims: tuple[Victim, ...]


# What the long form does to a world each, the short one does to a single one.
SCENARIOS: dict[str, Sequence[Trouble]] = Scale()(
    short={
        "everything": (
            Trouble(is_killed_and_comes_back, (coordinator,)),
            Trouble(is_slow_then_hangs_then_loses_its_connections, (leader,)),
            Trouble(stands_still_until_the_others_give_it_up, (leader,)),
        )
    },
    long={
        "killed": (Trouble(is_killed_and_comes_back, (any_broker,)),),
        "coordinator killed": (Trouble(is_killed_and_comes_back, (coordinator,)),),
        "way": (Trouble(is_slow_then_hangs_then_loses_its_connections, (leader, coordinator, any_broker)),),
        "standstill": (Trouble(stands_still_until_the_others_give_it_up, (leader, coordinator)),),
    },
)


@pytest.mark.parametrize("troubles", SCENARIOS.values(), ids=SCENARIOS)
def test_a_broker_fails_while_records_are_produced(world: World, scale: Scale, troubles: Sequence[Trouble]) -> None:
    chance = random.Random(world.seed)
    world.collectors.start(COLLECTORS)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=1, long=4)):
            for trouble in troubles:
                victim = trouble.victims[number % len(trouble.victims)]
                trouble.happen(victim(world, chance), world, load, chance)
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())


class Holder:
    """Keeps what a source is assigned."""

    def __init__(self) -> None:
        self.held: set[Partition] = set()

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        self.held.update(partitions)

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        self.held.difference_update(partitions)


def test_a_join_is_not_waited_for_at_a_coordinator_that_hangs(cluster: KafkaCluster) -> None:
    topic = group = f"hang-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(bootstrap=cluster.bootstrap_servers, group=group, session_timeout_ms=SESSION_MS)
    make_topic(cluster, settings, topic, partitions=4)
    holders = Holder(), Holder()
    with closing(KafkaSource(settings, [topic], holders[0])) as first:
        poll_until(lambda: len(holders[0].held) == 4, first)
        with closing(KafkaSource(settings, [topic], holders[1])) as second:
            # The first reader does not poll, so the coordinator keeps the second one waiting for the outcome of its join.
            poll_until(lambda: is_joining(cluster, group), second)
            with cluster.coordinator().frozen():
                poll_until(lambda: [len(holder.held) for holder in holders] == [2, 2], first, second)
            cluster.wait_until_whole()


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_the_ends_are_told_while_a_partition_gets_another_leader(
    cluster: KafkaCluster, client: Literal["kafka-python", "confluent"]
) -> None:
    topic = group = f"moved-{uuid.uuid4().hex[:8]}"
    kafka = KafkaSettings(bootstrap=cluster.bootstrap_servers, client=client, group=group)
    make_topic(cluster, kafka, topic, partitions=1)
    partition = Partition(topic, 0)
    with closing(open_source(LogSettings(kind="kafka", kafka=kafka), [topic], Holder())) as source:
        assert source.ends([partition]) == {partition: 0}
        for _ in cluster.brokers:  # a client that knows a leader asks it first
            cluster.move_leader(topic, 0)
            assert source.ends([partition]) == {partition: 0}


def make_topic(cluster: KafkaCluster, settings: KafkaSettings, topic: str, partitions: int) -> None:
    """Make a topic, and return once every broker has heard of it."""

    def knows(broker: Broker) -> bool:
        with suppress(UnavailableError):
            check_topics(settings.model_copy(update={"bootstrap": broker.address}), [topic])
            return True
        return False

    ensure_topics(settings, [topic], partitions=partitions)
    for broker in cluster.brokers:
        wait_until(partial(knows, broker), JOIN_S, "a broker that knows the topic")


def poll_until(condition: Callable[[], bool], *sources: KafkaSource) -> None:
    """Poll the sources in turn until the condition holds; where Kafka does not answer, try again as a collector does."""

    def holds() -> bool:
        for source in sources:
            with suppress(UnavailableError):
                source.poll(0.2)
        return condition()

    wait_until(holds, JOIN_S, "the partitions shared")


def is_joining(cluster: KafkaCluster, group: str) -> bool:
    """Whether the coordinator waits for members of the group to join."""
    admin = admin_client(cluster.direct_servers)
    try:
        return bool(admin.describe_groups([group])[group]["group_state"] == "PreparingRebalance")
    finally:
        admin.close()

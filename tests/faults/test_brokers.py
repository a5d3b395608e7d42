"""One of three brokers dies, hangs, or is slow, while records are produced and consumed: every record is counted once."""

import random
import time
from collections.abc import Callable

import pytest

from stream.codecs.topics import RecordKind
from testing.faults.scale import Scale
from testing.faults.world import SESSION_MS, World
from testing.kafka_cluster import Broker

COLLECTORS = 2
ROWS = 600
MESSAGES = 300  # fewer than the rows make, and more than a flush that was under way may bring


def any_broker(world: World, chance: random.Random) -> Broker:
    return chance.choice(world.cluster.brokers)


def coordinator(world: World, _chance: random.Random) -> Broker:
    return world.cluster.coordinator()


def leader(world: World, _chance: random.Random) -> Broker:
    return world.cluster.leader(world.topic(RecordKind.PREDICTIONS), 0)


@pytest.mark.parametrize("victim", [any_broker, coordinator])
def test_a_broker_is_killed_and_comes_back_while_records_are_produced(
    world: World, scale: Scale, victim: Callable[[World, random.Random], Broker]
) -> None:
    chance = random.Random(world.seed)
    world.collectors.start(COLLECTORS)
    with world.load() as load:
        world.wait_for_commits()
        for _ in range(scale(short=1, long=4)):
            broker = victim(world, chance)
            world.fault(broker.kill)
            load.wait_for(ROWS)
            world.wait_for_commits(MESSAGES)
            world.cluster.start(broker)
            load.wait_for(ROWS)
            world.cluster.wait_until_whole()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())


def test_a_broker_is_slow_then_hangs_then_loses_its_connections(world: World, scale: Scale) -> None:
    chance = random.Random(world.seed)
    world.collectors.start(COLLECTORS)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=1, long=4)):
            broker = (leader, coordinator, any_broker)[number % 3](world, chance)
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
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())


def test_a_broker_stands_still_until_the_others_give_it_up(world: World, scale: Scale) -> None:
    chance = random.Random(world.seed)
    world.collectors.start(COLLECTORS)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=1, long=4)):
            broker = (leader, coordinator)[number % 2](world, chance)
            with world.during(broker.frozen()):
                load.wait_for(ROWS)
                world.wait_for_commits(MESSAGES)
            load.wait_for(ROWS)
            world.cluster.wait_until_whole()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())

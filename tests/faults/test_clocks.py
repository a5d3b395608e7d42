"""Clocks are set by hours while collectors run, are killed and leave, and others with clocks of their own take over: every id
still counts once.
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path

from kernel.clock import HOUR_US
from stream.codecs.topics import RecordKind
from testing.faults.collectors import Collector
from testing.faults.scale import Scale
from testing.faults.set_clock import set_to
from testing.faults.world import World
from testing.waiting import wait_until

MEMBERS = 2
ROOT = Path(__file__).parents[2]
OFF_HOURS = (-30, -5, -2, 2, 5, 30)
AS_FAR_AS_SET_HOURS = 31


class Clocks:
    """Collectors whose clocks are set by the test, each its own; a new one's is further off than any before, ahead or behind."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._files: dict[int, Path] = {}
        self._started = 0

    def start(self) -> Collector:
        """Start one."""
        self._started += 1
        file = self._world.folder / f"clock-{self._started}"
        set_to(file, (self._started if self._started % 2 else -self._started) * AS_FAR_AS_SET_HOURS * HOUR_US)
        command = [sys.executable, "-m", "testing.faults.set_clock", str(file)]
        (collector,) = self._world.collectors.start(environment={"PYTHONPATH": str(ROOT)}, command=command)
        self._files[collector.number] = file
        return collector

    def set(self, collector: Collector) -> None:
        """Set one's clock forward or back by hours."""
        set_to(self._files[collector.number], self._chance.choice(OFF_HOURS) * HOUR_US)


def _every_partition_has_moved_since(world: World) -> Callable[[], bool]:
    """Whether every partition of predictions has been committed to since this was asked for."""
    before = world.committed()
    mine = {place for place in before if place[0] == world.topic(RecordKind.PREDICTIONS)}

    def have_moved() -> bool:
        now = world.committed()
        return world.collectors.require_alive() and all(now[place] > before[place] for place in mine)

    return have_moved


def test_clocks_are_set_by_hours_while_collectors_run_are_killed_and_leave(world: World, scale: Scale) -> None:
    chance = random.Random(world.seed)
    clocks = Clocks(world, chance)
    for _ in range(MEMBERS):
        clocks.start()
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=2, long=30)):
            world.fault(lambda: clocks.set(chance.choice(world.collectors.running)))
            load.wait_for(chance.randrange(60, 600))
            world.wait_for_commits()
            world.fault(lambda: world.collectors.kill(chance.choice(world.collectors.running)))
            clocks.start()
            if number % 2:  # one leaves in peace while the group still looks for the dead one
                world.collectors.stop(chance.choice(world.collectors.running))
                clocks.start()
            wait_until(_every_partition_has_moved_since(world), 120, what="commits to every partition")
            load.wait_for(600)  # with copies of old records, for whoever took over
        verdict = world.verdict(load)
    assert load.acknowledged.repeats > 0
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())

"""Clocks are set by hours while collectors run, and collectors with clocks of their own take over: every id still counts once."""

import random
import sys
from pathlib import Path

from kernel.clock import HOUR_US
from testing.faults.collectors import Collector
from testing.faults.scale import Scale
from testing.faults.set_clock import set_to
from testing.faults.world import World

MEMBERS = 2
ROOT = Path(__file__).parents[2]
OFF_HOURS = (-30, -5, -2, 2, 5, 30)


class Clocks:
    """Collectors whose clocks are set by the test, each its own."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._files: dict[int, Path] = {}
        self._started = 0

    def start(self) -> Collector:
        """One whose clock is hours off from the start."""
        self._started += 1
        file = self._world.folder / f"clock-{self._started}"
        set_to(file, self._hours())
        command = [sys.executable, "-m", "testing.faults.set_clock", str(file)]
        (collector,) = self._world.collectors.start(environment={"PYTHONPATH": str(ROOT)}, command=command)
        self._files[collector.number] = file
        return collector

    def set(self, collector: Collector) -> None:
        """Set one's clock forward or back by hours."""
        set_to(self._files[collector.number], self._hours())

    def _hours(self) -> int:
        return self._chance.choice(OFF_HOURS) * HOUR_US


def test_clocks_are_set_by_hours_while_collectors_run_and_are_killed(world: World, scale: Scale) -> None:
    chance = random.Random(world.seed)
    clocks = Clocks(world, chance)
    for _ in range(MEMBERS):
        clocks.start()
    with world.load() as load:
        world.wait_for_commits()
        for number in range(scale(short=4, long=60)):
            world.fault(lambda: clocks.set(chance.choice(world.collectors.running)))
            load.wait_for(200)
            world.wait_for_commits()
            if number % 2:
                world.fault(lambda: world.collectors.kill(chance.choice(world.collectors.running)))
                clocks.start()
        verdict = world.verdict(load)
    assert load.acknowledged.repeats > 0
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())

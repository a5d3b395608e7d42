"""Collectors die at any moment, while others join and leave their group: every record is counted once."""

import random

import pytest

from testing.faults.scale import Scale
from testing.faults.world import World

MEMBERS = 3


@pytest.mark.long  # of which test_clocks.py is the shorter form
def test_collectors_are_killed_at_random_moments_while_others_join_and_leave(world: World, scale: Scale) -> None:
    chance = random.Random(world.seed)
    kills = scale(short=4, long=50)
    world.collectors.start(MEMBERS)
    with world.load() as load:
        world.wait_for_commits()
        for number in range(kills):
            load.wait_for(chance.randrange(60, 600))
            world.fault(lambda: world.collectors.kill(chance.choice(world.collectors.running)))
            world.collectors.start()
            if number % 3 == 2:  # one leaves in peace while the group still looks for the dead one
                world.collectors.stop(chance.choice(world.collectors.running))
                world.collectors.start()
            world.wait_for_commits()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())

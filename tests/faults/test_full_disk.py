"""No room for the record log: the collectors stand by, and go on once there is some, each record once."""

from stream.codecs.topics import RecordKind
from testing.faults.file_size import no_file_longer_than
from testing.faults.scale import Scale
from testing.faults.world import World
from testing.waiting import wait_until

MEMBERS = 2
_ROOM_BYTES = 3_000  # less than the file of a flush


def _broken_off(size: int, world: World) -> bool:
    """Whether a file of the record log was written up to there, and no further."""
    return any(file.stat().st_size == size for file in world.records.rglob("*.parquet"))


def _both_tables_stand(world: World) -> bool:
    """Whether there is a file of predictions and one of labels; where a table cannot be made, no file is begun."""
    kinds = (RecordKind.PREDICTIONS, RecordKind.LABELS)
    return all(any((world.records / world.workspace / kind).rglob("*.parquet")) for kind in kinds)


def test_the_disk_of_the_record_log_is_full_for_a_while(world: World, scale: Scale) -> None:
    world.collectors.start(MEMBERS)
    with world.load() as load:
        wait_until(lambda: _both_tables_stand(world), 120, what="records in both tables")
        for number in range(scale(short=2, long=20)):
            size = _ROOM_BYTES + number
            with no_file_longer_than(size, [collector.pid for collector in world.collectors.running]):
                world.fault(
                    lambda size=size: wait_until(lambda: _broken_off(size, world), 120, what="a file broken off")
                )
                load.wait_for(300)
            world.wait_for_commits()
        verdict = world.verdict(load)
    assert (verdict.lost, verdict.doubled, verdict.details) == (0, 0, ())

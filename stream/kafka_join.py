"""Two remedies for kafka-python 3.0, without which a group may never come to rest.

The outcome of a join that arrives between two polls is taken in, not thrown away. `AbstractCoordinator.join_group_async` begins a
new join whenever the last one is done, also when it was done well while nobody was polling. Each new join makes the whole group
join again, so readers that poll at different moments (one stores a batch while the other waits) may never come to rest. There is no
public way to the join's outcome.

A coordinator whose connection breaks while the group is joined is looked up anew. `AbstractCoordinator.coordinator` takes it for
alive as long as connections are accepted, which a proxy or a load balancer does for a broker that is gone; the join is then sent
there for ever, and nobody asks who coordinates the group now.
"""

from typing import Any

from kafka import KafkaConsumer
from kafka.structs import MemberState


def finish_join(consumer: KafkaConsumer) -> None:
    """To be called before each poll, on the thread that polls.

    Raises:
        kafka.errors.KafkaError: as `poll` does.
    """
    coordinator = consumer._coordinator
    join = coordinator._join_task
    if join is not None and join.succeeded() and coordinator.state is MemberState.REBALANCING:
        coordinator._join_task = None
        coordinator._net.run(_take_in, coordinator, join.value)


def forget_lost_coordinator(consumer: KafkaConsumer) -> None:
    """To be called before each poll, on the thread that polls; what is forgotten needlessly costs one look-up."""
    coordinator = consumer._coordinator
    join = coordinator._join_task
    joining = join is not None and not join.is_done
    lost = coordinator.coordinator_id is not None and coordinator._client.is_disconnected(coordinator.coordinator_id)
    if coordinator.need_rejoin() and lost and not joining:
        coordinator.coordinator_dead("its connection is lost")


async def _take_in(coordinator: Any, assignment: bytes) -> None:
    """What `join_group_async` does with the outcome that it has waited for."""
    with coordinator._lock:
        coordinator.rejoining = False
        coordinator.rejoin_needed = False
        coordinator.state = MemberState.STABLE
        coordinator._enable_heartbeat()
    generation = coordinator._generation
    await coordinator._on_join_complete_async(
        generation.generation_id, generation.member_id, generation.protocol, assignment
    )

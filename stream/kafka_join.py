"""Three remedies for kafka-python 3.0, without which a group may not come to rest for minutes, or never.

The outcome of a join that arrives between two polls is taken in, not thrown away. `AbstractCoordinator.join_group_async` begins a
new join whenever the last one is done, also when it was done well while nobody was polling. Each new join makes the whole group
join again, so readers that poll at different moments (one stores a batch while the other waits) may never come to rest. There is no
public way to the join's outcome.

A coordinator whose connection breaks while the group is joined is looked up anew. `AbstractCoordinator.coordinator` takes it for
alive as long as connections are accepted, which a proxy or a load balancer does for a broker that is gone; the join is then sent
there for ever, and nobody asks who coordinates the group now.

A join is not waited for at a broker that the cluster has given up. A broker that hangs keeps its connections open, and a join has
five minutes to be answered, as long as a member may take between two polls; meanwhile another broker coordinates the group.
"""

import time
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


def forget_hung_coordinator(consumer: KafkaConsumer, patience_s: float) -> None:
    """To be called before each poll, on the thread that polls.

    Args:
        patience_s: how old the list of brokers may be while a join waits for its answer.
    """
    coordinator = consumer._coordinator
    join = coordinator._join_task
    if join is None or join.is_done or coordinator.coordinator_id is None:
        return
    cluster = coordinator._cluster
    if time.monotonic() * 1_000 - cluster._last_successful_refresh_ms > patience_s * 1_000:
        cluster.request_update()
    asked = cluster.broker_metadata(coordinator.coordinator_id)
    if asked is not None and (asked.host, asked.port) not in {(b.host, b.port) for b in cluster.brokers()}:
        coordinator._net.run(_hang_up, coordinator)


async def _hang_up(coordinator: Any) -> None:
    """Close the connection, which fails the join that waits on it; the next poll asks who coordinates the group now."""
    coordinator._client.close(coordinator.coordinator_id)
    coordinator.coordinator_dead("the cluster has given it up")


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

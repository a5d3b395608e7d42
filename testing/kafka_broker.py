"""A real Apache Kafka broker, KRaft mode, one node on 127.0.0.1.

Ready in about two seconds on two cores: the storage is formatted and the classes are archived once, at installation, and the
JVM compiles with C1 only.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from testing.kafka_node import EXTERNAL, format_storage, node_command, require_kafka
from testing.process import running
from testing.waiting import free_port, is_listening, wait_until


@contextmanager
def kafka_bootstrap_servers(directory: Path) -> Iterator[str]:
    """Yield the bootstrap servers of the cluster that DRIFTGLASS_TEST_KAFKA names, or of a new broker in ``directory``.

    Raises:
        ServiceMissingError: no broker is named, and none is installed.
    """
    if external := os.environ.get(EXTERNAL):
        yield external
        return
    require_kafka()
    port = free_port()
    command = _command(port, free_port(), directory / "data")
    format_storage(directory / "data")
    with running(command, directory=directory, ready=lambda: _answers(port), stop_signal=signal.SIGKILL):
        yield f"127.0.0.1:{port}"


def admin_client(bootstrap_servers: str) -> KafkaAdminClient:
    """Return an admin client of a cluster.

    Raises:
        kafka.errors.KafkaTimeoutError: nothing answers there within 10 s.
    """
    return KafkaAdminClient(bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=10_000)


def create_topic(admin: KafkaAdminClient, name: str, partitions: int) -> None:
    """Create a topic and wait until the broker tells its clients about all of its partitions.

    The answer to the creation comes earlier than that; a consumer that asks in between is assigned nothing until its
    metadata ages (metadata_max_age_ms, five minutes by default).
    """
    admin.create_topics([NewTopic(name=name, num_partitions=partitions, replication_factor=-1)])

    def known() -> bool:
        [topic] = admin.describe_topics([name])
        leaders = [partition["leader_id"] for partition in topic["partitions"] if not partition["error_code"]]
        return len(leaders) == partitions and min(leaders) >= 0

    wait_until(known, what=f"a leader for each partition of {name}")


def _command(port: int, controller_port: int, data: Path) -> list[str]:
    return node_command(
        {
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "log.dirs": str(data),
        }
    )


def _answers(port: int) -> bool:
    """Say whether the broker has joined its own cluster, which is when topics can be made."""
    if not is_listening(port):
        return False
    admin = admin_client(f"127.0.0.1:{port}")
    try:
        cluster: dict[str, Any] = admin.describe_cluster()
        return bool(cluster["brokers"])
    finally:
        admin.close()

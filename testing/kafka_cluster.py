"""Apache Kafka as three brokers on 127.0.0.1, each behind a proxy of its own; every one of them may be killed.

Each node is broker and controller at once, so that two of three hold both the quorum and the in-sync replicas of every partition
(three replicas, two of them in sync at least). Ready in about ten seconds on two cores.

Clients bootstrap through the proxies and are led back to them by what the brokers advertise; the brokers talk to each other past
them, so a slow proxy is a slow way to a broker, not a broker that falls behind.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from kafka import TopicPartition
from kafka.protocol.admin import ElectionType

from testing.kafka_broker import admin_client
from testing.kafka_node import format_storage, node_command, require_kafka
from testing.process import running
from testing.tcp_proxy import TcpProxy
from testing.waiting import is_listening, kept_port, wait_until

BROKERS = 3
OFFSETS_TOPIC = "__consumer_offsets"
_START_TIMEOUT_S = 90.0
_LOOK_S = 0.2
_PROPERTIES = {
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    # A killed broker is given up after 3 s instead of 9 s; three JVMs on two cores need as much to be told from a dead one.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "controller.quorum.election.timeout.ms": "1000",
    "num.network.threads": "1",
    "num.io.threads": "2",
}


class Broker:
    """One node of the cluster: started, killed, and started again on the same folder.

    Attributes:
        id: its node id, from 1.
        address: past the proxy.
        proxy: what clients go through.
    """

    def __init__(self, node_id: int, directory: Path) -> None:
        self.id = node_id
        self._directory = directory
        self._port, self._proxied_port, self._controller_port = kept_port(), kept_port(), kept_port()
        self._process = ExitStack()
        self._pid: int | None = None
        self.proxy = TcpProxy(self._proxied_port)
        directory.mkdir()
        format_storage(directory / "data", node_id)

    @property
    def address(self) -> str:
        """Where it listens itself."""
        return f"127.0.0.1:{self._port}"

    @property
    def voter(self) -> str:
        """The node as the quorum names it."""
        return f"{self.id}@127.0.0.1:{self._controller_port}"

    @property
    def pid(self) -> int:
        """Its process.

        Raises:
            RuntimeError: it is down.
        """
        if self._pid is None:
            raise RuntimeError(f"broker {self.id} is down")
        return self._pid

    @property
    def listens(self) -> bool:
        """Whether clients can connect."""
        return is_listening(self._proxied_port) and is_listening(self._port)

    @property
    def up(self) -> bool:
        """Whether it was started and not killed."""
        return self._pid is not None

    def start(self, voters: str) -> None:
        """Start it and return at once; from the main thread (see testing.process.running)."""
        listeners = {
            "PLAINTEXT": f"127.0.0.1:{self._port}",
            "PROXIED": f"127.0.0.1:{self._proxied_port}",
            "CONTROLLER": f"127.0.0.1:{self._controller_port}",
        }
        advertised = {"PLAINTEXT": listeners["PLAINTEXT"], "PROXIED": f"127.0.0.1:{self.proxy.port}"}
        command = node_command(
            {
                **_PROPERTIES,
                "node.id": str(self.id),
                "listeners": _joined(listeners),
                "advertised.listeners": _joined(advertised),
                "controller.quorum.voters": voters,
                "log.dirs": str(self._directory / "data"),
            }
        )
        self._pid = self._process.enter_context(
            running(command, directory=self._directory, ready=lambda: True, stop_signal=signal.SIGKILL)
        )

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While the block lasts, its process stands still, with all connections open: SIGSTOP, then SIGCONT."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it by SIGKILL; nothing where it is down."""
        self._process.close()
        self._pid = None


class KafkaCluster:
    """The three brokers.

    Attributes:
        brokers: in the order of their ids.
    """

    def __init__(self, brokers: tuple[Broker, ...]) -> None:
        self.brokers = brokers

    @property
    def bootstrap_servers(self) -> str:
        """For clients: the proxies."""
        return ",".join(f"127.0.0.1:{broker.proxy.port}" for broker in self.brokers)

    @property
    def direct_servers(self) -> str:
        """For those who look from outside: past the proxies."""
        return ",".join(broker.address for broker in self.brokers if broker.up)

    def start(self, broker: Broker) -> None:
        """Start a broker, or start it again, and return at once."""
        broker.start(",".join(each.voter for each in self.brokers))

    def coordinator(self) -> Broker:
        """The broker that coordinates the consumer groups: the one partition of their offsets has it as its leader."""
        return self.leader(OFFSETS_TOPIC, 0)

    def leader(self, topic: str, partition: int) -> Broker:
        """The broker that leads a partition."""
        (found,) = [p for p in self._partitions(topic) if p["partition_index"] == partition]
        leader: int = found["leader_id"]
        return self.brokers[leader - 1]

    def move_leader(self, topic: str, partition: int) -> None:
        """Have the next of its replicas lead a partition."""
        (found,) = [p for p in self._partitions(topic) if p["partition_index"] == partition]
        replicas = list(found["replica_nodes"])
        first = replicas.index(found["leader_id"]) + 1
        admin = admin_client(self.direct_servers)
        try:
            admin.alter_partition_reassignments({TopicPartition(topic, partition): replicas[first:] + replicas[:first]})
            admin.elect_leaders(ElectionType.PREFERRED, {topic: [partition]})
        finally:
            admin.close()

    def wait_until_whole(self) -> None:
        """Return once all brokers are in the cluster and every partition has all of its replicas in sync."""
        wait_until(self._is_whole, _START_TIMEOUT_S, "three brokers, all replicas in sync", every_s=_LOOK_S)

    def _is_whole(self) -> bool:
        if not all(broker.listens for broker in self.brokers):
            return False
        admin = admin_client(self.direct_servers)
        try:
            cluster: dict[str, Any] = admin.describe_cluster()
            members = [broker for broker in cluster["brokers"] if not broker["is_fenced"]]
            partitions = [p for topic in admin.describe_topics() for p in topic["partitions"]]
        finally:
            admin.close()
        return len(members) == BROKERS and all(len(p["isr_nodes"]) == len(p["replica_nodes"]) for p in partitions)

    def _partitions(self, topic: str) -> list[dict[str, Any]]:
        admin = admin_client(self.direct_servers)
        try:
            (described,) = admin.describe_topics([topic])
            return list(described["partitions"])
        finally:
            admin.close()


@contextmanager
def kafka_cluster(directory: Path) -> Iterator[KafkaCluster]:
    """Yield a new cluster in ``directory``, whole; at the end its brokers are killed.

    Raises:
        ServiceMissingError: Kafka is not installed.
    """
    require_kafka()
    with ExitStack() as closing:
        brokers = tuple(Broker(number, directory / f"broker-{number}") for number in range(1, BROKERS + 1))
        cluster = KafkaCluster(brokers)
        for broker in brokers:
            closing.enter_context(broker.proxy)
            closing.callback(broker.kill)
        for broker in brokers:
            cluster.start(broker)
        cluster.wait_until_whole()
        yield cluster


def _joined(listeners: dict[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in listeners.items())

"""How fast several collector processes of one group empty a log, on PostgreSQL: real `driftglass collect` processes.

The clock runs from the moment at which the group rests and all of its members hold partitions, until every partition is committed
to its end. Arguments: how many processes; how many messages and rows the log holds; the log.
"""

import os
import sys
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from kafka.errors import CoordinatorNotAvailableError

from bench.ingest import PARTITION, PARTITIONS, log_of
from bench.probe import report
from store.database import Database
from store.migrate import migrate
from store.tables import offsets
from testing.faults.collectors import Collectors
from testing.kafka_broker import admin_client
from testing.postgres_server import new_database, postgres_server_url
from testing.waiting import wait_until

FLUSH_BYTES = 16 << 20
PATIENCE_S = 300.0


def main() -> None:
    processes, messages, rows, where = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    with tempfile.TemporaryDirectory() as name, postgres_server_url() as server, new_database(server) as url:
        db = Database(url)
        migrate(db)
        kafka, group = log_of(where).kafka.bootstrap, f"bench-{uuid.uuid4().hex}"
        with closing(Collectors(_environment(kafka, group, url, Path(name)), Path(name))) as collectors:
            collectors.start(processes)

            def committed() -> int:
                collectors.require_alive()
                return _committed(db)

            wait_until(lambda: _is_shared(kafka, group, processes), PATIENCE_S, "the partitions shared")
            began_s, before = time.perf_counter(), committed()
            wait_until(lambda: committed() == messages, PATIENCE_S, "a commit of every message")
            seconds = time.perf_counter() - began_s
        db.close()
        report({"records_per_s": (messages - before) / messages * rows / seconds})


def _environment(kafka: str, group: str, database: str, folder: Path) -> dict[str, str]:
    settings = {
        "LOG__KIND": "kafka",
        "LOG__KAFKA__BOOTSTRAP": kafka,
        "LOG__KAFKA__GROUP": group,
        "LOG__KAFKA__PARTITIONS": str(PARTITIONS),
        "STORE__DATABASE": database,
        "STORE__RECORDS": str(folder / "records"),
        "COLLECTOR__FLUSH_BYTES": str(FLUSH_BYTES),
        "COLLECTOR__THREADS": "1",
    }
    return dict(os.environ) | {f"DRIFTGLASS_{name}": value for name, value in settings.items()}


def _is_shared(kafka: str, group: str, processes: int) -> bool:
    admin = admin_client(kafka)
    try:
        described = admin.describe_groups([group])[group]
    except CoordinatorNotAvailableError:  # the broker's first group has to wait for the topic of groups
        return False
    finally:
        admin.close()
    assigned = [_partitions(member) for member in described["members"]]
    return described["group_state"] == "Stable" and len(assigned) == processes and all(assigned)


def _partitions(member: dict[str, Any]) -> int:
    held = (member["member_assignment"] or {}).get("assigned_partitions", [])
    return sum(len(topic["partitions"]) for topic in held)


def _committed(db: Database) -> int:
    with db.read() as connection:
        query = sa.select(sa.func.sum(offsets.c.next_offset)).where(offsets.c.topic == PARTITION.topic)
        return int(connection.scalar(query) or 0)


main()

"""What every Kafka node of the tests shares: the jars that are installed, the JVM, the command that runs one."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from testing.missing import ServiceMissingError

ROOT = Path(__file__).parent.parent
INSTALLED = ROOT / ".services" / "kafka"
PROPERTIES = ROOT / "scripts" / "services" / "kafka" / "server.properties"
EXTERNAL = "DRIFTGLASS_TEST_KAFKA"
JVM_OPTIONS = [
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    f"-XX:SharedArchiveFile={INSTALLED}/classes.jsa",  # without it, or one of another JVM, a start only takes longer
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]


def require_kafka() -> None:
    """Make sure that a node can be run here.

    Raises:
        ServiceMissingError: there is no JVM, or Kafka is not installed.
    """
    if shutil.which("java") is None or not INSTALLED.is_dir():
        raise ServiceMissingError(
            f"Kafka is missing: run scripts/services/kafka.sh (needs a JDK and Maven), or name a broker in {EXTERNAL}."
        )


def format_storage(data: Path, node_id: int = 1) -> None:
    """Make a node's storage from the one that the installation formatted; a JVM's start would cost seconds.

    The formatted folder belongs to no node in particular but for its `meta.properties`, which name the node; the cluster's
    id in them stays the same, which makes the nodes one cluster.
    """
    shutil.copytree(INSTALLED / "formatted", data)
    meta = data / "meta.properties"
    lines = meta.read_text().splitlines()
    # Without its own id the folder gets a new one at the start.
    kept = [line for line in lines if not line.startswith(("node.id=", "directory.id="))]
    meta.write_text("\n".join([*kept, f"node.id={node_id}", ""]))


def node_command(overrides: Mapping[str, str]) -> list[str]:
    """The command of a node, with these properties over those of the file."""
    words = [word for key, value in overrides.items() for word in ("--override", f"{key}={value}")]
    return ["java", *JVM_OPTIONS, "-cp", f"{INSTALLED}/lib/*", "kafka.Kafka", str(PROPERTIES), *words]

"""Settings: one typed tree from driftglass.yaml and DRIFTGLASS_* variables, the variables winning.

A part declares its own section beside its code; service/settings.py joins all of them. `load` reads any such tree, and says what
is wrong in one sentence a person can act on: the file, the line, the value, what is allowed.
"""

import os
from pathlib import Path
from typing import Literal, TypeVar

import pydantic_settings
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kernel.errors import SettingsError
from kernel.settings_problem import PREFIX, sentences
from kernel.yaml_file import YamlFile, read_yaml

CONFIG_VARIABLE = "DRIFTGLASS_CONFIG"
_OTHERS = ("client_", "test_")
DEFAULT_CONFIG = Path("driftglass.yaml")


class Section(BaseModel):
    """A part of the settings tree: frozen, and strict about names, so that a misspelt one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class StoreSettings(Section):
    """Where state and the record log are kept."""

    database: str = Field(
        "sqlite:///driftglass-data/driftglass.db", description="SQLAlchemy URL: SQLite or PostgreSQL."
    )
    records: str = Field(
        "driftglass-data/records", description="Folder or URL (s3://, gs://, az://) of the Delta tables."
    )
    storage_options: dict[str, SecretStr] = Field(
        default_factory=dict, description="Options of the object store, as delta-rs names them."
    )
    recount: Literal["here", "ray"] = Field(
        "here",
        description="Where windows are counted again when a column gets a new grid: in the process that asks, or on Ray, "
        "which needs the extra of that name.",
    )
    ray_address: str = Field(
        "local",
        description="Of Ray: local starts one on this machine for as long as it takes; auto, host:6379 or "
        "ray://host:10001 names a cluster.",
    )

    @property
    def options(self) -> dict[str, str]:
        """The storage options, for the store itself to use."""
        return {name: value.get_secret_value() for name, value in self.storage_options.items()}


class KafkaSettings(Section):
    """Apache Kafka."""

    bootstrap: str = Field("localhost:9092", description="Bootstrap servers, host:port, comma-separated.")
    client: Literal["kafka-python", "confluent"] = Field(
        "kafka-python",
        description="What reads Kafka; confluent takes less CPU a message, and needs the extra of that name.",
    )
    group: str = Field("driftglass", description="Consumer group of the collectors.")
    partitions: int = Field(
        8, ge=1, description="Partitions of a topic that is made here; of no effect on one that exists."
    )
    session_timeout_ms: int = Field(
        10_000, ge=1_000, description="After this silence a collector's partitions go to another."
    )
    fetch_max_bytes: int = Field(16 << 20, ge=1 << 16, description="Bytes one fetch may bring, at most.")


class LocalLogSettings(Section):
    """The local log: a SQLite file of its own."""

    path: Path = Field(Path("driftglass-data/log.db"), description="The file.")
    partitions: int = Field(1, ge=1, le=64, description="Partitions a topic; fixed once the file exists.")
    max_bytes: int = Field(4 << 30, ge=1 << 20, description="Size limit; over it the gateway answers 429.")


class LogSettings(Section):
    """The log of incoming messages."""

    kind: Literal["local", "kafka"] = Field("local", description="Where messages are kept until they are collected.")
    kafka: KafkaSettings = KafkaSettings()
    local: LocalLogSettings = LocalLogSettings()
    topics: dict[str, str] = Field(
        default_factory=dict,
        description="Further topics to read: topic -> workspace. A topic carries one workspace and one kind of record, "
        "which its name ends with: predictions, labels, events or business.",
    )


class SettingsTree(BaseSettings):
    """The root of a settings tree: environment variables over the file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # it may be a secret
    )

    @classmethod
    def settings_customise_sources(  # the signature is pydantic-settings'
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables first, then what the file said."""
        return env_settings, init_settings


Tree = TypeVar("Tree", bound=SettingsTree)


def load(tree: type[Tree], path: Path | None = None) -> Tree:
    """Read a settings tree.

    Args:
        tree: the tree's class; a name the tree lacks is an error unless the class ignores extras.
        path: the file; None takes DRIFTGLASS_CONFIG, or driftglass.yaml where it exists.

    Raises:
        SettingsError: one sentence a mistake, with file and line.
    """
    file = path or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)
    asked_for = path is not None or CONFIG_VARIABLE in os.environ
    if not file.exists():
        if asked_for:
            raise SettingsError(f"the configuration file {file} does not exist")
        return _build(tree, YamlFile(file, {}, {}))
    return _build(tree, read_yaml(file))


def _build(tree: type[Tree], file: YamlFile) -> Tree:
    if tree.model_config.get("extra") == "forbid":
        _know_variables(tree)
    try:
        return tree(**file.values)
    except pydantic_settings.SettingsError as error:
        raise SettingsError(f"a {PREFIX} variable cannot be read: {error}") from error
    except ValidationError as error:
        raise SettingsError(sentences(error.errors(), tree, file)) from error


def _know_variables(tree: type[SettingsTree]) -> None:
    """A misspelt variable is an error too; the client's and the tests' are none of this tree."""
    for name in sorted(os.environ):
        section = name.removeprefix(PREFIX).split("__")[0].lower()
        foreign = not name.startswith(PREFIX) or name == CONFIG_VARIABLE or section.startswith(_OTHERS)
        if not foreign and section not in tree.model_fields:
            known = ", ".join(PREFIX + field.upper() for field in tree.model_fields)
            raise SettingsError(f"the variable {name} names no setting; they begin with {known}")

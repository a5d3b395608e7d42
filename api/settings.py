"""Settings of the REST API."""

from typing import Literal

from pydantic import Field

from driftglass_client.wire import DEFAULT_WORKSPACE
from kernel.settings import Section

Role = Literal["ingest", "admin", "viewer"]


class ApiKey(Section):
    """A key, and what it opens."""

    key: str = Field(min_length=16, description="The secret itself, at least 16 characters.", repr=False)
    workspace: str = Field(
        DEFAULT_WORKSPACE, pattern=r"^[A-Za-z0-9_-]{1,100}$", description="The workspace that the key names."
    )
    role: Role = Field("viewer", description="viewer may read; admin may also change; ingest may do neither here.")


class ApiSettings(Section):
    """The REST API."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(7462, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    keys: tuple[ApiKey, ...] = Field(
        (), description="API keys; with none, whoever reaches the port may read and change the workspace default."
    )
    max_body_bytes: int = Field(
        64 << 20,
        ge=1 << 10,
        description="Size of one body at most, after decompression; references are the large ones.",
    )

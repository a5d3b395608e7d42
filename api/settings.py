"""Settings of the REST API."""

from pydantic import Field

from kernel.keys import ApiKey
from kernel.settings import Section


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

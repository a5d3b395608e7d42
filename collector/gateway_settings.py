"""Settings of the HTTP gateway."""

from pydantic import Field

from driftglass_client.wire import BUCKETS
from kernel.keys import ApiKey
from kernel.settings import Section


class GatewaySettings(Section):
    """The HTTP gateway: ingestion only."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(7461, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    keys: tuple[ApiKey, ...] = Field(
        (), description="API keys; with none, whoever reaches the port may send to the workspace default."
    )
    max_body_bytes: int = Field(16 << 20, ge=1 << 10, description="Size of one body at most, after decompression.")
    max_held_bytes: int = Field(
        256 << 20, ge=1 << 10, description="Bytes of all bodies being worked on at most; beyond, the answer is 429."
    )
    message_bytes: int = Field(
        900_000, ge=1 << 10, description="Size of a message that is appended, about; Kafka's own limit is 1 MB."
    )
    append_timeout_s: float = Field(10.0, gt=0, description="Seconds an append may take; then the answer is 503.")
    buckets: int = Field(BUCKETS, ge=1, le=1_024, description="Buckets of a topic; fixed once it has messages.")

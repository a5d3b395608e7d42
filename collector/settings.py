"""Settings of the collector and its gateway."""

from pydantic import Field

from kernel.settings import Section


class CollectorSettings(Section):
    """Ingestion: how messages become rows and profiles."""

    flush_bytes: int = Field(
        64 << 20, ge=1 << 10, description="Bytes of messages, unpacked, after which a flush is due."
    )
    flush_interval_s: float = Field(2.0, gt=0, description="Seconds after which a flush is due.")
    drain_s: float = Field(
        15.0,
        gt=0,
        description="Seconds that a stop may take to answer and to commit what was read; then the process ends, and the next "
        "one reads the rest again.",
    )
    dedup_horizon_s: float = Field(3_600.0, gt=0, description="Seconds of ingestion within which an id counts once.")
    dedup_limit: int = Field(20_000_000, ge=1_000, description="Ids remembered at most, by each process.")
    max_models: int = Field(10_000, ge=1, description="Models a workspace registers; more are kept but not profiled.")
    max_columns: int = Field(1_000, ge=1, description="Columns a model profiles.")
    max_categories: int = Field(1_000, ge=1, description="Categories a column tells apart.")
    max_versions: int = Field(50, ge=1, description="Versions of a model that are told apart; the rest are 'other'.")
    duplicates: bool = Field(
        True, description="Whether rows that repeat another one's features are counted, for a few per cent of the CPU."
    )
    threads: int = Field(2, ge=1, description="Columns of a large batch that are counted at once.")
    max_segments: int = Field(50, ge=1, description="Values of a segment feature that are told apart.")

"""The `upkeep:` section of driftglass.yaml."""

from pydantic import Field

from kernel.settings import Section


class UpkeepSettings(Section):
    """What is done to the record log in the background, by a thread of `driftglass detect`: merging, retention, vacuum."""

    enabled: bool = Field(
        True, description="Whether this process takes part; one worker at a time does it, of all processes."
    )
    interval_s: float = Field(30.0, gt=0, description="Seconds between two looks for files to merge.")
    lease_s: float = Field(600.0, gt=0, description="Seconds a worker may be silent before another takes over.")
    files_a_merge: int = Field(8, ge=2, description="Files of a day and of about one size that are merged into one.")
    target_bytes: int = Field(
        64 << 20, ge=1 << 16, description="Bytes that one merge reads at most; a file of half of that is left as it is."
    )
    memory_bytes: int = Field(
        128 << 20,
        ge=1 << 20,
        description="Bytes of rows that a merge holds in memory; it takes about three times that.",
    )
    sweep_interval_s: float = Field(3_600.0, gt=0, description="Seconds between two rounds of retention and vacuum.")
    vacuum_delay_hours: int = Field(
        6, ge=1, le=168, description="Hours that a file which left the table is kept for those who still read it."
    )
    retention_days: int = Field(
        180,
        ge=1,
        description="Days that rows are kept after they were taken in and after their event, by whole windows; labels of "
        "predictions that are gone change nothing.",
    )

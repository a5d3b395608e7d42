"""The `shadow:` section of driftglass.yaml."""

from pydantic import Field

from kernel.settings import Section


class ShadowSettings(Section):
    """How candidates are replayed over recorded traffic."""

    interval_s: float = Field(2.0, gt=0, description="Seconds between two looks for runs to do.")
    lease_s: float = Field(120.0, gt=0, description="Seconds a runner may be silent before another takes its run over.")
    batch_rows: int = Field(16_384, ge=1, description="Rows the candidate predicts at once.")
    slice_days: int = Field(31, ge=1, description="Days of traffic that are held in memory at a time.")
    threads: int = Field(1, ge=0, description="Threads of ONNX Runtime within one operator; 0: one for each core.")
    providers: tuple[str, ...] = Field(
        ("CPUExecutionProvider",), min_length=1, description="ONNX Runtime's execution providers, the preferred first."
    )
    latency_rows: int = Field(
        200, ge=0, description="Rows that are predicted one by one, to time the candidate as it would serve."
    )

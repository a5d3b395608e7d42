"""A number that was measured: the row between detectors, store, dashboard and API."""

from dataclasses import dataclass
from enum import StrEnum

from kernel.clock import MINUTE_US


class Status(StrEnum):
    """What a measurement says."""

    OK = "ok"
    DRIFT = "drift"
    DEGRADED = "degraded"
    INSUFFICIENT = "insufficient"  # too few rows to say anything
    PROVISIONAL = "provisional"  # no reference to hold it against yet

    @property
    def abnormal(self) -> bool:
        """Whether it is one to be alerted about."""
        return self in ABNORMAL


ABNORMAL = (Status.DRIFT.value, Status.DEGRADED.value)
DECISIVE = (Status.OK.value, *ABNORMAL)
"""What says normal or abnormal at all; insufficient and provisional windows say nothing yet."""


SERVICE_LEVELS = ("burn_1h", "burn_6h", "burn_3d", "error_budget", "uptime")
"""Metrics of five minutes of a model's service, whatever its windows are."""
SERVICE_SPAN_US = 5 * MINUTE_US
GPU_SHARES = ("gpu_utilization", "gpu_idle_share", "gpu_memory_share")
GPU = (*GPU_SHARES, "gpu_power_w", "energy_per_1000", "gpu_errors")


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What windows are measured of: a model's version (kernel/versions.py) and segment ("" for all) at one window length."""

    model: str
    version: str
    segment: str
    size: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One metric of one window.

    Attributes:
        metric: its name in docs/statistics.md.
        column: a feature's name, "prediction", "score.CLASS", or "" for the whole model.
        value: None where it does not exist.
        expected: what noise alone gives, or what the reference shows.
        excess: value - expected, where that means something.
        p_value: probability under the interval null; p_change: under no change at all.
        lower, upper: confidence bounds.
        rows, reference_rows: effective numbers of rows behind it.
        alpha: the level that p_value was held against; None where nothing was tested.
        basis: how the decision was reached.
        span_start_us: where the rows begin, when earlier windows were looked back over; None for the window alone.
    """

    metric: str
    column: str
    value: float | None
    status: Status
    expected: float | None = None
    excess: float | None = None
    p_value: float | None = None
    p_change: float | None = None
    lower: float | None = None
    upper: float | None = None
    rows: float | None = None
    reference_rows: float | None = None
    alpha: float | None = None
    basis: str = ""
    span_start_us: int | None = None

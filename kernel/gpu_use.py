"""What GPUs did: the sums between what exporters tell and what is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuUse:
    """What some GPUs did in a window.

    Attributes:
        gpus: how many there were.
        readings, memory_readings, xid_readings: how often each was told, of all GPUs together.
        idle: readings of idle GPUs.
        busy, memory: sums of shares over the readings.
        power_spans: five minutes in which some told it; energy_spans: likewise, of each GPU by itself.
        power_w: the sum over them of what all GPUs drew together, in watts.
        energy_j: what all drew, in joules.
        errors: how often another error was the last.
        meters: GPUs that told their energy in the window or the day before it.
    """

    gpus: int
    readings: int
    idle: int
    busy: float
    memory_readings: int
    memory: float
    power_spans: int
    power_w: float
    energy_spans: int
    energy_j: float
    xid_readings: int
    errors: int
    meters: int = 1

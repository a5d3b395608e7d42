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
        power_spans, energy_spans: five minutes in which it was told.
        power_w: the sum over them of what all GPUs drew together, in watts.
        energy_j: what all drew, in joules.
        errors: how often another error was the last.
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

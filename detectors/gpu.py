"""What the GPUs did that serve a model: how busy they were, how full, what they drew, what that was a prediction."""

from collections.abc import Iterator

from kernel.gpu_use import GpuUse
from kernel.measurement import SERVICE_SPAN_US, Measurement, Status

_LEAST_KNOWN = 0.9  # of the window's time, for its energy to be held against its rows


def measure_gpus(use: GpuUse, length_us: int, rows: int | None, models: int = 1) -> Iterator[Measurement]:
    """gpu_utilization, gpu_idle_share, gpu_memory_share (shares), gpu_power_w (watts, all GPUs together), energy_per_1000 (joules
    a 1,000 predictions) and gpu_errors, of those that the exporters tell; all are told only.

    Args:
        length_us: the window's length.
        rows: predictions of all models that the GPUs serve; None where that is not known of this window.
        models: how many these are.

    Energy is `insufficient` where it was not told in nine tenths of the window, or nothing was predicted.
    Source: energy over useful work, as in The Green Grid, "Harmonizing Global Metrics for Data Center Energy Efficiency" (2014).

    >>> hour = GpuUse(2, 480, 120, 264.0, 480, 96.0, 12, 12 * 500.0, 12, 1.8e6, 480, 1)
    >>> [(m.metric, m.value) for m in measure_gpus(hour, 12 * SERVICE_SPAN_US, rows=90_000)]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('gpu_utilization', 0.55), ('gpu_idle_share', 0.25), ('gpu_memory_share', 0.2), ('gpu_power_w', 500.0),
     ('energy_per_1000', 20000.0), ('gpu_errors', 1.0)]
    """
    basis = "1 GPU" if use.gpus == 1 else f"{use.gpus} GPUs"

    def told(metric: str, value: float, of: int) -> Measurement:
        return Measurement(metric, "", value, Status.OK, rows=of, basis=basis)

    if use.readings:
        yield told("gpu_utilization", use.busy / use.readings, use.readings)
        yield told("gpu_idle_share", use.idle / use.readings, use.readings)
    if use.memory_readings:
        yield told("gpu_memory_share", use.memory / use.memory_readings, use.memory_readings)
    if use.power_spans:
        yield told("gpu_power_w", use.power_w / use.power_spans, use.power_spans)
    if use.energy_spans:
        known = min(1.0, use.energy_spans * SERVICE_SPAN_US / length_us / max(1, use.meters))
        yield _energy(use.energy_j, rows, known, f"{basis}, {models} models" if models > 1 else basis)
    if use.xid_readings:
        yield told("gpu_errors", float(use.errors), use.xid_readings)


def _energy(energy_j: float, rows: int | None, known: float, basis: str) -> Measurement:
    if rows is None:
        basis = f"{basis}, one of which has longer windows"
    elif known < _LEAST_KNOWN:
        basis = f"{basis}, told in {known:.0%} of the window"
    value = 1_000 * energy_j / rows if rows else None
    sure = rows and known >= _LEAST_KNOWN
    return Measurement(
        "energy_per_1000", "", value, Status.OK if sure else Status.INSUFFICIENT, rows=rows or 0, basis=basis
    )

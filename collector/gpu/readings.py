"""What exporters say of GPUs, in one unit each: shares, watts, joules. NVIDIA's DCGM exporter and Triton are known."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

from collector.gpu.exposition import samples
from store.gpu_readings import Reading


@dataclass(frozen=True, slots=True)
class _Metric:
    """What a metric says: how many of our units one of its own is, and beyond what it is a blank and no value."""

    what: str
    label: str  # which names the GPU
    unit: float = 1.0
    most: float = math.inf


_UUID, _TRITON = "UUID", "gpu_uuid"
_MOST_MEMORY, _MOST_W, _MOST_J, _MOST_XID = 1e15, 1e5, 1e15, 1e6
_METRICS = {
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": _Metric("active", _UUID, most=1.0),
    "DCGM_FI_DEV_GPU_UTIL": _Metric("busy", _UUID, 0.01, 1.0),  # per cent
    "DCGM_FI_DEV_FB_USED": _Metric("used", _UUID, most=_MOST_MEMORY),  # MiB, as the next two
    "DCGM_FI_DEV_FB_FREE": _Metric("free", _UUID, most=_MOST_MEMORY),
    "DCGM_FI_DEV_FB_RESERVED": _Metric("reserved", _UUID, most=_MOST_MEMORY),
    "DCGM_FI_DEV_POWER_USAGE": _Metric("power_w", _UUID, most=_MOST_W),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": _Metric("energy_j", _UUID, 1e-3, _MOST_J),  # mJ
    "DCGM_FI_DEV_XID_ERRORS": _Metric("xid", _UUID, most=_MOST_XID),  # the code of the last one, no count
    "nv_gpu_utilization": _Metric("busy", _TRITON, most=1.0),
    "nv_gpu_memory_used_bytes": _Metric("used", _TRITON, most=_MOST_MEMORY),
    "nv_gpu_memory_total_bytes": _Metric("total", _TRITON, most=_MOST_MEMORY),
    "nv_gpu_power_usage": _Metric("power_w", _TRITON, most=_MOST_W),
    "nv_energy_consumption": _Metric("energy_j", _TRITON, most=_MOST_J),
}
_INSTANCE = "GPU_I_ID"  # of a GPU that is partitioned (MIG)
_LONGEST_NAME = 255

Values = Mapping[str, Mapping[str, float]]
"""Of one GPU: by what is said, then by instance, "" for the GPU as a whole."""


def readings(text: str) -> list[Reading]:
    """The GPUs of an exposition, by UUID.

    A GPU that several pods share is told once for each, and counts once. Where one is partitioned, its instances are told apart:
    it is as busy as they are in the mean, and as full as they are together; power, energy and errors are the whole GPU's.

    Raises:
        ContractError: a line of a known metric is no sample.

    >>> readings('nv_gpu_utilization{gpu_uuid="GPU-1"} 0.25')
    [Reading(gpu='GPU-1', busy=0.25, memory=None, power_w=None, energy_j=None, xid=None)]
    """
    gpus: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for sample in samples(text, _METRICS):
        metric = _METRICS[sample.name]
        value, gpu = sample.value * metric.unit, sample.labels.get(metric.label, "")
        if _is_name(gpu) and 0 <= value <= metric.most:
            gpus[gpu][metric.what][sample.labels.get(_INSTANCE, "")] = value
    return [_reading(gpu, values) for gpu, values in sorted(gpus.items())]


def _is_name(gpu: str) -> bool:
    return gpu.isprintable() and 0 < len(gpu) <= _LONGEST_NAME


def _reading(gpu: str, values: Values) -> Reading:
    xid = _most(values, "xid")
    return Reading(
        gpu,
        busy=_mean(values, "active") if "active" in values else _mean(values, "busy"),
        memory=_memory(values),
        power_w=_most(values, "power_w"),
        energy_j=_most(values, "energy_j"),
        xid=None if xid is None else int(xid),
    )


def _memory(values: Values) -> float | None:
    used, free, total = (sum(_parts(values, what)) for what in ("used", "free", "total"))
    whole = total or used + free + sum(_parts(values, "reserved"))
    known = "used" in values and ("total" in values or "free" in values)
    return used / whole if known and used <= whole > 0 else None


def _mean(values: Values, what: str) -> float | None:
    return fmean(parts) if (parts := list(_parts(values, what))) else None


def _most(values: Values, what: str) -> float | None:
    return max(_parts(values, what), default=None)


def _parts(values: Values, what: str) -> Iterator[float]:
    """Of its instances; where none is told, of the whole GPU."""
    told = values.get(what, {})
    yield from (value for instance, value in told.items() if instance or len(told) == 1)

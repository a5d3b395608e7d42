"""Settings of the detectors."""

from typing import Literal

from pydantic import Field

from detectors.delta import DELTA
from kernel.moving import MOST_LOOKBACK
from kernel.settings import Section

Further = Literal["hellinger", "tvd", "linf", "ks", "wasserstein", "chi2"]


class DetectorSettings(Section):
    """How windows are measured and judged."""

    interval_s: float = Field(2.0, gt=0, description="Seconds between two looks for windows to measure.")
    lease_s: float = Field(300.0, gt=0, description="Seconds a worker may hold windows before another takes them over.")
    windows_a_lease: int = Field(31, ge=1, description="Windows of one model that are measured together.")
    label_pause_s: float = Field(
        20.0,
        ge=0,
        description="Seconds between two measurings of a window for new labels, or late records of its moving reference, alone.",
    )
    late_pause_s: float = Field(
        60.0,
        ge=0,
        description="Seconds without late records of a model until windows they came to are measured; ten times that at most.",
    )
    lookback_windows: int = Field(
        30,
        ge=0,
        le=MOST_LOOKBACK,
        description="Windows of the calendar that one with too few rows looks back over, at most.",
    )
    delta: float = Field(DELTA, ge=0, description="PSI up to which a shift is of no interest.")
    distances: tuple[Further, ...] = Field(
        (),
        description="Distances that are measured beside psi and js_distance: hellinger, tvd, linf, ks, wasserstein, chi2.",
    )
    low_margin: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="A prediction whose two likeliest classes are less than this apart is of low confidence.",
    )
    least_traffic: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Fewer rows than this share of what is usual are too few, where that is unlikely as well.",
    )
    latency_rise: float = Field(
        1.5,
        ge=1,
        description="A latency_p99 above so many times what is usual is too long, where that is unlikely as well.",
    )
    false_alarms: float = Field(
        1.0, gt=0, description="The dial: false alarms a model may raise in a quarter, expected."
    )
    final_after_s: float = Field(
        86_400.0,
        ge=0,
        description="Event time after a window has closed at which it is looked at once more, if records came in between.",
    )

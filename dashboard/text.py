"""Numbers and times as people read them: three significant digits, thousands separated, UTC."""

import math
from collections.abc import Mapping, Sequence

from kernel.clock import DAY_US, to_datetime
from kernel.moving import ROLLING, Moving

NONE = "–"  # noqa: RUF001 - a dash stands for what does not exist

METRICS: Mapping[str, str] = {
    "psi": "PSI",
    "js_distance": "Jensen-Shannon distance",
    "domain_auc": "Area of the domain classifier",
    "reconstruction_error": "Reconstruction error",
    "mmd": "Squared MMD",
    "mahalanobis": "Mahalanobis distance of the means",
    "frechet": "Fréchet distance",
    "missing_share": "Missing share",
    "hellinger": "Hellinger distance",
    "tvd": "Total variation distance",
    "linf": "Largest gap of a share",
    "ks": "Kolmogorov-Smirnov distance",
    "wasserstein": "Wasserstein distance",
    "chi2": "Chi-square",
    "misfit_share": "Share of another type",
    "unseen_share": "Unseen share",
    "oov_share": "Share of new words",
    "out_of_range_share": "Out-of-range share",
    "confidence_entropy": "Mean entropy",
    "confidence_margin": "Mean margin",
    "low_confidence_share": "Low-confidence share",
    "duplicate_share": "Duplicate share",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "precision_weighted": "Precision, weighted",
    "recall_weighted": "Recall, weighted",
    "f1_weighted": "F1, weighted",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "brier_reliability": "Reliability",
    "brier_resolution": "Resolution",
    "brier_uncertainty": "Uncertainty",
    "calibration_error": "Calibration error",
    "confusion": "Confusion matrix",
    "reliability": "Reliability diagram",
    "temperature": "Temperature",
    "conformal_threshold": "Conformal threshold",
    "conformal_coverage": "Conformal coverage",
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "r2": "R²",
    "bias": "Bias",
    "value_per_row": "Value of a row",
    "value": "Value",
    "parity_difference": "Parity difference",
    "disparate_impact": "Disparate impact",
    "opportunity_gap": "Opportunity gap",
    "ndcg": "NDCG",
    "mrr": "MRR",
    "estimated_accuracy": "Accuracy, estimated",
    "estimated_precision": "Precision, estimated",
    "estimated_recall": "Recall, estimated",
    "estimated_f1": "F1, estimated",
    "estimated_roc_auc": "ROC AUC, estimated",
    "estimated_mae": "MAE, estimated",
    "estimated_rmse": "RMSE, estimated",
    "estimated_mape": "MAPE, estimated",
    "estimated_value_per_row": "Value of a row, estimated",
    "estimate_error": "Error of the estimate",
    "rows": "Rows",
    "traffic": "Traffic",
    "burn_1h": "Burn rate, 1 hour",
    "burn_6h": "Burn rate, 6 hours",
    "burn_3d": "Burn rate, 3 days",
    "error_budget": "Error budget left",
    "uptime": "Uptime",
    "error_rate": "Error rate",
    "label_coverage": "Label coverage",
    "label_completeness": "Label completeness",
    "gpu_utilization": "GPU utilization",
    "gpu_idle_share": "Idle GPUs",
    "gpu_memory_share": "GPU memory",
    "gpu_power_w": "GPU power",
    "energy_per_1000": "Energy per 1,000 predictions",
    "gpu_errors": "GPU errors",
}

SHORT: Mapping[str, str] = {
    "js_distance": "JS distance",
    "missing_share": "Missing",
    "misfit_share": "Other type",
    "unseen_share": "Unseen",
    "oov_share": "New words",
    "out_of_range_share": "Out of range",
}
"""Names where several stand beside one another."""


def short_name(metric: str) -> str:
    """A metric's name where room is scarce.

    >>> short_name("missing_share"), short_name("psi")
    ('Missing', 'PSI')
    """
    return SHORT.get(metric, metric_name(metric))


def metric_name(metric: str) -> str:
    """A metric's name for people.

    >>> metric_name("roc_auc"), metric_name("latency_p99")
    ('ROC AUC', 'latency_p99')
    """
    return METRICS.get(metric, metric)


def number(value: float | None) -> str:
    """Three significant digits, no fewer than all whole ones.

    >>> number(0.012345), number(12.345), number(123456.7), number(None), number(0.0)
    ('0.0123', '12.3', '123,457', '–', '0')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    if digits > 6:
        return f"{value:.1e}"
    return f"{value:,.{max(0, digits)}f}"


def share(value: float | None) -> str:
    """A share in per cent.

    >>> share(0.3123), share(0.00314), share(1.0)
    ('31.2%', '0.314%', '100%')
    """
    return NONE if value is None or not math.isfinite(value) else f"{number(100 * value)}%"


def count(value: float | None) -> str:
    """A whole number with thousands separated.

    >>> count(336776)
    '336,776'
    """
    return NONE if value is None or not math.isfinite(value) else f"{value:,.0f}"


def p_value(value: float | None) -> str:
    """A p-value, no finer than it can mean.

    >>> p_value(0.0312), p_value(1e-20)
    ('0.0312', '< 1e-6')
    """
    return "< 1e-6" if value is not None and value < 1e-6 else number(value)


def moment(ts_us: int | None) -> str:
    """A moment in UTC, to the minute.

    >>> moment(1362132000000000)
    '1 Mar 2013 10:00'
    """
    if ts_us is None:
        return NONE
    when = to_datetime(ts_us)
    return f"{when.day} {when:%b %Y %H:%M}" if ts_us % DAY_US else f"{when.day} {when:%b %Y}"


def until(ts_us: int, now_us: int) -> str:
    """A moment in UTC that something lasts until: the time alone where that is today's.

    >>> until(1362132000000000, 1362131000000000), until(1362132000000000, 1362000000000000)
    ('10:00 UTC', '1 Mar 2013 10:00 UTC')
    """
    when, now = to_datetime(ts_us), to_datetime(now_us)
    today = when.date() == now.date()
    return f"{when:%H:%M} UTC" if today else f"{when.day} {when:%b %Y %H:%M} UTC"


def span(seconds: float | None) -> str:
    """A length of time, to two digits or so.

    >>> span(0.4), span(90.0), span(5_400.0), span(200_000.0), span(None)
    ('under a second', '90 s', '90 min', '2.3 days', '–')
    """
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 1:
        return "under a second"
    for length, unit in ((2 * 86_400, "days"), (2 * 3_600, "h"), (2 * 60, "min")):
        if seconds >= length:
            return f"{seconds / (length / 2):.2g} {unit}"
    return f"{seconds:.0f} s"


def window(start_us: int | None, size: str) -> str:
    """A window by its start.

    >>> window(1362096000000000, "1mo"), window(1362096000000000, "1d"), window(1362096000000000, "1h")
    ('Mar 2013', '1 Mar 2013', '1 Mar 2013 00:00')
    """
    if start_us is None:
        return NONE
    when = to_datetime(start_us)
    if size == "1mo":
        return f"{when:%b %Y}"
    return f"{when.day} {when:%b %Y}" + ("" if size in ("1d", "1w") else f" {when:%H:%M}")


def windows(number_of: int, size: str) -> str:
    """So many windows in words.

    >>> windows(90, "1d"), windows(1, "1mo"), windows(4, "5m")
    ('90 days', '1 month', '4 windows of 5m')
    """
    word = {"1d": "day", "1w": "week", "1mo": "month", "1h": "hour"}.get(size)
    if word is None:
        return f"{number_of} windows of {size}"
    return f"{number_of} {word}" + ("s" if number_of != 1 else "")


def moving(reference: Moving) -> str:
    """What a reference that moves is.

    >>> moving(Moving("rolling", "28d")), moving(Moving("lag", "7d"))
    ('the 28d before each window', 'each window 7d before')
    """
    if reference.kind == ROLLING:
        return f"the {reference.length} before each window"
    return f"each window {reference.length} before"


def named(names: Sequence[str], longest: int) -> str:
    """How many names there are, and the first of them: as many as fit into so many characters, at least one.

    >>> named(["temp", "wind_speed", "humid"], 20), named(["temp"], 20), named([], 20)
    ('3: temp, wind_speed +1', '1: temp', '0')
    """
    shown = list(names)
    while len(shown) > 1 and len(", ".join(shown)) > longest:
        shown.pop()
    more = f" +{len(names) - len(shown)}" if len(shown) < len(names) else ""
    return f"{len(names)}: {', '.join(shown)}{more}" if names else "0"


def joined(*parts: str) -> str:
    """Those that say something, one after the other.

    >>> joined("Traffic", "all versions"), joined("Traffic", "")
    ('Traffic, all versions', 'Traffic')
    """
    return ", ".join(part for part in parts if part)


def sentence(text: str) -> str:
    """With a capital letter at its beginning.

    >>> sentence("no version beside version A")
    'No version beside version A'
    """
    return text[:1].upper() + text[1:]


def short(name: str) -> str:
    """The beginning of a made name, enough to tell it from others.

    >>> short("5f0c8a51d1d6e1b7a6a2c9a1f4f6d0aa"), short("january")
    ('5f0c8a51', 'january')
    """
    return name[:8]


def plain(text: str) -> str:
    """Text from outside with its markup taken away: names and messages are shown as they are.

    >>> plain("a*b")
    'a\\\\*b'
    """
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+!|~$:" else c for c in text)

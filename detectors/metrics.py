"""The names of all metrics; docs/statistics.md says what each is."""

from kernel.measurement import GPU, SERVICE_LEVELS

DISTANCES = (
    "js_distance",
    "hellinger",
    "tvd",
    "linf",
    "ks",
    "wasserstein",
    "chi2",
)  # further views of what psi decides
SHIFT = ("psi", *DISTANCES)
TOGETHER = ("domain_auc", "reconstruction_error", "mmd", "mahalanobis", "frechet")  # of many columns; the first decides
DRIFT = (*SHIFT, TOGETHER[0])
QUALITY = ("missing_share", "misfit_share", "unseen_share", "oov_share", "out_of_range_share")
CONFIDENCE = ("confidence_entropy", "confidence_margin", "low_confidence_share")
COLUMNS = ("new_columns", "constant_columns")
DUPLICATES = ("duplicate_share",)
HEALTH = (
    "rows", "traffic", "throughput", "error_rate",
    "latency_p50", "latency_p90", "latency_p99", "queue_p50", "queue_p90", "queue_p99", "cost_per_1000",
)  # fmt: skip
OF_CLASSES = (
    "accuracy", "precision", "recall", "f1", "precision_weighted", "recall_weighted", "f1_weighted", "roc_auc", "pr_auc",
    "log_loss", "brier", "brier_reliability", "brier_resolution", "brier_uncertainty", "calibration_error",
)  # fmt: skip
OF_NUMBERS = ("mae", "rmse", "mape", "r2", "bias")
OF_RANKINGS = ("ndcg", "mrr")
CONFUSION = "confusion"
RELIABILITY = "reliability"
TEMPERATURE, CONFORMAL_THRESHOLD, CONFORMAL_COVERAGE = CALIBRATION = (
    "temperature",
    "conformal_threshold",
    "conformal_coverage",
)
VALUE_PER_ROW, VALUE = OF_WORTH = ("value_per_row", "value")  # in the declared currency
PARITY_DIFFERENCE, DISPARATE_IMPACT, OPPORTUNITY_GAP = "parity_difference", "disparate_impact", "opportunity_gap"
FAIRNESS = (PARITY_DIFFERENCE, DISPARATE_IMPACT, OPPORTUNITY_GAP)
PERFORMANCE = (
    "label_coverage",
    *OF_CLASSES,
    *CALIBRATION,
    CONFUSION,
    RELIABILITY,
    *OF_NUMBERS,
    *OF_RANKINGS,
    *OF_WORTH,
)
CORRECTED_PREFIX = "corrected_"  # before the name of a metric, with the labels that are still to come
CORRECTED = tuple(
    f"{CORRECTED_PREFIX}{name}" for name in (*OF_CLASSES, *CALIBRATION, *OF_NUMBERS, *OF_WORTH, OPPORTUNITY_GAP)
)
ARRIVAL = ("label_completeness", "label_delay_p50", "label_delay_p99")
ESTIMATED_PREFIX = "estimated_"  # before the name of the metric that is estimated
ESTIMATED = (
    "estimated_accuracy", "estimated_precision", "estimated_recall", "estimated_f1", "estimated_roc_auc",
    "estimated_mae", "estimated_rmse", "estimated_mape", "estimated_value_per_row",
)  # fmt: skip
ESTIMATE_ERROR = "estimate_error"  # how far the first of them was off, once labels came
METRICS = (
    *DRIFT,
    *TOGETHER[1:],
    *QUALITY,
    *COLUMNS,
    *DUPLICATES,
    *CONFIDENCE,
    *HEALTH,
    *GPU,
    *SERVICE_LEVELS,
    *PERFORMANCE,
    *FAIRNESS,
    *ESTIMATED,
    ESTIMATE_ERROR,
    *CORRECTED,
    *ARRIVAL,
)

"""The metric that a request names."""

from detectors.metrics import METRICS
from kernel.errors import ContractError


def require_metric(name: str | None) -> None:
    """It is one, where any is named.

    Raises:
        ContractError: there is no such metric.
    """
    if name is not None and name not in METRICS:
        raise ContractError("metric", f"no metric has the name {name!r}; docs/statistics.md lists them")

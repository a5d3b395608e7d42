"""Versions of a model compared on the labels of live traffic: A/B tests and canaries."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.listing import Items
from api.moments import Asked
from api.numbers import Number
from api.version_names import require_two
from api.window_lengths import asked_length
from detectors.version_series import COMPARED, Compared, compare_series
from kernel.errors import ContractError
from store import models
from store.series import Scope, series

router = APIRouter(prefix="/v1/models", tags=["comparisons"])


class ComparisonOut(BaseModel):
    """One metric of a version beside another's, over the windows in which both have it."""

    metric: str
    version: str
    against: str
    difference: Number = Field(description="Of `version` less `against`, in the metric's unit.")
    lower: Number = Field(description="With `upper`: its 95% interval, for who looks once.")
    upper: Number
    always_lower: Number = Field(
        description="With `always_upper`: the same for who looks after every window and stops at will; null before ten windows."
    )
    always_upper: Number
    p_value: Number = Field(description="Of no difference, valid whenever one looks; 1 before ten windows.")
    better: str | None = Field(description="The version that does better, once the p-value is 0.05 or less; else null.")
    windows: int
    rows: int = Field(description="Labelled rows of `version`.")
    against_rows: int = Field(description="Labelled rows of `against`.")

    @classmethod
    def of(cls, compared: Compared, version: str, against: str) -> "ComparisonOut":
        """A metric of two versions."""
        found = compared.difference
        better = None if compared.is_better is None else version if compared.is_better else against
        return cls(
            metric=compared.metric,
            version=version,
            against=against,
            difference=found.value,
            lower=found.lower,
            upper=found.upper,
            always_lower=found.always_lower,
            always_upper=found.always_upper,
            p_value=found.p_value,
            better=better,
            windows=found.windows,
            rows=compared.rows,
            against_rows=compared.other_rows,
        )


@router.get("/{model}/comparisons")
def compare_versions(
    model: str,
    caller: Viewer,
    version: Annotated[str, Query(description="The one that is asked about.")],
    against: Annotated[str, Query(description="The one that it is held against.")],
    metric: Annotated[str | None, Query(description="Left out: every metric that both have.")] = None,
    segment: Annotated[str, Query(description="As COLUMN=VALUE; empty for all rows.")] = "",
    window: Annotated[str | None, Query(description="Length of the windows; the model's by default.")] = None,
    start: Annotated[Asked | None, Query(description="Windows from then on; all by default.")] = None,
) -> Items[ComparisonOut]:
    """Which version does better, on the labels that have come.

    It holds where each version got its share of the traffic by chance. The p-value may be looked at after every window.
    """
    known = models.one(caller.db, caller.workspace, model)
    require_two(version, against)
    if metric is not None and metric not in COMPARED:
        raise ContractError("metric", f"{metric!r} is not measured with labels; there are: {', '.join(COMPARED)}")
    size = asked_length(known, window)
    metrics = COMPARED if metric is None else (metric,)
    sides = [
        series(caller.db, caller.workspace, Scope(model, side, size.text, segment), metrics, start or 0, "")
        for side in (version, against)
    ]
    return Items(items=[ComparisonOut.of(found, version, against) for found in compare_series(*sides)])

"""Measurements, page by page."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.listing import Limit, Page
from api.metric_names import require_metric
from api.moments import Asked, Moment
from api.numbers import Name, Number
from api.window_lengths import require_measured
from store.measurements import StoredMeasurement, Wanted, page

router = APIRouter(prefix="/v1/measurements", tags=["measurements"])


class MeasurementOut(BaseModel):
    """One metric of one window."""

    model: str
    version: Name = Field(
        description="null where the records name none, and of what is of all versions together: traffic, the figures of GPUs and "
        "service levels."
    )
    window: str = Field(description="Length of the window.")
    window_start: Moment
    window_end: Moment
    span_start: Moment = Field(description="Where its rows begin: earlier where it looks back over smaller windows.")
    metric: str
    column: Name = Field(description="null for the whole model.")
    segment: Name = Field(description="COLUMN=VALUE; null for all rows.")
    value: Number
    expected: Number = Field(description="What noise alone gives, or what the reference shows.")
    excess: Number
    p_value: Number = Field(description="Under the interval null.")
    p_change: Number = Field(description="Under no change at all.")
    alpha: Number = Field(description="The level that p_value and p_own were held against.")
    p_own: Number = Field(
        description="By the series' own past; null while that is short, or where p_value calls nothing."
    )
    delta: Number = Field(description="The psi that `lower` had to pass, by the own past; null likewise.")
    usual_lower: Number = Field(
        description="Of traffic and latency_p99: what is usual by the own past; null of others."
    )
    usual_upper: Number
    lower: Number
    upper: Number
    rows: Number = Field(description="Effective number of rows.")
    reference_rows: Number
    status: Literal["ok", "drift", "degraded", "insufficient", "provisional"]
    basis: str | None = Field(description="How the decision was reached.")

    @classmethod
    def of(cls, stored: StoredMeasurement) -> "MeasurementOut":
        """A stored measurement."""
        return cls.model_validate(
            {
                **{name: getattr(stored, name) for name in cls.model_fields if hasattr(stored, name)},
                "window": stored.size,
                "window_start": stored.window_start_us,
                "window_end": stored.window_end_us,
                "span_start": stored.span_start_us,
                "basis": stored.basis or None,
            }
        )


@router.get("")
def measurements(
    caller: Viewer,
    model: str | None = None,
    version: Annotated[str | None, Query(description="Left out: any. Empty: those that are null.")] = None,
    window: Annotated[str | None, Query(description="Length of the window, such as 1d.")] = None,
    metric: str | None = None,
    column: Annotated[str | None, Query(description="Empty for the whole model.")] = None,
    segment: Annotated[str | None, Query(description="COLUMN=VALUE; empty for all rows.")] = None,
    start: Annotated[Asked | None, Query(description="Windows that start at or after this.")] = None,
    end: Annotated[Asked | None, Query(description="Windows that start before this.")] = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Page[MeasurementOut]:
    """Measurements by model, metric and column, each series by its windows. Walk on with `next` until it is null.

    A model that is not known, or a length of windows that nothing is measured at, is a mistake, and no empty list.
    """
    require_metric(metric)
    require_measured(caller, model, window)
    wanted = Wanted(model, version, window, metric, column, segment, start, end)
    rows, following = page(caller.db, caller.workspace, wanted, limit, cursor)
    return Page(items=[MeasurementOut.of(row) for row in rows], next=following)

"""Labels that have no prediction."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.listing import Items, Limit
from api.moments import Asked, Moment, span_until
from kernel.clock import DAY_US
from store import models
from store.record_reads import RecordReader

router = APIRouter(prefix="/v1/models", tags=["arrivals"])
_LOOKED_BACK_US = 90 * DAY_US


class OrphanOut(BaseModel):
    """A label without a prediction."""

    id: str
    ts: Moment
    label: str | float
    prediction_ts: Moment | None = Field(description="As the label names it.")


class Orphans(Items[OrphanOut]):
    """The newest orphans."""

    count: int = Field(description="How many there are in all.")


@router.get("/{model}/orphan-labels")
def orphan_labels(
    model: str,
    caller: Viewer,
    start: Annotated[
        Asked | None, Query(description="Labels with this ts or a later one; of 90 days by default.")
    ] = None,
    end: Annotated[Asked | None, Query(description="Labels with an earlier ts.")] = None,
    limit: Limit = 100,
) -> Orphans:
    """The newest labels that belong to no prediction, and how many there are.

    Their prediction never came or is still on its way; or the label came later than the horizon of labels, or its prediction_ts is
    more than a day off.
    """
    models.one(caller.db, caller.workspace, model)
    span = span_until(start, end, caller.now_us, _LOOKED_BACK_US)
    with caller.parts.log_lock:
        rows = RecordReader(caller.parts.log, caller.workspace).orphan_labels(model, span, limit).to_pylist()
    items = [
        OrphanOut(
            id=row["id"],
            ts=row["label_us"],
            label=row["label_value"] if row["label"] is None else row["label"],
            prediction_ts=row["hint_us"],
        )
        for row in rows
    ]
    return Orphans(items=items, count=rows[0]["total"] if rows else 0)

"""How far two versions disagree on the rows that both predicted, before labels come."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.listing import Items
from api.moments import Asked, Moment, span_until
from api.numbers import Number
from api.version_names import require_two
from api.window_lengths import asked_length
from detectors.disagreement import Disagreement, disagreements
from detectors.labels_by_segment import task_of
from kernel.clock import DAY_US
from store import models
from store.record_reads import RecordReader

router = APIRouter(prefix="/v1/models", tags=["concept drift"])
_LOOKED_BACK_US = 90 * DAY_US


class DisagreementOut(BaseModel):
    """What two versions said of the same rows in one window."""

    start: Moment
    unit: Literal["share", "distance"] = Field(
        description="Rows with different classes, or the mean distance of two numbers."
    )
    value: Number
    lower: Number = Field(description="With `upper`: the 95% interval for independent rows.")
    upper: Number
    rows: int = Field(description="That both versions predicted.")
    called: bool = Field(description="Whether detectors agree that it had risen by then, as of concept drift.")

    @classmethod
    def of(cls, found: Disagreement) -> "DisagreementOut":
        """Of one window."""
        known = found.estimate
        return cls(
            start=found.start_us,
            unit=found.unit,
            value=known.value,
            lower=known.lower,
            upper=known.upper,
            rows=known.rows,
            called=found.called,
        )


@router.get("/{model}/disagreements")
def version_disagreements(
    model: str,
    caller: Viewer,
    version: Annotated[str, Query(description="One of the two.")],
    against: Annotated[str, Query(description="The other.")],
    window: Annotated[str | None, Query(description="Length of the windows; the model's by default.")] = None,
    start: Annotated[Asked | None, Query(description="Predictions from then on; of 90 days by default.")] = None,
    end: Annotated[Asked | None, Query(description="Predictions before it; until now by default.")] = None,
) -> Items[DisagreementOut]:
    """How far the predictions of two versions are apart for the same ids, by window; without any label.

    Read from the record log. Empty where no id has predictions of both.
    """
    known = models.one(caller.db, caller.workspace, model)
    require_two(version, against)
    size = asked_length(known, window)
    span = span_until(start, end, caller.now_us, _LOOKED_BACK_US)
    with caller.parts.log_lock:
        found = RecordReader(caller.parts.log, caller.workspace).version_differences(
            model, version, against, span, numbers_are_classes=task_of(known).is_classes
        )
    windows = [] if found is None else disagreements(found, size)
    return Items(items=[DisagreementOut.of(one) for one in windows])

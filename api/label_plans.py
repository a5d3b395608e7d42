"""Predictions to have labelled next."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.label_planning import MOST_LABELS, Asked, Planned, plan_labels, requests
from api.moments import Asked as AskedMoment
from api.numbers import Number
from store.record_reads import RecordReader

router = APIRouter(prefix="/v1/models", tags=["labels"])


class LabelRequest(BaseModel):
    """A prediction to have labelled."""

    model: str
    version: str
    id: str
    ts: str
    prediction: str | float | None
    weight: float = Field(description="What its label is to be sent with.")


class LabelPlanOut(BaseModel):
    """Which predictions to have labelled, and what that is good for."""

    items: list[LabelRequest]
    candidates: int = Field(description="Predictions with scores and without a label that could be chosen.")
    share: float = Field(
        description="The chance with which each such prediction is among the candidates: below 1 they are a sample."
    )
    width: Number = Field(
        description="Half of the 95% interval of the share of wrong predictions, to be expected with these labels."
    )
    width_by_chance: Number = Field(description="The same with as many labels of predictions that are chosen evenly.")

    @classmethod
    def of(cls, model: str, planned: Planned) -> "LabelPlanOut":
        """A plan as it is answered."""
        items = [LabelRequest(**request) for request in requests(model, planned)]
        return cls(
            items=items,
            candidates=planned.candidates,
            share=planned.share,
            width=planned.plan.width,
            width_by_chance=planned.plan.width_by_chance,
        )


@router.get("/{model}/label-plan")
def label_plan(
    model: str,
    caller: Viewer,
    count: Annotated[int, Query(ge=1, le=MOST_LABELS, description="Labels at most.")] = 100,
    version: Annotated[str, Query(description="Empty for all versions.")] = "",
    start: Annotated[AskedMoment | None, Query(description="Predictions from then on; of a week by default.")] = None,
    end: Annotated[AskedMoment | None, Query(description="Predictions before; up to the newest by default.")] = None,
) -> LabelPlanOut:
    """The predictions without a label whose labels would say most about how often the model is wrong.

    Send each label with its weight: what is measured is then right in the mean, and closer than with labels of an even choice.
    """
    reader, asked = RecordReader(caller.parts.log, caller.workspace), Asked(count, version, start, end)
    planned = plan_labels(caller.db, caller.workspace, reader, model, asked, caller.parts.log_lock)
    return LabelPlanOut.of(model, planned)

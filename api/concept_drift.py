"""Concept drift: where a model's labelled error rose and stayed."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.listing import Items
from api.moments import Moment
from api.numbers import Name
from api.version_names import LEFT_OUT, asked_version
from api.window_lengths import asked_length
from detectors.concept_series import READ, USUALLY, Called, called, past_us
from kernel.errors import ContractError
from store import models
from store.series import Scope, newest_series

router = APIRouter(prefix="/v1/models", tags=["concept drift"])


class ConceptDriftOut(BaseModel):
    """What one detector called in one series."""

    detector: str = Field(description="`agreed`: three of the others within 30 windows.")
    metric: str
    version: Name = Field(description="null where the records name none.")
    window: str = Field(description="Length of the windows.")
    called: list[Moment] = Field(description="Starts of the windows at which it called.")
    windows: int = Field(description="How many it has read; with 30 or fewer nothing is called.")

    @classmethod
    def of(cls, found: Called, scope: Scope) -> "ConceptDriftOut":
        """What was called in a series of the scope."""
        return cls(
            detector=found.detector,
            metric=found.metric,
            version=scope.version,
            window=scope.size,
            called=list(found.starts_us),
            windows=found.windows,
        )


@router.get("/{model}/concept-drift")
def concept_drift(
    model: str,
    caller: Viewer,
    version: Annotated[str | None, Query(description=LEFT_OUT)] = None,
    metric: Annotated[str | None, Query(description="Left out: accuracy, else mae, else ndcg.")] = None,
    segment: Annotated[str, Query(description="As COLUMN=VALUE; empty for all rows.")] = "",
    window: Annotated[str | None, Query(description="Length of the windows; the model's by default.")] = None,
) -> Items[ConceptDriftOut]:
    """At which of the last 500 windows five detectors called a change of the error, and at which three of them agreed.

    From stored measurements, each time anew: a window is one observation. Empty where no window has labels.
    """
    known = models.one(caller.db, caller.workspace, model)
    if metric is not None and metric not in READ:
        raise ContractError("metric", f"{metric!r} is no error that is read; there are: {', '.join(READ)}")
    size = asked_length(known, window)
    metrics = USUALLY if metric is None else (metric,)
    scope = Scope(model, asked_version(caller, model, version), size.text, segment)
    table = newest_series(caller.db, caller.workspace, scope, metrics, past_us(size), "")
    return Items(items=[ConceptDriftOut.of(found, scope) for found in called(table, metrics)])

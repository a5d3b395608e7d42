"""Figures of the business: taken in, listed, and correlated with what is measured of the model."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.caller import Admin, Viewer
from api.listing import Items
from api.metric_names import require_metric
from api.moments import Asked, Moment
from api.numbers import Number
from api.version_names import LEFT_OUT, asked_version
from api.window_lengths import asked_length
from detectors.business import READ, correlations
from kernel.clock import to_rfc3339
from kernel.errors import ContractError, NotFoundError
from store import business, models
from store.series import Scope, series
from stream.codecs.columns import LONGEST_SERIES
from stream.codecs.rules import AHEAD_US

router = APIRouter(prefix="/v1/models", tags=["business"])


class Figure(BaseModel):
    """One figure."""

    model_config = ConfigDict(extra="forbid")

    ts: Asked = Field(description="When it was so; one of the same moment is replaced.")
    value: float = Field(allow_inf_nan=False)


class FiguresIn(BaseModel):
    """Figures of one series."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=LONGEST_SERIES, description="Such as revenue.")
    values: list[Figure] = Field(min_length=1, max_length=10_000)


class TakenOut(BaseModel):
    """How many figures are kept."""

    accepted: int


class FiguresOut(BaseModel):
    """A series of figures."""

    name: str
    count: int
    first: Moment
    last: Moment


class CorrelationOut(BaseModel):
    """How a series of figures goes together with a metric, over the windows that have both."""

    metric: str
    correlation: Number = Field(description="Spearman's, -1 to 1.")
    lower: Number = Field(description="With `upper`: its 95% interval.")
    upper: Number
    p_value: Number = Field(description="Of no correlation; of 20 metrics that have none one is below 0.05.")
    windows: int
    independent: Number = Field(description="How many independent windows they are worth.")


@router.post("/{model}/business")
def take(model: str, sent: FiguresIn, caller: Admin) -> TakenOut:
    """Keep figures of the business beside a model."""
    models.one(caller.db, caller.workspace, model)
    latest = max(sent.values, key=lambda one: one.ts)
    if latest.ts > caller.now_us + AHEAD_US:
        raise ContractError("values.ts", f"{to_rfc3339(latest.ts)} lies more than 5 minutes ahead")
    values = [(one.ts, one.value) for one in sent.values]
    business.put(caller.db, caller.workspace, model, sent.name, values)
    return TakenOut(accepted=len(values))


@router.get("/{model}/business")
def listing(model: str, caller: Viewer) -> Items[FiguresOut]:
    """The series of figures that a model has, by name."""
    models.one(caller.db, caller.workspace, model)
    found = business.listing(caller.db, caller.workspace, model)
    return Items(items=[FiguresOut(name=f.name, count=f.count, first=f.first_us, last=f.last_us) for f in found])


@router.get("/{model}/business/{name}/correlations")
def correlated(
    model: str,
    name: str,
    caller: Viewer,
    version: Annotated[str | None, Query(description=LEFT_OUT)] = None,
    segment: Annotated[str, Query(description="As COLUMN=VALUE; empty for all rows.")] = "",
    metric: Annotated[str | None, Query(description="Left out: performance, estimates and health.")] = None,
    window: Annotated[str | None, Query(description="Length of the windows; the model's by default.")] = None,
    start: Annotated[Asked | None, Query(description="Windows from then on; all by default.")] = None,
    by: Annotated[Literal["mean", "sum"], Query(description="What the figures of a window come to.")] = "mean",
) -> Items[CorrelationOut]:
    """Which metrics go together with the figures, the surest first. It says nothing of what causes what."""
    known = models.one(caller.db, caller.workspace, model)
    require_metric(metric)
    values = business.figures(caller.db, caller.workspace, model, name, start or 0)
    if not values.num_rows:
        raise NotFoundError(f"{model!r} has no figures named {name!r}: send them with POST /v1/models/{model}/business")
    version = asked_version(caller, model, version)
    scope = Scope(model, version, asked_length(known, window).text, segment)
    metrics = READ if metric is None else (metric,)
    measured = series(caller.db, caller.workspace, scope, metrics, start or 0, "")
    found = sorted(correlations(values, measured, summed=by == "sum"), key=lambda one: (one[1].p_value, one[0]))
    return Items(
        items=[
            CorrelationOut(
                metric=name, correlation=of.value, lower=of.lower, upper=of.upper, p_value=of.p_value,
                windows=of.windows, independent=of.size,
            )
            for name, of in found
        ]
    )  # fmt: skip

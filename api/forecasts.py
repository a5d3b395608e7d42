"""Forecasts: when a model's series will cross their limits."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Caller, Viewer
from api.listing import Items
from api.model_answers import duration
from api.moments import Moment
from api.numbers import Name, Number
from api.version_names import LEFT_OUT, asked_version
from api.window_lengths import asked_length
from detectors.forecast import HORIZON_US
from detectors.forecasting import Ahead, Limits, forecasts, past_us
from detectors.limits import LIMITED
from kernel.errors import ContractError
from kernel.versions import OF_ALL_VERSIONS
from store import models, references
from store.series import Scope, newest_series

router = APIRouter(prefix="/v1/models", tags=["forecasts"])


class ForecastOut(BaseModel):
    """What lies ahead of one series; crosses, earliest, latest and probability are null where no crossing is in sight."""

    metric: str
    column: Name = Field(description="null for the whole model.")
    version: Name = Field(
        description="null where the records name none, and of what is of all versions together: traffic."
    )
    window: str = Field(description="Length of the windows.")
    limit: Number = Field(description="In the metric's unit; null where the series has none.")
    direction: Literal["above", "below"] | None = Field(description="Which way it is crossed; null without a limit.")
    value: Number = Field(description="Of the newest window that says anything.")
    crosses: Moment | None = Field(description="By then the series' level has crossed it, as likely as not.")
    earliest: Moment | None = Field(description="With `latest`: an interval of 80%, 10% on either side.")
    latest: Moment | None = Field(
        description="null where `crosses` is there: further ahead than the past can say, perhaps never."
    )
    probability: Number = Field(description="That it is crossed within the horizon.")
    horizon: str = Field(description="From the end of the newest window that says anything on.")
    windows: int = Field(description="How many the forecast rests on.")
    basis: str | None = Field(description="Where the limit comes from.")

    @classmethod
    def of(cls, ahead: Ahead, scope: Scope) -> "ForecastOut":
        """What lies ahead of a series of the scope."""
        limit, seen = ahead.limit, ahead.forecast
        return cls(
            metric=ahead.metric,
            column=ahead.column,
            version="" if ahead.metric in OF_ALL_VERSIONS else scope.version,
            window=scope.size,
            limit=limit and limit.value,
            direction=limit and ("above" if limit.above else "below"),
            value=ahead.value,
            crosses=seen and seen.crosses_us,
            earliest=seen and seen.earliest_us,
            latest=seen and seen.latest_us,
            probability=seen and seen.probability,
            horizon=duration(HORIZON_US),
            windows=ahead.windows,
            basis=limit and limit.basis,
        )


@router.get("/{model}/forecasts")
def model_forecasts(
    model: str,
    caller: Viewer,
    metric: Annotated[str | None, Query(description="Left out: psi, and what the reference has labels for.")] = None,
    column: Annotated[str | None, Query(description="Empty for the whole model.")] = None,
    version: Annotated[str | None, Query(description=f"{LEFT_OUT} Traffic is that of all versions.")] = None,
    window: Annotated[
        str | None, Query(description="Length of the windows, such as 1d; the model's by default.")
    ] = None,
    limit: Annotated[
        float | None, Query(allow_inf_nan=False, description="In place of the metric's own; needs `metric`.")
    ] = None,
) -> Items[ForecastOut]:
    """When series cross their limits, if they go on as they have gone in the last 13 weeks.

    With `metric` every series of it, in the order of columns. Without, those alone that cross within the horizon likelier than
    not, the soonest first.
    """
    known = models.one(caller.db, caller.workspace, model)
    size = asked_length(known, window)
    limits = Limits(caller.parts.delta, _reference(caller, model), limit)
    if metric is None and limit is not None:
        raise ContractError("limit", "needs a metric: one limit cannot be for all of them")
    metrics = ("psi", *limits.reference) if metric is None else (metric,)
    if limit is None and not {*LIMITED, *limits.reference} >= {*metrics}:
        raise ContractError("metric", f"{metric!r} has no limit of its own here: give one as limit")
    scope = Scope(model, asked_version(caller, model, version), size.text)
    table = newest_series(caller.db, caller.workspace, scope, metrics, past_us(size), column)
    found = forecasts(table, size, limits)
    if metric is None:
        seen = [(ahead.forecast.crosses_us, ahead) for ahead in found if ahead.forecast and ahead.is_likely]
        found = [ahead for _, ahead in sorted(seen, key=lambda pair: pair[0])]
    return Items(items=[ForecastOut.of(ahead, scope) for ahead in found])


def _reference(caller: Caller, model: str) -> dict[str, tuple[float | None, float | None]]:
    """The intervals of what the reference's labels say."""
    reference = references.active(caller.db, caller.workspace, model)
    performance = {} if reference is None else reference.performance
    return {metric: (found.get("lower"), found.get("upper")) for metric, found in performance.items()}

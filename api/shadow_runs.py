"""Shadow runs: ask for one, list them, look at one."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from api.caller import Admin, Viewer
from api.listing import Items, Limit
from api.moments import Asked, Moment
from api.numbers import Name, Number, plain
from store import models, shadow_runs
from store.shadow_runs import NewRun, StoredRun

router = APIRouter(prefix="/v1/shadow-runs", tags=["shadow runs"])


class Bars(BaseModel):
    """What a candidate has to pass; what is left out takes the runner's default."""

    model_config = ConfigDict(extra="forbid")

    min_rows: int | None = Field(None, ge=0, description="Replayed rows below which nothing is said.")
    min_labels: int | None = Field(None, ge=0, description="Labelled rows below which nothing is said.")
    min_days: int | None = Field(None, ge=0, description="Days with labels below which nothing is said.")
    metric: str | None = Field(None, description="What decides; accuracy, or mae for a regression, by default.")
    margin: float | None = Field(None, ge=0, description="Loss of that metric, in its own unit, that counts as none.")
    max_churn: float | None = Field(None, ge=0, le=1, description="Share of predictions that may change; null for any.")
    max_latency_ratio: float | None = Field(
        None, gt=0, description="Candidate's P90 over the champion's, at most; null for any."
    )

    @field_validator("min_rows", "min_labels", "min_days", "metric", "margin")
    @classmethod
    def _given(cls, value: object) -> object:
        if value is None:
            raise ValueError("leave it out to take the default")
        return value


class RunAsked(BaseModel):
    """A run to do: a candidate over a model's recorded predictions with from <= ts < to."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1)
    candidate: str = Field(min_length=1, max_length=255, description="Its name, for people.")
    path: str = Field(min_length=1, description="Its ONNX file, where the shadow runner finds it.")
    from_: Asked = Field(alias="from")
    to: Asked
    version: str = Field("", description="The champion's version; empty for all that were recorded.")
    features: list[str] = Field([], description="Its inputs in order; empty where they bear the features' names.")
    classes: list[str] = Field([], description="Its classes in order; empty where the file names them.")
    positive_class: str = Field("", description="Empty for the model's own.")
    bars: Bars = Bars()

    @field_validator("to")
    @classmethod
    def _later(cls, to: int, given: ValidationInfo) -> int:
        if to <= given.data.get("from_", to - 1):
            raise ValueError("must be later than from")
        return to

    def spec(self) -> dict[str, Any]:
        """The run as the shadow runner reads it."""
        asked = self.model_dump(exclude={"from_", "to"}) | {"bars": self.bars.model_dump(exclude_unset=True)}
        return asked | {"start_us": self.from_, "end_us": self.to}


class RunOut(BaseModel):
    """A shadow run."""

    run: str
    model: str
    version: Name
    candidate: str
    from_: Moment = Field(alias="from")
    to: Moment
    state: Literal["queued", "running", "done", "failed"]
    progress: Number = Field(description="0 to 1; null before it began.")
    verdict: Literal["promote", "hold", "reject"] | None
    reasons: list[str]
    error: Name
    comparison: dict[str, Any] | None = Field(
        description="Agreement, churn, McNemar, metrics, latencies; null before the end."
    )
    created: Moment
    started: Moment | None
    finished: Moment | None


@router.post("", status_code=201)
def create(asked: RunAsked, caller: Admin) -> RunOut:
    """Queue a run."""
    models.one(caller.db, caller.workspace, asked.model)
    new = NewRun(asked.model, asked.version, asked.candidate, asked.spec())
    run = shadow_runs.create(caller.db, caller.workspace, new, caller.now_us)
    return _out(shadow_runs.one(caller.db, caller.workspace, run))


@router.get("")
def listing(caller: Viewer, model: str | None = None, limit: Limit = 100) -> Items[RunOut]:
    """Runs, newest first."""
    return Items(items=[_out(run) for run in shadow_runs.listing(caller.db, caller.workspace, model, limit)])


@router.get("/{run}")
def one(run: str, caller: Viewer) -> RunOut:
    """One run."""
    return _out(shadow_runs.one(caller.db, caller.workspace, run))


def _out(run: StoredRun) -> RunOut:
    same = ("run", "model", "version", "candidate", "state", "progress", "reasons", "error")
    return RunOut.model_validate(
        {
            **{name: getattr(run, name) for name in same},
            "from": run.spec.get("start_us", 0),
            "to": run.spec.get("end_us", 0),
            "verdict": run.verdict or None,
            "comparison": plain(run.result) or None,
            "created": run.created_us,
            "started": run.started_us,
            "finished": run.finished_us,
        }
    )

"""Declaring models: what PUT /v1/models/{model} and `driftglass apply` have in common."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from kernel.column_spec import FEATURE
from kernel.errors import ContractError
from kernel.profile import Kind
from kernel.windows import WindowSize, parse_duration
from kernel.worth import Worth
from store import columns, models, references, windows
from store.columns import Column
from store.database import Database
from store.models import Model, Objectives, Ranking
from stream.codecs.columns import name_problem
from stream.codecs.json_records import model_problem

Task = Literal["binary", "multiclass", "regression", "ranking"]
ColumnType = Literal["numeric", "categorical", "boolean", "text", "embedding"]

_KINDS: dict[ColumnType, Kind] = {
    "numeric": Kind.NUMERIC,
    "categorical": Kind.CATEGORICAL,
    "boolean": Kind.BOOLEAN,
    "text": Kind.TEXT,  # an embedding is measured from samples of rows and has no profile, so no kind
}


def _feature(name: str) -> str:
    problem = name_problem(FEATURE + name)
    if problem:
        raise ValueError(problem)
    return name


def _model(name: str) -> str:
    problem = model_problem(name)
    if problem:
        raise ValueError(problem)
    return name


def _window(text: str) -> str:
    return WindowSize(text).text


def _duration(text: str) -> str:
    parse_duration(text)
    return text


Feature = Annotated[str, AfterValidator(_feature)]
ModelName = Annotated[str, AfterValidator(_model)]
Window = Annotated[str, AfterValidator(_window)]
Duration = Annotated[str, AfterValidator(_duration)]


class ColumnDeclaration(BaseModel):
    """The type of a feature; values that do not fit it are refused."""

    model_config = ConfigDict(extra="forbid")

    name: Feature
    type: ColumnType


class ObjectivesDeclaration(BaseModel):
    """What is promised of the service: shares of good rows, such as 0.999."""

    model_config = ConfigDict(extra="forbid")

    availability: float | None = Field(None, gt=0, lt=1, description="Share of rows without an error.")
    latency: float | None = Field(None, gt=0, lt=1, description="Share of rows that take latency_ms at most.")
    latency_ms: float | None = Field(None, gt=0, description="What a row may take.")

    @model_validator(mode="after")
    def _both(self) -> "ObjectivesDeclaration":
        if (self.latency is None) != (self.latency_ms is None):
            raise ValueError("latency and latency_ms are one objective: give both")
        return self


class RankingDeclaration(BaseModel):
    """What a list of a ranking is."""

    model_config = ConfigDict(extra="forbid")

    group: Feature = Field("query", description="The tag, else the feature, that is the same in the items of one list.")
    k: int = Field(10, ge=1, le=10_000, description="How many items of a list NDCG counts.")


Money = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]


class ValueDeclaration(BaseModel):
    """What predictions are worth, below 0 where they cost."""

    model_config = ConfigDict(extra="forbid")

    currency: str = Field(min_length=1, max_length=20, description="Such as EUR.")
    cells: dict[str, dict[str, Money]] = Field(
        {}, description="Of classes: label, then prediction, then what a row is worth; 0 for what is not named."
    )
    per_error: Money | None = Field(None, description="Of numbers: what a unit of absolute error is worth.")

    @model_validator(mode="after")
    def _one(self) -> "ValueDeclaration":
        if bool(self.cells) == (self.per_error is not None):
            raise ValueError("give cells for classes, or per_error for numbers")
        return self


class Declaration(BaseModel):
    """What is said of a model. It replaces what was said before; what is left out takes its default."""

    model_config = ConfigDict(extra="forbid")

    task: Task | None = Field(None, description="What it predicts.")
    window: Window = Field("1d", description="Length of a calendar window in UTC: 5m, 1h, 1d, 1w, 1mo.")
    rollups: tuple[Window, ...] = Field((), description="Longer windows, each a sum of whole windows.")
    lateness: Duration = Field("1h", description="How long after its end a window stays open for late records.")
    schema_: tuple[ColumnDeclaration, ...] = Field(
        (),
        alias="schema",
        description="Features, each {name, type}; a type is numeric, categorical, boolean, text or embedding, and what does "
        "not fit it is refused.",
    )
    positive_class: str = Field("", max_length=255, description="What precision, recall and the ROC curve are about.")
    segments: tuple[Feature, ...] = Field((), description="Features by whose values everything is measured once more.")
    min_rows: int = Field(500, ge=1, description="A window with fewer rows looks back over earlier ones.")
    objectives: ObjectivesDeclaration | None = Field(
        None,
        description="What is promised of the service: {availability, latency, latency_ms}, shares of good rows such as 0.999.",
    )

    multivariate: bool = Field(
        False,
        description="Whether its features are measured together as well, from samples of rows; references put from then on.",
    )

    cluster: Feature | None = Field(
        None,
        description="The tag, else the feature, that errors cluster by, such as a customer; without it they do by day.",
    )
    ranking: RankingDeclaration | None = Field(
        None,
        description="Of a ranking, what a list is: {group, k}, the tag or feature that its items share, and how many count; "
        "{query, 10} without.",
    )
    fairness: tuple[Feature, ...] = Field(
        (),
        description="Those of the segments whose values are groups that are to be treated alike, by how often the positive class "
        "is predicted.",
    )
    value: ValueDeclaration | None = Field(
        None,
        description="What predictions are worth: {currency, cells} by label and prediction, or {currency, per_error} of a "
        "regression.",
    )

    @field_validator("rollups")
    @classmethod
    def _sums(cls, rollups: tuple[str, ...], given: ValidationInfo) -> tuple[str, ...]:
        window = given.data.get("window", "1d")
        for rollup in rollups:
            if not _sums_up(WindowSize(window), WindowSize(rollup)):
                raise ValueError(f"{rollup} is no sum of whole windows of {window}; name a longer one")
        return rollups

    @field_validator("fairness")
    @classmethod
    def _groups(cls, fairness: tuple[str, ...], given: ValidationInfo) -> tuple[str, ...]:
        segments = given.data.get("segments", fairness)
        other = next((name for name in fairness if name not in segments), None)
        if other is not None:
            raise ValueError(f"{other!r} is none of the segments: name it there, too")
        if fairness and not given.data.get("positive_class"):
            raise ValueError("is about one outcome: declare positive_class")
        return fairness

    @field_validator("value")
    @classmethod
    def _suits(cls, value: ValueDeclaration | None, given: ValidationInfo) -> ValueDeclaration | None:
        task = given.data.get("task")
        if value is None or task is None:
            return value
        if task == "ranking":
            raise ValueError("is of classes and of numbers, and this is a ranking")
        if bool(value.cells) == (task == "regression"):
            raise ValueError(f"give {'per_error' if value.cells else 'cells'}, as the task is {task}")
        return value

    @field_validator("rollups", "segments", "schema_", "fairness")
    @classmethod
    def _once(cls, named: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [getattr(one, "name", one) for one in named]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is named twice")
        return named


class ModelDeclaration(Declaration):
    """A model in driftglass.yaml; the fields of PUT /v1/models/{model} beside its name."""

    model: ModelName = Field(description="The model's name.")


def _sums_up(window: WindowSize, rollup: WindowSize) -> bool:
    """Whether every window lies in one roll-up, which is longer."""
    if rollup.text == "1mo":
        return window.text not in ("1w", "1mo")
    if window.text == "1mo":
        return False
    length, whole = window.end(0), rollup.end(0)
    return whole > length and whole % length == 0


def apply(db: Database, workspace: str, declarations: Sequence[ModelDeclaration], now_us: int) -> list[str]:
    """Declare models as `models:` of driftglass.yaml lists them; all are checked before the first is written.

    Returns:
        Their names, in order.

    Raises:
        ContractError: a value is wrong; nothing was written.
    """
    for index, declared in enumerate(declarations):
        try:
            check(db, workspace, declared.model, declared)
        except ContractError as error:
            raise ContractError(f"models.{index}.{error.field}", error.reason) from error
    for declared in declarations:
        write(db, workspace, declared.model, declared, now_us)
    return [declared.model for declared in declarations]


def check(db: Database, workspace: str, name: str, declared: Declaration) -> None:
    """Whether a declaration can be written.

    Raises:
        ContractError: the name is none, the window is another than that of the profiles there are, or it does not suit the
            reference in force, which moves.
    """
    problem = model_problem(name)
    if problem:
        raise ContractError("model", problem)
    with db.read() as connection:
        moving = references.moving(connection, workspace, [name]).get(name)
    if moving is not None and (problem := moving.problem(WindowSize(declared.window))):
        raise ContractError(
            "window", f"is {declared.window!r}, but the reference moves by {moving.length}, which {problem}"
        )
    known = models.known(db, workspace).get(name)
    if known is None or known.window.text == declared.window:
        return
    if windows.listing(db, workspace, name, known.window.text):
        raise ContractError(
            "window", f"is {declared.window!r}, but {name!r} is profiled in windows of {known.window.text} already"
        )


def write(db: Database, workspace: str, name: str, declared: Declaration, now_us: int) -> None:
    """Declare a model and the kinds of its columns; a column that is no longer declared keeps its kind and rejects nothing."""
    model = Model(
        name,
        declared.task or "",
        WindowSize(declared.window),
        tuple(WindowSize(text) for text in declared.rollups),
        parse_duration(declared.lateness),
        declared.positive_class,
        declared.segments,
        declared.min_rows,
        objectives=Objectives(**declared.objectives.model_dump()) if declared.objectives else Objectives(),
        multivariate=declared.multivariate,
        cluster=declared.cluster or "",
        ranking=Ranking(**declared.ranking.model_dump()) if declared.ranking else Ranking(),
        fairness=declared.fairness,
        value=Worth(**declared.value.model_dump()) if declared.value else Worth(),
    )
    models.declare(db, workspace, model, now_us)
    kinds = {FEATURE + c.name: _KINDS[c.type] for c in declared.schema_ if c.type in _KINDS}
    before = columns.of_models(db, workspace, [name])[name]
    changed = [Column(stored, kind, declared=True, fixed=True) for stored, kind in kinds.items()]
    changed += [
        Column(c.name, c.kind, declared=False, fixed=True)
        for c in before.values()
        if c.declared and c.name not in kinds
    ]
    if changed:
        columns.replace(db, workspace, name, changed)

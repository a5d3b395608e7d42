"""What is answered about models."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, Field

from api.declaration import ColumnDeclaration, ColumnType, RankingDeclaration, ValueDeclaration
from api.moments import Moment
from api.numbers import Number, plain
from kernel.clock import SECOND_US
from kernel.column_spec import FEATURE
from kernel.profile import Kind
from store.columns import Column
from store.models import Model
from store.references import Entry, Reference
from store.windows import Window

_TYPES: dict[Kind, ColumnType] = {
    Kind.NUMERIC: "numeric",
    Kind.CATEGORICAL: "categorical",
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "text",
}
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


class EstimateOut(BaseModel):
    """A performance metric with its 95% interval."""

    value: Number
    lower: Number
    upper: Number
    rows: Number


class ReferenceOut(BaseModel):
    """What a model's windows are held against."""

    reference: str
    rows: int
    provisional: bool = Field(description="Made from the first window, because none was given yet.")
    created: Moment
    performance: dict[str, EstimateOut]
    provenance: dict[str, object]


class ReferenceEntry(BaseModel):
    """One of the references that a model has had."""

    reference: str
    rows: int
    provisional: bool = Field(description="Made from the first window, because none was given yet.")
    active: bool = Field(description="Whether it is the one in force.")
    created: Moment
    provenance: dict[str, object] = Field(description="Where its rows came from.")

    @classmethod
    def of(cls, entry: Entry) -> "ReferenceEntry":
        """A stored one."""
        return cls(
            reference=entry.name,
            rows=entry.rows,
            provisional=entry.provisional,
            active=entry.active,
            created=entry.created_us,
            provenance={name: plain(value) for name, value in entry.provenance.items()},
        )


class ModelOut(BaseModel):
    """A model: declared, or registered by its first record."""

    model: str
    declared: bool
    task: str | None
    window: str
    rollups: list[str]
    lateness: str
    schema_: list[ColumnDeclaration] = Field(alias="schema", description="The declared columns.")
    positive_class: str | None
    segments: list[str]
    min_rows: int
    objectives: dict[str, float] = Field(description="What is promised of the service; empty where nothing is.")
    multivariate: bool = Field(description="Whether its features are measured together as well.")
    cluster: str | None = Field(description="The tag or feature that errors cluster by; null for the day.")
    ranking: RankingDeclaration = Field(description="Of a ranking, what a list is.")
    fairness: list[str] = Field(
        description="Those of the segments whose values are groups that are to be treated alike."
    )
    value: ValueDeclaration | None = Field(description="What predictions are worth; null where nobody said so.")
    retired: Moment | None = Field(description="Since when it is retired; null of a model in service.")


class ModelDetail(ModelOut):
    """A model with its reference."""

    reference: ReferenceOut | None
    warnings: list[str] = Field(
        description="What is declared of features that the reference in force has not, so that nothing comes of it."
    )
    rows_since_retired: int | None = Field(
        description="Predictions that still came since it was retired, which were taken in; null of a model in service."
    )


class WindowOut(BaseModel):
    """A calendar window, [start, end)."""

    window: str = Field(description="Its length.")
    start: Moment
    end: Moment
    state: Literal["open", "closed", "measured", "sealed"]
    provisional: bool = Field(description="Whether it is held against a provisional reference, or against none.")
    rows: int
    labels: int = Field(description="Distinct labels that had a prediction in it when it was measured last.")

    @classmethod
    def of(cls, window: Window, *, provisional: bool) -> "WindowOut":
        """A stored window."""
        return cls.model_validate(
            {
                "window": window.size,
                "start": window.start_us,
                "end": window.end_us,
                "state": window.state,
                "provisional": provisional,
                "rows": window.rows,
                "labels": window.labels,
            }
        )


def model_out(model: Model, columns: Iterable[Column]) -> ModelOut:
    """The answer about a stored model and its columns."""
    return ModelOut.model_validate(_fields(model, columns))


def model_detail(
    model: Model, columns: Iterable[Column], reference: Reference | None, rows_since_retired: int | None
) -> ModelDetail:
    """The same with the reference in force, and what came since it was retired."""
    known = list(columns)
    found = None if reference is None else _reference(reference)
    warnings = [] if reference is None else list(_warnings(model, known, reference))
    more = {"reference": found, "warnings": warnings, "rows_since_retired": rows_since_retired}
    return ModelDetail.model_validate(_fields(model, known) | more)


def _warnings(model: Model, columns: Iterable[Column], reference: Reference) -> Iterator[str]:
    named = [("segments", FEATURE + name) for name in model.segments]
    named += [("schema", column.name) for column in sorted(columns, key=lambda c: c.name) if column.declared]
    for place, column in named:
        if column not in reference.profile.columns:
            yield f"{place}: {column.removeprefix(FEATURE)!r} is no feature of the reference; check its spelling"


def _fields(model: Model, columns: Iterable[Column]) -> dict[str, object]:
    declared = sorted((c.name.removeprefix(FEATURE), _TYPES[c.kind]) for c in columns if c.declared)
    return {
        "model": model.name,
        "declared": model.declared,
        "task": model.task or None,
        "window": model.window.text,
        "rollups": [size.text for size in model.rollups],
        "lateness": duration(model.lateness_us),
        "schema": [{"name": name, "type": type_} for name, type_ in declared],
        "positive_class": model.positive_class or None,
        "segments": list(model.segments),
        "min_rows": model.min_rows,
        "objectives": {name: value for name, value in asdict(model.objectives).items() if value is not None},
        "multivariate": model.multivariate,
        "cluster": model.cluster or None,
        "ranking": asdict(model.ranking),
        "fairness": list(model.fairness),
        "value": asdict(model.value) if model.value else None,
        "retired": model.retired_us,
    }


def _reference(reference: Reference) -> dict[str, object]:
    return {
        "reference": reference.name,
        "rows": reference.profile.rows,
        "provisional": reference.provisional,
        "created": reference.created_us,
        "performance": reference.performance,
        "provenance": plain(dict(reference.provenance)),
    }


def duration(us: int) -> str:
    """A duration as it is declared, in the largest unit that measures it.

    >>> duration(3_600_000_000), duration(90_000_000)
    ('1h', '90s')
    """
    seconds = us // SECOND_US
    unit = next(u for u, length in _UNITS.items() if seconds % length == 0 and (seconds or u == "s"))
    return f"{seconds // _UNITS[unit]}{unit}"

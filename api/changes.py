"""Why a metric changed: other rows, another outcome of like rows, or some segments."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.caller import Viewer
from api.moments import Asked
from api.numbers import Name, Number
from detectors import explaining
from detectors.change_by_segment import SegmentPart
from detectors.estimate import Estimate
from detectors.explaining import Time
from detectors.performance_change import Change
from kernel.errors import ContractError
from store import models
from store.record_reads import RecordReader

router = APIRouter(prefix="/v1/models", tags=["changes"])


class PartOut(BaseModel):
    """A part of a change, with its 95% interval."""

    value: Number
    lower: Number
    upper: Number

    @classmethod
    def of(cls, found: Estimate) -> "PartOut":
        """As it was estimated."""
        return cls(value=found.value, lower=found.lower, upper=found.upper)


class SegmentOut(BaseModel):
    """What one segment adds to a change; over the segments of a feature these add up to it."""

    segment: str = Field(description="As COLUMN=VALUE.")
    mix: PartOut = Field(description="By its share of the rows.")
    within: PartOut = Field(description="By its own metric.")
    before: Number = Field(description="Its metric; null where it had no rows.")
    after: Number
    share_before: Number
    share_after: Number

    @classmethod
    def of(cls, feature: str, part: SegmentPart) -> "SegmentOut":
        """The part of a segment of a feature."""
        return cls(
            segment=f"{feature}={part.segment}",
            mix=PartOut.of(part.mix),
            within=PartOut.of(part.within),
            before=part.before,
            after=part.after,
            share_before=part.share_before,
            share_after=part.share_after,
        )


class ChangeOut(BaseModel):
    """A metric at two times, and what its change is made of: total = covariate + concept."""

    metric: str
    version: Name = Field(description="null for all versions together.")
    before_version: Name
    before: Number
    after: Number
    rows_before: int = Field(description="Labelled rows that were read.")
    rows_after: int
    total: PartOut
    covariate: PartOut = Field(description="Of other rows. null where rows of the two times have too little in common.")
    concept: PartOut = Field(description="Of another outcome of like rows.")
    overlap: Number = Field(description="From 0 to 1: how much the rows of the two times have in common.")
    basis: str = Field(description="cluster, or iid: what the intervals of the parts hold for.")
    segments: list[SegmentOut] = Field(description="Of every declared segment; the largest parts first.")

    @classmethod
    def of(cls, found: Change, version: str, before_version: str) -> "ChangeOut":
        """As it was split."""
        parts = [SegmentOut.of(feature, part) for feature, of in found.segments.items() for part in of]
        return cls(
            metric=found.metric,
            version=version,
            before_version=before_version,
            before=found.before,
            after=found.after,
            rows_before=found.rows_before,
            rows_after=found.rows_after,
            total=PartOut.of(found.split.total),
            covariate=PartOut.of(found.split.covariate),
            concept=PartOut.of(found.split.concept),
            overlap=found.split.overlap,
            basis=found.split.total.said,
            segments=sorted(parts, key=lambda part: -abs((part.mix.value or 0.0) + (part.within.value or 0.0))),
        )


@router.get("/{model}/change")
def performance_change(
    model: str,
    caller: Viewer,
    start: Annotated[Asked, Query(description="Of the later time.")],
    end: Annotated[Asked, Query(description="Its end, which is not in it.")],
    before_start: Annotated[Asked, Query(description="Of the earlier time.")],
    before_end: Annotated[Asked, Query(description="Its end, which is not in it.")],
    metric: Annotated[
        str | None, Query(description="accuracy, mae, bias, log_loss or brier; left out: accuracy, else mae.")
    ] = None,
    version: Annotated[str, Query(description="Empty for all versions together.")] = "",
    before_version: Annotated[str | None, Query(description="Of the earlier time; left out: the same.")] = None,
) -> ChangeOut:
    """What a change of a metric is made of, from the labelled rows of two times.

    Of either time some 20,000 rows are read, chosen by the hash of their ids, the same ones whenever it is asked.
    """
    known = models.one(caller.db, caller.workspace, model)
    if not before_start < before_end <= start < end:
        raise ContractError("start", "times must be in order: before_start < before_end <= start < end")
    earlier = version if before_version is None else before_version
    with caller.parts.log_lock:
        reader = RecordReader(caller.parts.log, caller.workspace)
        before, after = Time((before_start, before_end), earlier or None), Time((start, end), version or None)
        times = explaining.read(caller.db, reader, caller.workspace, known, before, after)
    return ChangeOut.of(explaining.explain(times, known, metric), version, earlier)

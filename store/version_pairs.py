"""Rows that two versions of a model both predicted: by how much their predictions differ, added up by the minute."""

import pyarrow as pa

from kernel.clock import MINUTE_US
from kernel.windows import Span
from store.record_identity import IDENTITY
from store.record_pruning import of_days
from store.record_queries import RecordQueries
from stream.codecs.topics import RecordKind


def differences(
    queries: RecordQueries, model: str, version: str, against: str, span: Span, *, numbers_are_classes: bool
) -> pa.Table | None:
    """How far apart the predictions of two versions are for the ids that both have with ts in [start, end).

    Two classes differ by 0 or 1, two numbers by their distance; a class and a number do not compare. Of rows that were sent twice
    the one that was taken in first counts. A pair is of the minute of `version`, whose weight it has.

    Returns:
        minute_us, of_classes, rows, weight (sum w), total (sum w d), squares (sum w^2), centre (sum w^2 d / sum w^2) and spread
        (sum w^2 (d - centre)^2), by minute; None where there are no predictions.
    """
    distance = "abs(one.prediction_value - other.prediction_value)"
    apart = "(one.prediction_value <> other.prediction_value)::double" if numbers_are_classes else distance
    query = f"""
        with made as (
            select version, id, epoch_us(ts) as ts_us, prediction, prediction_value, coalesce(weight, 1) as weight
            from records
            where model = ? and epoch_us(ts) >= ? and epoch_us(ts) < ? and version in (?, ?)
            {IDENTITY}),
        pairs as (
            select one.ts_us // {MINUTE_US} * {MINUTE_US} as minute_us, one.weight,
                   one.prediction is not null or {numbers_are_classes} as of_classes,
                   case when one.prediction is not null then (one.prediction <> other.prediction)::double else {apart} end as apart
            from made one join made other using (id) where one.version = ? and other.version = ?),
        known as (
            select *, sum(weight * weight * apart) over minute / sum(weight * weight) over minute as centre
            from pairs where isfinite(apart) window minute as (partition by minute_us, of_classes))
        select minute_us, of_classes, count(*) as rows, sum(weight) as weight, sum(weight * apart) as total,
               sum(weight * weight) as squares, any_value(centre) as centre,
               sum(weight * weight * (apart - centre) * (apart - centre)) as spread
        from known group by all order by minute_us, of_classes"""
    values = [model, *span, version, against, version, against]
    return queries.run(RecordKind.PREDICTIONS, query, values, files=of_days([span]))

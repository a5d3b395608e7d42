"""Predictions without a label so far, of which some may be chosen to have one; of many a sample, so that memory has a bound."""

from dataclasses import dataclass

import pyarrow as pa

from kernel.windows import Span
from store.record_identity import HINT_SLACK_US, IDENTITY, TAKEN_IN, label_fits
from store.record_pruning import of_days
from store.record_queries import RecordQueries
from stream.codecs.topics import RecordKind


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Predictions without a label.

    Attributes:
        rows: version, id, ts_us, prediction, prediction_value and scores (a map), by ts, version and id; each identity once.
        share: the chance with which each is among them, 1 where all are.
    """

    rows: pa.Table
    share: float


def unlabelled(
    queries: RecordQueries, model: str, span: Span, horizon_us: int, version: str, most: int
) -> Unlabelled | None:
    """A model's predictions with ts in [start, end) to which no label belongs.

    The first of two reads counts them, the second takes those with a low hash of their id: the same ones whenever it is asked.
    Of the rest no more than the ids of labels is held.

    Args:
        horizon_us: how long after its prediction a label may come.
        version: only this one; "" for all.
        most: about so many at most.

    Returns:
        None where the model has no predictions in these days.
    """
    open_ = f"""
        with labels as (
            select id, epoch_us(ts) as label_us, epoch_us(prediction_ts) as hint_us from labels_log
            where model = ? and (prediction_ts is null or epoch_us(prediction_ts) between ? and ?)),
        made as (
            select version, id, epoch_us(ts) as ts_us, prediction, prediction_value, scores, {TAKEN_IN} from records
            where model = ? and epoch_us(ts) >= ? and epoch_us(ts) < ? {"and version = ?" if version else ""}),
        open as (select made.* from made anti join labels on made.id = labels.id and {label_fits(horizon_us)})"""
    hints = (span[0] - HINT_SLACK_US, span[1] + HINT_SLACK_US)
    values = [model, *hints, model, *span, *([version] if version else [])]

    def run(query: str) -> pa.Table | None:
        files = of_days([span])
        also = {RecordKind.LABELS: of_days([(span[0] - HINT_SLACK_US, span[1] + horizon_us)])}
        return queries.run(RecordKind.PREDICTIONS, open_ + query, values, files=files, also=also)

    counted = run("select count(*) as rows from open")
    if counted is None:
        return None
    share = min(1.0, most / max(1, counted["rows"][0].as_py()))
    # Not the hash by which labelled rows are thinned: labels that a plan has asked for must not be the ones that stay there.
    chosen = "" if share == 1 else f"where (md5_number_upper(id) >> 11)::double < {share * 2**53}"
    rows = run(
        f"select version, id, ts_us, prediction, prediction_value, scores from open {chosen} {IDENTITY} "
        "order by ts_us, version, id"
    )
    return None if rows is None else Unlabelled(rows, share)

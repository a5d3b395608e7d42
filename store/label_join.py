"""Labels beside their predictions: the one join of the record log that metrics with labels come from.

Predictions without a label pass through the join and are gone, so that memory follows the labels and not the traffic. Nearly all
identities have one prediction and one label; these are only sorted. Those with more are joined once more, by themselves, with all
that it takes to tell which counts.
"""

from collections.abc import Sequence
from copy import copy

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.windows import Span, join_spans
from store.joined_columns import NOTHING_ELSE, JoinedColumns
from store.record_identity import HINT_SLACK_US, TAKEN_IN, label_fits
from store.record_pruning import of_days
from store.record_queries import RecordQueries
from stream.codecs.topics import RecordKind

_LATEST = "label_us desc, label desc nulls last, label_value desc nulls last, label_weight desc nulls last"
_OUTCOME = "prediction, prediction_value, weight, scores, "
_WEIGHT = "coalesce(records.weight, 1) * coalesce(label_weight, 1) as weight"  # a row stands for as many as both were drawn from
_ORDER = [("ts_us", "ascending"), ("version", "ascending"), ("id", "ascending")]


def labelled(
    queries: RecordQueries,
    model: str,
    windows: Sequence[Span],
    horizon_us: int,
    more: JoinedColumns = NOTHING_ELSE,
    *,
    every: bool = False,
    most: int | None = None,
) -> pa.Table | None:
    """A model's predictions in some windows that have a label, beside it, each identity once a window.

    Of several labels of an id the latest counts, by (ts, value) and never by arrival. A label counts for a prediction where its ts
    is a day before the prediction's at the earliest and the horizon after it at the latest, and its prediction_ts, if it has one,
    within a day. So what is found of a window is the same whatever windows it is asked for with. The weight is that of the
    prediction times that of the label.

    Args:
        windows: that do not overlap.
        more: further columns.
        every: whether those without a label are there as well, with nulls; memory then follows the traffic.
        most: about so many of them at most, chosen by the hash of their ids; for all alone that have a label.

    Returns:
        version, id, ts_us, prediction, prediction_value, weight, scores (a map), more, label, label_value and first_us (the ts of
        its first label), by ts then id. None where there are no predictions.
    """
    if every:
        found = _Join(queries, model, join_spans(windows), horizon_us, _OUTCOME, more).all(windows)
        return None if found is None else more.named(found).sort_by(_ORDER)
    return _joined(queries, model, windows, horizon_us, _OUTCOME, more, most)


def label_moments(
    queries: RecordQueries,
    model: str,
    windows: Sequence[Span],
    horizon_us: int,
    more: JoinedColumns = NOTHING_ELSE,
) -> pa.Table | None:
    """When labels came, of the same predictions as `labelled`: version, id, ts_us, more, label, label_value and first_us."""
    return _joined(queries, model, windows, horizon_us, "", more)


def _joined(
    queries: RecordQueries,
    model: str,
    windows: Sequence[Span],
    horizon_us: int,
    picked: str,
    more: JoinedColumns,
    most: int | None = None,
) -> pa.Table | None:
    join = _Join(queries, model, join_spans(windows), horizon_us, picked, more)
    if most is not None:
        join = join.thinned(most)
    pairs = join.pairs()
    if pairs is None:
        return None
    pairs = _only(pairs, _inside(pairs["ts_us"].to_numpy(), windows))
    again = _repeated(pairs["identity"].to_numpy())
    single = _only(pairs, ~again).drop_columns(["identity"])
    found = [single.rename_columns([*single.column_names[:-1], "first_us"])]
    if again.any():
        found.append(join.first_and_latest(_only(pairs, again), windows))
    table = pa.concat_tables(part for part in found if part is not None)
    return more.named(table.take(pc.sort_indices(table, _ORDER)))


class _Join:
    """The pairs of predictions and labels in some spans that belong together."""

    def __init__(
        self,
        queries: RecordQueries,
        model: str,
        spans: Sequence[Span],
        horizon_us: int,
        picked: str,
        more: JoinedColumns,
    ) -> None:
        self._queries = queries
        self._spans = spans
        self._taken = picked.replace("weight", _WEIGHT) + more.sql
        self._plain = picked + more.sql
        wide = join_spans((start - HINT_SLACK_US, end + horizon_us) for start, end in spans)
        self._label_files = of_days(wide)
        first_us, end_us = spans[0][0], spans[-1][1]
        labels = [model, first_us - HINT_SLACK_US, end_us + HINT_SLACK_US]
        self._values = [*labels, *more.values, model, first_us, end_us]
        self._labels = """
            select id, label, label_value, weight as label_weight, epoch_us(ts) as label_us, epoch_us(prediction_ts) as hint_us
            from labels_log where model = ? and (prediction_ts is null or epoch_us(prediction_ts) between ? and ?)"""
        self._fit = label_fits(horizon_us)
        self._belong = f"model = ? and ts_us >= ? and ts_us < ? and {self._fit}"

    def thinned(self, most: int) -> "_Join":
        """The join of about so many pairs at most, chosen by the hash of their id: all of an id or none."""
        count = f"""
            with labels as ({self._labels}),
            pairs as (
                select {self._taken} epoch_us(ts) as ts_us from records join labels using (id) where {self._belong})
            select count(*) as pairs from pairs"""
        found = self._run(count, {})
        pairs = 0 if found is None else found["pairs"][0].as_py()
        if pairs <= most:
            return self
        thinned = copy(self)
        thinned._belong += f" and (md5_number_lower(id) >> 11)::double < {most / pairs * 2**53}"
        return thinned

    def pairs(self) -> pa.Table | None:
        """version, id, ts_us, what is picked, label, label_value, identity (a hash) and label_us, in no order."""
        query = f"""
            with labels as ({self._labels})
            select version, id, epoch_us(ts) as ts_us, {self._taken} label, label_value, hash(version, id) as identity, label_us
            from records join labels using (id) where {self._belong}"""
        return self._run(query, {})

    def first_and_latest(self, repeated: pa.Table, windows: Sequence[Span]) -> pa.Table | None:
        """The same of these identities: of each window the prediction that was taken in first, and its latest label."""
        query = f"""
            with labels as ({self._labels} and id in (select id from repeated)),
            pairs as (
                select version, id, epoch_us(ts) as ts_us, {self._taken} {TAKEN_IN}, label, label_value, label_us, label_weight
                from records join labels using (id)
                where hash(version, id) in (select identity from repeated) and {self._belong}),
            within as (
                select pairs.*, windows.start_us from pairs asof join windows on ts_us >= windows.start_us
                where ts_us < windows.end_us)
            select * exclude (start_us, {TAKEN_IN}, label_us, label_weight),
                   min(label_us) over (partition by start_us, version, id, {TAKEN_IN}) as first_us
            from within
            qualify row_number() over (partition by start_us, version, id order by {TAKEN_IN}, {_LATEST}) = 1"""
        return self._run(query, {"windows": _windows(windows), "repeated": repeated.select(["id", "identity"])})

    def all(self, windows: Sequence[Span]) -> pa.Table | None:
        """Every prediction, the one of an identity that was taken in first in each window, with its latest label or nulls."""
        query = f"""
            with labels as ({self._labels}),
            made as (
                select version, id, epoch_us(ts) as ts_us, {TAKEN_IN}, {self._plain} windows.start_us
                from records asof join windows on epoch_us(ts) >= windows.start_us
                where model = ? and ts_us >= ? and ts_us < ? and ts_us < windows.end_us
                qualify row_number() over (partition by start_us, version, id order by {TAKEN_IN}) = 1),
            pairs as (select made.*, labels.* exclude (id) from made left join labels on made.id = labels.id and {self._fit})
            select * exclude (start_us, {TAKEN_IN}, label_us, hint_us, label_weight)
                       replace (coalesce(weight, 1) * coalesce(label_weight, 1) as weight),
                   min(label_us) over (partition by start_us, version, id) as first_us
            from pairs qualify row_number() over (partition by start_us, version, id order by {_LATEST}) = 1"""
        return self._run(query, {"windows": _windows(windows)})

    def _run(self, query: str, beside: dict[str, pa.Table]) -> pa.Table | None:
        return self._queries.run(
            RecordKind.PREDICTIONS,
            query,
            self._values,
            files=of_days(self._spans),
            beside=beside,
            also={RecordKind.LABELS: self._label_files},
        )


def _windows(windows: Sequence[Span]) -> pa.Table:
    starts, ends = zip(*windows, strict=True)
    return pa.table({"start_us": pa.array(starts, pa.int64()), "end_us": pa.array(ends, pa.int64())})


def _only(table: pa.Table, kept: NDArray[np.bool_]) -> pa.Table:
    return table if kept.all() else table.filter(pa.array(kept))


def _inside(ts_us: NDArray[np.int64], windows: Sequence[Span]) -> NDArray[np.bool_]:
    """Which moments lie in one of the windows, that do not overlap."""
    bounds = np.array(sorted(windows)).ravel()
    inside: NDArray[np.bool_] = np.searchsorted(bounds, ts_us, side="right") % 2 == 1
    return inside


def _repeated(identities: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of them come more than once."""
    order = np.argsort(identities)
    same = identities[order][1:] == identities[order][:-1]
    again = np.zeros(len(identities), np.bool_)
    again[order[1:][same]] = True
    again[order[:-1][same]] = True
    return again

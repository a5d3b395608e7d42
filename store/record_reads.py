"""Reading the record log: what recovery, labelled metrics and replay need. DuckDB does the reading; rows come in columns.

Readers de-duplicate on identity (version, id): of rows that were sent twice the one that was taken in first counts.
"""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from kernel.clock import DAY_US, MINUTE_US
from kernel.windows import Span
from store import label_join, orphan_labels, version_pairs
from store.joined_columns import NOTHING_ELSE, JoinedColumns
from store.predicted_shares import predicted_shares
from store.record_identity import IDENTITY
from store.record_pruning import added_since, of_days, of_offsets
from store.record_queries import RecordQueries
from store.record_schema import from_stored
from store.records import RecordLog
from store.unlabelled import Unlabelled, unlabelled
from stream.codecs.topics import RecordKind
from stream.message import Partition

LABEL_HORIZON_US = 90 * DAY_US
_LONGEST_STEP_US = MINUTE_US  # between two flushes without a silence
_OF_MODEL = "where model = ? and epoch_us(ts) >= ? and epoch_us(ts) < ?"


class RecordReader:
    """Named reads of one workspace's record log. One thread at a time.

    Args:
        log: kept as an attribute, for work that is spread over it.
        label_horizon_us: how long after its prediction a label is looked for.
    """

    def __init__(self, log: RecordLog, workspace: str, label_horizon_us: int = LABEL_HORIZON_US) -> None:
        self.log = log
        self._queries = RecordQueries(log, workspace)
        self._horizon_us = label_horizon_us

    def span(self, kind: RecordKind, partition: Partition, first: int, end: int) -> dict[str, pa.Table]:
        """The flat rows of one partition with offsets in [first, end), in the order they came, by model.

        Each model by itself: a feature that is a number in one may be a text in another.
        """
        where = 'topic = ? and "partition" = ? and "offset" >= ? and "offset" < ? order by "offset", row'
        values = [partition.topic, partition.number, first, end]
        found = self._queries.run(
            kind, f"select * from records where {where}", values, files=of_offsets(partition, first, end)
        )
        if found is None:
            return {}
        models = pa.compute.unique(found["model"]).to_pylist()
        return {model: from_stored(found.filter(pa.compute.equal(found["model"], model)), kind) for model in models}

    def identities(self, kind: RecordKind, partition: Partition, since_us: int, horizon_us: int) -> pa.Table | None:
        """model, version, id and taken_in_us of a partition's rows of the last hour of ingestion; None where there are none.

        The hour is counted back flush by flush in the order of offsets. Where the time of day goes back from one flush to the next,
        or more than a minute ahead, no time of ingestion has passed: nobody can tell a silence from a clock that was set.

        Args:
            since_us: no row that was taken in before is looked at.
            horizon_us: the hour.
        """
        mine = 'topic = ? and "partition" = ? and epoch_us(ingested_at) >= ?'
        query = f"""
            with flushes as (
                select epoch_us(ingested_at) as taken_in_us, min("offset") as first from records where {mine} group by all),
            steps as (select first, lead(taken_in_us) over (order by first) - taken_in_us as step_us from flushes),
            ages as (
                select first, sum(case when step_us between 0 and {_LONGEST_STEP_US} then step_us else 0 end)
                    over (order by first desc) as age_us from steps)
            select model, version, id, epoch_us(ingested_at) as taken_in_us from records
            where {mine} and "offset" >= (select min(first) from ages where age_us <= ?)"""
        values = [partition.topic, partition.number, since_us]
        return self._queries.run(kind, query, [*values, *values, horizon_us], files=added_since(since_us))

    def predictions(
        self,
        model: str,
        start_us: int,
        end_us: int,
        features: Mapping[str, str],
        version: str | None = None,
        batch_rows: int = 16_384,
        more: JoinedColumns = NOTHING_ELSE,
    ) -> Iterator[pa.RecordBatch]:
        """A model's predictions with ts in [start, end), by ts then id, each identity once.

        Args:
            features: feature name -> "numbers", "texts" or "vectors", where the record log keeps it.
            version: only this version; None for all.
            more: further columns, as `more.sql` names them.

        Yields:
            Batches of more, version, id, ts_us, prediction, prediction_value, latency_ms, weight, scores (a map) and feature.NAME.
        """
        picked = ", ".join(f"{source}[?] as {_quoted(f'feature.{name}')}" for name, source in features.items())
        query = f"""
            select {more.sql} version, id, epoch_us(ts) as ts_us, prediction, prediction_value, latency_ms, weight, scores
                   {"," if picked else ""} {picked}
            from records
            where model = ? and epoch_us(ts) >= ? and epoch_us(ts) < ? {"" if version is None else "and version = ?"}
            {IDENTITY} order by ts_us, version, id"""
        values = [*more.values, *features, model, start_us, end_us, *([] if version is None else [version])]
        found = self._queries.run(RecordKind.PREDICTIONS, query, values, files=of_days([(start_us, end_us)]))
        if found is not None:
            yield from found.to_batches(max_chunksize=batch_rows)

    def rows(self, model: str, start_us: int, end_us: int) -> Iterator[pa.Table]:
        """All flat columns of a model's predictions with ts in [start, end), each identity once within its day.

        Yields:
            A table for each day (UTC) that has some, in order: no more than a day is held at once.
        """
        kind = RecordKind.PREDICTIONS
        query = f"select * from records {_OF_MODEL} {IDENTITY} order by ts, version, id"
        for day_us in self.days(model, start_us, end_us):
            span = max(start_us, day_us), min(end_us, day_us + DAY_US)
            found = self._queries.run(kind, query, [model, *span], files=of_days([span]))
            if found is not None and found.num_rows:
                yield from_stored(found, kind)

    def days(self, model: str, start_us: int, end_us: int) -> list[int]:
        """The beginnings of the days (UTC) on which a model has predictions with ts in [start, end), ascending."""
        query = f"select distinct epoch_us(date_trunc('day', ts)) as day_us from records {_OF_MODEL} order by day_us"
        files = of_days([(start_us, end_us)])
        found = self._queries.run(RecordKind.PREDICTIONS, query, [model, start_us, end_us], files=files)
        return [] if found is None else found["day_us"].to_pylist()

    def as_folded(self, model: str, span: Span, ends: Mapping[Partition, int]) -> pa.Table | None:
        """All flat columns of a model's predictions with ts in [start, end), as often as they were taken in: what profiles hold.

        Args:
            ends: of each source partition the offset before which its rows lie; no other partition is read.

        Returns:
            The rows of a partition together, in the order they came; None where there are none.
        """
        query = f"""
            select records.* from records join ends using (topic, "partition") {_OF_MODEL} and "offset" < until
            order by topic, "partition", "offset", row"""
        topics, numbers = [p.topic for p in ends], pa.array([p.number for p in ends], pa.int32())
        beside = {
            "ends": pa.table({"topic": topics, "partition": numbers, "until": pa.array(ends.values(), pa.int64())})
        }
        kind = RecordKind.PREDICTIONS
        found = self._queries.run(kind, query, [model, *span], files=of_days([span]), beside=beside) if ends else None
        return from_stored(found, kind) if found is not None and found.num_rows else None

    def sample(self, model: str, version: str | None, span: Span, most: int) -> pa.Table | None:
        """At most so many of a model's predictions with ts in [start, end), each identity once, each as likely as it weighs.

        So no more than the heaviest one's weight goes into all weights: of one heavy row and many light ones, few.

        The same ones whenever it is asked, because the hash of its id stands for chance. Source: Efraimidis and Spirakis,
        "Weighted random sampling with a reservoir" (2006).

        Args:
            version: only this version; None for all.

        Returns:
            All flat columns, in random order; None where there are no predictions.
        """
        of_version = "" if version is None else "and version = ?"
        here = f"from records where model = ? and epoch_us(ts) >= ? and epoch_us(ts) < ? {of_version}"
        query = f"""
            with known as (select version, id, coalesce(weight, 1) as weight {here} {IDENTITY}),
            drawn as (
                select version, id, ln(((md5_number_lower(id) >> 11)::double + 0.5) / {2**53}) / weight as key
                from known order by key desc, version, id
                limit (select least({most}, ceil(sum(weight) / max(weight)))::bigint from known)),
            rows as (select * {here})
            select rows.* from rows join drawn using (version, id) {IDENTITY}
            order by drawn.key desc, version, id"""
        values = [model, *span, *([] if version is None else [version])]
        found = self._queries.run(RecordKind.PREDICTIONS, query, values * 2, files=of_days([span]))
        if found is None or not found.num_rows:
            return None
        return from_stored(found, RecordKind.PREDICTIONS, apart=True)

    def labelled(
        self,
        model: str,
        windows: Sequence[Span],
        more: JoinedColumns = NOTHING_ELSE,
        *,
        every: bool = False,
        most: int | None = None,
    ) -> pa.Table | None:
        """A model's predictions in some windows that have a label, beside it; see label_join.labelled."""
        return label_join.labelled(self._queries, model, windows, self._horizon_us, more, every=every, most=most)

    def label_moments(self, model: str, windows: Sequence[Span], more: JoinedColumns = NOTHING_ELSE) -> pa.Table | None:
        """When labels came, of the same predictions; see label_join.label_moments."""
        return label_join.label_moments(self._queries, model, windows, self._horizon_us, more)

    def predicted_shares(self, model: str, span: Span, positive: str, more: JoinedColumns) -> pa.Table | None:
        """How often a class was predicted, by cluster and segment; see store/predicted_shares.py."""
        return predicted_shares(self._queries, model, span, positive, more)

    def unlabelled(self, model: str, span: Span, version: str, most: int) -> Unlabelled | None:
        """A model's predictions without a label, of many a sample; see store/unlabelled.py."""
        return unlabelled(self._queries, model, span, self._horizon_us, version, most)

    def orphan_labels(self, model: str, span: Span, limit: int) -> pa.Table:
        """Labels that have no prediction; see store/orphan_labels.py."""
        return orphan_labels.newest(self._queries, model, span, self._horizon_us, limit)

    def version_differences(
        self, model: str, version: str, against: str, span: Span, *, numbers_are_classes: bool
    ) -> pa.Table | None:
        """How far two versions are apart on the rows that both predicted; see store/version_pairs.py."""
        return version_pairs.differences(
            self._queries, model, version, against, span, numbers_are_classes=numbers_are_classes
        )

    def moments_of_labels(self, partition: Partition, first: int, end: int) -> pa.Table | None:
        """When the predictions were made to which labels without prediction_ts belong.

        Args:
            first, end: the labels' offsets, [first, end).

        Returns:
            Distinct (model, ts_us); a label whose prediction is unknown gives none. None where there are no predictions.
        """
        wanted = self._queries.run(
            RecordKind.LABELS,
            'select model, id, epoch_us(ts) as label_us from records where topic = ? and "partition" = ? '
            'and "offset" >= ? and "offset" < ? and prediction_ts is null',
            [partition.topic, partition.number, first, end],
            files=of_offsets(partition, first, end),
        )
        if wanted is None or not wanted.num_rows:
            return None
        ts_us = wanted["label_us"].to_numpy()
        spans = [(int(ts_us.min()) - self._horizon_us, int(ts_us.max()) + self._horizon_us)]
        query = """select distinct records.model, epoch_us(ts) as ts_us from records join labels using (model, id)"""
        return self._queries.run(RecordKind.PREDICTIONS, query, [], files=of_days(spans), beside={"labels": wanted})


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""The bare join of predictions and labels by id, with the columns that metrics are made of; nothing is counted once."""

import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from bench.label_log import LABELS, log_in
from bench.probe import measured, report
from stream.codecs.topics import RecordKind

_JOIN = """
    select version, id, epoch_us(predictions.ts) as ts_us, prediction, prediction_value, predictions.weight, scores,
           label, label_value
    from read_parquet(?) predictions join read_parquet(?) labels using (model, id)"""


def main() -> None:
    log = log_in(Path(sys.argv[1]))
    files = [_files(log.table("default", kind)) for kind in (RecordKind.PREDICTIONS, RecordKind.LABELS)]
    report(measured(lambda: _join(files)))


def _files(table: DeltaTable | None) -> list[str]:
    assert table is not None
    return table.file_uris()


def _join(files: list[list[str]]) -> None:
    with duckdb.connect() as connection:
        assert connection.sql(_JOIN, params=files).to_arrow_table().num_rows == LABELS


main()

"""Labels beside their predictions, as the detectors read them: each identity once, its latest label, window by window."""

import sys
from pathlib import Path

from bench.label_log import LABELS, MODEL, WINDOWS, log_in
from bench.probe import measured, report
from store.record_reads import RecordReader


def main() -> None:
    reader = RecordReader(log_in(Path(sys.argv[1])), "default")
    report(measured(lambda: _join(reader)))


def _join(reader: RecordReader) -> None:
    found = reader.labelled(MODEL, WINDOWS)
    assert found is not None
    assert found["label"].drop_null().length() == LABELS


main()

"""The canonical columns: the form in memory of every decoded record, whatever it was sent as.

A table holds rows of one model. Always there:

    predictions   version string, "" when absent; id string; ts timestamp[us, UTC]; offset int64; row int32
    labels        id, ts, offset, row
    business      name string, ts, offset, row, value float64

offset and row say where the record lies: row is its index within the message. Further columns are there only where some row has a
value; null is a value that is missing. In this order:

    predictions   prediction string (a class label), prediction_value float64 (a number), latency_ms, queue_ms float64,
                  batch_size int64, error string, cost, weight float64, trace_id string, then by name
                  feature.NAME   float64, string, bool or list<float64>
                  score.CLASS    float64
                  tag.NAME       string
    labels        label string, label_value float64, weight float64, prediction_ts timestamp[us, UTC]

Numbers are the nearest float64, as JSON's are between most systems; an id that is an integer is kept exactly, as text. A boolean
prediction or label is the class "true" or "false". A feature of several JSON types in one batch is a string column of their text.
Names that are not listed are ignored, so that newer senders can write to older collectors.
"""

from collections.abc import Iterable

import pyarrow as pa

from driftglass_client.wire import (
    ERROR,
    FEATURE_PREFIX,
    ID,
    LABEL,
    LABEL_VALUE,
    NAME,
    PREDICTION,
    PREDICTION_TS,
    PREDICTION_VALUE,
    SCORE_PREFIX,
    TAG_PREFIX,
    TRACE_ID,
    TS,
    VALUE,
    VERSION,
    WEIGHT,
)
from stream.codecs.topics import RecordKind

OFFSET = "offset"
ROW = "row"
RECEIVED_US = "received_us"
"""When the message was written to the log: only while decoding, never in a batch."""
LATENCY_MS = "latency_ms"
QUEUE_MS = "queue_ms"
BATCH_SIZE = "batch_size"
COST = "cost"

TEXT = pa.string()
NUMBER = pa.float64()
INTEGER = pa.int64()
FLAG = pa.bool_()
VECTOR = pa.list_(pa.float64())
MOMENT = pa.timestamp("us", tz="UTC")

PROVENANCE = {OFFSET: pa.int64(), ROW: pa.int32()}
FIXED = {
    RecordKind.PREDICTIONS: {
        VERSION: TEXT, ID: TEXT, TS: MOMENT, **PROVENANCE, PREDICTION: TEXT, PREDICTION_VALUE: NUMBER, LATENCY_MS: NUMBER,
        QUEUE_MS: NUMBER, BATCH_SIZE: INTEGER, ERROR: TEXT, COST: NUMBER, WEIGHT: NUMBER, TRACE_ID: TEXT,
    },
    RecordKind.LABELS: {
        ID: TEXT, TS: MOMENT, **PROVENANCE, LABEL: TEXT, LABEL_VALUE: NUMBER, WEIGHT: NUMBER, PREDICTION_TS: MOMENT,
    },
    RecordKind.BUSINESS: {NAME: TEXT, TS: MOMENT, **PROVENANCE, VALUE: NUMBER},
}  # fmt: skip
"""The columns of fixed name, in order, with their types."""
ALWAYS = {
    RecordKind.PREDICTIONS: (VERSION, ID, TS, OFFSET, ROW),
    RecordKind.LABELS: (ID, TS, OFFSET, ROW),
    RecordKind.BUSINESS: (NAME, TS, OFFSET, ROW, VALUE),
}
OUTCOME = {RecordKind.PREDICTIONS: (PREDICTION, PREDICTION_VALUE), RecordKind.LABELS: (LABEL, LABEL_VALUE)}
"""Where a class label and where a number is kept."""
NAMED = (FEATURE_PREFIX, SCORE_PREFIX, TAG_PREFIX)
MAX_RECORDS = 1_000_000
"""Records of one message, at most."""
TOO_MANY = f"holds more than {MAX_RECORDS} records: send them in several messages"
LONGEST = 255
LONGEST_SERIES = 100
"""Characters of a model, a version, an id or a column's whole name, at most; keys of the database hold no more."""


def is_named(name: str) -> bool:
    """Whether this is a feature's, a score's or a tag's column."""
    return name.startswith(NAMED)


def field_of(name: str) -> str:
    """The field as a sender of JSON spells it.

    >>> field_of("feature.dep_delay"), field_of("prediction_value"), field_of("ts")
    ('features.dep_delay', 'prediction', 'ts')
    """
    prefix, dot, rest = name.partition(".")
    return f"{prefix}s.{rest}" if dot and is_named(name) else name.removesuffix("_value")


def name_problem(name: str) -> str | None:
    """Why a feature, score or tag cannot be kept under its column's name; None when it can."""
    if name in NAMED:
        return "has no name"
    if len(name) > LONGEST:
        return f"has a name of more than {LONGEST - len(FEATURE_PREFIX)} characters"
    return "has the character U+0000 in its name" if "\0" in name else None


def arranged(kind: RecordKind, names: Iterable[str]) -> list[str]:
    """Those names that are canonical, in the canonical order.

    >>> arranged(RecordKind.PREDICTIONS, ["feature.b", "ts", "feature.a", "model", "id"])
    ['id', 'ts', 'feature.a', 'feature.b']
    """
    given = set(names)
    named = [n for p in NAMED for n in sorted(given) if n.startswith(p)] if kind is RecordKind.PREDICTIONS else []
    return [name for name in FIXED[kind] if name in given] + named

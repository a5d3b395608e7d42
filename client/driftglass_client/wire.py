"""The wire record: names and rules that every producer and consumer of Driftglass shares.

A batch holds rows of one model. In Arrow it is one table with the columns below, a feature being a column
`feature.NAME`, a score `score.CLASS` (float64), a tag `tag.NAME` (string). In JSON the same row nests them:
`{"features": {NAME: value}, "scores": {CLASS: p}, "tags": {NAME: text}}`, and `prediction` and `label` hold either the
class label (a string) or the number, which Arrow keeps in two columns.
"""

from __future__ import annotations

from zlib import crc32

PREDICTIONS_TOPIC = "driftglass.predictions"
LABELS_TOPIC = "driftglass.labels"
EVENTS_TOPIC = "driftglass.events"
BUSINESS_TOPIC = "driftglass.business"
ALERTS_TOPIC = "driftglass.alerts"
RETRAINING_TOPIC = "driftglass.retraining"
LABEL_REQUESTS_TOPIC = "driftglass.label-requests"

HTTP_PATHS = {
    PREDICTIONS_TOPIC: "/v1/predictions",
    LABELS_TOPIC: "/v1/labels",
    EVENTS_TOPIC: "/v1/events",
    BUSINESS_TOPIC: "/v1/business",
}

CONTENT_JSON = "application/json"
CONTENT_NDJSON = "application/x-ndjson"
CONTENT_ARROW = "application/vnd.apache.arrow.stream"

HEADER_CONTENT_TYPE = "content-type"
HEADER_MODEL = "model"
HEADER_WORKSPACE = "workspace"
HTTP_IDEMPOTENCY_KEY = "Idempotency-Key"
HTTP_API_KEY = "X-Api-Key"

DEFAULT_WORKSPACE = "default"
BUCKETS = 8

MODEL = "model"
VERSION = "version"
ID = "id"
TS = "ts"
PREDICTION = "prediction"
PREDICTION_VALUE = "prediction_value"
LABEL = "label"
LABEL_VALUE = "label_value"
PREDICTION_TS = "prediction_ts"
ERROR = "error"
WEIGHT = "weight"
TRACE_ID = "trace_id"
FEATURES = "features"
SCORES = "scores"
TAGS = "tags"
NAME = "name"
VALUE = "value"

FEATURE_PREFIX = "feature."
SCORE_PREFIX = "score."
TAG_PREFIX = "tag."
PREFIXES = {FEATURE_PREFIX: FEATURES, SCORE_PREFIX: SCORES, TAG_PREFIX: TAGS}

TIME_COLUMNS = (TS, PREDICTION_TS)
"""timestamp[us, UTC] in Arrow, RFC 3339 in JSON."""
TEXT_COLUMNS = (MODEL, VERSION, ID, PREDICTION, LABEL, ERROR, TRACE_ID)
"""string in Arrow."""
NUMBER_COLUMNS = (PREDICTION_VALUE, LABEL_VALUE, "latency_ms", "queue_ms", "batch_size", "cost", WEIGHT)
"""float64 in Arrow."""


def topic_in(topic: str, workspace: str) -> str:
    """A topic of ours as another workspace has it: one topic carries one workspace.

    >>> topic_in(LABELS_TOPIC, "fraud")
    'driftglass.fraud.labels'
    """
    if workspace == DEFAULT_WORKSPACE:
        return topic
    root, _, kind = topic.rpartition(".")
    return f"{root}.{workspace}.{kind}"


def bucket_of(workspace: str, model: str, id: str, buckets: int = BUCKETS) -> int:  # noqa: A002 - the field's own name
    """The bucket, 0 to buckets - 1, of everything that carries this id; partition = bucket % number of partitions.

    >>> bucket_of("default", "flight-delay", "a-1")
    7
    """
    return crc32(f"{workspace}\0{model}\0{id}".encode()) % buckets

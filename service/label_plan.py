"""Planning labels, as the command does it."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from api.label_planning import Asked, plan_labels
from api.label_plans import LabelPlanOut
from driftglass_client.wire import CONTENT_NDJSON, HEADER_MODEL, HEADER_WORKSPACE, LABEL_REQUESTS_TOPIC
from kernel.settings import LogSettings
from kernel.versions import version_words
from service.wiring import Wiring
from store.record_reads import RecordReader
from stream.message import Outgoing
from stream.open import ensure_topics, open_appender

_A_MESSAGE = 1_000  # records
_PATIENCE_S = 30.0


def run(wiring: Wiring, model: str, asked: Asked, *, send: bool) -> dict[str, Any]:
    """Plan the labels of a model; the answer is that of GET /v1/models/{model}/label-plan.

    Args:
        send: whether the plan goes into the log's topic of label requests as well, a record a line.

    Raises:
        DriftglassError: see plan_labels; or the log is away.
    """
    settings = wiring.settings
    reader = RecordReader(wiring.record_log(), settings.workspace)
    answer = LabelPlanOut.of(model, plan_labels(wiring.db, settings.workspace, reader, model, asked))
    if send:
        headers = {HEADER_MODEL: model, HEADER_WORKSPACE: settings.workspace}
        _send(settings.log, [Outgoing(body, CONTENT_NDJSON, None, headers) for body in _bodies(answer)])
    return answer.model_dump(mode="json")


def _bodies(answer: LabelPlanOut) -> Iterator[bytes]:
    lines = [msgspec.json.encode(item.model_dump()) for item in answer.items]
    for first in range(0, len(lines), _A_MESSAGE):
        yield b"\n".join(lines[first : first + _A_MESSAGE])


def _send(log: LogSettings, messages: Sequence[Outgoing]) -> None:
    ensure_topics(log, [LABEL_REQUESTS_TOPIC])
    appender = open_appender(log)
    try:
        appender.append(LABEL_REQUESTS_TOPIC, messages, _PATIENCE_S)
    finally:
        appender.close()


def as_text(answer: dict[str, Any]) -> str:
    """The answer for people."""
    items = answer["items"]
    sample = "" if answer["share"] == 1 else f", a sample of {answer['share']:.2g} of all,"
    lines = [
        f"{len(items)} of {answer['candidates']} predictions{sample} to have labelled: the share of wrong ones will be known to "
        f"within {100 * answer['width']:.2g} points, with an even choice to within {100 * answer['width_by_chance']:.2g}."
    ]
    several = len({x["version"] for x in items}) > 1
    for x in items:
        version = version_words(x["version"], pooled=False, several=several)
        parts = (x["ts"], x["id"], *([version] if version else []), x["prediction"], f"weight {x['weight']:.4g}")
        lines.append("  ".join(map(str, parts)))
    return "\n".join(lines)

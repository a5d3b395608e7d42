"""Which predictions of a model to have labelled next: over HTTP, on the command line, and as messages for whoever labels."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from api.moments import span_until
from detectors.label_plan import LabelPlan, plan
from detectors.labels_by_segment import task_of
from detectors.without_labels.codec import from_json
from detectors.without_labels.estimator import Estimator
from detectors.wrong_chances import wrong_chances
from kernel.clock import DAY_US, to_rfc3339
from kernel.errors import ContractError, NotFoundError
from kernel.windows import Span
from store import models, references, watermarks
from store.database import Database
from store.models import Model
from store.record_reads import RecordReader

LOOKED_BACK_US = 7 * DAY_US
MOST_LABELS = 10_000
_MOST_ROWS = 200_000
_ALONE: AbstractContextManager[Any] = nullcontext()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        count: labels, at most.
        version: only of this one; "" for all.
        start_us, end_us: of the predictions; None for a week up to the newest.
    """

    count: int
    version: str = ""
    start_us: int | None = None
    end_us: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """Predictions to have labelled.

    Attributes:
        rows: version, id, ts_us, prediction, prediction_value and weight, with which the label is to be sent; by ts.
        candidates: predictions without a label that could be chosen.
        share: the chance with which each prediction without a label is among the candidates; 1 where all are.
        plan: how they were chosen.
    """

    rows: pa.Table
    candidates: int
    share: float
    plan: LabelPlan


def plan_labels(
    db: Database,
    workspace: str,
    reader: RecordReader,
    model: str,
    asked: Asked,
    lock: AbstractContextManager[Any] = _ALONE,
) -> Planned:
    """Choose predictions of a span, without a label so far, whose labels say most about how often the model is wrong.

    Of more than 200,000 a sample is looked at, by the hash of their ids: the same ones whenever it is asked.

    Args:
        lock: held while the record log is read.

    Raises:
        NotFoundError: there is no such model, or nothing in the span that could be chosen.
        ContractError: the model predicts no classes, or the span is none.
        UnavailableError: the database or the record log is away.
    """
    known = models.one(db, workspace, model)
    if known.task in ("regression", "ranking"):
        raise ContractError("model", f"{model!r} is a {known.task}: labels are planned for classes, by their scores")
    span = _span(db, workspace, model, asked)
    with lock:
        found = reader.unlabelled(model, span, asked.version, _MOST_ROWS)
    rows = None if found is None else _with_chances(found.rows, known, _estimator(db, workspace, known))
    if found is None or rows is None or not rows.num_rows:
        between = f"{to_rfc3339(span[0])} and {to_rfc3339(span[1])}"
        raise NotFoundError(f"{model!r} has no prediction with scores and without a label between {between}")
    wrong = rows["wrong"].to_numpy()
    chosen = plan(np.clip(wrong, 0.0, 1.0), min(asked.count, rows.num_rows), sampled=found.share)
    taken = rows.select(["version", "id", "ts_us", "prediction", "prediction_value"]).take(pa.array(chosen.rows))
    return Planned(taken.append_column("weight", pa.array(chosen.weights)), rows.num_rows, found.share, chosen)


def requests(model: str, planned: Planned) -> list[dict[str, Any]]:
    """Each prediction as a record, as it is answered and as it goes into the topic."""
    return [
        {
            "model": model,
            "version": row["version"],
            "id": row["id"],
            "ts": to_rfc3339(row["ts_us"]),
            "prediction": row["prediction_value"] if row["prediction"] is None else row["prediction"],
            "weight": row["weight"],
        }
        for row in planned.rows.to_pylist()
    ]


def _span(db: Database, workspace: str, model: str, asked: Asked) -> Span:
    newest = watermarks.furthest(db, workspace, [model]).get(model)
    start_us, end_us = span_until(asked.start_us, asked.end_us, (newest or 0) + 1, LOOKED_BACK_US)
    if end_us <= start_us:
        raise ContractError("end", "must be later than start")
    return start_us, end_us


def _with_chances(rows: pa.Table, model: Model, estimator: Estimator | None) -> pa.Table:
    """Those whose scores say how likely they are wrong, with that as `wrong`."""
    rows = rows.append_column("wrong", pa.array(wrong_chances(rows, task_of(model), estimator)))
    return rows.filter(pc.is_finite(rows["wrong"]))


def _estimator(db: Database, workspace: str, model: Model) -> Estimator | None:
    reference = references.active(db, workspace, model.name)
    stored = None if reference is None else references.estimator(db, workspace, model.name, reference.name)
    return None if stored is None else from_json(stored)

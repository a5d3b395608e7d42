"""What the labels of a reference say: of all of its rows, and of those of each segment."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from store.database import Database, in_parts
from store.tables import reference_segments

Performance = Mapping[str, Mapping[str, float | None]]
_KEYS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class OfLabels:
    """Of some rows of a reference; empty without labels.

    Attributes:
        performance: metric -> {"value", "lower", "upper", "rows"}.
        labels: how often each label was (detectors/label_drift.py).
    """

    performance: Performance = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)


NO_LABELS = OfLabels()


def of_segments(
    db: Database, workspace: str, model: str, reference: str, segments: Collection[str]
) -> dict[str, OfLabels]:
    """What labels say of these segments of a reference; those that it has no row of are not among them."""
    at = reference_segments.c
    here = (at.workspace == workspace, at.model == model, at.reference == reference)
    found: dict[str, OfLabels] = {}
    if not segments:
        return found
    with db.read() as connection:
        for part in in_parts(sorted(segments), _KEYS_A_QUERY):
            query = sa.select(at.segment, at.performance, at.labels).where(*here, at.segment.in_(part))
            found |= {row.segment: OfLabels(row.performance, row.labels) for row in connection.execute(query)}
    return found

"""Reading profiles: the parts of windows, merged over their source partitions."""

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from kernel.profile import WindowProfile
from kernel.profile_codec import decode_profile
from store.database import Database
from store.tables import profiles


def between(
    db: Database, workspace: str, model: str, start_us: int, end_us: int
) -> dict[tuple[str, str], dict[int, WindowProfile]]:
    """The profiles of a model's windows that start in [start, end): by (version, segment), then by window start."""
    at = profiles.c
    query = (
        sa.select(at.version, at.segment, at.window_start_us, at.blob)
        .where(
            at.workspace == workspace, at.model == model, at.window_start_us >= start_us, at.window_start_us < end_us
        )
        .order_by(at.version, at.segment, at.window_start_us, at.topic, at.partition)
    )
    parts: dict[tuple[str, str], dict[int, list[WindowProfile]]] = defaultdict(lambda: defaultdict(list))
    with db.read() as connection:
        for row in connection.execute(query):
            parts[row.version, row.segment][row.window_start_us].append(decode_profile(row.blob))
    return {key: {start: merged(found) for start, found in sorted(of.items())} for key, of in parts.items()}


def merged(parts: Sequence[WindowProfile]) -> WindowProfile:
    """The sum of some profiles; a single one is itself."""
    return parts[0] if len(parts) == 1 else WindowProfile.merge(parts)

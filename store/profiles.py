"""Reading profiles: the parts of windows, merged over their source partitions."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import sqlalchemy as sa

from kernel.profile import WindowProfile
from kernel.profile_codec import decode_profile
from kernel.profiling import GroupKey
from kernel.windows import Span, join_spans
from store.database import Database, in_parts
from store.tables import profiles

ByStart = Mapping[tuple[str, str], Mapping[int, WindowProfile]]
"""By (version, segment), then by the start of the window, ascending."""

_KEYS_A_QUERY = 500


def within(db: Database, workspace: str, model: str, spans: Sequence[Span]) -> ByStart:
    """The profiles of a model's windows that start in one of the spans."""
    return _read(db, workspace, model, [_starts_in(spans)])


def chosen(db: Database, workspace: str, model: str, keys: Collection[GroupKey]) -> ByStart:
    """The profiles of these versions, segments and windows, of those that there are."""
    at = profiles.c
    place, wanted = sa.tuple_(at.version, at.segment, at.window_start_us), sorted(keys)
    pages = in_parts(wanted, _KEYS_A_QUERY)
    return _read(
        db, workspace, model, [place.in_([(k.version, k.segment, k.window_start_us) for k in page]) for page in pages]
    )


def rows(db: Database, workspace: str, model: str, spans: Sequence[Span]) -> dict[tuple[str, str], dict[int, int]]:
    """How many rows the windows have that start in one of the spans, which reads no profile: keyed as profiles are."""
    at = profiles.c
    key = (at.version, at.segment, at.window_start_us)
    query = sa.select(*key, sa.func.sum(at.rows)).where(*_of_model(workspace, model), _starts_in(spans)).group_by(*key)
    found: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    with db.read() as connection:
        for version, segment, start_us, count in connection.execute(query):
            found[version, segment][start_us] = int(count)
    return found


def _read(db: Database, workspace: str, model: str, wanted: Sequence[sa.ColumnElement[bool]]) -> ByStart:
    at = profiles.c
    order = (at.version, at.segment, at.window_start_us, at.topic, at.partition)
    parts: dict[tuple[str, str], dict[int, list[WindowProfile]]] = defaultdict(lambda: defaultdict(list))
    with db.read() as connection:
        for which in wanted:
            query = sa.select(*order[:3], at.blob).where(*_of_model(workspace, model), which).order_by(*order)
            for row in connection.execute(query):
                parts[row.version, row.segment][row.window_start_us].append(decode_profile(row.blob))
    return {key: {start: merged(found) for start, found in sorted(of.items())} for key, of in parts.items()}


def _of_model(workspace: str, model: str) -> Iterator[sa.ColumnElement[bool]]:
    yield profiles.c.workspace == workspace
    yield profiles.c.model == model


def _starts_in(spans: Sequence[Span]) -> sa.ColumnElement[bool]:
    at = profiles.c.window_start_us
    return sa.or_(sa.false(), *(sa.and_(at >= start, at < end) for start, end in join_spans(spans)))


def merged(parts: Sequence[WindowProfile]) -> WindowProfile:
    """The sum of some profiles; a single one is itself."""
    return parts[0] if len(parts) == 1 else WindowProfile.merge(parts)

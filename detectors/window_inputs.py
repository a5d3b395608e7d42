"""What windows are measured from: their profiles, what small ones look back over, and the reference, at first a provisional one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress

from detectors import lookback
from detectors.against import Against
from detectors.lookback import Look
from detectors.multivariate.sample import MOST_ROWS, columns_of
from detectors.settings import DetectorSettings
from detectors.without_labels.codec import from_json
from kernel.clock import Clock
from kernel.errors import FencedError
from kernel.moving import Moving
from kernel.profile import WindowProfile
from kernel.profiling import GroupKey
from kernel.windows import Span
from store import profiles, reference_labels, references, samples
from store.database import Database
from store.models import Model
from store.record_reads import RecordReader
from store.recount import NewGrids, Recount, lost
from store.references import Reference
from store.windows import Lease, Window

Looks = dict[tuple[str, str], Look]
"""By version and segment."""


class WindowInputs:
    """Reads for the windows of one workspace."""

    def __init__(
        self, db: Database, reader: RecordReader, workspace: str, clock: Clock, settings: DetectorSettings
    ) -> None:
        self._db = db
        self._reader = reader
        self._workspace = workspace
        self._clock = clock
        self._settings = settings

    def read(self, model: Model, held: Lease) -> tuple[dict[int, Looks], Against | None]:
        """What there is of each window of a lease, by its start, and what they are held against; None where there is nothing.

        Raises:
            UnavailableError: the database or the record log is away.
        """
        reference, looks = self._reference(model, held, self._looks(model, held))
        return looks, self._against(model, reference, held, looks)

    def _looks(self, model: Model, held: Lease) -> dict[int, Looks]:
        """What there is of each window, by its start: it alone, and with what it looks back over where it is small."""
        spans = [(window.start_us, window.end_us) for window in held.windows]
        own = profiles.within(self._db, self._workspace, model.name, spans)
        looks = {window.start_us: _alone(own, window) for window in held.windows}
        small = {
            GroupKey(*key, start): look.profile
            for start, of in looks.items()
            for key, look in of.items()
            if look.profile.rows < model.min_rows
        }
        if small and held.windows[0].size == model.window.text:
            for at, look in self._back(model, small):
                looks[at.window_start_us][at.version, at.segment] = look
        return looks

    def _back(self, model: Model, small: Mapping[GroupKey, WindowProfile]) -> Iterator[tuple[GroupKey, Look]]:
        """The looks of those small windows that reach enough rows within their lookback; nothing else of the past is read."""
        reach = {at: model.window.back(at.window_start_us, self._settings.lookback_windows) for at in small}
        spans = [(first, at.window_start_us) for at, first in reach.items()]
        rows = profiles.rows(self._db, self._workspace, model.name, spans)
        taken = {}
        for at, profile in small.items():
            known = rows.get((at.version, at.segment), {})
            earlier = {start: n for start, n in known.items() if reach[at] <= start < at.window_start_us}
            if starts := lookback.fewest(earlier, profile.rows, model.min_rows):
                taken[at] = starts
        keys = {GroupKey(at.version, at.segment, start) for at, starts in taken.items() for start in starts}
        past = profiles.chosen(self._db, self._workspace, model.name, keys)
        for at, starts in taken.items():
            of = past.get((at.version, at.segment), {})
            parts = [of[start] for start in reversed(starts) if start in of]
            yield at, Look(small[at], profiles.merged([*parts, small[at]]), starts[-1])

    def _reference(
        self, model: Model, held: Lease, looks: dict[int, Looks]
    ) -> tuple[Reference | None, dict[int, Looks]]:
        """The reference in force, and the looks as they are to be held against it.

        Without one the first window that is large enough becomes it, provisionally; where a grid cannot tell its values apart, all
        is counted on a new one first.
        """
        found = references.active(self._db, self._workspace, model.name)
        if found is not None:
            return found, looks
        for window in held.windows:
            if _rows_of(looks[window.start_us]) < max(1, model.min_rows):
                continue
            rows = self._reader.sample(model.name, None, (window.start_us, window.end_us), MOST_ROWS)
            if rows is not None and (grids := lost(self._db, self._workspace, model.name, rows)):
                self._renew(model, grids)
                looks = self._looks(model, held)
            parts = _by_segment(looks[window.start_us])
            references.put_provisional(
                self._db,
                self._workspace,
                model.name,
                parts.pop(""),
                parts,
                {"window": window.size, "start_us": window.start_us, "end_us": window.end_us},
                self._clock.now_us(),
                held.token,
                None if rows is None else columns_of(rows, multivariate=model.multivariate),
            )
            found = references.active(self._db, self._workspace, model.name)
            if found is not None:
                return found, looks
        return None, looks

    def _renew(self, model: Model, grids: NewGrids) -> None:
        """Count the model's windows again on new grids, unless another worker has them made already."""
        with Recount(self._db, self._reader, self._workspace, model.name, grids, self._clock.now_us()) as recount:
            recount.count()
            with suppress(FencedError), self._db.write() as tx:
                recount.swap(tx)

    def _against(
        self, model: Model, reference: Reference | None, held: Lease, looks: Mapping[int, Looks]
    ) -> Against | None:
        """The reference with its profiles of the segments that there are; one that moves, with those of earlier windows."""
        if reference is None:
            return None
        if reference.moving is not None:
            return Against(reference, {}, earlier=self._earlier(model, reference.moving, held, looks))
        segments = {segment for of in looks.values() for _, segment in of if segment}
        parts = references.of_segments(self._db, self._workspace, model.name, reference.name, segments)
        rows = samples.of_reference(self._db, self._workspace, model.name, reference.name)
        sample = None if rows is None else columns_of(rows, multivariate=model.multivariate)
        labels = reference_labels.of_segments(self._db, self._workspace, model.name, reference.name, segments)
        fitted = references.estimator(self._db, self._workspace, model.name, reference.name)
        estimator = None if fitted is None else from_json(fitted)
        profiles_of = parts | {"": reference.profile}
        return Against(reference, profiles_of, sample, of_segments=labels, estimator=estimator)

    def _earlier(
        self, model: Model, moving: Moving, held: Lease, looks: Mapping[int, Looks]
    ) -> dict[tuple[str, Span], WindowProfile]:
        """What a moving reference is to each span that is held against it, over all versions, by segment."""
        spans = {(w.start_us, w.end_us) for w in held.windows}
        spans |= {(look.span_start_us, w.end_us) for w in held.windows for look in looks[w.start_us].values()}
        before = {span: moving.before(span) for span in spans}
        stored = profiles.within(self._db, self._workspace, model.name, list(before.values()))
        parts: dict[tuple[str, Span], list[WindowProfile]] = defaultdict(list)
        for (_, segment), of in stored.items():
            for span, (first_us, end_us) in before.items():
                parts[segment, span] += [profile for start, profile in of.items() if first_us <= start < end_us]
        return {key: profiles.merged(of) for key, of in parts.items() if of}


def _alone(own: profiles.ByStart, window: Window) -> Looks:
    looks = {}
    for key, of in own.items():
        if parts := [profile for start, profile in of.items() if window.start_us <= start < window.end_us]:
            profile = profiles.merged(parts)
            looks[key] = Look(profile, profile, window.start_us)
    return looks


def _by_segment(looks: Looks) -> dict[str, WindowProfile]:
    """The profiles of one window by segment, over all versions."""
    parts: dict[str, list[WindowProfile]] = defaultdict(list)
    for (_, segment), look in looks.items():
        parts[segment].append(look.profile)
    return {segment: profiles.merged(of) for segment, of in parts.items()}


def _rows_of(looks: Looks) -> int:
    """The rows of one window, over all versions."""
    return sum(look.profile.rows for (_, segment), look in looks.items() if not segment)

"""Whether estimates are believed, as a part of deciding: by what labels said of those of the windows before.

An estimate is doubted where too many of the windows before it were off (detectors/without_labels/trust.py): its decision is then
`insufficient`, so that no rule fires or resolves by it, and its basis says why. Labels of an old window may so change what was
decided of later ones; those are revised.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.metrics import ESTIMATE_ERROR, ESTIMATED
from detectors.pair import FloatArray
from detectors.season import IntArray
from detectors.without_labels.trust import doubt
from kernel.measurement import Status
from kernel.windows import WindowSize
from store import decisions
from store.database import Transaction
from store.decisions import Decidable, Due, Outcome, Test, Value

LOOKED_BACK = 200
"""Windows in which those with labels are looked for."""
_FOREVER_US = 2**62
_SAID = (
    Status.OK.value,
    Status.INSUFFICIENT.value,
)  # the latter without a value, and maybe with one when it was decided

Place = tuple[Transaction, str, str, str]
_At = tuple[str, str, int]  # version, segment, start of a window


@dataclass(frozen=True)
class Doubts:
    """Which estimates are not believed, and why.

    Attributes:
        now: of windows that are due, by version, segment and start; those that are believed are not among them.
        revised: what changes of later windows.
    """

    now: Mapping[_At, str]
    revised: Sequence[tuple[Test, int, Outcome]]

    def outcome(self, row: Decidable, start_us: int) -> Outcome | None:
        """What a measurement of a window that is due comes to; None where it is no estimate, or believed."""
        why = self.now.get((row.test.version, row.test.segment, start_us), "")
        return _outcome(row.status, row.basis, why) if why and row.test.metric in ESTIMATED else None


def read(place: Place, due: Sequence[Due]) -> Doubts:
    """What labels say of the estimates of some windows that were held against one reference, and of those after them."""
    starts, first, reference = {window.start_us for window in due}, due[0].start_us, due[0].reference
    size = WindowSize(place[3])
    looked_at, later = (size.back(first, LOOKED_BACK), _FOREVER_US), (first + 1, _FOREVER_US)
    now: dict[_At, str] = {}
    revised: list[tuple[Test, int, Outcome]] = []
    for version, segment in decisions.series_with(*place, sorted(starts), ESTIMATED) if reference else []:
        error = Test(version, segment, ESTIMATE_ERROR, "")
        misses = decisions.values(*place, reference, [error], looked_at, _FOREVER_US, _SAID).get(error, [])
        known = _Misses.of(misses, size)
        now |= {(version, segment, start): why for start in starts if (why := known.doubt(start))}
        if known.changed:
            tests = [Test(version, segment, metric, "") for metric in ESTIMATED]
            revised += known.revised(decisions.values(*place, reference, tests, later, _FOREVER_US), starts)
    return Doubts(now, revised)


@dataclass(frozen=True, eq=False)
class _Misses:
    """How far estimates of a series were off, in window order: as it is, and as it was when it was decided last."""

    starts_us: IntArray
    values: FloatArray
    stood: FloatArray
    size: WindowSize

    @classmethod
    def of(cls, values: Sequence[Value], size: WindowSize) -> "_Misses":
        def numbers(found: Sequence[float | None]) -> FloatArray:
            return np.array([np.nan if value is None else value for value in found], np.float64)

        starts = np.array([value.start_us for value in values], np.int64)
        return cls(starts, numbers([value.value for value in values]), numbers([value.stood for value in values]), size)

    @property
    def changed(self) -> bool:
        return not np.array_equal(self.values, self.stood, equal_nan=True)

    def doubt(self, start_us: int, *, before: bool = False) -> str:
        """Why the estimate of a window is doubted; `before`: was, when it was decided."""
        begin, end = np.searchsorted(self.starts_us, [self.size.back(start_us, LOOKED_BACK), start_us])
        earlier = (self.stood if before else self.values)[begin:end]
        return doubt(earlier[np.isfinite(earlier)])

    def revised(self, later: Mapping[Test, Sequence[Value]], due: set[int]) -> Iterator[tuple[Test, int, Outcome]]:
        """What changes of those later windows that were decided already, and are not now."""
        for test, values in later.items():
            for value in (value for value in values if value.start_us not in due and value.stood is not None):
                why = self.doubt(value.start_us)
                if why != self.doubt(value.start_us, before=True):
                    yield test, value.start_us, _outcome(value.status, value.basis, why)


def _outcome(status: str, basis: str, why: str) -> Outcome:
    """What an estimate comes to that is doubted, or no longer is."""
    if not why:
        return Outcome(False, False, status, basis)
    return Outcome(False, False, Status.INSUFFICIENT.value, f"{basis}; not judged: {why}")

"""What windows are held against: the reference, without the rows that a window shares with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from detectors.multivariate.sample import TS
from detectors.without_labels.estimator import Estimator
from kernel.measurement import Measurement
from kernel.profile import WindowProfile
from kernel.profile_difference import without
from kernel.windows import Span
from store.reference_labels import NO_LABELS, OfLabels
from store.references import Reference

ITS_OWN_TAKEN = "its own rows taken from the reference"
SHARES = "shares rows with the reference"


@dataclass(frozen=True, slots=True)
class Before:
    """What some rows are held against.

    Attributes:
        profile: None where there is nothing.
        shared: what became of the rows that are on both sides; "" where none are.
    """

    profile: WindowProfile | None = None
    shared: str = ""

    def said_of(self, found: Measurement) -> Measurement:
        """The measurement, whose basis says so; at its end, for whoever decides looks at how it begins.

        >>> from kernel.measurement import Status
        >>> Before(shared=SHARES).said_of(Measurement("psi", "x", 0.1, Status.OK, basis="iid-null, exact")).basis
        'iid-null, exact; shares rows with the reference'
        """
        if not self.shared:
            return found
        return replace(found, basis="; ".join(part for part in (found.basis, self.shared) if part))


@dataclass(frozen=True, slots=True)
class Against:
    """What windows are held against.

    Attributes:
        segments: the reference's profile of each segment, "" for all of its rows; a segment that it lacks is not among them.
        sample: rows of it (detectors/multivariate/sample.py); None where nothing is measured together.
        earlier: of a reference that moves, its profile by segment and by the span that is held against it.
        of_segments: what labels say of the reference's rows in each segment.
        estimator: what its labels say of windows without labels; None where they say nothing.
    """

    reference: Reference
    segments: Mapping[str, WindowProfile]
    sample: pa.Table | None = None
    earlier: Mapping[tuple[str, Span], WindowProfile] = field(default_factory=dict)
    estimator: Estimator | None = None
    of_segments: Mapping[str, OfLabels] = field(default_factory=dict)

    def labels(self, segment: str) -> OfLabels:
        """What labels say of the reference's rows in a segment, "" for all of them.

        >>> of_a = OfLabels({"accuracy": {"value": 0.9}})
        >>> against = Against(Reference("r", WindowProfile(), {}, {}, {}, False, 0), {}, of_segments={"c=a": of_a})
        >>> against.labels("c=a").performance, against.labels("").performance, against.labels("c=b").performance
        ({'accuracy': {'value': 0.9}}, {}, {})
        """
        whole = OfLabels(self.reference.performance, self.reference.labels)
        return self.of_segments.get(segment, NO_LABELS) if segment else whole

    def profile(self, segment: str, span: Span) -> WindowProfile | None:
        """The reference's rows of a segment, "" for all of them, that a span is held against; None where it has none.

        >>> from kernel.moving import Moving
        >>> moving = Reference("r", WindowProfile(), {}, {}, {}, False, 0, Moving("rolling", "1d"))
        >>> against = Against(moving, {}, earlier={("", (5, 6)): WindowProfile(7)})
        >>> against.profile("", (5, 6)).rows, against.profile("", (6, 7))
        (7, None)
        """
        return self.segments.get(segment) if self.reference.moving is None else self.earlier.get((segment, span))

    def shared(self, span: Span) -> str:
        """What becomes of the rows of a span: "" where the reference was not taken from it.

        >>> log = {"source": "record log", "from": "1970-01-01T00:00:01Z", "to": "1970-01-01T00:00:02Z"}
        >>> against = Against(Reference("r", WindowProfile(), {}, {}, log, False, 0), {})
        >>> against.shared((1_000_000, 1_500_000)), against.shared((0, 1_000_001)), against.shared((0, 1_000_000))
        ('its own rows taken from the reference', 'shares rows with the reference', '')
        """
        log = self.reference.log_span
        if log is None or span[1] <= log[0] or log[1] <= span[0]:
            return ""
        return ITS_OWN_TAKEN if log[0] <= span[0] and span[1] <= log[1] else SHARES

    def sampled(self, span: Span) -> pa.Table | None:
        """Its sample without the rows that the span may share with it.

        >>> log = {"source": "record log", "from": "1970-01-01T00:00:01Z", "to": "1970-01-01T00:00:02Z"}
        >>> rows = pa.table({"ts": [1_000_000, 1_700_000], "feature.e": [[1.0], [2.0]]})
        >>> against = Against(Reference("r", WindowProfile(), {}, {}, log, False, 0), {}, rows)
        >>> against.sampled((1_500_000, 2_000_000)).num_rows, against.sampled((2_000_000, 3_000_000)).num_rows
        (1, 2)
        """
        if self.sample is None or not self.shared(span):
            return self.sample
        ts_us = self.sample[TS].cast(pa.int64()).to_numpy()
        return self.sample.filter(pa.array((ts_us < span[0]) | (ts_us >= span[1])))

    def before(self, segment: str, rows: WindowProfile, span: Span) -> Before:
        """What the rows of a segment in a span are held against: where all of them are the reference's, it without them.

        >>> log = {"source": "record log", "from": "1970-01-01T00:00:01Z", "to": "1970-01-01T00:00:02Z"}
        >>> against = Against(Reference("r", WindowProfile(5), {}, {}, log, False, 0), {"": WindowProfile(5)})
        >>> against.before("", WindowProfile(2), (1_000_000, 2_000_000)).profile.rows
        3
        """
        held, shared = self.profile(segment, span), self.shared(span)
        if held is None:
            return Before()
        return Before(without(held, rows) if shared == ITS_OWN_TAKEN else held, shared)

"""Concept drift: one sentence under the chart of the metric that detectors read, where they agreed in the period that is shown."""

from collections.abc import Sequence

from dashboard import reads
from dashboard.scene import Scene
from dashboard.text import window
from detectors.concept_series import AGREED, Called

_SHOWN = 3


def captions(scene: Scene) -> dict[str, str]:
    """The sentence, by its metric; empty where detectors do not agree on anything."""
    found = reads.concept_drift(scene.scope)
    text = sentence(found, scene.since_us, scene.scope.size)
    return {} if text is None else {found[0].metric: text}


def sentence(found: Sequence[Called], since_us: int, size: str) -> str | None:
    """When detectors agreed that the error had risen, the newest last; None where they did not since then.

    >>> sentence([Called("agreed", "mae", (0, 1386806400000000), 90)], 1, "1d")
    'Concept drift: three of five detectors had called a rise of the error by 12 Dec 2013.'
    """
    starts = [us for one in found if one.detector == AGREED for us in one.starts_us if us >= since_us][-_SHOWN:]
    if not starts:
        return None
    when = ", ".join(window(us, size) for us in starts)
    return f"Concept drift: three of five detectors had called a rise of the error by {when}."

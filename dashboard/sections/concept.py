"""Concept drift: what each detector called in the period that is shown, and one sentence under the metric that they read."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import reads
from dashboard.charts.calls import calls
from dashboard.palette import palette
from dashboard.scene import Scene
from dashboard.text import metric_name, window, windows
from detectors.concept_drift import SCALED_BY
from detectors.concept_series import AGREED, Called
from kernel.windows import WindowSize

_SHOWN = 3
_NAMES = {
    AGREED: "three agree", "adwin": "ADWIN", "ddm": "DDM", "hddm": "HDDM", "kswin": "KSWIN", "page_hinkley": "Page-Hinkley",
}  # fmt: skip


def show(scene: Scene) -> None:
    """Draw the calls of each detector, or say that there are none."""
    found = reads.concept_drift(scene.scope)
    if not found:
        return
    st.subheader(f"Detectors of concept drift, {metric_name(found[0].metric)}", anchor=False)
    read = windows(found[0].windows, scene.scope.size)
    data = _frame(found, scene)
    if found[0].windows <= SCALED_BY:
        st.caption(f"They have read {read} with labels; the first {SCALED_BY} say what is usual, and call nothing.")
    elif data.empty:
        st.caption(f"None has called in these windows; they have read {read} with labels.")
    else:
        period = pd.to_datetime([scene.since_us, scene.windows[0].start_us], unit="us")
        chart = calls(data, list(_NAMES.values()), _NAMES[AGREED], (period[0], period[1]), palette())
        st.altair_chart(chart, key="concept-calls", alt="Calls of each detector by window")
        st.caption(
            f"Each mark: by then a detector had called a change. Orange: three of five within 30 windows. They have read {read}."
        )


def _frame(found: Sequence[Called], scene: Scene) -> pd.DataFrame:
    size = WindowSize(scene.scope.size)
    called = [(_NAMES[one.detector], us) for one in found for us in one.starts_us if us >= scene.since_us]
    return pd.DataFrame(
        {
            "detector": [name for name, _ in called],
            "window_start": pd.to_datetime([us for _, us in called], unit="us"),
            "window_end": pd.to_datetime([size.end(us) for _, us in called], unit="us"),
            "when": [window(us, size.text) for _, us in called],
        }
    )


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

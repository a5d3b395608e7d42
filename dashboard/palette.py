"""Colours for both themes. Each keeps 4.5 : 1 against its background; none stands without a word or a shape beside it.
Blue against orange, light against dark: told apart with every kind of colour vision.
"""

from dataclasses import dataclass
from typing import Literal

import streamlit as st

Badge = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a theme.

    Attributes:
        current, reference: a window's data, and what it is compared with.
        alarm: what drifts or is degraded.
        faint: lines that guide the eye.
        sequence: from nothing to much, for heat maps.
        latency: median, 90th and 99th percentile.
        tiers: P0, P1, P2 and "" (healthy).
    """

    current: str
    reference: str
    alarm: str
    faint: str
    text: str
    sequence: tuple[str, ...]
    latency: tuple[str, str, str]
    tiers: dict[str, str]


LIGHT = Palette(
    current="#1f5fbf",
    reference="#8a94a3",
    alarm="#d1480a",
    faint="#c3cad5",
    text="#1c2430",
    sequence=("#eff3f8", "#c9dbf0", "#8db4e2", "#4a83c8", "#1d4f91", "#0d2f5e"),
    latency=("#8db4e2", "#3f7fca", "#123f7d"),
    tiers={"P0": "#b3201a", "P1": "#b8430a", "P2": "#80600a", "": "#17703f"},
)
DARK = Palette(
    current="#6aa9ff",
    reference="#8792a2",
    alarm="#ff8a4c",
    faint="#465162",
    text="#e4e8ee",
    sequence=("#1a2130", "#1f3a5f", "#2b5d9b", "#4b8ad6", "#8dbcf5", "#d3e6ff"),
    latency=("#3f6aa5", "#6aa9ff", "#cfe3ff"),
    tiers={"P0": "#ff7a70", "P1": "#ff9d5c", "P2": "#e5bd4f", "": "#5fcf93"},
)

TIER_BADGES: dict[str, Badge] = {"P0": "red", "P1": "orange", "P2": "yellow"}
VERDICTS: dict[str, tuple[Badge, str, str]] = {
    "promote": ("green", ":material/arrow_upward:", "▲ promote"),
    "hold": ("yellow", ":material/pause:", "◆ hold"),
    "reject": ("red", ":material/close:", "✕ reject"),
}


def palette() -> Palette:
    """The palette of the theme that the reader uses."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def status_text(tier: str, state: str, *, measured: bool = True) -> str:
    """A model's status in one line: a shape, and the words.

    >>> status_text("P1", "firing"), status_text("", "")
    ('▲ P1 firing', '● no alert')
    """
    if not tier and not measured:
        return "◌ no window yet"
    if not tier:
        return "● no alert"
    shape = {"firing": "▲", "acknowledged": "◆", "resolved": "○"}.get(state, "◌")
    return f"{shape} {tier} {state}"

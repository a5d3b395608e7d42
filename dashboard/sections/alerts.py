"""Alerts of the model: what is open, what may become so, and what is over."""

import streamlit as st

from dashboard import reads
from dashboard.scene import Scene
from dashboard.sections import incidents
from dashboard.text import moment, window
from store.alert_rows import PENDING, RESOLVED, Alert


def show(scene: Scene) -> None:
    """Draw them."""
    opened = reads.open_incidents(scene.card.model)
    if not opened:
        st.success("No alert is open.", icon=":material/check_circle:")
    incidents.name_of_reader(opened)
    incidents.show(opened, unfold=True)
    table("Pending", reads.alerts(PENDING, scene.card.model))
    table("Resolved", reads.alerts(RESOLVED, scene.card.model))


def table(name: str, found: list[Alert], *, models: bool = False) -> None:
    """Alerts that need nobody now, the newest of them; nothing where there are none."""
    if found:
        st.subheader(name, anchor=False)
        rows = [_row(alert, models=models) for alert in found]
        st.dataframe(rows, hide_index=True, alt=f"{name} alerts, the newest first")
        st.caption("By when they were opened, the newest first. Times are in UTC.")


def _row(alert: Alert, *, models: bool) -> dict[str, str]:
    return {
        **({"Model": alert.model} if models else {}),
        "Tier": alert.tier,
        "What": ("↳ " if alert.details.under else "") + alert.summary,
        "From": window(alert.first_window_us, alert.size),
        "To": window(alert.last_window_us, alert.size),
        "Rule": alert.rule,
        "Opened": moment(alert.opened_us),
    }

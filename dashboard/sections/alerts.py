"""Alerts of the model: what is open, since when, and the button that takes it on."""

import streamlit as st

from dashboard import reads
from dashboard.palette import TIER_BADGES, status_text
from dashboard.scene import Scene
from dashboard.text import moment, plain, window
from kernel.errors import DriftglassError
from store.alerts import Alert

_BY = "acknowledge-as"
_ORDER = ("firing", "acknowledged", "pending")


def show(scene: Scene) -> None:
    """Draw them."""
    found = reads.alerts(scene.card.model)
    live = sorted((a for a in found if a.state in _ORDER), key=lambda a: (_ORDER.index(a.state), a.tier))
    if not live:
        st.success("No alert is open.", icon=":material/check_circle:")
    else:
        for alert in live:
            _card(alert)
        if any(alert.state == "firing" for alert in live):
            st.text_input("Acknowledge as", "dashboard", key=_BY, width=260)
    over = [a for a in found if a.state == "resolved"]
    if over:
        st.subheader("Resolved", anchor=False)
        st.dataframe([_resolved(a) for a in over], hide_index=True)


def _card(alert: Alert) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge(status_text(alert.tier, alert.state), color=TIER_BADGES.get(alert.tier, "gray"))
        with st.container(gap=None):
            st.markdown(f"**{plain(alert.summary)}**")
            st.caption(" · ".join(_facts(alert)))
        if alert.state == "firing":
            st.button("Acknowledge", key=f"acknowledge-{alert.alert}", on_click=_acknowledge, args=(alert.alert,))


def _facts(alert: Alert) -> list[str]:
    facts = [
        f"since {window(alert.first_window_us, alert.size)}",
        f"last abnormal {window(alert.last_window_us, alert.size)}",
        f"rule {alert.rule}",
    ]
    if alert.acknowledged_us is not None:
        facts.append(f"acknowledged by {alert.acknowledged_by or 'somebody'} at {moment(alert.acknowledged_us)}")
    return [plain(fact) for fact in facts]


def _acknowledge(alert: str) -> None:
    try:
        reads.acknowledge(alert, str(st.session_state[_BY]).strip() or "dashboard")
    except DriftglassError as error:
        st.toast(str(error), icon=":material/error:")


def _resolved(alert: Alert) -> dict[str, str]:
    return {
        "Tier": alert.tier,
        "What": alert.summary,
        "From": window(alert.first_window_us, alert.size),
        "To": window(alert.last_window_us, alert.size),
        "Rule": alert.rule,
    }

"""Silences beside alerts: which one covers an alert, the form that makes one for a model or rule, and those that last."""

from collections.abc import Mapping

import streamlit as st

from dashboard import reads
from dashboard.text import plain, until
from kernel.clock import HOUR_US, SystemClock
from kernel.errors import DriftglassError
from store.alert_rows import RESOLVED, Alert
from store.alert_view import OpenIncident
from store.silences import MATCHED, covering

_LENGTHS: Mapping[str, int] = {"1 h": HOUR_US, "4 h": 4 * HOUR_US, "1 day": 24 * HOUR_US}


def is_silenced(one: OpenIncident) -> bool:
    """Whether nobody is told of anything that fires in an incident just now."""
    live = [alert for alert in one.alerts if alert.state != RESOLVED]
    return bool(live) and all(covering(reads.silences(), alert) for alert in live)


def fact(alert: Alert) -> str:
    """Until when it is silenced, by whom and why; "" where it is not. Of several silences the one that ends last."""
    found = covering(reads.silences(), alert) if alert.state != RESOLVED else []
    if not found:
        return ""
    last, now_us = found[0], SystemClock().now_us()
    return f"silenced until {until(last.over_us, now_us)} by {last.created_by}: {last.reason}"


@st.dialog("Silence")
def ask(one: OpenIncident, reader: str) -> None:
    """Ask what to silence, for how long and why; everything goes on meanwhile, only nobody is told."""
    chosen = _choices(one)
    with st.form("silence", border=False):
        what = st.radio("What", list(chosen))
        length = st.radio("For", list(_LENGTHS), horizontal=True)
        reason = st.text_input("Reason", placeholder="database upgrade", max_chars=1_000)
        by = st.text_input("As", reader, max_chars=255)
        st.caption("Alerts go on and are shown. What still fires at the end is told then.")
        if st.form_submit_button("Silence", type="primary"):
            try:
                reads.silence(chosen[what], _LENGTHS[length], reason.strip(), by.strip() or reader)
            except DriftglassError as error:
                st.error(plain(str(error)), icon=":material/error:")
            else:
                st.rerun()


def lasting() -> None:
    """The silences that last now, each with a button that ends it: what still fires in it is told then."""
    found, now_us = reads.silences(), SystemClock().now_us()
    if not found:
        return
    st.subheader("Silences", anchor=False)
    for one in found:
        with st.container(horizontal=True, vertical_alignment="center"):
            said = f"until {until(one.over_us, now_us)} by {one.created_by}: {one.reason}"
            st.markdown(f"**{_matched(one.matchers)}** · {plain(said)}", width="content")
            st.button("End", key=f"end-{one.silence}", on_click=reads.end_silence, args=(one.silence,))


def _matched(matchers: Mapping[str, str]) -> str:
    """What a silence covers, as people read it."""
    named = ", ".join(f"{name} {matchers[name]}" for name in MATCHED if name in matchers)
    return plain(named) if named else "Every alert"


def _choices(one: OpenIncident) -> dict[str, dict[str, str]]:
    """What may be silenced, as people read it, the least first: one of the rules that were broken, or the model."""
    model = {"model": one.incident.model}
    rules = sorted({alert.rule for alert in one.alerts})
    named = {f"Rule {plain(rule)} of {plain(one.incident.model)}": model | {"rule": rule} for rule in rules}
    return {**named, f"All of {plain(one.incident.model)}": model}

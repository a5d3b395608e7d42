"""Alerts: what is open in the workspace, model by model, the most urgent first."""

from collections.abc import Sequence
from itertools import groupby

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import reads
from dashboard.sections import incidents, silencing
from dashboard.sections.alerts import table
from dashboard.text import count, plain
from dashboard.views import model as model_page
from store.alert_rows import PENDING, RESOLVED
from store.alert_view import OpenIncident

_DRAWN = 50  # incidents: a page of hundreds takes a browser many seconds


def page() -> StreamlitPage:
    """The page at /alerts."""
    return st.Page(show, title="Alerts", icon=":material/notifications:", url_path="alerts")


def show() -> None:
    """Draw it."""
    st.header("Alerts", anchor=False)
    opened = reads.open_incidents()
    if not opened:
        st.success("No alert is open.", icon=":material/check_circle:")
    else:
        _totals(opened)
        incidents.name_of_reader(opened)
    for name, of_model in groupby(drawn(opened), key=lambda one: one.incident.model):
        found = list(of_model)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.subheader(plain(name), anchor=False, width="content")
            query = {"model": name, "section": "Alerts"}
            st.page_link(model_page.page(), label="Open the model", query_params=query)
        incidents.show(found, unfold=False)
    if len(opened) > _DRAWN:
        st.caption(f"{count(len(opened) - _DRAWN)} more incidents are on the pages of their models.")
    silencing.lasting()
    table("Pending", reads.alerts(PENDING), models=True)
    table("Resolved", reads.alerts(RESOLVED), models=True)


def drawn(opened: Sequence[OpenIncident]) -> list[OpenIncident]:
    """The most urgent of all models: these in the order of their most urgent incident, each with its own in the order given."""
    chosen = opened[:_DRAWN]
    order = {name: at for at, name in enumerate(dict.fromkeys(one.incident.model for one in chosen))}
    return sorted(chosen, key=lambda one: order[one.incident.model])


def _totals(opened: Sequence[OpenIncident]) -> None:
    tiers = [one.incident.tier for one in opened]
    numbers = {f"Incidents at {tier}": tiers.count(tier) for tier in ("P0", "P1", "P2")}
    numbers["Nobody's yet"] = sum(not one.is_taken for one in opened)
    numbers["Alerts in them"] = sum(len(one.alerts) for one in opened)
    for box, (label, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        box.metric(label, count(value))

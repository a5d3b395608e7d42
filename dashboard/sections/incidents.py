"""What is open, incident by incident: each unfolds to what fires in it, and may be taken on, or silenced."""

from collections.abc import Sequence

import streamlit as st

from dashboard import reads
from dashboard.palette import TIER_BADGES, status_text
from dashboard.sections import silencing
from dashboard.text import moment, number, plain, window
from kernel.errors import DriftglassError
from kernel.versions import OF_ALL_VERSIONS, version_words
from store.alert_groups import also
from store.alert_rows import ACKNOWLEDGED, FIRING, RESOLVED, Alert
from store.alert_view import OpenIncident

_BY = "acknowledge-as"
_LINES = 10  # of an incident; all of it is in the table


def name_of_reader(opened: Sequence[OpenIncident]) -> None:
    """Ask who acknowledges, where anything is to be acknowledged."""
    if not all(one.is_taken for one in opened):
        st.text_input("Acknowledge as", "dashboard", key=_BY, width=260)


def show(opened: Sequence[OpenIncident], *, unfold: bool) -> None:
    """Draw them in the order given; the first one unfolded, or none."""
    for at, one in enumerate(opened):
        # By its key it stays open when its label says something new.
        with st.expander(_label(one), expanded=unfold and at == 0, key=f"incident-{one.incident.incident}"):
            _body(one)


def _label(one: OpenIncident) -> str:
    incident = one.incident
    colour = TIER_BADGES.get(incident.tier, "gray")
    status = status_text(incident.tier, ACKNOWLEDGED if one.is_taken else FIRING)
    quiet = " :gray-badge[silenced]" if silencing.is_silenced(one) else ""
    number_of = f"{len(one.alerts)} alert" + ("s" if len(one.alerts) != 1 else "")
    title = _of_model(incident.title, incident.model)
    return f":{colour}-badge[{status}]{quiet} **{title}** · since {moment(one.since_us)} · {number_of}"


def _of_model(text: str, model: str) -> str:
    """Less the model's name, which stands above."""
    return plain(text.removeprefix(f"{model}: "))


def _body(one: OpenIncident) -> None:
    for head, held in one.groups[:_LINES]:
        with st.container(gap=None):
            st.markdown(f"**{_of_model(head.summary, head.model)}**")
            st.caption(" · ".join(_facts(head, held)))
    name = one.incident.incident
    with st.container(horizontal=True):
        if not one.is_taken:
            st.button("Acknowledge", key=f"acknowledge-{name}", on_click=_acknowledge, args=(name,))
        if st.button("Silence …", key=f"silence-{name}"):
            silencing.ask(one, _reader())
    if len(one.alerts) > min(len(one.groups), _LINES):
        rows = [_row(alert, under=alert is not head) for head, held in one.groups for alert in (head, *held)]
        with st.expander(f"All {len(one.alerts)} alerts"):
            st.dataframe(rows, hide_index=True, alt="Every alert of the incident, those under another after it")


def _facts(alert: Alert, held: Sequence[Alert]) -> list[str]:
    where = also(alert, held)
    facts = [
        *([f"also {where}"] if where else []),
        f"since {window(alert.first_window_us, alert.size)}",
        f"last abnormal {window(alert.last_window_us, alert.size)}",
        f"rule {alert.rule}",
    ]
    if alert.state == ACKNOWLEDGED:
        facts.append(f"acknowledged by {alert.acknowledged_by or 'somebody'} at {moment(alert.acknowledged_us)}")
    if alert.state == RESOLVED:
        facts.append("over")
    if silenced := silencing.fact(alert):
        facts.append(silenced)
    return [plain(fact) for fact in facts]


def _row(alert: Alert, *, under: bool) -> dict[str, str]:
    return {
        "What": ("↳ " if under else "") + (alert.column or "the model"),
        "Metric": alert.metric,
        "Value": number(alert.value),
        "Expected": number(alert.expected),
        "Version": alert.version
        or version_words(
            "",
            pooled=alert.metric in OF_ALL_VERSIONS,
            several=reads.has_several_versions(alert.model),
        ),
        "Segment": alert.segment,
        "Window": alert.size,
        "State": status_text(alert.tier, alert.state) + (", silenced" if silencing.fact(alert) else ""),
        "Since": window(alert.first_window_us, alert.size),
        "Last abnormal": window(alert.last_window_us, alert.size),
    }


def _acknowledge(incident: str) -> None:
    try:
        reads.acknowledge(incident, _reader())
    except DriftglassError as error:
        st.toast(str(error), icon=":material/error:")


def _reader() -> str:
    """The name that was given; some page asks for none."""
    return str(st.session_state.get(_BY, "")).strip() or "dashboard"

"""One model: what it served, how far its data moved, how well it does, what is open about it."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import reads
from dashboard.palette import TIER_BADGES, status_text
from dashboard.scene import Scene
from dashboard.sections import alerts, drift, headline, health, performance
from dashboard.text import count, joined, moment, moving, plain, short, windows
from kernel.versions import NO_VERSION, version_words
from store.model_view import ModelCard
from store.models import first_of
from store.retiring import Retired
from store.series import Scope

PERIODS = ("30", "90", "365")
_NAMED = 20  # of the models that there are
SECTIONS = {"Health": health.show, "Drift": drift.show, "Performance": performance.show, "Alerts": alerts.show}


def page() -> StreamlitPage:
    """The page at /model?model=...&version=..."""
    return st.Page(show, title="Model", icon=":material/query_stats:", url_path="model")


def show() -> None:
    """Draw it."""
    served, retired = [row.model for row in reads.fleet()], [one.model for one in reads.retired()]
    names = list(dict.fromkeys([*served, *retired]))
    if not names:
        st.header("No model has sent anything yet", anchor=False)
        st.markdown("The Fleet page says how to send a first prediction.")
        return
    scene = _choose(names)
    if scene is None:
        return
    _title(scene)
    headline.show(scene)
    tabs = st.tabs(list(SECTIONS), key="section", bind="query-params", default="Drift")
    for tab, draw in zip(tabs, SECTIONS.values(), strict=True):
        if tab.open:
            with tab:
                draw(scene)


def _choose(names: list[str]) -> Scene | None:
    """Which model, version, window size and period: all of it in the address, so that a page can be sent to a colleague."""
    boxes = st.columns([3, 2, 1.5, 2.5], vertical_alignment="bottom")
    if "model" not in st.session_state and "model" not in st.query_params:
        st.session_state["model"] = names[0]
    asked = st.query_params.get("model", "")
    model = boxes[0].selectbox("Model", names, None, key="model", bind="query-params", required=True)
    if model is None:
        st.info(f"No model is named {plain(asked)}. There are: {plain(first_of(names, _NAMED))}.")
        return None
    card, retired = reads.model_card(model), _retired(model)
    if retired:
        st.info(_retirement(retired), icon=":material/archive:")
    if not card.versions:
        if retired:
            return None
        st.info(
            f"No window of {plain(model)} has been measured yet: the first closes at its end plus the allowed lateness."
        )
        return None
    version = _version(boxes[1], card)
    size = boxes[2].selectbox("Window", card.sizes, key="size", bind="query-params")
    period = boxes[3].segmented_control(
        "Windows shown", PERIODS, default="90", required=True, key="period", bind="query-params"
    )
    scope = Scope(model, version, size)
    found = reads.windows(scope, int(period))
    if not found:
        of = joined(model, version_words(version, pooled=False, several=card.several))
        st.info(f"No {size} window of {plain(of)} has been measured yet.")
        return None
    return Scene(card, scope, found)


def _version(box: st.delta_generator.DeltaGenerator, card: ModelCard) -> str:
    """The version shown, by default the one that stands for the model; asked for where there are versions to tell apart."""
    if card.versions == ("",):
        return ""
    named = {version or NO_VERSION: version for version in card.versions}
    return named[box.selectbox("Version", list(named), key="version", bind="query-params")]


def _title(scene: Scene) -> None:
    card = scene.card
    row = next((r for r in reads.fleet() if r.model == card.model), None)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(plain(card.model), anchor=False, width="content")
        if row is None:
            st.badge("○ retired", color="gray")
        else:
            st.badge(status_text(row.tier, row.state), color=TIER_BADGES.get(row.tier, "green"))
    st.caption(" · ".join(_facts(card, scene)))


def _retired(model: str) -> Retired | None:
    return next((one for one in reads.retired() if one.model == model), None)


def _retirement(of: Retired) -> str:
    came = (
        f"Predictions that came since, and are kept: {count(of.rows)}." if of.rows else "No prediction has come since."
    )
    return f"Retired since {moment(of.since_us)} UTC: nothing is measured or told of it. {came}"


def _facts(card: ModelCard, scene: Scene) -> list[str]:
    newest, oldest = scene.windows[0], scene.windows[-1]
    words = plain(scene.words(scene.scope.version))
    span = f"{windows(len(scene.windows), scene.scope.size)}, {moment(oldest.start_us)} to {moment(newest.end_us)} UTC"
    facts = [card.task or "task unknown", *([words] if words else []), span]
    if card.reference is None:
        return [*facts, "no reference yet"]
    if card.reference.moving is not None:
        return [*facts, f"reference: {moving(card.reference.moving)}"]
    provisional = " (provisional: the first rows seen)" if card.reference.provisional else ""
    return [*facts, f"reference {short(card.reference.reference)}, {card.reference.rows:,} rows{provisional}"]

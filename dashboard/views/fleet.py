"""Fleet: every model of the workspace that is in service, the most urgent first; those that are retired are folded away."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import reads
from dashboard.palette import Palette, palette, status_text
from dashboard.text import NONE, count, metric_name, moment, named, number, share, window
from dashboard.views import model
from kernel.versions import version_words
from store.fleet import PERFORMANCE, FleetRow
from store.retiring import Retired
from store.versions import LATELY

REFRESH_S = 10
_DRIFTED_CHARS = 22  # what fits into the table's cell beside the counts
THREE_LINES = """\
from driftglass_client import Client
driftglass = Client(model="flight-delay", version="1")
driftglass.log_prediction(features={"dep_delay": 3.0, "carrier": "UA"}, prediction="late")"""


def page() -> StreamlitPage:
    """The page, first of all."""
    return st.Page(show, title="Fleet", icon=":material/grid_view:", url_path="fleet", default=True)


def show() -> None:
    """Draw it."""
    _body()


@st.fragment(run_every=REFRESH_S)
def _body() -> None:
    rows, retired = reads.fleet(), reads.retired()
    if rows:
        _serving(rows)
    else:
        _empty()
    if retired:
        _retired(retired)


def _serving(rows: Sequence[FleetRow]) -> None:
    st.header("Fleet", anchor=False)
    _totals(rows)
    colours = palette()
    table = _table(rows)
    styled = table.style.map(lambda text: _status_style(text, colours), subset=["Status"]).format(
        {"Rows": count, "Error rate": share, "Latency p99": number}, na_rep=NONE
    )
    chosen = st.dataframe(
        styled,
        column_config=_columns(colours),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        placeholder=NONE,
        row_height=40,
        key="fleet",
        alt="Every model with its status, newest window and trends",
    )
    st.caption("Click a row to open the model. Times are in UTC; trends cover the last 60 windows.")
    _open([row.model for row in rows], chosen.selection.cells)


def _retired(retired: Sequence[Retired]) -> None:
    with st.expander(f"{count(len(retired))} retired", icon=":material/archive:"):
        chosen = st.dataframe(
            [
                {"Model": one.model, "Retired, UTC": moment(one.since_us), "Predictions since": one.rows}
                for one in retired
            ],
            column_config={"Predictions since": st.column_config.NumberColumn(format="localized")},
            hide_index=True,
            width="content",
            on_select="rerun",
            selection_mode="single-cell",
            key="retired",
            alt="Every retired model, and what came since",
        )
        st.caption("Their predictions are taken in; nothing is measured or told until they are back in service.")
    _open([one.model for one in retired], chosen.selection.cells)


def _open(names: Sequence[str], cells: Sequence[tuple[int, str]]) -> None:
    """The page of the model whose row was clicked, if any."""
    if cells:
        st.switch_page(model.page(), query_params={"model": names[cells[0][0]]})


def _empty() -> None:
    st.header("No model has sent anything yet", anchor=False)
    st.markdown("A model appears here with its first prediction. Three lines in the service that serves it are enough:")
    st.code(THREE_LINES, language="python")
    st.markdown("To see the dashboard full first, run `driftglass demo`.")


def _totals(rows: Sequence[FleetRow]) -> None:
    def of(tier: str) -> int:
        return sum(r.tier == tier and r.state in ("firing", "acknowledged") for r in rows)

    drifting = sum(bool(r.drifted) for r in rows)
    for box, (label, value) in zip(
        st.columns(6),
        (
            ("Models", count(len(rows))),
            ("Models at P0", count(of("P0"))),
            ("Models at P1", count(of("P1"))),
            ("Models at P2", count(of("P2"))),
            ("With drift now", count(drifting)),
            ("Open incidents", count(sum(r.incidents for r in rows))),
        ),
        strict=True,
    ):
        box.metric(label, value)


def _table(rows: Sequence[FleetRow]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Status": [status_text(r.tier, r.state, measured=r.window_start_us is not None) for r in rows],
            "Model": [r.model for r in rows],
            "Version": [_version(r) for r in rows],
            "Last window": [window(r.window_start_us, r.size) for r in rows],
            "Rows": [r.latest.get("rows") for r in rows],
            "Rows trend": [list(r.rows_trend) for r in rows],
            "Drifted columns": [_drifted(r) for r in rows],
            "Largest PSI": [list(r.psi_trend) for r in rows],
            "Error rate": [r.latest.get("error_rate") for r in rows],
            "Latency p99": [r.latest.get("latency_p99") for r in rows],
            "Performance": [_performance(r) for r in rows],
            "Alerts": [r.alerts for r in rows],
            "Incidents": [r.incidents for r in rows],
        }
    )


def _version(row: FleetRow) -> str:
    return row.version or version_words("", pooled=False, several=row.several)


def _drifted(row: FleetRow) -> str:
    return NONE if row.window_start_us is None else named(row.drifted, _DRIFTED_CHARS)


def _performance(row: FleetRow) -> str:
    for pair in PERFORMANCE:
        metrics = [m for m in pair if m in row.latest or m in row.estimates]
        if metrics:
            return _told(row, metrics)
    return NONE


def _told(row: FleetRow, metrics: Sequence[str]) -> str:
    """The first, with what it is estimated to be since; without an estimate, the next one beside it."""
    first = metrics[0]
    if first not in row.estimates:
        return " · ".join(f"{metric_name(m)} {number(row.latest[m])}" for m in metrics if m in row.latest)
    measured = f"{number(row.latest[first])} · " if first in row.latest else ""
    return f"{metric_name(first)} {measured}{number(row.estimates[first])} estimated"


def _status_style(text: str, colours: Palette) -> str:
    if text.startswith("◌ no"):
        return f"color: {colours.reference}"
    tier = next((t for t in ("P0", "P1", "P2") if f" {t} " in text), "")
    return f"color: {colours.tiers[tier]}; font-weight: 600"


def _columns(colours: Palette) -> dict[str, Any]:
    config = st.column_config
    return {
        "Status": config.TextColumn(width=125, help="The worst alert that is open."),
        "Model": config.TextColumn(width=120),
        "Version": config.TextColumn(
            width=70, help=f"Whose figures these are: the version with most rows in the last {LATELY} windows with any."
        ),
        "Last window": config.TextColumn(width=100, help="Start of the newest window measured, UTC."),
        "Rows": config.NumberColumn(width=80, help="Predictions in the last window."),
        "Rows trend": config.LineChartColumn(width=100, y_min=0, color=colours.current),
        "Drifted columns": config.TextColumn(
            width=190, help="Columns that drift in the last window; +2: and two more."
        ),
        "Largest PSI": config.LineChartColumn(
            width=100, y_min=0, color=colours.tiers["P1"], help="Over the columns, by window."
        ),
        "Error rate": config.NumberColumn(width=80, help="Share of predictions that failed."),
        "Latency p99": config.NumberColumn("p99, ms", width=70),
        "Performance": config.TextColumn(
            width=200,
            help="Of the newest window with enough labels; estimated, where labels of a later one are to come.",
        ),
        "Alerts": config.NumberColumn(width=60),
        "Incidents": config.NumberColumn(width=70),
    }

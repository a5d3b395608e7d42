"""Shadow runs: candidates tried on recorded traffic, and what came of it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import reads
from dashboard.charts import comparison
from dashboard.palette import VERDICTS, palette
from dashboard.text import NONE, count, joined, metric_name, moment, number, p_value, plain, share
from kernel.versions import version_words
from store.shadow_view import Comparison, McNemar, MetricDelta, ShadowRun

REFRESH_S = 10


def page() -> StreamlitPage:
    """The page at /shadow?run=..."""
    return st.Page(show, title="Shadow runs", icon=":material/compare_arrows:", url_path="shadow")


@st.fragment(run_every=REFRESH_S)
def show() -> None:
    """Draw it."""
    runs = reads.shadow_runs()
    if not runs:
        st.header("No candidate has been tried yet", anchor=False)
        st.markdown(
            "A shadow run replays recorded traffic through a candidate model and compares it with the one in service:"
        )
        st.code("driftglass shadow --model flight-delay --candidate candidate.onnx", language="sh")
        st.markdown("The candidate is an ONNX file whose inputs bear the features' names.")
        return
    st.header("Shadow runs", anchor=False)
    styled = _table(runs).style.map(_verdict_style, subset=["Verdict"])
    st.dataframe(styled, hide_index=True, column_config=_columns(), key="runs", alt="Shadow runs, newest first")
    names = {run.run: run for run in runs}
    asked_for = st.query_params.get("run", "")
    first = next((run.run for run in runs if run.comparison), runs[0].run)
    at = list(names).index(asked_for if asked_for in names else first)
    chosen = st.selectbox("Run opened", list(names), at, format_func=lambda name: _title(names[name]), width=520)
    if chosen != asked_for:
        st.query_params["run"] = chosen
    _run(names[chosen])


def _title(run: ShadowRun) -> str:
    return f"{run.run}: {run.candidate} on {run.model}"


def _version(run: ShadowRun) -> str:
    """Whose traffic it replays: a run that names no version replays that of all."""
    return version_words(run.version, pooled=True, several=reads.has_several_versions(run.model))


def _outcome(run: ShadowRun) -> str:
    if run.verdict in VERDICTS:
        return VERDICTS[run.verdict][2]
    return f"◌ running, {share(run.progress)}" if run.state == "running" else f"◌ {run.state}"


def _table(runs: Sequence[ShadowRun]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Verdict": _outcome(run),
                "Candidate": run.candidate,
                "Model": joined(run.model, _version(run)),
                "Rows": count(run.comparison.rows) if run.comparison else NONE,
                "Agreement": share(run.comparison.agreement) if run.comparison else NONE,
                "Why": " ".join(run.reasons) or run.error or NONE,
                "Asked": moment(run.created_us),
                "Run": run.run,
            }
            for run in runs
        ]
    )


def _verdict_style(text: str) -> str:
    tier = {"promote": "", "hold": "P2", "reject": "P0"}.get(text.split()[-1])
    return "" if tier is None else f"color: {palette().tiers[tier]}; font-weight: 600"


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "Verdict": config.TextColumn(width=130),
        "Why": config.TextColumn(width="large"),
        "Asked": config.TextColumn(help="When the run was asked for, UTC."),
    }


def _run(run: ShadowRun) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(f"Candidate {plain(run.candidate)}", anchor=False, width="content")
        if run.verdict in VERDICTS:
            colour, icon, _ = VERDICTS[run.verdict]
            st.badge(run.verdict, icon=icon, color=colour)
        else:
            st.badge(run.state, color="red" if run.state == "failed" else "blue")
    traffic = f" on its traffic of {moment(run.from_us)} to {moment(run.to_us)} UTC" if run.from_us else ""
    against = plain(joined(run.model, _version(run)))
    st.caption(f"against {against}{traffic} · finished {moment(run.finished_us)} UTC")
    if run.reasons:
        st.markdown("  \n".join(plain(reason) for reason in run.reasons))
    if run.error:
        st.error(run.error, icon=":material/error:")
    if run.state == "running":
        st.progress(run.progress or 0.0, f"{share(run.progress)} of the traffic replayed")
    if run.comparison:
        _comparison(run.comparison)


def _comparison(found: Comparison) -> None:
    colours = palette()
    for box, (label, value) in zip(
        st.columns(5),
        (
            ("Rows replayed", count(found.rows)),
            ("Agreement", share(found.agreement)),
            ("Cohen's kappa", number(found.kappa)),
            ("Rows with a label", f"{count(found.labels)} ({share(found.label_coverage)})"),
            ("McNemar p", p_value(found.mcnemar.p_value) if found.mcnemar else NONE),
        ),
        strict=True,
    ):
        box.metric(label, value)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Where predictions changed", anchor=False)
        st.altair_chart(comparison.churn(found, colours), key="churn", alt="Churn matrix")
        st.caption(_mcnemar(found.mcnemar))
    with right:
        st.subheader("Latency", anchor=False)
        st.altair_chart(
            comparison.latency(found.champion_latency, found.candidate_latency, colours),
            key="latency",
            alt="Latency of both",
        )
        st.caption(
            "Not measured alike. Champion: what its service recorded of each request, batches and queues included. "
            "Candidate: single rows in the replay, the model alone."
        )
    if found.metrics:
        st.subheader("Performance on the same labelled rows", anchor=False)
        left, right = st.columns(2, gap="large")
        left.altair_chart(comparison.deltas(found.metrics, colours), key="deltas", alt="Difference of each metric")
        right.dataframe(_deltas(found.metrics), hide_index=True)
    else:
        st.info("No labels for these rows: performance cannot be compared.")


def _mcnemar(test: McNemar | None) -> str:
    if test is None:
        return "McNemar's test needs labels."
    return (
        f"Of the labelled rows where exactly one is right, the champion is in {count(test.b)}, the candidate in "
        f"{count(test.c)}: McNemar's statistic {number(test.statistic)}, p {p_value(test.p_value)}."
    )


def _deltas(metrics: tuple[MetricDelta, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Metric": metric_name(d.metric),
                "Champion": number(d.champion),
                "Candidate": number(d.candidate),
                "Difference": number(d.difference),
                "95% interval": f"{number(d.lower)} to {number(d.upper)}",
                "Rows": count(d.rows),
            }
            for d in metrics
        ]
    )

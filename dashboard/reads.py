"""The store's reads, remembered for a few seconds and shared by all sessions; and the writes that people make here."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import streamlit as st

from dashboard.settings import DashboardSettings
from detectors import concept_series
from detectors.business import READ, by_window, correlations
from detectors.concept_series import Called
from detectors.forecasting import Ahead, Limits, forecasts, past_us
from detectors.limits import Interval
from detectors.rank_correlation import RankCorrelation
from detectors.version_series import COMPARED, Compared, compare_series
from kernel.clock import SystemClock
from kernel.settings import load
from kernel.windows import WindowSize
from store import alert_view, business, retiring, versions
from store import alerts as ledger
from store import column_view as columns
from store import fleet as fleets
from store import model_view as models
from store import series as measured
from store import shadow_view as shadows
from store import silences as quiet
from store.database import Database
from store.migrate import require_current

TTL_S = 5


@st.cache_resource(show_spinner=False)
def settings() -> DashboardSettings:
    """The settings, read once a process."""
    return load(DashboardSettings)


@st.cache_resource(show_spinner=False)
def database() -> Database:
    """The database, opened once a process.

    Raises:
        UnavailableError: when it is not there or not up to date.
    """
    db = Database(settings().store.database)
    require_current(db)
    return db


def workspace() -> str:
    """The workspace shown."""
    return settings().workspace


@st.cache_data(ttl=TTL_S, show_spinner=False)
def fleet() -> tuple[fleets.FleetRow, ...]:
    """Every model in service, the most urgent first."""
    return fleets.fleet(database(), workspace())


@st.cache_data(ttl=TTL_S, show_spinner=False)
def retired() -> list[retiring.Retired]:
    """The models that are retired, by name."""
    return retiring.listing(database(), workspace())


@st.cache_data(ttl=TTL_S, show_spinner=False)
def model_card(model: str) -> models.ModelCard:
    """What is known of a model."""
    return models.model_card(database(), workspace(), model)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def has_several_versions(model: str) -> bool:
    """Whether a model has versions to tell apart."""
    with database().read() as connection:
        return versions.has_several(connection, workspace(), model)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def windows(scope: measured.Scope, limit: int) -> tuple[measured.Window, ...]:
    """The newest measured windows, newest first."""
    return measured.measured_windows(database(), workspace(), scope, limit)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def series(scope: measured.Scope, metrics: tuple[str, ...], since_us: int, column: str | None = None) -> pa.Table:
    """Measurements of these metrics since then, of one column or of all."""
    return measured.series(database(), workspace(), scope, metrics, since_us, column)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def segments(scope: measured.Scope, metrics: tuple[str, ...], since_us: int) -> pa.Table:
    """These metrics of every segment, in the newest window since then that has any."""
    return measured.newest_segments(database(), workspace(), scope, metrics, since_us)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def ahead(
    scope: measured.Scope, metrics: tuple[str, ...], column: str, reference: tuple[tuple[str, Interval], ...]
) -> list[Ahead]:
    """What lies ahead of these metrics of a column, "" for the whole model.

    Args:
        reference: the 95% interval of each performance metric of the reference, by its name.
    """
    size = WindowSize(scope.size)
    table = measured.newest_series(database(), workspace(), scope, metrics, past_us(size), column)
    return forecasts(table, size, Limits(settings().detectors.delta, dict(reference)))


@st.cache_data(ttl=TTL_S, show_spinner=False)
def concept_drift(scope: measured.Scope) -> list[Called]:
    """What detectors of concept drift call in the metric that usually stands for a model's error."""
    past_us = concept_series.past_us(WindowSize(scope.size))
    table = measured.newest_series(database(), workspace(), scope, concept_series.USUALLY, past_us, "")
    return concept_series.called(table)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def compared(scope: measured.Scope, against: str) -> list[Compared]:
    """What a version does better or worse than another, over all windows with labels of both."""
    scopes = (scope, replace(scope, version=against))
    sides = [measured.series(database(), workspace(), one, COMPARED, since_us=0, column="") for one in scopes]
    return compare_series(*sides)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def business_series(model: str) -> list[str]:
    """The names of the series of figures that a model has."""
    return [found.name for found in business.listing(database(), workspace(), model)]


@st.cache_data(ttl=TTL_S, show_spinner=False)
def figures(model: str, name: str, spans: tuple[measured.Window, ...], *, summed: bool) -> list[float]:
    """The mean, or the sum, of the figures in each of these windows, which are in order; NaN of one without a figure."""
    starts, ends = (np.array([getattr(one, side) for one in spans]) for side in ("start_us", "end_us"))
    values = business.figures(database(), workspace(), model, name, int(starts[0]))
    found: list[float] = by_window(values, starts, ends, summed=summed).tolist()
    return found


@st.cache_data(ttl=TTL_S, show_spinner=False)
def goes_together(scope: measured.Scope, name: str, *, summed: bool) -> list[tuple[str, RankCorrelation]]:
    """How figures go together with each metric, over all windows that have both, the surest first."""
    values = business.figures(database(), workspace(), scope.model, name, 0)
    table = measured.series(database(), workspace(), scope, READ, since_us=0, column="")
    return sorted(correlations(values, table, summed=summed), key=lambda found: (found[1].p_value, found[0]))


@st.cache_data(ttl=TTL_S, show_spinner=False)
def happenings(model: str, since_us: int) -> tuple[models.Happening, ...]:
    """Events of the model since then."""
    return models.happenings(database(), workspace(), model, since_us)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def column(model: str, version: str, name: str, start_us: int, end_us: int) -> columns.ColumnView:
    """A column's profile beside the reference's."""
    return columns.column_view(database(), workspace(), model, version, name, start_us, end_us)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def shadow_runs() -> tuple[shadows.ShadowRun, ...]:
    """All shadow runs, newest first."""
    return shadows.runs(database(), workspace())


@st.cache_data(ttl=TTL_S, show_spinner=False)
def open_incidents(model: str | None = None) -> tuple[alert_view.OpenIncident, ...]:
    """What is open of a model, or of all, the most urgent first."""
    return alert_view.open_incidents(database(), workspace(), model)


@st.cache_data(ttl=TTL_S, show_spinner=False)
def alerts(state: str, model: str | None = None) -> list[ledger.Alert]:
    """Alerts in a state, newest first."""
    return ledger.alert_page(database(), workspace(), model, state)[0]


@st.cache_data(ttl=TTL_S, show_spinner=False)
def silences() -> list[quiet.Silence]:
    """The silences that last now, the one that ends last first."""
    return quiet.active_now(database(), workspace(), SystemClock().now_us())


def silence(matchers: dict[str, str], length_us: int, reason: str, by: str) -> None:
    """Tell nobody of some alerts for so long from now, and forget what was remembered of silences.

    Raises:
        ContractError: there is no reason.
    """
    now_us = SystemClock().now_us()
    quiet.create(database(), workspace(), quiet.NewSilence(matchers, now_us + length_us, reason, by), now_us)
    silences.clear()


def end_silence(silence: str) -> None:
    """End a silence now, and forget what was remembered of silences."""
    quiet.end(database(), workspace(), silence, SystemClock().now_us())
    silences.clear()


def acknowledge(incident: str, by: str) -> None:
    """Take on what fires in an incident, and forget what was remembered of alerts.

    Raises:
        ContractError: when it is over.
    """
    ledger.acknowledge_incident(database(), workspace(), incident, by, SystemClock().now_us())
    open_incidents.clear()
    fleet.clear()

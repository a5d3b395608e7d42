"""Reads of the record log, remembered for a minute and shared by all sessions: made where people ask, never by opening a page."""

from threading import Lock

import streamlit as st

from dashboard.reads import database, settings, workspace
from detectors import explaining
from detectors.disagreement import Disagreement, disagreements
from detectors.explaining import Time
from detectors.labels_by_segment import task_of
from detectors.performance_change import Change
from kernel.windows import Span, WindowSize
from store import models
from store.record_reads import RecordReader
from store.records import RecordLog
from store.series import Scope

TTL_S = 60


@st.cache_resource(show_spinner=False)
def _log() -> tuple[RecordLog, Lock]:
    """The record log, opened once a process, and what keeps a second thread from it."""
    store = settings().store
    return RecordLog(store.records, store.options), Lock()


@st.cache_data(ttl=TTL_S, show_spinner="Reading the record log")
def change(scope: Scope, before: Span, after: Span, metric: str) -> Change:
    """What the change of a metric from one time to another is made of.

    Raises:
        ContractError, NotFoundError: it cannot be told, and why.
    """
    log, lock = _log()
    known = models.one(database(), workspace(), scope.model)
    with lock:
        reader = RecordReader(log, workspace())
        sides = Time(before, scope.version), Time(after, scope.version)
        times = explaining.read(database(), reader, workspace(), known, *sides)
    return explaining.explain(times, known, metric)


@st.cache_data(ttl=TTL_S, show_spinner="Reading the record log")
def disagreement(scope: Scope, against: str, span: Span) -> list[Disagreement]:
    """How far a version and another are apart on the rows that both predicted, by window."""
    log, lock = _log()
    classes = task_of(models.one(database(), workspace(), scope.model)).is_classes
    with lock:
        found = RecordReader(log, workspace()).version_differences(
            scope.model, scope.version, against, span, numbers_are_classes=classes
        )
    return [] if found is None else disagreements(found, WindowSize(scope.size))

"""Texts that went through the collector: measured by script, length and words, never by their values."""

import re

import numpy as np
import pytest

from kernel.measurement import Status
from kernel.profile import Kind
from kernel.written_text import beside
from store import columns, models, references
from store.columns import Column
from store.models import Model
from testing.measured_days import PREDICTIONS, Traffic, a_day

LATIN = ["the flight was late", "again", "no complaints at all, thank you very much"]
CYRILLIC = ["рейс задержан", "снова", "жалоб нет"]


def a_text_day(day: int, texts: list[str]) -> list[dict]:
    rows = a_day(day, rows=900)
    rng = np.random.default_rng(day)
    for i, row in enumerate(rows):
        row["features"]["comment"] = f"{rng.choice(texts)} {i if i % 3 else ''}"
    return rows


@pytest.fixture
def traffic(workspace, messages) -> Traffic:
    models.declare(workspace.db, "default", Model("m"), 0)
    declared = Column("feature.comment", Kind.TEXT, declared=True, fixed=True)
    columns.replace(workspace.db, "default", "m", [declared])
    return Traffic(workspace.sink(), workspace.clock, messages)


def test_another_script_and_longer_texts_are_drift_and_new_values_are_not(workspace, traffic) -> None:
    long = [text * 4 for text in LATIN]
    for day, texts in enumerate((LATIN, LATIN, CYRILLIC, long)):
        traffic.send(PREDICTIONS, a_text_day(day, texts))
    traffic.end()
    workspace.evaluator().step()
    found = {
        c: workspace.measured(metric="psi", column=c, size="1d")
        for c in ("comment", "length(comment)", "words(comment)")
    }
    statuses = {column: [m.status for m in of[1:]] for column, of in found.items()}
    assert statuses["comment"] == [Status.OK, Status.DRIFT, Status.OK]
    assert statuses["length(comment)"] == [Status.OK, Status.DRIFT, Status.DRIFT]
    assert statuses["words(comment)"][0] == Status.OK
    assert statuses["words(comment)"][2] == Status.DRIFT
    assert not workspace.measured(metric="unseen_share", column="comment")


def test_new_words_are_drift_once_they_are_more_than_such_a_reference_leaves_unseen(workspace, traffic) -> None:
    strange = [f"{text} verspätung gepäck" for text in LATIN]
    for day, texts in enumerate((LATIN, LATIN, strange)):
        traffic.send(PREDICTIONS, a_text_day(day, texts))
    traffic.end()
    workspace.evaluator().step()
    found = workspace.measured(metric="oov_share", column="comment", size="1d")
    assert [m.status for m in found] == [Status.PROVISIONAL, Status.OK, Status.DRIFT]
    spelt = [row["features"]["comment"].lower() for row in a_text_day(2, strange)]
    words = [set(re.findall(r"[^\W\d_]+", text)) for text in spelt]
    new = [of & {"verspätung", "gepäck"} for of in words]
    assert found[2].value == pytest.approx(sum(map(len, new)) / sum(map(len, words)))
    assert (found[1].value, found[2].expected, found[2].rows) == (0.0, 0.0, 900)


def test_where_an_earlier_version_counted_no_words_nothing_is_said_of_them(workspace, traffic, monkeypatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("kernel.profiling.beside", lambda stored: dict(list(beside(stored).items())[:2]))
        traffic.send(PREDICTIONS, a_text_day(0, LATIN)[:600])
    traffic.send(PREDICTIONS, a_text_day(0, LATIN)[600:])
    for day in (1, 2):
        traffic.send(PREDICTIONS, a_text_day(day, LATIN))
    traffic.end()
    workspace.evaluator().step()
    found = workspace.measured(metric="oov_share", column="comment", size="1d")
    assert {(m.value, m.status) for m in found} == {(None, Status.INSUFFICIENT)}
    assert [m.status for m in workspace.measured(metric="psi", column="comment", size="1d")][1:] == [Status.OK] * 2


def test_the_profile_holds_scripts_lengths_and_words_as_counted_one_by_one(workspace, traffic) -> None:
    rows = a_text_day(0, LATIN + CYRILLIC)
    rows[0]["features"].pop("comment")
    traffic.send(PREDICTIONS, rows)
    traffic.end()
    workspace.evaluator().step()
    profile = references.active(workspace.db, "default", "m").profile
    texts = [row["features"]["comment"] for row in rows[1:]]
    cyrillic = sum(not text.isascii() for text in texts)
    assert profile.columns["feature.comment"].cells.rows.tolist() == [len(texts) - cyrillic, cyrillic]
    for name, measure in (("length", len), ("words", lambda text: len(text.split()))):
        column = profile.columns[f"text.{name}(comment)"]
        assert (column.values, column.missing) == (len(texts), 1)
        assert column.moments.mean == pytest.approx(np.mean([measure(text) for text in texts]))
    assert columns.dictionaries(workspace.db, "default", "m").get("feature.comment") is None

"""How alerts name versions and windows: as people read them, and only where there is something to tell apart."""

import io

import pytest
from pydantic import SecretStr
from rich.console import Console

from alerting.message import Finding
from alerting.notifiers.console import ConsoleNotifier
from alerting.notifiers.slack import SlackNotifier, SlackSettings
from kernel.clock import DAY_US, HOUR_US
from store.tables import profiles

WORKSPACE = "acme"
START_US = 1_362_096_000_000_000  # 2013-03-01
ERRORS = {"column": "", "metric": "error_rate", "value": 0.2, "expected": 0.01}
TRAFFIC = {"column": "", "metric": "traffic", "version": "", "value": 12.0, "expected": 900.0}


@pytest.fixture
def has_versions(lab):
    """Stores records of these versions of the model, as a collector does."""

    def store(*versions: str) -> None:
        at = {"workspace": WORKSPACE, "model": "flight-delay", "segment": "", "window_start_us": START_US, "rows": 1}
        rows = [at | {"version": one, "topic": "t", "partition": 0, "blob": b""} for one in versions]
        with lab.db.write() as tx:
            tx.execute(profiles.insert(), rows)

    return store


@pytest.mark.parametrize(
    ("versions", "decided", "summary"),
    [
        (["3"], {}, "dep_delay, version 3: psi 0.4, 0.02 expected"),
        (["3"], {"segment": "origin=JFK"}, "dep_delay, version 3, origin=JFK: psi 0.4, 0.02 expected"),
        (["", "3"], {"version": ""}, "dep_delay, no version: psi 0.4, 0.02 expected"),
        ([""], {"version": ""}, "dep_delay: psi 0.4, 0.02 expected"),
        ([""], {"version": "", **ERRORS}, "error_rate 0.2, 0.01 expected"),
        (["3"], ERRORS, "version 3: error_rate 0.2, 0.01 expected"),
        (["3"], TRAFFIC, "traffic 12, 900 expected"),
        ([""], TRAFFIC, "traffic 12, 900 expected"),
        (["", "3"], TRAFFIC, "all versions: traffic 12, 900 expected"),
        (["3", "4"], TRAFFIC, "all versions: traffic 12, 900 expected"),
    ],
)
def test_a_summary_names_the_version_where_there_are_some_to_tell_apart(lab, has_versions, versions, decided, summary):
    has_versions(*versions)
    lab.decide("g" if decided.get("column") == "" else "d", **decided)
    lab.alerting().step()

    [alert] = lab.alerts()
    assert alert.summary == f"flight-delay: {summary}"
    [message] = lab.notifier.sent
    [finding] = message.findings
    assert ": ".join(part for part in (finding.subject, finding.numbers) if part) == summary


@pytest.mark.parametrize(
    ("others", "words"), [([""], "no version"), (["4"], "version 4"), (["", "4"], "2 more versions")]
)
def test_where_else_it_fires_is_named_and_no_version_is_such_a_place(lab, has_versions, others, words):
    has_versions("3", *others)
    lab.decide("odd", version="3")
    for version in others:
        lab.decide("ood", version=version)
    lab.alerting().step()

    [message] = lab.notifier.sent
    [finding] = message.findings
    assert (finding.subject, finding.also) == ("dep_delay, version 3", words)


@pytest.mark.parametrize(
    ("from_us", "length_us", "words"),
    [
        (0, DAY_US, "2013-03-01 UTC"),
        (0, 7 * DAY_US, "2013-03-01 to 2013-03-07 UTC"),
        (10 * HOUR_US, HOUR_US, "2013-03-01 10:00–11:00 UTC"),  # noqa: RUF001 - a dash
    ],
)
def test_both_channels_say_the_window_with_its_day_once(webhook, from_us, length_us, words, lab, has_versions):
    has_versions("")
    start_us = START_US + from_us
    span = {"window_start_us": start_us, "window_end_us": start_us + length_us}
    size = {DAY_US: "1d", 7 * DAY_US: "1w", HOUR_US: "1h"}[length_us]
    lab.decide("g", version="", size=size, **ERRORS, **span)
    lab.alerting().step()
    [message] = lab.notifier.sent

    written = io.StringIO()
    ConsoleNotifier(Console(file=written, width=200)).send(message)
    SlackNotifier(SlackSettings(url=SecretStr(webhook.url))).send(message)
    [posted] = webhook.posted
    line = posted["blocks"][1]["text"]["text"]
    assert line == f"• *flight-delay*: error_rate 0.2, 0.01 expected ({words})"
    assert f"flight-delay  error_rate  0.2    0.01      {words}" in written.getvalue()


def test_a_message_that_was_written_before_there_were_words_names_its_version_still():
    assert Finding("drift", "3", "", "1d", "psi", "delay", 0.4, 0.02, 0, DAY_US).subject == "delay, version 3"

"""What every notifier does, whatever the channel. A new notifier is one more entry in NOTIFIERS."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import HttpUrl, SecretStr
from rich.console import Console

from alerting.errors import DeliveryError, FinalError, RetryableError
from alerting.message import Finding, Message
from alerting.notifiers.build import build_notifiers
from alerting.notifiers.console import ConsoleNotifier, ConsoleSettings
from alerting.notifiers.contract import Notifier
from alerting.notifiers.pagerduty import PagerDutyNotifier, PagerDutySettings
from alerting.notifiers.slack import SlackNotifier, SlackSettings
from kernel.clock import DAY_US

DRIFTED = Finding("drift", "3", "", "1d", "psi", "dep_delay", 0.4123, 0.02, 0, DAY_US)
MESSAGE = Message(
    workspace="acme",
    incident="0f3c",
    happening="firing",
    tier="P1",
    model="flight-delay",
    title="flight-delay: drift on dep_delay",
    findings=(DRIFTED,),
    link="http://localhost:8501/model?model=flight-delay",
)


def console_to_text(webhook) -> tuple[Notifier, Callable[[], str]]:
    written = io.StringIO()
    return ConsoleNotifier(Console(file=written, width=200)), written.getvalue


def slack_to_text(webhook) -> tuple[Notifier, Callable[[], str]]:
    return SlackNotifier(SlackSettings(url=SecretStr(webhook.url))), lambda: str(webhook.posted)


def pagerduty_to_text(webhook) -> tuple[Notifier, Callable[[], str]]:
    settings = PagerDutySettings(routing_key=SecretStr("k" * 32), base_url=HttpUrl(webhook.url))
    return PagerDutyNotifier(settings), lambda: str(webhook.posted)


NOTIFIERS = {"console": console_to_text, "slack": slack_to_text, "pagerduty": pagerduty_to_text}


@pytest.fixture(params=NOTIFIERS)
def channel(request, webhook) -> tuple[Notifier, Callable[[], str]]:
    return NOTIFIERS[request.param](webhook)


def test_a_message_says_what_a_person_needs(channel):
    notifier, text = channel

    notifier.send(MESSAGE)

    needed = (
        "P1",
        "firing",
        "flight-delay",
        "dep_delay",
        "psi",
        "0.4123",
        "0.02",
        "1970-01-01 UTC",
        MESSAGE.link,
    )
    assert [word for word in needed if word not in text()] == []


@pytest.mark.parametrize("happening", ["firing", "escalated", "acknowledged", "resolved"])
@pytest.mark.parametrize("tier", ["P0", "P1", "P2"])
def test_every_happening_of_every_tier_is_told(channel, happening, tier):
    notifier, text = channel

    notifier.send(replace(MESSAGE, happening=happening, tier=tier))

    assert f"{tier} {happening}" in text()


def test_the_same_message_may_come_twice(channel):
    notifier, text = channel

    notifier.send(MESSAGE)
    notifier.send(MESSAGE)

    assert text().count("P1 firing: ") >= 2


@pytest.mark.parametrize("name", ["[bold]a[/bold]", "<!channel> & co", "[/]", "x" * 5_000, "Ā 漢字"])
def test_hostile_names_are_only_text(channel, name):
    notifier, text = channel

    notifier.send(replace(MESSAGE, title=name, findings=(replace(DRIFTED, column=name),)))

    assert text()


def test_numbers_that_do_not_exist_are_told_as_such(channel):
    notifier, text = channel

    notifier.send(replace(MESSAGE, findings=(replace(DRIFTED, value=None, expected=None),)))

    assert "None" not in text()


def test_two_hundred_findings_fit(channel):
    notifier, text = channel

    notifier.send(replace(MESSAGE, findings=(DRIFTED,) * 200))

    assert text()


def test_a_message_survives_the_outbox():
    assert Message.from_payload(MESSAGE.to_payload()) == MESSAGE


def test_errors_say_whether_to_try_again():
    assert issubclass(RetryableError, DeliveryError)
    assert issubclass(FinalError, DeliveryError)
    assert not issubclass(RetryableError, FinalError)


def test_every_kind_in_the_settings_has_its_notifier():
    built = build_notifiers(
        {
            "terminal": ConsoleSettings(),
            "channel": SlackSettings(url=SecretStr("https://a.b/c")),
            "oncall": PagerDutySettings(routing_key=SecretStr("k" * 32)),
        }
    )

    kinds = {"terminal": ConsoleNotifier, "channel": SlackNotifier, "oncall": PagerDutyNotifier}
    assert {name: type(one) for name, one in built.items()} == kinds

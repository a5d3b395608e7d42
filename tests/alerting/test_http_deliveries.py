"""What an HTTP answer means, for each place that messages are posted to."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import HttpUrl, SecretStr

from alerting.errors import FinalError, RetryableError
from alerting.message import Finding, Message
from alerting.notifiers.pagerduty import PagerDutyNotifier, PagerDutySettings
from alerting.notifiers.slack import SlackNotifier, SlackSettings, blocks
from alerting.retraining import RetrainingWebhook
from alerting.settings import RetrainingSettings
from kernel.clock import DAY_US

DRIFTED = Finding("drift", "3", "", "1d", "psi", "dep_delay", 0.4, 0.02, 0, DAY_US)
MESSAGE = Message("acme", "0f3c", "firing", "P1", "flight-delay", "drift", (DRIFTED,), "http://localhost:8501/model")


def slack(url: str) -> Callable[[], None]:
    notifier = SlackNotifier(SlackSettings(url=SecretStr(url), timeout_s=1))
    return lambda: notifier.send(MESSAGE)


def pagerduty(url: str) -> Callable[[], None]:
    settings = PagerDutySettings(routing_key=SecretStr("k" * 32), base_url=HttpUrl(url), timeout_s=1)
    return lambda: PagerDutyNotifier(settings).send(MESSAGE)


def retraining(url: str) -> Callable[[], None]:
    hook = RetrainingWebhook(RetrainingSettings(webhook=HttpUrl(url), timeout_s=1))
    return lambda: hook.post("r1", {"model": "flight-delay"})


PLACES = pytest.mark.parametrize("place", [slack, pagerduty, retraining])


@PLACES
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success(webhook, place, status):
    webhook.answer(status)
    if status == 204:
        webhook.answers[0].body = ""

    place(webhook.url)()

    assert len(webhook.posted) == 1


@PLACES
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_busy_or_broken_other_side_is_tried_again(webhook, place, status):
    webhook.answer(status)

    with pytest.raises(RetryableError, match=f"answered {status}: said so"):
        place(webhook.url)()

    assert len(webhook.posted) == 1, "one try; the outbox tries again"


@PLACES
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
def test_a_refusal_is_final(webhook, place, status):
    webhook.answer(status)

    with pytest.raises(FinalError, match=f"answered {status}: said so"):
        place(webhook.url)()


@PLACES
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("37", 37.0),
        ("9" * 400, 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("Tue, 01 Mar 2013 00:00:00 GMT", 0.0),
        ("soon", 0.0),
        ("²", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after_is_honoured(webhook, place, header, seconds):
    webhook.answer(429, Retry_After=header)

    with pytest.raises(RetryableError) as error:
        place(webhook.url)()

    assert error.value.retry_after_s == seconds


@PLACES
def test_nobody_listening_is_tried_again(webhook, free_port, place):
    with pytest.raises(RetryableError, match="does not answer"):
        place(f"http://127.0.0.1:{free_port()}/hook")()


@PLACES
def test_a_redirect_is_not_followed_as_a_success(webhook, place):
    webhook.answer(307, Location="http://127.0.0.1:1/elsewhere")

    with pytest.raises((FinalError, RetryableError)):
        place(webhook.url)()


def test_the_idempotency_key_is_the_request(webhook):
    retraining(webhook.url)()

    assert webhook.headers[0]["idempotency-key"] == "r1"
    assert webhook.posted == [{"request": "r1", "model": "flight-delay"}]


def test_slack_shows_ten_findings_and_counts_the_rest_within_its_limits():
    many = replace(MESSAGE, title="t" * 300, findings=(replace(DRIFTED, column="c" * 400),) * 25)

    header, findings, link, _ = blocks(many)

    assert len(header["text"]["text"]) <= 150
    assert len(findings["text"]["text"]) <= 3_000
    assert blocks(replace(many, findings=(DRIFTED,) * 25))[1]["text"]["text"].endswith("and 15 more")
    assert "<http://localhost:8501/model|" in link["text"]["text"]


def test_slack_says_where_else_a_finding_fires():
    lines = [
        blocks(replace(MESSAGE, findings=(one,)))[1]["text"]["text"]
        for one in (DRIFTED, replace(DRIFTED, also="2 segments"))
    ]

    assert [line.endswith("; also 2 segments") for line in lines] == [False, True]


def test_slack_mentions_are_defused():
    hostile = replace(MESSAGE, findings=(replace(DRIFTED, column="<!channel>"),))

    assert "&lt;!channel&gt;" in blocks(hostile)[1]["text"]["text"]

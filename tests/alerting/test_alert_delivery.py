import threading

import pytest

from alerting.delivery import wait_us
from alerting.errors import FinalError, RetryableError, UnansweredError
from alerting.settings import RetrySettings
from kernel.clock import DAY_US, SECOND_US
from store.alerts import incidents
from store.notifications import OUTBOX, notifications

WORKSPACE = "acme"


def about(lab) -> str:
    """What errors about the one incident's first message begin with."""
    [incident] = incidents(lab.db, WORKSPACE)
    return f"console, firing of incident {incident.incident} (flight-delay: drift on dep_delay): "


def test_a_message_that_fails_is_sent_later_and_recorded_only_then(lab):
    lab.notifier.errors = [RetryableError("Slack answered 503: nothing")]
    alerting = lab.alerting()
    lab.decide("d")
    first = alerting.step()
    [waiting] = notifications(lab.db, WORKSPACE)
    lab.later(4.9)
    early = alerting.step()
    lab.later(0.1)
    late = alerting.step()
    [sent] = notifications(lab.db, WORKSPACE)

    assert (first.notifications.put_off, early.notifications.sent, late.notifications.sent) == (1, 0, 1)
    assert (waiting.state, waiting.attempts) == ("pending", 1)
    assert waiting.last_error == about(lab) + "Slack answered 503: nothing"
    assert (sent.state, sent.attempts, sent.last_error) == ("sent", 2, "")
    assert sent.sent_us == lab.clock.now_us()


def test_what_the_other_side_asks_to_wait_is_waited(lab):
    lab.notifier.errors = [RetryableError("busy", retry_after_s=120)]
    alerting = lab.alerting()
    lab.decide("d")
    alerting.step()
    lab.later(119)
    early = alerting.step()
    lab.later(1)
    late = alerting.step()

    assert (early.notifications.sent, late.notifications.sent) == (0, 1)


def test_a_refusal_is_not_tried_again(lab):
    lab.notifier.errors = [FinalError("Slack answered 404: no_service")]
    alerting = lab.alerting()
    lab.decide("d")
    alerting.step()
    lab.later(3_600)
    alerting.step()

    [failed] = notifications(lab.db, WORKSPACE, state="failed")
    assert failed.last_error == about(lab) + "Slack answered 404: no_service"
    assert lab.notifier.tries == 1


def test_it_is_given_up_in_the_end(lab):
    lab.notifier.errors = [RetryableError("away")] * 1_000
    alerting = lab.alerting({"retry": {"give_up_after": "10m", "longest": "1m"}})
    lab.decide("d")
    for _ in range(15):
        alerting.step()
        lab.later(60)

    [failed] = notifications(lab.db, WORKSPACE)
    assert (failed.state, failed.last_error) == ("failed", about(lab) + "given up: away")


def test_the_log_names_the_notifier_and_the_incident(lab, caplog):
    lab.notifier.errors = [RetryableError("Slack does not answer: timed out"), FinalError("Slack answered 410: gone")]
    alerting = lab.alerting()
    lab.decide("d")
    alerting.step()
    lab.later(10)
    alerting.step()

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", about(lab) + "Slack does not answer: timed out; trying again in 5 s"),
        ("ERROR", about(lab) + "Slack answered 410: gone; it is not tried again"),
    ]


def test_a_notifier_that_is_gone_is_said(lab):
    lab.notifier.errors = [RetryableError("away")]
    lab.decide("d")
    lab.alerting().step()
    lab.later(10)
    lab.alerting(other=lab.notifier).step()

    [failed] = notifications(lab.db, WORKSPACE)
    assert "no notifier is named 'console' any more" in failed.last_error


def test_that_it_is_over_is_never_said_before_that_it_began(lab):
    lab.notifier.errors = [RetryableError("away")]
    alerting = lab.alerting()
    lab.decide("doo")
    both_at_once = alerting.step()
    lab.later(10)
    alerting.step()

    assert (both_at_once.fired, both_at_once.resolved, both_at_once.notifications.put_off) == (1, 1, 1)
    assert lab.notifier.told == [("firing", "P1"), ("resolved", "P1")]


def test_one_channel_that_is_away_does_not_hold_up_another(lab, make_recorder):
    away, well = make_recorder([RetryableError("away")] * 9), make_recorder()
    lab.decide("d")
    lab.alerting(away=away, well=well).step()

    assert (away.told, well.told) == ([], [("firing", "P1")])


def test_a_channel_that_does_not_answer_is_asked_once_a_pass(lab, make_recorder):
    """Each try may take as long as the channel's time-out."""
    silent, well = make_recorder([UnansweredError("timed out")] * 2), make_recorder()
    for model in ("fraud", "loans", "prices"):
        lab.decide("d", model=model)
    alerting = lab.alerting(silent=silent, well=well)
    first = alerting.step()
    lab.later(5)
    alerting.step()
    lab.later(10)
    third = alerting.step()

    assert (first.notifications.put_off, third.notifications.sent) == (3, 3)
    assert (silent.tries, len(silent.sent), len(well.sent)) == (2 + 3, 3, 3)


def test_columns_that_join_before_the_message_is_out_are_in_it(lab):
    lab.decide("d", column="origin")
    lab.alerting()._follow_decisions()  # a pass that dies before it delivers
    lab.decide("d", column="carrier")
    lab.alerting().step()

    [message] = lab.notifier.sent
    assert sorted(finding.column for finding in message.findings) == ["carrier", "origin"]


def test_a_claimed_row_is_nobody_elses_until_its_lease_ends(lab, wait_until):
    lab.decide("d")
    lab.alerting()._follow_decisions()
    now_us = lab.clock.now_us()

    def claim(lease_us: int) -> list[str]:
        return [claim.key for claim in OUTBOX.claim(lab.db, WORKSPACE, now_us, lease_us, 10)]

    [mine] = OUTBOX.claim(lab.db, WORKSPACE, now_us, SECOND_US // 5, 10)
    assert claim(SECOND_US) == []
    assert wait_until(lambda: claim(DAY_US), what="the lease to end") == [mine.key]
    assert not OUTBOX.mark_sent(lab.db, WORKSPACE, mine, now_us), "the lease was lost"
    [row] = notifications(lab.db, WORKSPACE)
    assert (row.state, row.attempts) == ("pending", 2)


def test_what_another_process_took_over_is_not_sent_again(lab, make_recorder, wait_until):
    """The first of a batch takes longer than the lease; another process sends the second, and would what follows it."""
    other, sent = make_recorder(), []

    class Slow:
        def send(self, message):
            sent.append(message.model)
            if len(sent) == 1:
                wait_until(lambda: rival.step().notifications.sent, what="the lease to end")

    settings = {"retry": {"lease": "1s"}}
    slow = lab.alerting(settings, console=Slow())
    rival = lab.alerting(settings, console=other)
    lab.decide("d", model="fraud")
    lab.decide("d", model="loans")
    slow.step()

    told = [message.model for message in other.sent]
    assert (len(sent), sorted(told)) == (1, ["fraud", "loans"])


def test_two_processes_share_the_work_and_double_nothing(lab, make_recorder):
    for model in range(6):
        for column in ("origin", "carrier"):
            lab.decide("odd", column=column, model=f"model-{model}")
    recorder = make_recorder()
    errors: list[Exception] = []
    barrier = threading.Barrier(3)

    def run() -> None:
        alerting = lab.alerting(console=recorder)
        barrier.wait()
        try:
            for _ in range(3):
                alerting.step()
        except Exception as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(lab.alerts()) == 12
    assert sorted(message.model for message in recorder.sent) == [f"model-{n}" for n in range(6)]


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 10), (0.5, 15), (1.0, 20)])
def test_jitter_spreads_a_wait_between_half_and_all_of_it(jitter, seconds):
    settings = RetrySettings.model_validate({"first": "5s", "longest": "1h"})

    assert wait_us(settings, 3, jitter) == seconds * SECOND_US

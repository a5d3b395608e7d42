import pytest

from store.retraining import retraining_requests

WORKSPACE = "acme"


def test_a_p1_drift_asks_for_retraining_once_an_incident(lab):
    alerting = lab.alerting()
    for column in ("origin", "carrier", "dep_delay"):
        lab.decide("oodd", column=column)
    first = alerting.step()
    lab.later()
    lab.decide("d", first=4)
    alerting.step()

    [request] = retraining_requests(lab.db, WORKSPACE)
    assert first.retraining == 1
    assert (request.model, request.version, request.state) == ("flight-delay", "3", "recorded")
    assert request.reason == "flight-delay: drift on 3 columns"
    assert request.payload["columns"] == ["carrier", "dep_delay", "origin"]
    assert request.payload["windows"] == [
        {"start": "2013-03-03T00:00:00Z", "end": "2013-03-05T00:00:00Z", "size": "1d"}
    ]
    assert request.payload["training_window"] == {"start": "2012-12-05T00:00:00Z", "end": "2013-03-05T00:00:00Z"}


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ({"tier": "P1", "metrics": ["psi"]}, 1),
        ({"tier": "P1", "metrics": ["psi"], "retrain": False}, 0),
        ({"tier": "P2", "metrics": ["psi"]}, 0),
        ({"tier": "P2", "metrics": ["psi"], "retrain": True}, 1),
        ({"tier": "P1", "metrics": ["accuracy"]}, 0),
    ],
)
def test_which_rules_ask(lab, rule, asked):
    lab.decide("d", metric=rule["metrics"][0])
    lab.alerting({"rules": [{"name": "mine"} | rule]}).step()

    assert len(lab.alerts()) == 1
    assert len(retraining_requests(lab.db, WORKSPACE)) == asked


def test_a_request_is_posted_until_the_webhook_takes_it(lab, webhook):
    webhook.answer(503)
    alerting = lab.alerting({"retraining": {"webhook": webhook.url}})
    lab.decide("d")
    first = alerting.step()
    [waiting] = retraining_requests(lab.db, WORKSPACE)
    lab.later(5)
    second = alerting.step()
    alerting.close()
    [posted] = retraining_requests(lab.db, WORKSPACE)

    assert (first.requests.put_off, second.requests.sent) == (1, 1)
    assert (waiting.state, posted.state, posted.attempts) == ("pending", "posted", 2)
    assert posted.posted_us == lab.clock.now_us()
    assert webhook.posted == [{"request": posted.request, **posted.payload}] * 2


def test_a_webhook_that_refuses_is_not_asked_again(lab, webhook):
    webhook.answer(400)
    alerting = lab.alerting({"retraining": {"webhook": webhook.url}})
    lab.decide("d")
    alerting.step()
    lab.later(3_600)
    alerting.step()
    alerting.close()

    [failed] = retraining_requests(lab.db, WORKSPACE, state="failed")
    about = f"retraining request {failed.request} of flight-delay: "
    assert failed.last_error == about + "the retraining webhook answered 400: said so"
    assert len(webhook.posted) == 1

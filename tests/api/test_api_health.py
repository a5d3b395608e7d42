"""Health, metrics, the limits on bodies, and the reference of the API itself."""

import gzip
import re
from collections.abc import Callable
from typing import Any

from store.notifications import OUTBOX, NewNotification, enqueue


def test_healthy_ready_and_counted(api: Any) -> None:
    assert api.get("/healthz").json() == {"status": "ok"}
    assert api.get("/readyz").json() == {"status": "ready"}
    api.get("/v1/models/none")
    api.get("/anything/else")
    text = api.get("/metrics").text
    assert 'driftglass_api_requests_total{method="GET",route="/v1/models/{model}",status="404"} 1' in text
    assert 'route="other",status="404"} 1' in text
    assert "/anything" not in text


def test_messages_that_were_not_sent_are_counted_by_notifier(api: Any) -> None:
    with api.db.write() as tx:
        for number, notifier in enumerate(("team", "team", 'on "call"', "pager")):
            enqueue(tx, "acme", NewNotification(str(number), str(number), "firing", notifier, {}, number))
    first, _, _, last = OUTBOX.claim(api.db, "acme", 4, 1_000_000, 10)
    OUTBOX.mark_sent(api.db, "acme", first, 5)
    OUTBOX.mark_failed(api.db, "acme", last, "PagerDuty answered 400: nothing")

    told = [line for line in api.get("/metrics").text.splitlines() if line.startswith("driftglass_notifications_")]
    assert told == [
        r'driftglass_notifications_pending{workspace="acme",notifier="on \"call\""} 1',
        'driftglass_notifications_pending{workspace="acme",notifier="team"} 1',
        'driftglass_notifications_failed{workspace="acme",notifier="pager"} 1',
    ]


def test_not_ready_without_a_schema(serve: Callable[..., Any]) -> None:
    api = serve(migrated=False)
    assert api.get("/healthz").status_code == 200
    answer = api.get("/readyz")
    assert "driftglass migrate" in api.refused(503, answer)
    assert answer.headers["retry-after"] == "2"
    assert 'route="/readyz",status="503"} 1' in api.get("/metrics").text
    assert api.get("/v1/models").status_code == 503


def test_bodies_are_bounded_and_may_be_compressed(serve: Callable[..., Any]) -> None:
    api = serve(max_body_bytes=2_000)
    large = b'{"task": "binary"}' + b" " * 3_000
    headers = {"content-type": "application/json"}
    assert "2000 bytes" in api.refused(413, api.http.put("/v1/models/m", content=large, headers=headers))
    zipped = {**headers, "content-encoding": "gzip"}
    assert api.refused(413, api.http.put("/v1/models/m", content=gzip.compress(large), headers=zipped))
    small = gzip.compress(b'{"task": "binary"}')
    assert api.http.put("/v1/models/m", content=small, headers=zipped).json()["task"] == "binary"
    assert "gzip" in api.refused(400, api.http.put("/v1/models/m", content=small[:-4], headers=zipped))
    assert "gzip" in api.refused(400, api.http.put("/v1/models/m", content=b"plain", headers=zipped))
    odd = {**headers, "content-encoding": "br"}
    assert "Content-Encoding" in api.refused(422, api.http.put("/v1/models/m", content=small, headers=odd))


def test_openapi_describes_every_route(api: Any) -> None:
    described = api.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            assert operation.get("description") or operation.get("summary"), (path, method)
            assert any(status.startswith("2") for status in answers)
            assert path in ("/healthz", "/readyz", "/metrics") or path.startswith("/v1/")


def test_the_reference_for_people_asks_no_other_server(api: Any) -> None:
    parts = re.findall(r'(?:href|src)="([^"]+)"', api.get("/docs").text)
    assert {part.rpartition(".")[2] for part in parts} >= {"js", "css"}
    for part in parts:
        assert part.startswith("/")
        assert api.get(part).status_code == 200, part


def test_a_query_that_a_route_does_not_know_is_refused_with_those_it_knows(api: Any) -> None:
    assert api.refused(422, api.get("/v1/alerts", teir="P1")).startswith("teir: is not known here, where ")
    assert "tier" in api.refused(422, api.get("/v1/alerts", teir="P1"))
    assert "nothing may be asked for" in api.refused(422, api.get("/v1/models/m", window="1d"))
    assert "more than once" in api.refused(422, api.get("/v1/alerts", state=["firing", "pending"]))
    assert [api.get(path, probe="k8s").status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]

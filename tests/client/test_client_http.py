"""Each answer of the gateway has one meaning for the client."""

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest

from driftglass_client import Client, wire


def counted(client: Client) -> dict[str, int]:
    return {name: count for name, count in client.stats().items() if count}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_these_are_tried_again_with_the_same_key(gateway: Any, client_of: Callable[..., Client], status: int) -> None:
    gateway.answers.extend([gateway.answer(status), gateway.answer(status)])
    client = client_of()
    client.log_prediction({"x": 1.0}, id="a")
    assert client.flush(10)
    assert counted(client) == {"sent": 1}
    assert [request.body for request in gateway.requests] == [gateway.requests[0].body] * 3
    assert len({request.headers[wire.HTTP_IDEMPOTENCY_KEY.lower()] for request in gateway.requests}) == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "bad_request"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "refused"),
        (413, "too_large"),
        (301, "refused"),
    ],
)
def test_these_are_final(gateway: Any, client_of: Callable[..., Client], status: int, reason: str) -> None:
    gateway.answers.append(gateway.answer(status))
    client = client_of()
    client.log_prediction({"x": 1.0})
    assert client.flush(10)
    client.log_prediction({"x": 1.0})
    assert client.flush(10)
    assert counted(client) == {reason: 1, "sent": 1}
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("spelled", [str, lambda seconds: formatdate(time.time() + seconds + 1, usegmt=True)])
def test_retry_after_is_obeyed(gateway: Any, client_of: Callable[..., Client], spelled: Callable[[int], str]) -> None:
    gateway.answers.append(gateway.answer(429, {"Retry-After": spelled(1)}))
    client = client_of()
    client.log_prediction({})
    started_s = time.monotonic()
    assert client.flush(10)
    assert time.monotonic() - started_s >= 0.95
    assert counted(client) == {"sent": 1}


@pytest.mark.parametrize("mixed", [False, True])
def test_a_batch_over_the_limit_is_halved_until_it_fits(
    gateway: Any, client_of: Callable[..., Client], mixed: bool
) -> None:
    gateway.judge = lambda request: gateway.answer(413 if len(request.rows()) > 3 else 202)
    client = client_of(linger_ms=300)
    for i in range(10):
        client.log_prediction({"x": str(i) if mixed and i % 2 else float(i)}, id=str(i))
    assert client.flush(10)
    assert counted(client) == {"sent": 10}
    taken = [request for request in gateway.requests if len(request.rows()) <= 3]
    assert [int(row["id"]) for request in taken for row in request.rows()] == list(range(10))
    kind = wire.CONTENT_NDJSON if mixed else wire.CONTENT_ARROW
    assert {request.headers["content-type"] for request in taken} == {kind}
    keys = [request.headers["idempotency-key"] for request in gateway.requests]
    assert len(set(keys)) == len(keys)


def test_a_row_too_large_alone_is_lost_alone(gateway: Any, client_of: Callable[..., Client]) -> None:
    gateway.judge = lambda request: gateway.answer(413 if any(row["id"] == "4" for row in request.rows()) else 202)
    client = client_of(linger_ms=300)
    for i in range(8):
        client.log_prediction({"x": float(i)}, id=str(i))
    assert client.flush(10)
    assert counted(client) == {"sent": 7, "too_large": 1}


def test_rejected_rows_are_counted(gateway: Any, client_of: Callable[..., Client]) -> None:
    body = b'{"accepted": 1, "rejected": 2, "errors": []}'
    gateway.answers.append(replace(gateway.answer(202), body=body))
    client = client_of(linger_ms=300)
    for _ in range(3):
        client.log_prediction({})
    assert client.flush(10)
    assert counted(client) == {"sent": 1, "rejected": 2}


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"rejected": null}'])
def test_an_odd_body_of_a_good_answer_is_good(gateway: Any, client_of: Callable[..., Client], body: bytes) -> None:
    gateway.answers.append(replace(gateway.answer(202), body=body))
    client = client_of()
    client.log_prediction({})
    assert client.flush(10)
    assert counted(client) == {"sent": 1}


def test_the_api_key_and_one_connection(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(api_key="secret")
    for _ in range(3):
        client.log_prediction({})
        assert client.flush(10)
    assert {request.headers["x-api-key"] for request in gateway.requests} == {"secret"}
    assert len({request.port for request in gateway.requests}) == 1


def test_a_gateway_that_restarts_between_batches_costs_nothing(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(retry_s=0)
    client.log_prediction({})
    assert client.flush(10)
    gateway.down()
    gateway.up()
    client.log_prediction({})
    assert client.flush(10)
    assert counted(client) == {"sent": 2}


def test_a_path_before_v1_is_kept(gateway: Any) -> None:
    client = Client("m", "1", url=f"{gateway.url}/monitoring/")
    client.log_label("a", 1)
    assert client.flush(10)
    client.close(1)
    assert gateway.requests[0].path == "/monitoring/v1/labels"

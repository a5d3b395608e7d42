"""While the log is away batches wait on disk: bounded, in order, across restarts and processes."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftglass_client import Client, Message
from driftglass_client.spool import Spool


def counted(client: Client) -> dict[str, int]:
    return {name: count for name, count in client.stats().items() if count}


def message(rows: int = 1, body: bytes = b"{}\n") -> Message:
    return Message("driftglass.predictions", "application/x-ndjson", body * rows, rows, "default", "m", "key")


def test_what_a_stopped_service_spooled_the_next_one_sends_in_order(
    gateway: Any, client_of: Callable[..., Client], tmp_path: Path
) -> None:
    gateway.judge = lambda _: gateway.answer(503)
    first = client_of(spool_dir=str(tmp_path), batch_records=10, retry_s=0)
    for i in range(30):
        first.log_prediction({"x": float(i)}, id=str(i))
    first.log_label("0", True)
    first.close(5)
    assert counted(first) == {"spooled": 31}
    tried = gateway.requests[0].headers["idempotency-key"]

    gateway.requests.clear()
    gateway.judge = lambda _: gateway.answer(202)
    second = client_of(spool_dir=str(tmp_path))
    assert counted(second) == {"spooled": 31}
    second.log_prediction({"x": 30.0}, id="30")
    assert second.flush(10)
    assert counted(second) == {"sent": 32}
    assert [int(row["id"]) for row in gateway.rows()] == list(range(31))
    assert gateway.requests[0].headers["idempotency-key"] == tried
    assert not list(tmp_path.rglob("*.batch"))
    assert not list(tmp_path.rglob("*.draft"))


def test_a_log_that_comes_back_is_given_everything(
    gateway: Any, client_of: Callable[..., Client], tmp_path: Path
) -> None:
    client = client_of(spool_dir=str(tmp_path), retry_s=0.0)
    gateway.down()
    for i in range(5):
        client.log_prediction({"x": float(i)}, id=str(i))
        assert not client.flush(0.1)
    assert counted(client) == {"spooled": 5}
    gateway.up()
    client.log_prediction({"x": 5.0}, id="5")
    assert client.flush(10)
    assert counted(client) == {"sent": 6}
    assert [int(row["id"]) for row in gateway.rows()] == list(range(6))


def test_a_full_queue_is_spooled_without_waiting_for_retries(
    gateway: Any, client_of: Callable[..., Client], tmp_path: Path
) -> None:
    gateway.judge = lambda _: gateway.answer(503)
    client = client_of(spool_dir=str(tmp_path), retry_s=600, queue_records=100, batch_records=10)
    for _ in range(80):
        client.log_prediction({})
    while client.stats()["spooled"] < 40:
        assert not client.flush(0.05)
    client.close(0.5)
    assert counted(client) == {"spooled": 80}


def test_the_spool_is_bounded_and_keeps_the_oldest(
    gateway: Any, client_of: Callable[..., Client], tmp_path: Path
) -> None:
    gateway.judge = lambda _: gateway.answer(503)
    client = client_of(spool_dir=str(tmp_path), spool_bytes=20_000, retry_s=0)
    for i in range(30):
        client.log_prediction({"text": "x" * 1_000}, id=str(i))
        client.flush(0.02)
    client.close(1)
    stats = counted(client)
    assert stats.keys() == {"spooled", "spool_full"}
    assert sum(stats.values()) == 30
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.batch")) <= 20_000
    gateway.judge = lambda _: gateway.answer(202)
    gateway.requests.clear()
    assert client_of(spool_dir=str(tmp_path)).flush(10)
    assert [int(row["id"]) for row in gateway.rows()] == list(range(stats["spooled"]))


def test_a_spooled_batch_that_is_too_large_is_halved(
    gateway: Any, client_of: Callable[..., Client], tmp_path: Path
) -> None:
    gateway.judge = lambda _: gateway.answer(503)
    first = client_of(spool_dir=str(tmp_path), linger_ms=300, retry_s=0)
    for i in range(8):
        first.log_prediction({"x": float(i)}, id=str(i))
    first.close(5)
    assert len(list(tmp_path.rglob("*.batch"))) == 1
    gateway.requests.clear()
    again = iter([413, 202, 503])
    gateway.judge = lambda _: gateway.answer(next(again, 202))
    second = client_of(spool_dir=str(tmp_path))
    assert second.flush(10)
    assert counted(second) == {"sent": 8}
    bodies = [request.body for request in gateway.requests]
    assert bodies[2] == bodies[3]  # only the half that was not taken is sent again
    assert len(bodies) == 4


def test_a_damaged_file_is_counted_and_passed_over(
    gateway: Any, client_of: Callable[..., Client], tmp_path: Path
) -> None:
    spool = Spool.beside(str(tmp_path), 10**6, "default", "flight-delay", "http")
    for rows in (1, 7, 1):
        spool.put(message(rows))
    spool.paths()[1].write_bytes(b"half a li")
    client = client_of(spool_dir=str(tmp_path))
    assert client.flush(10)
    assert counted(client) == {"sent": 2, "spool_damaged": 7}


def test_one_process_at_a_time_reads(tmp_path: Path) -> None:
    ours, theirs = Spool(tmp_path, 10**6), Spool(tmp_path, 10**6)
    ours.put(message(3))
    with ours.reading() as first, theirs.reading() as second:
        assert (first, second) == (True, False)
    with theirs.reading() as third:
        assert third
    assert theirs.get(theirs.paths()[0]) == message(3)
    assert theirs.rows() == 3


def test_only_the_owner_may_read_it_and_models_stay_apart(tmp_path: Path) -> None:
    spool = Spool.beside(str(tmp_path / "spool"), 10**6, "team/a", "..", "http")
    spool.put(message())
    [path] = spool.paths()
    assert path.parent.resolve().is_relative_to((tmp_path / "spool").resolve())
    assert path.parent.name == "http"
    assert len(path.relative_to(tmp_path / "spool").parts) == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

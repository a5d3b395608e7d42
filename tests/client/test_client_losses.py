"""The client neither blocks nor raises, bounds its memory, and counts each loss by its reason."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from driftglass_client import LOSSES, Client, ClientConfigError, ClientSettings


def counted(client: Client) -> dict[str, int]:
    return {name: count for name, count in client.stats().items() if count}


class Held:
    """A transport that takes nothing until it is let go."""

    name = "held"
    splits_by_bucket = False

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.free = threading.Event()
        self.rows = 0

    def send(self, message: Any, _timeout_s: float) -> int:
        self.entered.set()
        assert self.free.wait(30)
        self.rows += message.rows
        return 0

    def close(self) -> None:
        pass

    def forked(self) -> None:
        pass


class Hostile(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise OSError("no")

    def __iter__(self) -> Any:
        raise OSError("no")

    def __len__(self) -> int:
        raise OSError("no")


BAD: list[dict[str, Any]] = [
    {"features": 5},
    {"features": {1: 2}},
    {"features": {"a": object()}},
    {"features": {"a": 10**400}},
    {"features": {"a": "\ud800"}},
    {"features": Hostile()},
    {"prediction": [1]},
    {"scores": {"late": "high"}},
    {"id": 1.5},
    {"id": ""},
    {"ts": "yesterday"},
    {"latency_ms": "12"},
    {"latency_ms": True},
    {"error": 5},
    {"tags": {"a": []}},
]


def test_each_invalid_record_is_counted_and_harms_no_other(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(linger_ms=500)
    for i, bad in enumerate(BAD):
        client.log_prediction({"x": i}, "late", id=str(i))
        client.log_prediction(**{"features": {"x": 1.0}, **bad})
    client.log_label("a", None)  # type: ignore[arg-type]
    client.log_label("b", 1.0)
    assert client.flush(20)
    assert counted(client) == {"sent": len(BAD) + 1, "invalid": len(BAD) + 1}
    assert [int(row["id"]) for row in gateway.rows()] == list(range(len(BAD)))


def test_memory_is_bounded_and_the_newest_is_dropped() -> None:
    transport = Held()
    client = Client("m", "1", transport=transport, settings=ClientSettings(queue_records=100, batch_records=10))
    client.log_prediction({}, id="first")
    assert transport.entered.wait(10)
    started_s = time.monotonic()
    made = [client.log_prediction({"x": i}) for i in range(1_000)]
    assert time.monotonic() - started_s < 1
    assert len(set(made)) == 1_000
    assert counted(client) == {"queued": 100, "queue_full": 901}
    transport.free.set()
    assert client.flush(10)
    assert transport.rows == 100
    client.log_prediction({})
    client.close(10)
    assert counted(client) == {"sent": 101, "queue_full": 901}


def test_the_bound_holds_under_many_threads() -> None:
    transport = Held()
    client = Client("m", "1", transport=transport, settings=ClientSettings(queue_records=500, batch_records=50))

    def log() -> None:
        for _ in range(2_000):
            client.log_prediction({})

    threads = [threading.Thread(target=log) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(client) == {"queued": 500, "queue_full": 15_500}
    transport.free.set()
    client.close(10)
    assert counted(client) == {"sent": 500, "queue_full": 15_500}


def test_after_close_records_are_lost_as_closed(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of()
    client.log_prediction({}, id="a")
    client.close(10)
    client.close(10)
    assert client.log_prediction({}, id="mine") == "mine"
    assert client.log_prediction({})
    client.log_label("a", 1.0)
    assert counted(client) == {"sent": 1, "closed": 3}


def test_close_keeps_its_limit_and_counts_what_it_left() -> None:
    transport = Held()
    client = Client("m", "1", transport=transport, settings=ClientSettings(batch_records=10))
    client.log_prediction({})
    assert transport.entered.wait(10)
    for _ in range(50):
        client.log_prediction({})
    started_s = time.monotonic()
    client.close(0.2)
    assert time.monotonic() - started_s < 2
    assert counted(client) == {"queued": 1, "closed": 50}
    transport.free.set()


def test_without_a_spool_an_absent_log_costs_the_batch(gateway: Any, client_of: Callable[..., Client]) -> None:
    client = client_of(retry_s=0.1)
    gateway.down()
    client.log_prediction({})
    assert client.flush(10)
    assert counted(client) == {"unreachable": 1}
    gateway.up()
    client.log_prediction({})
    assert client.flush(10)
    assert counted(client) == {"unreachable": 1, "sent": 1}


def test_a_spool_that_cannot_take_a_batch(gateway: Any, client_of: Callable[..., Client], tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way of the folder")
    gateway.down()
    for settings, reason in (
        ({"spool_dir": str(tmp_path / "spool"), "spool_bytes": 10}, "spool_full"),
        ({"spool_dir": str(blocked)}, "spool_failed"),
    ):
        client = client_of(retry_s=0, **settings)
        client.log_prediction({})
        assert client.flush(10)
        assert counted(client) == {reason: 1}
    gateway.up()


def test_a_defect_costs_one_batch_and_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Held):
        def send(self, message: Any, _timeout_s: float) -> int:
            if message.rows == 2:
                raise ZeroDivisionError
            return 0

    client = Client("m", "1", transport=Broken(), settings=ClientSettings(linger_ms=100))
    client.log_prediction({})
    client.log_prediction({})
    assert client.flush(10)
    client.log_prediction({})
    assert client.flush(10)
    client.close(10)
    assert counted(client) == {"internal": 2, "sent": 1}
    assert "Driftglass lost a batch" in caplog.text


def test_a_loss_is_told_once_with_what_was_wrong(
    gateway: Any, client_of: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "driftglass_client")
    client = client_of()
    for _ in range(3):
        client.log_prediction(5)  # type: ignore[arg-type]
        assert client.flush(10)
    assert [record.message for record in caplog.records] == [
        f"Driftglass lost 1 records (invalid): {LOSSES['invalid']}; the first: int is not a mapping"
    ]


def test_only_the_making_of_a_client_may_raise(tmp_path: Path) -> None:
    for wrong in (
        {},
        {"url": "http://a:1", "kafka": "b:2"},
        {"url": "gateway:7461"},
        {"url": "http://a:port"},
    ):
        with pytest.raises(ClientConfigError):
            Client("m", "1", settings=ClientSettings(), **wrong)
    with pytest.raises(ClientConfigError, match="model"):
        Client("", "1", url="http://127.0.0.1:1")


def test_settings_come_from_the_environment_and_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_CLIENT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("DRIFTGLASS_CLIENT_QUEUE_RECORDS", "7")
    client = Client("m", "1")
    assert client.stats()["queued"] == 0
    assert ClientSettings.from_environment() == ClientSettings(url="http://127.0.0.1:9", queue_records=7)
    with pytest.raises(ClientConfigError, match="DRIFTGLASS_CLIENT_LINGER_MS is 'soon'"):
        ClientSettings.from_environment({"DRIFTGLASS_CLIENT_LINGER_MS": "soon"})
    for wrong in ({"sample_rate": 0}, {"queue_records": 0}, {"retry_s": -1}):
        with pytest.raises(ClientConfigError):
            ClientSettings(**wrong)

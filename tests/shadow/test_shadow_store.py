"""The queue of runs, on both databases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kernel.errors import ContractError
from shadow.runner import submit
from shadow.spec import Bars, RunSpec, from_json
from store import shadow_runs
from store.database import Database
from testing.migrated import open_migrated

SPEC = RunSpec(
    model="flight-delay", candidate="boosted", path="boosted.onnx", start_us=0, end_us=10, bars=Bars(margin=0.02)
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'shadow.db'}"
    opened = open_migrated(url if request.param == "sqlite" else request.getfixturevalue("migrated_postgres_url"))
    yield opened
    opened.close()


def test_a_run_from_queue_to_end(database: Database) -> None:
    name = submit(database, "acme", SPEC, 7)
    assert shadow_runs.claim(database, "elsewhere", "one", 60, 8) is None
    held = shadow_runs.claim(database, "acme", "one", 60, 8)
    assert held is not None
    assert (held.run, from_json(held.spec)) == (name, SPEC)
    assert shadow_runs.claim(database, "acme", "two", 60, 8) is None
    assert shadow_runs.progress(database, "acme", held, 0.5, 60)
    running = shadow_runs.one(database, "acme", name)
    assert (running.state, running.progress, running.owner, running.started_us) == ("running", 0.5, "one", 8)
    assert shadow_runs.finish(database, "acme", held, {"rows": 3}, "hold", ["Too few."], 9)
    done = shadow_runs.one(database, "acme", name)
    assert (done.state, done.verdict, done.reasons, done.result) == ("done", "hold", ["Too few."], {"rows": 3})
    assert (done.created_us, done.finished_us) == (7, 9)
    assert not shadow_runs.fail(database, "acme", held, "too late", 10)


def test_what_was_given_back_is_taken_again(database: Database) -> None:
    submit(database, "acme", SPEC, 7)
    first = shadow_runs.claim(database, "acme", "one", 60, 8)
    assert first is not None
    assert shadow_runs.release(database, "acme", first)
    second = shadow_runs.claim(database, "acme", "two", 60, 9)
    assert second is not None
    assert second.token != first.token
    assert not shadow_runs.progress(database, "acme", first, 0.9, 60)


def test_a_lease_that_ran_out_cannot_be_renewed(database: Database, wait_until: Callable[..., object]) -> None:
    submit(database, "acme", SPEC, 7)
    held = shadow_runs.claim(database, "acme", "one", 0.0, 8)
    assert held is not None
    wait_until(lambda: not shadow_runs.progress(database, "acme", held, 0.1, 0.0))
    assert shadow_runs.claim(database, "acme", "two", 60, 9) is not None


def test_each_run_is_one_runners(database: Database) -> None:
    names = {submit(database, "acme", SPEC, at) for at in range(6)}
    with ThreadPoolExecutor(6) as pool:
        held = list(pool.map(lambda i: shadow_runs.claim(database, "acme", f"runner {i}", 60, 8), range(6)))
    # Who meets a locked row on PostgreSQL may go away empty; it asks again at its next look.
    taken = [h.run for h in held if h is not None]
    assert len(taken) == len(set(taken))
    while (more := shadow_runs.claim(database, "acme", "last", 60, 8)) is not None:
        taken.append(more.run)
    assert sorted(taken) == sorted(names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modle": "x"}, "modle: is not known here"),
        ({"bars": {"margins": 1}}, r"bars\.margins: is not known here"),
        ({"bars": {"margin": -1}}, r"bars\.margin: expected `float` >= 0"),
        ({"start_us": "now"}, "start_us: expected `int`, got `str`"),
        ({"path": ""}, "path: expected `str` of length >= 1"),
        ({"end_us": 0}, "end_us: is 0, and must be later than start_us, 0"),
    ],
)
def test_a_spec_that_is_wrong_names_its_field(change: dict[str, object], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        from_json(SPEC.to_json() | change)

"""Dead letters in a real database."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from store import dead_letters
from store.dead_letters import DeadLetter

LETTER = DeadLetter("t/0", 5, 1, "ts", "is missing", "application/json", b"\0{}", 1_000)


def test_a_letter_is_stored_once(gateway: Callable[..., Any]) -> None:
    db = gateway().db
    assert dead_letters.save(db, "default", []) == 0
    assert dead_letters.save(db, "default", [LETTER, replace(LETTER, row=2)]) == 2
    assert dead_letters.save(db, "default", [replace(LETTER, reason="other"), replace(LETTER, offset=6)]) == 1
    assert dead_letters.save(db, "fraud", [LETTER]) == 1
    assert dead_letters.count(db, "default") == 3
    assert LETTER in dead_letters.listing(db, "default")


def test_the_newest_come_first_and_can_be_chosen(gateway: Callable[..., Any]) -> None:
    db = gateway().db
    letters = [replace(LETTER, row=i, received_us=i, field="id" if i % 2 else "ts") for i in range(10)]
    dead_letters.save(db, "default", letters)
    assert [x.row for x in dead_letters.listing(db, "default", 3)] == [9, 8, 7]
    assert [x.row for x in dead_letters.listing(db, "default", field="ts")] == [8, 6, 4, 2, 0]
    assert dead_letters.count(db, "default", source="t/1") == 0


def test_texts_with_nul_do_not_stop_the_others(gateway: Callable[..., Any]) -> None:
    db = gateway().db
    dead_letters.save(db, "default", [replace(LETTER, field="features.a\0b")])
    assert dead_letters.listing(db, "default")[0].field == "features.a␀b"


def test_many_letters_are_stored_all_or_none(gateway: Callable[..., Any]) -> None:
    db = gateway().db

    def broken() -> Iterator[DeadLetter]:
        yield from (replace(LETTER, row=row) for row in range(25_000))
        raise RuntimeError("the rest cannot be told")

    with pytest.raises(RuntimeError, match="cannot be told"):
        dead_letters.save(db, "default", broken())
    assert dead_letters.count(db, "default") == 0
    assert dead_letters.save(db, "default", (replace(LETTER, row=row) for row in range(25_000))) == 25_000
    assert dead_letters.count(db, "default") == 25_000

"""A message that nobody foresaw and that cannot be brought in: it becomes a dead letter, and stands in nobody's way."""

import json

import pytest

from collector.isolation import flush_apart
from kernel.errors import ContractError
from store import dead_letters
from store.commit import next_offsets
from stream.codecs.batch import MAX_REFUSALS, WHOLE_MESSAGE
from stream.message import Message, Partition

PREDICTIONS = Partition("driftglass.predictions", 0)
OTHER = Partition("driftglass.predictions", 1)


@pytest.fixture
def names_of_users(prediction) -> bytes:
    """Records in which a feature's name carries a value: as many columns as records."""
    return json.dumps([prediction(n, features={f"user-{n}": 1.0}) for n in range(10_000, 14_200)]).encode()


def test_one_message_that_cannot_be_brought_in_is_buried_and_all_others_are_kept(
    workspace, messages, prediction, names_of_users
) -> None:
    bodies = [prediction(n) for n in range(20)]
    sink = workspace.sink()
    sink.recover([PREDICTIONS, OTHER])
    sink.take({PREDICTIONS: messages([*bodies[:7], names_of_users, *bodies[7:]])})
    sink.take({OTHER: messages([prediction(n) for n in range(50, 60)], partition=OTHER)})
    with pytest.raises(ContractError) as refused:
        sink.flush()

    flushed = flush_apart(sink, refused.value)

    assert (flushed.accepted, flushed.refused, flushed.doubled) == (30, 1, 0)
    assert len(workspace.record_rows()) == workspace.profile().rows == workspace.window_rows() == 30
    assert next_offsets(workspace.db, "default", [PREDICTIONS, OTHER]) == {PREDICTIONS: 21, OTHER: 10}
    (letter,) = dead_letters.listing(workspace.db, "default")
    assert (letter.source, letter.offset, letter.row) == ("driftglass.predictions/0", 7, WHOLE_MESSAGE)
    assert letter.body == names_of_users
    assert "must not carry a value" in letter.reason


def test_messages_that_only_together_are_too_much_are_all_kept(workspace, messages, prediction) -> None:
    bodies = [prediction(n, features={f"user-{n}": 1.0}) for n in range(4_200)]
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    sink.take({PREDICTIONS: messages(bodies)})
    with pytest.raises(ContractError) as refused:
        sink.flush()

    flushed = flush_apart(sink, refused.value)

    assert (flushed.accepted, flushed.refused) == (4_200, 0)
    assert len(workspace.record_rows()) == workspace.profile().rows == 4_200


def test_a_message_of_very_many_bad_records_writes_a_thousand_letters_and_one_of_the_whole(
    workspace, messages, prediction
) -> None:
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    sink.take({PREDICTIONS: messages([json.dumps([1] * 5_000).encode(), prediction(0)])})

    assert sink.flush().refused == 5_000

    assert dead_letters.count(workspace.db, "default") == MAX_REFUSALS + 1
    whole = [x for x in dead_letters.listing(workspace.db, "default", 2_000) if x.row == WHOLE_MESSAGE]
    assert [(x.body, "4000 more" in x.reason) for x in whole] == [(json.dumps([1] * 5_000).encode(), True)]
    assert len(workspace.record_rows()) == 1


def test_a_text_that_no_database_takes_is_refused_and_not_tried_for_ever(workspace) -> None:
    now_us = workspace.clock.now_us()
    message = Message(PREDICTIONS, 0, b"x", "half a pair: \ud800", {}, now_us)
    sink = workspace.sink()
    sink.recover([PREDICTIONS])
    sink.take({PREDICTIONS: [message]})

    assert sink.flush().refused == 1

    (letter,) = dead_letters.listing(workspace.db, "default")
    assert letter.content_type == "half a pair: ?"

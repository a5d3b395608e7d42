"""A part may do other work on a thread of its own: they stop together, and a failure of either ends the part."""

import threading

import pytest

from service.loops import Stop, beside


def test_the_other_work_is_stopped_at_the_end_and_waited_for() -> None:
    stop, done = Stop(), threading.Event()

    def work() -> None:
        stop.wait_for_ever()
        done.set()

    with beside(work, stop):
        assert not done.is_set()
    assert done.is_set()


def test_where_the_other_work_fails_all_is_asked_to_stop_and_the_failure_is_raised() -> None:
    stop = Stop()

    def work() -> None:
        raise ValueError("the other work failed")

    with pytest.raises(ValueError, match="the other work failed"), beside(work, stop):
        stop.wait_for_ever()


def test_where_the_block_fails_the_other_work_is_stopped() -> None:
    stop = Stop()
    with pytest.raises(ValueError, match="the block failed"), beside(stop.wait_for_ever, stop):
        raise ValueError("the block failed")
    assert stop.is_set()


def test_other_work_that_is_done_early_stops_nothing() -> None:
    stop, done = Stop(), threading.Event()
    with beside(done.set, stop):
        assert done.wait(30)
        assert not stop.is_set()

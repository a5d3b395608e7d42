"""What both logs promise; see stream/message.py."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from kernel.errors import UnavailableError
from stream.message import Outgoing, Partition

WAIT_S = 20.0


def numbered(count, size=0):
    return [Outgoing(b"%d" % i + b"." * size, bucket=i % 8) for i in range(count)]


def numbers(messages):
    return [int(m.value.rstrip(b".")) for m in messages]


def test_messages_come_in_order_from_the_partition_of_their_bucket(log):
    appender, source = log.appender(), log.source()
    for start in range(0, 200, 40):
        appender.append(log.topic, numbered(200)[start : start + 40], WAIT_S)
    read = log.read(source, 200)
    assert {p.number: numbers(m) for p, m in read.items()} == {
        n: [i for i in range(200) if i % 8 % 4 == n] for n in range(4)
    }
    for messages in read.values():
        assert [m.offset for m in messages] == list(range(50))


def test_a_message_comes_back_as_it_was_sent(log):
    headers = {"workspace": "wörk", "model": "flight-delay"}
    log.appender().append(log.topic, [Outgoing(b"\x00\xff", "application/x-ndjson", 3, headers)], WAIT_S)
    (message,) = log.read(log.source(), 1)[Partition(log.topic, 3)]
    assert (message.value, message.content_type, dict(message.headers)) == (
        b"\x00\xff",
        "application/x-ndjson",
        headers,
    )
    assert message.partition == Partition(log.topic, 3)
    assert message.timestamp_us > 1_600_000_000_000_000


def test_a_message_without_a_bucket_goes_anywhere(log):
    log.appender().append(log.topic, [Outgoing(b"%d" % i) for i in range(20)], WAIT_S)
    read = log.read(log.source(), 20)
    assert sorted(i for m in read.values() for i in numbers(m)) == list(range(20))


def test_several_appenders_at_once_lose_nothing_and_keep_each_ones_order(log):
    shared, source = log.appender(), log.source()
    appenders = [shared, shared, shared, log.appender(), log.appender()]

    def write(writer):
        for i in range(30):
            appenders[writer].append(log.topic, [Outgoing(b"%d" % (writer * 100 + i), bucket=writer)], WAIT_S)

    with ThreadPoolExecutor(len(appenders)) as threads:
        list(threads.map(write, range(len(appenders))))
    got = [i for m in log.read(source, 150).values() for i in numbers(m)]
    for writer in range(len(appenders)):
        assert [i for i in got if i // 100 == writer] == list(range(writer * 100, writer * 100 + 30))


def test_the_listener_hears_of_a_partition_before_its_messages_and_seeks(log, listener):
    log.appender().append(log.topic, numbered(80), WAIT_S)
    hears = listener({p: 5 + p.number for p in log.all})
    source = log.source(hears)
    assert hears.heard == []
    read = log.read(source, 80 - sum(hears.starts.values()))
    assert {p: m[0].offset for p, m in read.items()} == hears.starts
    assert sorted(hears.heard) == sorted(("assigned", p) for p in log.all)


def test_a_new_reader_goes_on_from_the_offsets_that_were_kept(log, listener):
    appender = log.appender()
    appender.append(log.topic, numbered(100), WAIT_S)
    first = log.source()
    before = log.read(first, 100)
    first.close()
    appender.append(log.topic, numbered(40), WAIT_S)
    second = log.source(listener({p: m[-1].offset + 1 for p, m in before.items()}))
    after = log.read(second, 40)
    assert second.poll(0.2) == {}
    for partition in log.all:
        offsets = [m.offset for m in itertools.chain(before[partition], after[partition])]
        assert offsets == list(range(35))


def test_seeking_goes_back_and_forth(log):
    log.appender().append(log.topic, [Outgoing(b"%d" % i, bucket=0) for i in range(10)], WAIT_S)
    source, partition = log.source(), log.all[0]
    log.read(source, 10)
    source.seek(partition, 7)
    assert numbers(log.read(source, 3)[partition]) == [7, 8, 9]
    source.seek(partition, 0)
    source.seek(partition, 9)
    assert numbers(log.read(source, 1)[partition]) == [9]


def test_a_seek_to_the_end_waits_for_the_next_message_and_one_beyond_is_refused(log):
    appender, source, partition = log.appender(), log.source(), log.all[0]
    appender.append(log.topic, [Outgoing(b"0", bucket=0)], WAIT_S)
    log.read(source, 1)
    with pytest.raises(UnavailableError, match=f"{partition} cannot be read from offset 2: .* 0 to 1"):
        source.seek(partition, 2)
    source.seek(partition, 1)
    assert source.poll(0.1) == {}
    appender.append(log.topic, [Outgoing(b"1", bucket=0)], WAIT_S)
    assert numbers(log.read(source, 1)[partition]) == [1]


def test_a_partition_that_is_not_assigned_cannot_be_sought(log):
    with pytest.raises(UnavailableError, match="not assigned"):
        log.source().seek(Partition("another.topic", 0), 0)


def test_ends_are_the_offsets_of_the_next_messages(log):
    appender, source = log.appender(), log.source()
    assert source.ends(log.all) == dict.fromkeys(log.all, 0)
    appender.append(log.topic, [Outgoing(b"", bucket=b) for b in (0, 0, 0, 1, 5)], WAIT_S)
    assert list(source.ends(log.all).values()) == [3, 2, 0, 0]
    assert source.ends([]) == {}


def test_a_paused_partition_waits_and_keeps_its_place(log):
    appender, source = log.appender(), log.source()
    appender.append(log.topic, numbered(40), WAIT_S)
    log.read(source, 40)
    source.pause(log.all[:1])
    appender.append(log.topic, numbered(40), WAIT_S)
    assert log.all[0] not in log.read(source, 30)
    assert source.poll(0.2) == {}
    source.resume(log.all[:1])
    (messages,) = log.read(source, 10).values()
    assert [(m.partition, m.offset) for m in messages] == [(log.all[0], o) for o in range(10, 20)]


def test_big_messages_pass(log):
    value = bytes(range(256)) * (5 << 12)
    log.appender().append(log.topic, [Outgoing(value, bucket=b) for b in range(6)], WAIT_S)
    read = log.read(log.source(), 6)
    assert all(m.value == value for messages in read.values() for m in messages)


def test_a_poll_stops_soon_after_its_bytes_and_always_brings_something(log):
    log.appender().append(log.topic, numbered(64, size=1 << 20), WAIT_S)
    source, sizes, got = log.source(), [], []
    while len(got) < 64:
        polled = [m for messages in source.poll(5.0, max_bytes=1).values() for m in messages]
        sizes.append(sum(len(m.value) for m in polled))
        got += polled
    assert max(sizes) <= 20 << 20
    for partition in log.all:
        assert [m.offset for m in got if m.partition == partition] == list(range(16))


def test_what_the_listener_raises_comes_out_and_nothing_is_lost(log, listener):
    log.appender().append(log.topic, numbered(40), WAIT_S)
    hears = listener(fail_once=UnavailableError("the store is away"))
    source = log.source(hears)
    with pytest.raises(UnavailableError, match="the store is away"):
        log.read(source, 40)
    assert sorted(i for m in log.read(source, 40).values() for i in numbers(m)) == sorted(range(40))


def test_closing_gives_the_partitions_up_once(log, listener):
    hears = listener()
    source = log.source(hears)
    log.appender().append(log.topic, numbered(8), WAIT_S)
    log.read(source, 8)
    source.close()
    source.close()
    assert hears.held == set()
    assert sorted(hears.heard[4:]) == sorted(("revoked", p) for p in log.all)


def test_a_closed_appender_says_so(log):
    appender = log.appender()
    assert appender.partitions(log.topic) == 4
    appender.append(log.topic, [], WAIT_S)
    appender.close()
    appender.close()
    with pytest.raises(UnavailableError, match="closed"):
        appender.append(log.topic, numbered(1), WAIT_S)

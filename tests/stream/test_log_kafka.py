"""What is Kafka's own: groups, other people's messages, and a broker that is not there."""

import subprocess
import sys
import time
import uuid
from typing import get_args

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from kernel.errors import ContractError, FullError, SettingsError, UnavailableError
from kernel.settings import KafkaSettings, LogSettings
from stream.confluent_source import ConfluentSource
from stream.kafka_appender import KafkaAppender
from stream.kafka_client import ensure_topics
from stream.kafka_source import KafkaSource
from stream.message import POLL_BYTES, Outgoing, Partition
from stream.open import open_source

WAIT_S = 20.0
NOWHERE = KafkaSettings(bootstrap="127.0.0.1:1")

kafka_only = pytest.mark.kafka


READ_AND_SAY = """
import sys
from kernel.settings import LogSettings
from stream.open import open_source
class Listener:
    def on_assigned(self, partitions):
        print(len(partitions), flush=True)
source = open_source(LogSettings.model_validate_json(sys.argv[1]), [sys.argv[2]], Listener())
while True:
    source.poll(1.0)
"""


def until(holds, *sources, into=None, max_bytes=POLL_BYTES):
    """Poll the sources in turn, once at least, until the condition holds; what they deliver goes into a list each."""
    into = into or [[] for _ in sources]
    deadline = time.monotonic() + 30
    while True:
        for source, came in zip(sources, into, strict=True):
            came += [m for messages in source.poll(0.2, max_bytes).values() for m in messages]
        if holds():
            return
        assert time.monotonic() < deadline


def drop_before(kafka, partition, offset):
    """As Kafka's retention does."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_records({TopicPartition(partition.topic, partition.number): offset})
    admin.close()


@kafka_only
def test_two_readers_of_a_group_share_the_partitions(kafka_log, listener):
    one = listener()
    first = kafka_log.source(one)
    until(lambda: len(one.held) == 4, first)
    appender = kafka_log.appender()
    appender.append(kafka_log.topic, [Outgoing(b"%d" % i, bucket=i) for i in range(40)], WAIT_S)
    kept = {p: messages[-1].offset + 1 for p, messages in kafka_log.read(first, 40).items()}

    other = listener(starts=kept, heard=one.heard)  # one list, so that it shows who heard first
    second = kafka_log.source(other)
    until(lambda: len(one.heard) == 8, first, second)
    moved = [p for event, p in one.heard[4:6]]
    assert one.heard[4:] == [("revoked", p) for p in moved] + [("assigned", p) for p in moved]

    appender.append(kafka_log.topic, [Outgoing(b"%d" % i, bucket=i) for i in range(40, 80)], WAIT_S)
    came = [[], []]
    until(lambda: sum(map(len, came)) == 40, first, second, into=came)
    assert sorted(int(m.value) for m in came[0] + came[1]) == list(range(40, 80))
    assert {m.partition for m in came[1]} == set(moved)
    assert {m.partition for m in came[0]} == set(kafka_log.all) - set(moved)


@kafka_only
def test_a_reader_that_has_never_polled_keeps_no_partition_from_the_others(kafka_log, listener):
    kafka_log.source()
    one = listener()
    reader = kafka_log.source(one)
    until(lambda: len(one.held) == 4, reader)
    kafka_log.appender().append(kafka_log.topic, [Outgoing(b"%d" % i, bucket=i) for i in range(40)], WAIT_S)
    read = kafka_log.read(reader, 40)
    assert sorted(int(m.value) for messages in read.values() for m in messages) == list(range(40))


@kafka_only
def test_when_a_reader_leaves_the_others_get_its_partitions(kafka_log, listener):
    one, other = listener(), listener()
    first, second = kafka_log.source(one), kafka_log.source(other)
    until(lambda: len(one.held) == len(other.held) == 2, first, second)
    second.close()
    until(lambda: len(one.held) == 4, first)


@kafka_only
def test_a_pause_ends_when_the_partition_is_given_up(kafka_log, listener):
    one, other = listener(), listener()
    first = kafka_log.source(one)
    until(lambda: len(one.held) == 4, first)
    first.pause(kafka_log.all)
    second = kafka_log.source(other)
    until(lambda: len(one.held) == len(other.held) == 2, first, second)
    back = other.held
    second.close()
    until(lambda: len(one.held) == 4, first)
    kafka_log.appender().append(kafka_log.topic, [Outgoing(b"%d" % i, bucket=i) for i in range(4)], WAIT_S)
    assert set(kafka_log.read(first, 2)) == back


@kafka_only
def test_a_killed_readers_partitions_go_to_another(kafka_log, listener):
    command = [sys.executable, "-c", READ_AND_SAY, kafka_log.settings.model_dump_json(), kafka_log.topic]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "4\n"
    process.kill()
    process.communicate()
    hears = listener()
    source = kafka_log.source(hears)
    until(lambda: len(hears.held) == 4, source)


@kafka_only
def test_messages_fetched_ahead_of_a_partition_that_was_taken_are_not_delivered(kafka_log, listener):
    kafka_log.appender().append(kafka_log.topic, [Outgoing(b"x" * 10_000, bucket=i) for i in range(400)], WAIT_S)
    one, other = listener(), listener()
    first = kafka_log.source(one)
    until(lambda: len(one.held) == 4, first, max_bytes=1)
    second, delivered_held = kafka_log.source(other), []
    came = [[], []]
    while len(other.held) < 2:
        until(lambda: True, second, into=came[1:])
        delivered_held += [p in one.held for p in first.poll(0.1, max_bytes=1)]
    assert all(delivered_held)
    until(lambda: {m.partition for m in came[1]} == other.held, second, into=came[1:])
    assert {p: min(m.offset for m in came[1] if m.partition == p) for p in other.held} == dict.fromkeys(other.held, 0)


@kafka_only
def test_other_peoples_messages_are_json_by_guess(kafka_log, kafka):
    producer = KafkaProducer(bootstrap_servers=kafka)
    for headers in ([], [("Content-Type", b"Application/X-NDJSON; charset=utf-8")], [("odd", b"\xff"), ("none", b"")]):
        producer.send(kafka_log.topic, b"{}", key=b"theirs", partition=2, headers=headers)
    producer.send(kafka_log.topic, None, key=b"deleted", partition=2)
    producer.close()
    messages = kafka_log.read(kafka_log.source(), 4)[Partition(kafka_log.topic, 2)]
    json = "application/json"
    assert [m.content_type for m in messages] == [json, "application/x-ndjson", json, json]
    assert [m.value for m in messages] == [b"{}", b"{}", b"{}", b""]
    assert messages[2].headers == {"odd": "\ufffd", "none": ""}


@kafka_only
def test_a_place_that_retention_has_dropped_is_an_error_never_a_jump(kafka_log, kafka):
    partition = Partition(kafka_log.topic, 0)
    source = kafka_log.source()
    kafka_log.appender().append(kafka_log.topic, [Outgoing(b"%d" % i, bucket=0) for i in range(10)], WAIT_S)
    kafka_log.read(source, 10)
    drop_before(kafka, partition, 6)
    with pytest.raises(UnavailableError, match=r"offset 5: .* holds 6 to 10; its retention"):
        source.seek(partition, 5)
    source.seek(partition, 6)
    assert [m.offset for m in kafka_log.read(source, 4)[partition]] == [6, 7, 8, 9]


@kafka_only
def test_messages_dropped_while_they_were_waiting_are_an_error(kafka_log, kafka):
    partition = Partition(kafka_log.topic, 0)
    source = kafka_log.source()
    appender = kafka_log.appender()
    appender.append(kafka_log.topic, [Outgoing(b"first", bucket=0)], WAIT_S)
    kafka_log.read(source, 1)
    source.pause([partition])
    source.poll(0.5)
    appender.append(kafka_log.topic, [Outgoing(b"%d" % i, bucket=0) for i in range(10)], WAIT_S)
    source.seek(partition, 2)
    drop_before(kafka, partition, 6)
    source.resume([partition])
    with pytest.raises(UnavailableError, match="dropped messages before they were read"):
        kafka_log.read(source, 1)


@kafka_only
def test_a_partition_that_failed_says_so_until_it_is_sought_and_holds_no_other_up(kafka_log, kafka):
    broken, whole = kafka_log.all[:2]
    source, appender = kafka_log.source(), kafka_log.appender()
    appender.append(kafka_log.topic, [Outgoing(b"%d" % i, bucket=0) for i in range(10)], WAIT_S)
    kafka_log.read(source, 10)
    source.pause([broken])
    source.seek(broken, 2)
    drop_before(kafka, broken, 6)
    source.resume([broken])
    for _ in range(2):
        with pytest.raises(UnavailableError, match="dropped messages before they were read"):
            kafka_log.read(source, 1)
    source.pause([broken])
    appender.append(kafka_log.topic, [Outgoing(b"1", bucket=1)], WAIT_S)
    assert set(kafka_log.read(source, 1)) == {whole}
    source.seek(broken, 7)
    assert source.poll(0.2) == {}
    source.resume([broken])
    assert [m.offset for m in kafka_log.read(source, 3)[broken]] == [7, 8, 9]


@kafka_only
def test_a_revocation_that_fails_comes_out_is_told_again_and_costs_no_message(kafka_log, listener):
    one, other = listener(), listener()
    first = kafka_log.source(one)
    until(lambda: len(one.held) == 4, first)
    one.fail_once = UnavailableError("the store is away")
    second = kafka_log.source(other)
    appender, came, raised = kafka_log.appender(), [], []
    appender.append(kafka_log.topic, [Outgoing(b"%d" % i, bucket=i) for i in range(40)], WAIT_S)
    deadline = time.monotonic() + 30
    while len(other.held) < 2 or len(one.held) > 2:
        assert time.monotonic() < deadline
        try:
            came += [m for messages in first.poll(0.2).values() for m in messages]
        except UnavailableError as error:
            raised.append(str(error))
        second.poll(0.2)
    assert raised == ["the store is away"]
    assert [event for event, p in one.heard[4:]] == ["revoked"] * 4  # two of them, twice
    until(lambda: {m.partition for m in came} >= one.held, first, into=[came])
    for partition in one.held:
        assert [m.offset for m in came if m.partition == partition] == list(range(10))


@kafka_only
@pytest.mark.parametrize("client", get_args(KafkaSettings.model_fields["client"].annotation))
def test_while_no_broker_answers_nothing_comes_and_the_ends_are_not_known(mortal_kafka, listener, client):
    servers, stop = mortal_kafka
    settings = KafkaSettings(bootstrap=servers, client=client)
    ensure_topics(settings, ["t"])
    hears = listener()
    hears.source = source = open_source(LogSettings(kind="kafka", kafka=settings), ["t"], hears)
    appender = KafkaAppender(settings)
    appender.append("t", [Outgoing(b"x", bucket=0)], WAIT_S)
    came = []
    until(lambda: came, source, into=[came])
    stop()
    for _ in range(3):
        assert source.poll(0.2) == {}
    with pytest.raises(UnavailableError, match=f"^Kafka at {servers} does not "):
        source.ends([Partition("t", 0)])
    source.close()
    appender.close()


@kafka_only
def test_topics_are_made_once_and_left_as_they_are(kafka):
    settings, topic = KafkaSettings(bootstrap=kafka), f"test.{uuid.uuid4().hex}"
    appender = KafkaAppender(settings)
    with pytest.raises(UnavailableError, match=f"has no topic {topic}: create it"):
        appender.append(topic, [Outgoing(b"x")], WAIT_S)
    for source in (KafkaSource, ConfluentSource):
        with pytest.raises(UnavailableError, match=f"has no topic {topic}: create it"):
            source(settings, [topic], None)
    ensure_topics(settings, [topic])
    ensure_topics(settings, [topic], partitions=3)
    assert appender.partitions(topic) == 8
    appender.append(topic, [Outgoing(b"x", bucket=7)], WAIT_S)
    appender.close()


@kafka_only
def test_a_message_larger_than_the_topic_takes_is_the_senders_to_mend(kafka_log):
    with pytest.raises(ContractError, match="send smaller batches"):
        kafka_log.appender().append(kafka_log.topic, [Outgoing(b"x" * (33 << 20), bucket=0)], WAIT_S)


@kafka_only
def test_too_much_on_its_way_is_refused_and_what_has_arrived_makes_room(kafka_log):
    appender = KafkaAppender(kafka_log.settings.kafka, pending_bytes=1_000)
    kafka_log.opened.append(appender)
    with pytest.raises(UnavailableError, match="within 0 s"):
        appender.append(kafka_log.topic, [Outgoing(b"x" * 900, bucket=0)], 0.0)
    with pytest.raises(FullError, match="on their way"):
        appender.append(kafka_log.topic, [Outgoing(b"x" * 900, bucket=0)], WAIT_S)
    source = kafka_log.source()
    kafka_log.read(source, 1)
    appender.append(kafka_log.topic, [Outgoing(b"x" * 100, bucket=0)], WAIT_S)
    kafka_log.read(source, 1)
    appender.append(kafka_log.topic, [Outgoing(b"x" * 900, bucket=0)], WAIT_S)
    kafka_log.read(source, 1)


@pytest.mark.parametrize(
    "open_it",
    [
        KafkaAppender,
        lambda s: KafkaSource(s, ["t"], None),
        lambda s: ConfluentSource(s, ["t"], None),
        lambda s: ensure_topics(s, []),
    ],
)
def test_a_missing_broker_is_one_sentence_within_seconds(open_it):
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"^Kafka at 127.0.0.1:1 does not answer: check log.kafka.bootstrap$"):
        open_it(NOWHERE)
    assert time.monotonic() - began < 8


def test_a_bootstrap_that_is_no_address_is_a_settings_error():
    with pytest.raises(SettingsError, match=r"log\.kafka\.bootstrap is 'host:port:more': write host:port"):
        KafkaAppender(KafkaSettings(bootstrap="host:port:more"))

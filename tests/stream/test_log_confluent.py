"""What is confluent-kafka's own: the extra, its errors as ours, and a group that both clients share."""

import dataclasses
import subprocess
import sys
import time

import pytest
from confluent_kafka import KafkaError

from kernel.errors import SettingsError, UnavailableError
from kernel.settings import KafkaSettings, LogSettings
from stream.confluent_client import as_ours, consumer
from stream.message import Outgoing

PATIENCE_S = 30.0
SETTINGS = KafkaSettings(bootstrap="broker:9092", client="confluent")

WITHOUT_THE_EXTRA = """
import sys
sys.modules["confluent_kafka"] = None
from kernel.errors import SettingsError
from stream.open import open_source
from kernel.settings import KafkaSettings, LogSettings
try:
    open_source(LogSettings(kind="kafka", kafka=KafkaSettings(client="confluent")), ["t"], None)
except SettingsError as error:
    print(error)
"""


def until(holds, *sources, count=None):
    """Poll the sources in turn until the condition holds, or so many messages came; what came, a list each."""
    came = [[] for _ in sources]
    deadline = time.monotonic() + PATIENCE_S
    while not holds() and sum(map(len, came)) != count:
        assert time.monotonic() < deadline
        for source, messages in zip(sources, came, strict=True):
            messages += [m for found in source.poll(0.2).values() for m in found]
    return came


def test_without_the_extra_one_sentence_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT_THE_EXTRA], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "log.kafka.client is 'confluent', and confluent-kafka is missing: "
        "install it, pip install 'driftglass[confluent]'\n"
    )


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (KafkaError._ALL_BROKERS_DOWN, "does not answer: check log.kafka.bootstrap"),
        (KafkaError._TIMED_OUT, "does not answer: check log.kafka.bootstrap"),
        (KafkaError._AUTO_OFFSET_RESET, r"has dropped messages before they were read \(why\): raise its retention"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, r"has no such topic or partition \(why\): create it"),
        (KafkaError._UNKNOWN_PARTITION, "does not say where a partition is: it is away, or the topic has gone"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, r"does not let us in: why; check the rights of this user"),
        (KafkaError._BAD_MSG, "has failed: why"),
    ],
)
def test_an_error_of_the_client_is_one_sentence_of_ours(code, sentence):
    with pytest.raises(UnavailableError, match=rf"^Kafka at broker:9092 {sentence}$"):
        raise as_ours(SETTINGS, KafkaError(code, "why"))


def test_a_configuration_that_the_client_refuses_is_a_settings_error():
    settings = SETTINGS.model_copy(update={"fetch_max_bytes": 3 << 30})
    with pytest.raises(SettingsError, match=r"^Kafka at broker:9092 cannot be used with these settings: .*fetch\.max"):
        consumer(settings)


@pytest.mark.kafka
@pytest.mark.parametrize(
    "kinds", [("kafka-python", "confluent"), ("confluent", "kafka-python")], ids=lambda kinds: " to ".join(kinds)
)
def test_a_group_goes_over_from_one_client_to_the_other_member_by_member(make_kafka_log, listener, kinds):
    made = make_kafka_log(kinds[0])
    patient = {"session_timeout_ms": 6_000}  # a starved member that the group gives up hands nothing over
    old, new = (
        dataclasses.replace(made, settings=LogSettings(kind="kafka", kafka=made.settings.kafka.model_copy(update=of)))
        for of in (patient, patient | {"client": kinds[1]})
    )
    appender, one = old.appender(), listener()

    def send(numbers):
        appender.append(old.topic, [Outgoing(b"%d" % i, bucket=i) for i in numbers], PATIENCE_S)

    first = old.source(one)
    send(range(40))
    kept = {p: messages[-1].offset + 1 for p, messages in old.read(first, 40).items()}
    other = listener(starts=kept, heard=one.heard)  # one list, so that it shows who heard first
    second = new.source(other)
    until(lambda: len(one.heard) == 8, first, second)
    moved = [p for event, p in one.heard[4:6]]
    assert one.heard[4:] == [("revoked", p) for p in moved] + [("assigned", p) for p in moved]

    send(range(40, 80))
    came = until(lambda: False, first, second, count=40)
    assert sorted(int(m.value) for messages in came for m in messages) == list(range(40, 80))
    assert [{m.partition for m in messages} for messages in came] == [set(old.all) - set(moved), set(moved)]

    other.starts = dict.fromkeys(old.all, 20)
    first.close()
    until(lambda: len(one.heard) == 12, second)
    send(range(80, 120))
    [came] = until(lambda: False, second, count=40)
    assert sorted(int(m.value) for m in came) == list(range(80, 120))

"""Fill a log: arrow or json, how many rows, over how many partitions, then the log (bench.ingest.log_of)."""

import itertools
import sys
from dataclasses import replace

from bench.ingest import PARTITION, log_of
from bench.messages import arrow_messages, json_messages
from bench.probe import report
from stream.open import ensure_topics, open_appender

APPEND_TIMEOUT_S = 60.0
MESSAGES_AN_APPEND = {"arrow": 100, "json": 10_000}


def main() -> None:
    what, rows, partitions, where = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    settings = log_of(where, partitions=partitions)
    ensure_topics(settings, [PARTITION.topic])
    appender = open_appender(settings)
    messages = arrow_messages(rows, seed=4) if what == "arrow" else json_messages(rows, seed=4)
    sent, size = 0, 0
    spread = (replace(message, bucket=number % partitions) for number, message in enumerate(messages))
    while batch := list(itertools.islice(spread, MESSAGES_AN_APPEND[what])):
        appender.append(PARTITION.topic, batch, APPEND_TIMEOUT_S)
        sent, size = sent + len(batch), size + sum(len(m.value) for m in batch)
    appender.close()
    report({"messages": sent, "bytes": size})


main()

"""What is the local log's own: its file, its limit, its lock, and that it survives being killed."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kernel.clock import SystemClock
from kernel.errors import FullError, SettingsError, UnavailableError
from kernel.settings import LocalLogSettings
from stream.local_appender import LocalAppender
from stream.message import Outgoing

WAIT_S = 20.0

APPEND_AND_SAY = """
import sys
from pathlib import Path
from kernel.settings import LocalLogSettings
from stream.local_appender import LocalAppender
from stream.message import Outgoing
appender = LocalAppender(LocalLogSettings(path=Path(sys.argv[1]), partitions=4))
for i in range(int(sys.argv[3])):
    appender.append(sys.argv[2], [Outgoing(b"%d" % i, bucket=0), Outgoing(b"%d" % i, bucket=1)], 20.0)
    print(i, flush=True)
"""

READ_AND_SAY = """
import sys, time
from pathlib import Path
from kernel.settings import LocalLogSettings
from stream.local_source import LocalSource
source = LocalSource(LocalLogSettings(path=Path(sys.argv[1]), partitions=4), [sys.argv[2]], None)
print("reading", flush=True)
time.sleep(60)
"""


def start(script, log, *args):
    command = [sys.executable, "-c", script, str(log.settings.local.path), log.topic, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill(process):
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.stdout.close()
    process.wait()
    return rest


def test_nothing_acknowledged_is_lost_when_the_appending_process_is_killed(local_log):
    process = start(APPEND_AND_SAY, local_log, 1_000_000)
    said = [process.stdout.readline() for _ in range(100)]
    said += kill(process).splitlines()
    read = local_log.read(local_log.source(), 2 * len(said))
    for partition in local_log.all[:2]:
        values = [int(m.value) for m in read[partition]]
        assert values == list(range(len(values)))
        assert len(values) in (len(said), len(said) + 1)  # the last may be durable without having been said


def test_several_processes_append(local_log):
    processes = [start(APPEND_AND_SAY, local_log, 50) for _ in range(3)]
    source = local_log.source()
    read = local_log.read(source, 300)
    for process in processes:
        process.communicate()
    assert [m.offset for m in read[local_log.all[0]]] == list(range(150))
    assert source.ends(local_log.all[:2]) == dict.fromkeys(local_log.all[:2], 150)


def test_a_second_reader_is_refused_until_the_first_is_gone(local_log):
    process = start(READ_AND_SAY, local_log)
    assert process.stdout.readline() == "reading\n"
    with pytest.raises(
        UnavailableError, match=r"test.predictions of the local log is read by another process .*log.db"
    ):
        local_log.source()
    kill(process)
    first = local_log.source()
    with pytest.raises(UnavailableError, match="read by another process"):
        local_log.source()
    first.close()
    local_log.source()


def test_a_full_log_says_when_to_try_again_and_trimming_makes_room(small_local_log):
    appender, source, first = small_local_log.appender(), small_local_log.source(), small_local_log.all[0]
    kept = 0

    def fill():
        nonlocal kept
        while True:
            appender.append(small_local_log.topic, [Outgoing(b"x" * 50_000, bucket=0)], WAIT_S)
            kept += 1

    with pytest.raises(FullError, match="max_bytes") as full:
        fill()
    assert full.value.retry_after_s > 0
    assert 10 <= kept <= 21
    assert len(small_local_log.read(source, kept)[first]) == kept
    assert small_local_log.settings.local.path.stat().st_size <= 1 << 20
    source.trim(first, kept - 1)
    appender.append(small_local_log.topic, [Outgoing(b"x" * 50_000, bucket=0)], WAIT_S)
    assert [m.offset for m in small_local_log.read(source, 1)[first]] == [kept]


def test_of_a_group_that_does_not_fit_the_small_ones_are_written(small_local_log):
    appender, source = small_local_log.appender(), small_local_log.source()

    def write(size):
        try:
            appender.append(small_local_log.topic, [Outgoing(b"x" * size, bucket=0)], WAIT_S)
        except FullError:
            return "full"
        return "written"

    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(write, [2_000_000, 10] * 8))
    assert outcomes == ["full", "written"] * 8
    assert len(small_local_log.read(source, 8)[small_local_log.all[0]]) == 8


def test_the_disk_is_never_filled_to_the_last_byte(tmp_path):
    settings = LocalLogSettings(path=tmp_path / "log.db")
    appender = LocalAppender(settings, disk_reserve_bytes=shutil.disk_usage(tmp_path).total)
    with pytest.raises(FullError, match=r"the disk of the local log .*log.db has \d+ bytes left"):
        appender.append("t", [Outgoing(b"x")], WAIT_S)
    appender.close()


def test_too_much_pending_is_refused(tmp_path):
    appender = LocalAppender(LocalLogSettings(path=tmp_path / "log.db"), pending_bytes=1_000)
    holder = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(3) as threads:
        sent = [threads.submit(appender.append, "t", [Outgoing(b"x" * 900)], WAIT_S) for _ in range(3)]
        refused = next(future for future in iter_done(sent) if future.exception())
        holder.execute("ROLLBACK")
    assert isinstance(refused.exception(), FullError)
    assert any(future.exception() is None for future in sent)
    holder.close()
    appender.close()


def iter_done(futures):
    while True:
        yield from (future for future in futures if future.done())


def test_concurrent_calls_share_a_commit(tmp_path):
    class CountingClock(SystemClock):
        commits = 0

        def now_us(self):
            self.commits += 1
            return super().now_us()

    clock = CountingClock()
    appender = LocalAppender(LocalLogSettings(path=tmp_path / "log.db"), clock)
    start_together = threading.Barrier(16)

    def write(_):
        start_together.wait()
        for _ in range(30):
            appender.append("t", [Outgoing(b"x")], WAIT_S)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(write, range(16)))
    assert clock.commits < 16 * 30 / 3
    appender.close()


def test_offsets_are_never_used_again(local_log, listener):
    first = local_log.all[0]
    appender, source = local_log.appender(), local_log.source()
    appender.append(local_log.topic, [Outgoing(b"old", bucket=0)] * 5, WAIT_S)
    local_log.read(source, 5)
    source.trim(first, 5)
    source.trim(first, 2)
    source.trim(first, 99)
    source.close()
    appender.close()
    local_log.appender().append(local_log.topic, [Outgoing(b"new", bucket=0)], WAIT_S)
    again = local_log.source(listener())
    assert [(m.offset, m.value) for m in local_log.read(again, 1)[first]] == [(5, b"new")]
    with pytest.raises(UnavailableError, match=r"offset 4: .* 5 to 6; it was trimmed"):
        again.seek(first, 4)


def test_what_is_trimmed_before_it_was_read_is_an_error(local_log):
    first = local_log.all[0]
    appender, source = local_log.appender(), local_log.source()
    source.poll(0.0)
    appender.append(local_log.topic, [Outgoing(b"x", bucket=0)] * 5, WAIT_S)
    source.trim(first, 3)
    with pytest.raises(UnavailableError, match="offsets 0 to 2 were trimmed"):
        source.poll(0.0)


def test_the_number_of_partitions_is_fixed_with_the_file(tmp_path):
    LocalAppender(LocalLogSettings(path=tmp_path / "log.db", partitions=4)).close()
    with pytest.raises(SettingsError, match=r"log.local.partitions is 1, but .*log.db was made with 4"):
        LocalAppender(LocalLogSettings(path=tmp_path / "log.db", partitions=1))


def test_a_file_of_another_kind_is_left_alone(tmp_path):
    (tmp_path / "text.db").write_text("no database at all, and long enough to be read as a header, surely " * 10)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    for path in before:
        with pytest.raises(SettingsError, match="is no local log"):
            LocalAppender(LocalLogSettings(path=path))
    assert {p: p.read_bytes() for p in before} == before


def test_a_path_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match=r"local log .*file/log.db cannot be used"):
        LocalAppender(LocalLogSettings(path=tmp_path / "file" / "log.db"))


def test_a_topic_that_kafka_would_refuse_is_refused_here_too(local_log):
    with pytest.raises(SettingsError, match="'a/b' is no topic"):
        local_log.appender().append("a/b", [Outgoing(b"x")], WAIT_S)

"""A real worker process at the other end of a tap ring: every record, kill -9, and being overrun."""

import mmap
import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from media.plane.tapring import DROP_NEWEST, DROP_OLDEST, HEADER_PAGE_BYTES, TapRingView
from media.plane.tapwords import TapWords
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
EFFORT_S = 5.0

# Prints "ready", then the number of every record, or only sums if a third argument is given; "torn" for a
# packet that is not what its number says.
WORKER = """
import os, struct, sys
from media.tap import TapKind, TapReader
reader = TapReader.from_fds(int(sys.argv[1]), int(sys.argv[2]))
quiet = len(sys.argv) > 3
read = lost = 0
os.write(1, b"ready\\n")
while True:
    record = reader.read()
    if record is None:
        if reader.closed_by_writer and reader.backlog_bytes() == 0:
            break
        reader.wait(1.0)
        continue
    if record.kind is TapKind.GAP:
        lost += record.lost_records
        continue
    number, words = record.sequence, record.sequence % 150
    first = number * 1000003
    if record.packet != struct.pack(f"={words}Q", *range(first, first + words)):
        os.write(1, b"torn\\n")
    read += 1
    if not quiet:
        os.write(1, b"%d\\n" % number)
if quiet:
    os.write(1, b"%d %d %d\\n" % (read, lost, reader.counters().lost_records))
"""


def worker(ring: TapRingView, *arguments: str) -> subprocess.Popen[bytes]:
    descriptors = ring.fds()
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *(str(descriptor) for descriptor in descriptors), *arguments],
        pass_fds=descriptors,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )


def patient_writer(ring: TapRingView, count: int) -> threading.Thread:
    def write() -> None:
        ring.write_numbered(0, count, True)
        ring.close()

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_a_worker_gets_every_record_of_a_patient_writer() -> None:
    count = 20_000
    ring = TapRingView(64 * 1024, DROP_NEWEST)
    with worker(ring) as process:
        writer = patient_writer(ring, count)
        output, _ = process.communicate(timeout=PATIENCE_S)
        writer.join(PATIENCE_S)
    assert [int(line) for line in output.split()[1:]] == list(range(count))
    assert process.returncode == 0


def test_workers_killed_one_after_another_lose_at_most_the_record_in_hand() -> None:
    # A worker runs ahead of us by what the pipe holds, some 10,000 lines: none of the six may reach the end.
    count = 150_000
    seeds = random.Random(20261121)
    ring = TapRingView(256 * 1024, DROP_NEWEST)
    writer = patient_writer(ring, count)
    parts: list[list[int]] = []
    for _ in range(6):
        with worker(ring) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(seeds.randrange(2, 3000))]
            os.kill(process.pid, signal.SIGKILL)
            lines += process.stdout.readlines()
            assert process.wait(PATIENCE_S) == -signal.SIGKILL
        parts.append([int(line) for line in lines[1:]])
    with worker(ring) as process:
        output, _ = process.communicate(timeout=PATIENCE_S)
    writer.join(PATIENCE_S)
    parts.append([int(line) for line in output.split()[1:]])
    for part in parts:
        assert part == list(range(part[0], part[-1] + 1))
    for before, after in pairwise(parts):
        assert after[0] - before[-1] in (1, 2)
    assert (parts[0][0], parts[-1][-1]) == (0, count - 1)


@pytest.mark.parametrize("capacity", [4096 * 3, 64 * 1024])
def test_a_worker_that_is_overrun_gets_no_torn_record_and_knows_how_many_it_lost(capacity: int) -> None:
    ring = TapRingView(capacity, DROP_OLDEST)
    memory_fd, _ = ring.fds()
    memory = mmap.mmap(memory_fd, HEADER_PAGE_BYTES)
    words = TapWords(memory)
    written = 0
    with worker(ring, "quiet") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        # Without rest, until the worker has been seen at 500 places: it copies what is being overwritten. On one core
        # it is seen at few, and some seconds of that are enough.
        seen, position = 0, words.reader_position()
        deadline = time.monotonic() + EFFORT_S
        while seen < 500 and time.monotonic() < deadline:
            ring.write_numbered(written, 200, False)
            written += 200
            if words.reader_position() != position:
                seen, position = seen + 1, words.reader_position()
        ring.close()
        output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert b"torn" not in output
    read, lost, counted = map(int, output.split())
    assert read + lost == written
    assert counted == lost > 0
    assert read > 0
    words.release()
    memory.close()

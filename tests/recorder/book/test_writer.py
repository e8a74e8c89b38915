"""The thread: who waits is answered when it is on disk, company makes one group, and a full queue refuses."""

import functools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from recorder.book import BookBusy, BookClosed, BookWriter, Rotate, Written
from recorder.book.disk import Disk
from recorder.book.orders import Append
from recorder.proof.errors import NotARecord
from recorder.proof.findings import is_sound
from recorder.proof.records import SignedLine, parse
from tests.patience import PATIENCE_S, wait_until
from tests.recorder.book.books import closure, event, findings_at, open_book, opening


def heads_of(root: Path, session: str) -> int:
    lines = (root / "sessions" / session / "chain.jsonl").read_bytes().splitlines()
    return sum(isinstance(parse(line), SignedLine) for line in lines)


def test_orders_gather_and_an_urgent_one_takes_all_along(tmp_path: Path) -> None:
    writer = BookWriter(open_book(tmp_path), gather_s=PATIENCE_S)
    opened = writer.submit(opening("A")).result(PATIENCE_S)
    events = [writer.submit(event("A", number)) for number in range(50)]
    assert not any(answer.done() for answer in events)
    closed = writer.submit(closure("A")).result(PATIENCE_S)
    assert opened == Written(0)
    assert [answer.result(PATIENCE_S).record for answer in events] == list(range(2, 52))
    assert closed.record == 52 and heads_of(tmp_path, "A") == 2
    with pytest.raises(NotARecord):
        writer.submit(opening("A")).result(PATIENCE_S)
    writer.close()
    assert is_sound(findings_at(tmp_path))


class WaitingDisk(Disk):
    """Lets nothing be made sure of until it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.asked = threading.Event()

    def sync(self, fd: int) -> None:
        self.asked.set()
        assert self.may.wait(PATIENCE_S)
        super().sync(fd)


def test_a_full_queue_refuses_and_what_was_taken_is_written_at_the_end(tmp_path: Path) -> None:
    disk = WaitingDisk()
    disk.may.set()
    writer = BookWriter(open_book(tmp_path, disk), max_waiting=3)
    disk.may.clear()
    disk.asked.clear()
    first = writer.submit(opening("A"))
    assert disk.asked.wait(PATIENCE_S)
    taken = [writer.submit(event("A", number)) for number in range(3)]
    with pytest.raises(BookBusy):
        writer.submit(event("A", 4))
    assert not first.done()
    disk.may.set()
    writer.close()
    assert [answer.result(0).record for answer in (first, *taken)] == [0, 2, 3, 4]
    with pytest.raises(BookClosed):
        writer.submit(Rotate())


KEEPER = """
import sys
from pathlib import Path
from recorder.book import BookWriter
from tests.recorder.book.books import Disk, event, open_book, opening
writer = BookWriter(open_book(Path(sys.argv[1]), Disk()), gather_s=0.0)
writer.submit(opening("A")).result()
number = 0
while True:
    number += 1
    print(writer.submit(event("A", number)).result().record, flush=True)
"""


def has_told(told: Path, least: int) -> bool:
    return len(told.read_bytes().splitlines()) >= least


def test_a_killed_keeper_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    told = tmp_path / "told"
    root = tmp_path / "root"
    for lines in (3, 20, 60):
        with told.open("wb") as output:
            keeper = KEEPER if lines == 3 else KEEPER.replace('writer.submit(opening("A")).result()\n', "")
            process = subprocess.Popen([sys.executable, "-c", keeper, str(root)], stdout=output)
        wait_until(functools.partial(has_told, told, lines), "answers")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        last = int(told.read_bytes().splitlines()[-1]) if told.read_bytes().endswith(b"\n") else 0
        book = open_book(root)
        assert not book.damaged
        (answer,) = book.commit([Append("A", "mark", {"at": 1})], 1)
        assert isinstance(answer, Written) and answer.record > last
        book.close()
        bad = {finding.code for finding in findings_at(root) if finding.state in ("altered", "missing", "incomplete")}
        assert bad == {"not-closed"}

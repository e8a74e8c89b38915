import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatch.journal import (
    Journal,
    JournalBusy,
    JournalClosed,
    JournalDamaged,
    JournalInvalid,
    JournalLocked,
    Limits,
)
from dispatch.journal import file as file_module
from dispatch.journal.disk import Disk
from tests.dispatch.journal.journals import HastyDisk, numbered, payloads
from tests.patience import PATIENCE_S, until


class HeldDisk(Disk):
    """Counts its syncs, and holds each back while `gate` is not set."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.syncs = 0
        self.waiting = 0

    def sync(self, fd: int) -> None:
        self.waiting += 1
        assert self.gate.wait(PATIENCE_S)
        self.waiting -= 1
        super().sync(fd)
        self.syncs += 1


def held() -> tuple[set[str], int]:
    """Give this process's descriptors and how many journals write."""
    return set(os.listdir("/proc/self/fd")), [thread.name for thread in threading.enumerate()].count("journal")


@contextlib.asynccontextmanager
async def opened(folder: Path, limits: Limits | None = None, disk: Disk | None = None) -> AsyncIterator[Journal]:
    journal = Journal.open(folder, "n", limits, disk)
    try:
        yield journal
    finally:
        await asyncio.to_thread(journal.close)


async def test_what_was_appended_is_there_after_opening_anew(tmp_path: Path) -> None:
    written: list[bytes] = []
    for turn in range(4):
        async with opened(tmp_path) as journal:
            assert journal.position == len(written) and journal.cut_bytes == 0
            assert payloads(journal) == written
            more = numbered(range(turn * 10, turn * 10 + 10))
            assert await journal.append(more) == range(len(written), len(written) + 10)
            written += more
            assert journal.position == len(written)


async def test_closing_gives_everything_back(tmp_path: Path) -> None:
    before = held()
    async with opened(tmp_path, Limits(file_bytes=2000)) as journal:
        await asyncio.gather(*(journal.append([payload]) for payload in numbered(range(100))))
        list(journal.read())
        reading = journal.read()
        next(reading)
        reading.close()
    assert held() == before
    journal.close()
    last = sorted(tmp_path.glob("*.jsonl"))[-1]
    assert last.read_bytes().endswith(b"}\n"), "nothing preallocated is left"
    assert payloads(journal, 98) == numbered(range(98, 100)), "a closed journal can be read"


async def test_failed_opening_gives_everything_back(tmp_path: Path) -> None:
    async with opened(tmp_path, Limits(file_bytes=1000)) as journal:
        await asyncio.gather(*(journal.append([payload]) for payload in numbered(range(100))))
    (tmp_path / "00000002.jsonl").unlink()
    before = held()
    with pytest.raises(JournalDamaged):
        Journal.open(tmp_path, "n")
    assert held() == before


async def test_second_opener_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(JournalLocked, match="in use"):
            Journal.open(tmp_path, "n")
    Journal.open(tmp_path, "n").close()


async def test_first_goes_at_once_and_all_that_gathers_meanwhile_goes_together(tmp_path: Path) -> None:
    disk = HeldDisk()
    async with opened(tmp_path, disk=disk) as journal:
        disk.gate.clear()
        began = disk.syncs
        first = journal.append([b"first"])
        await until("the first is written", lambda: disk.waiting)
        rest = [journal.append([payload]) for payload in numbered(range(500))]
        assert journal.position == 0 and payloads(journal) == [], "nothing is given before it is durable"
        assert not first.done()
        disk.gate.set()
        await asyncio.gather(*rest)
        assert disk.syncs - began == 2
        assert first.result() == range(1)


async def test_answers_come_in_the_order_of_the_appends(tmp_path: Path) -> None:
    order: list[int] = []
    async with opened(tmp_path, Limits(file_bytes=3000), HastyDisk()) as journal:

        async def act(number: int) -> None:
            positions = await journal.append(numbered([number, number]))
            assert positions == range(2 * number, 2 * number + 2)
            order.append(number)

        await asyncio.gather(*(act(number) for number in range(1000)))
        assert order == list(range(1000))
        assert payloads(journal) == [payload for number in range(1000) for payload in numbered([number, number])]


async def test_no_more_waits_than_may(tmp_path: Path) -> None:
    disk = HeldDisk()
    async with opened(tmp_path, Limits(waiting_entries=10, waiting_bytes=1000), disk) as journal:
        disk.gate.clear()
        taken = [journal.append([b"x", b"y"]) for _ in range(5)]
        with pytest.raises(JournalBusy):
            journal.append([b"z"])
        disk.gate.set()
        await asyncio.gather(*taken)
        disk.gate.clear()
        taken = [journal.append([b"x" * 490]) for _ in range(2)]
        with pytest.raises(JournalBusy):
            journal.append([b"z"])
        disk.gate.set()
        await asyncio.gather(*taken)
        assert await journal.append([b"z"]) == range(12, 13), "there is room again"


@pytest.mark.parametrize("append", [[], [b""], [b"a\nb"], [b"a", b"x" * (1 << 21)], [b"a"] * 11, [b"x" * 500] * 2])
async def test_what_can_never_be_kept_is_refused_and_leaves_nothing(tmp_path: Path, append: list[bytes]) -> None:
    async with opened(tmp_path, Limits(waiting_entries=10, waiting_bytes=1000)) as journal:
        with pytest.raises(JournalInvalid):
            journal.append(append)
        assert await journal.append([b"a"] * 10) == range(10)
        assert payloads(journal) == [b"a"] * 10


async def test_closing_writes_what_waits_and_takes_nothing_more(tmp_path: Path) -> None:
    disk = HeldDisk()
    journal = Journal.open(tmp_path, "n", None, disk)
    disk.gate.clear()
    taken = [journal.append([payload]) for payload in numbered(range(50))]
    closing = asyncio.ensure_future(asyncio.to_thread(journal.close))

    async def refused() -> bool:
        try:
            extra.append(journal.append([b"late"]))
        except JournalClosed:
            return True
        return False

    extra: list[asyncio.Future[range]] = []
    await until("it is closing", refused)
    disk.gate.set()
    await closing
    assert [await one for one in taken] == [range(number, number + 1) for number in range(50)]
    assert journal.position == 50 + len(extra)
    with pytest.raises(JournalClosed):
        journal.append([b"late"])


async def test_closing_does_not_wait_for_ever_for_the_disk_and_lets_nobody_else_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "CLOSE_S", 0.05)
    disk = HeldDisk()
    journal = Journal.open(tmp_path, "n", None, disk)
    disk.gate.clear()
    taken = journal.append([b"a"])
    await asyncio.to_thread(journal.close)
    assert not taken.done()
    with pytest.raises(JournalLocked):
        Journal.open(tmp_path, "n")
    disk.gate.set()
    assert await taken == range(1)
    journal.close()
    Journal.open(tmp_path, "n").close()


async def test_an_append_nobody_waits_for_any_more_is_written_all_the_same(tmp_path: Path) -> None:
    disk = HeldDisk()
    async with opened(tmp_path, disk=disk) as journal:
        disk.gate.clear()
        left = journal.append([b"left"])
        left.cancel()
        kept = journal.append([b"kept"])
        disk.gate.set()
        assert await kept == range(1, 2)
        assert payloads(journal) == [b"left", b"kept"]


def test_a_loop_that_has_gone_holds_up_nobody(tmp_path: Path) -> None:
    disk = HeldDisk()
    journal = Journal.open(tmp_path, "n", None, disk)
    try:

        async def leave() -> None:
            journal.append([b"left"])

        async def stay() -> range:
            return await journal.append([b"stayed"])

        disk.gate.clear()
        asyncio.run(leave())
        disk.gate.set()
        assert asyncio.run(stay()) == range(1, 2)
    finally:
        disk.gate.set()
        journal.close()


async def test_files_roll_over_and_no_append_lies_in_two(tmp_path: Path) -> None:
    appends = [numbered(range(number, number + 1 + number % 5)) for number in range(300)]
    async with opened(tmp_path, Limits(file_bytes=4000), HastyDisk()) as journal:
        await asyncio.gather(*(journal.append(append) for append in appends))
        await journal.append([b"x" * 10_000])
        await journal.append([b"end"])
        written = [payload for append in appends for payload in append] + [b"x" * 10_000, b"end"]
        assert payloads(journal) == written
    files = sorted(tmp_path.glob("*.jsonl"))
    assert [file.name for file in files] == [f"{number:08}.jsonl" for number in range(1, len(files) + 1)]
    assert len(files) > 10
    sizes = [file.stat().st_size for file in files]
    assert max(sizes[:-2]) <= 4000 and min(sizes[:-3]) > 3000 and 10_000 < sizes[-2] < 11_000
    for file in files:
        assert file.read_bytes().split(b"\n")[-2][8:9] in b" +", "an append ends where the file does"
    async with opened(tmp_path) as journal:
        assert payloads(journal) == written


async def test_fault_of_ours_is_told_and_nothing_hangs(tmp_path: Path) -> None:
    class FaultyDisk(Disk):
        def write(self, fd: int, data: bytes, offset: int) -> None:
            if offset:
                raise ZeroDivisionError
            super().write(fd, data, offset)

    async with opened(tmp_path, disk=FaultyDisk()) as journal:
        answers = await asyncio.gather(journal.append([b"a"]), journal.append([b"b"]), return_exceptions=True)
        assert [getattr(answer, "code", answer) for answer in answers] == ["journal-broken"] * 2

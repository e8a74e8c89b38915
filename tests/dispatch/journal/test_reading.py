import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dispatch.journal import Journal, JournalDamaged, Limits, format, reading
from tests.dispatch.journal.journals import HastyDisk, numbered, payloads
from tests.patience import until

COUNT = 3000
WRITTEN = numbered(range(COUNT))


async def _write(folder: Path) -> None:
    journal = Journal.open(folder, "n", Limits(file_bytes=50_000), HastyDisk())
    for at in range(0, COUNT, 100):
        await asyncio.gather(*(journal.append(WRITTEN[place : place + 2]) for place in range(at, at + 100, 2)))
    await asyncio.to_thread(journal.close)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    asyncio.run(_write(tmp_path))
    journal = Journal.open(tmp_path, "n")
    yield journal
    journal.close()


def test_any_part_is_given(journal: Journal) -> None:
    for first in (*range(0, COUNT, 177), COUNT - 1, COUNT, COUNT + 5):
        for limit in (0, 1, 255, 256, 257, 1500, None):
            last = None if limit is None else first + limit
            assert payloads(journal, first, limit) == WRITTEN[first:last]


def test_what_makes_no_sense_is_refused(journal: Journal) -> None:
    for first, limit in ((-1, None), (0, -1)):
        with pytest.raises(ValueError):
            journal.read(first, limit)


def test_batches_are_bounded(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 1000)
    batches = list(journal.read())
    assert max(sum(len(payload) for _, payload in batch) for batch in batches) <= 1200
    assert [payload for batch in batches for _, payload in batch] == WRITTEN


def test_the_last_entries_are_found_without_reading_the_file(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    pread = os.pread

    def counted(fd: int, count: int, offset: int) -> bytes:
        asked.append(count)
        return pread(fd, count, offset)

    monkeypatch.setattr(os, "pread", counted)
    assert payloads(journal, COUNT - 3) == WRITTEN[-3:]
    assert sum(asked) < 257 * 130
    # Of a file that nothing was known of, the first reading learns where its entries are.
    asked.clear()
    last_of_first = journal._files[1].header.first - 1
    assert payloads(journal, last_of_first, 1) == [WRITTEN[last_of_first]]
    assert 45_000 < sum(asked) <= 50_000
    asked.clear()
    assert payloads(journal, last_of_first, 1) == [WRITTEN[last_of_first]]
    assert sum(asked) < 257 * 130


def test_reading_ends_with_what_was_there_when_it_was_asked_for(tmp_path: Path) -> None:
    async def check() -> None:
        journal = Journal.open(tmp_path, "n", Limits(file_bytes=1000), HastyDisk())
        await journal.append([b"a"])
        asked = journal.read()
        await asyncio.gather(*(journal.append([payload]) for payload in numbered(range(100))))
        assert list(asked) == [[(0, b"a")]]
        assert len(payloads(journal)) == 101
        await asyncio.to_thread(journal.close)

    asyncio.run(check())


async def test_other_threads_read_while_it_grows(tmp_path: Path) -> None:
    written = numbered(range(3000))
    journal = Journal.open(tmp_path, "n", Limits(file_bytes=20_000, ahead_bytes=8192), HastyDisk())
    followed = [0, 0]
    done = False

    def follow(number: int) -> None:
        read: list[bytes] = []
        while not done or len(read) < len(written):
            least = min(journal.position, len(read) + 500)
            read += payloads(journal, len(read), 500)
            assert len(read) >= least and read == written[: len(read)]
            followed[number] = len(read)

    def from_the_start() -> None:
        while not done:
            least = journal.position
            read = payloads(journal)
            assert len(read) >= least and read == written[: len(read)]

    jobs: list[Callable[[], None]] = [lambda: follow(0), lambda: follow(1), from_the_start]
    readers = [asyncio.ensure_future(asyncio.to_thread(job)) for job in jobs]
    try:
        for at in range(0, len(written), 20):
            await asyncio.gather(*(journal.append([payload]) for payload in written[at : at + 20]))
            if at == 1500:
                await until("what is there has been read", lambda: min(followed) == 1520)
    finally:
        done = True
        await asyncio.gather(*readers)
    await asyncio.to_thread(journal.close)


def _change(path: Path, offset: int, difference: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= difference
    path.write_bytes(content)


def test_damage_of_a_closed_file_is_told_with_its_place(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "00000002.jsonl"
    lines = path.read_bytes().split(b"\n")
    bad_at = sum(len(line) + 1 for line in lines[:20])
    _change(path, bad_at + 15)
    first = journal._files[1].header.first
    with pytest.raises(JournalDamaged) as caught:
        payloads(journal)
    assert (caught.value.file, caught.value.offset) == ("00000002.jsonl", bad_at)
    assert payloads(journal, 0, first) == WRITTEN[:first], "what lies before it is given"
    third = journal._files[2].header.first
    assert payloads(journal, third) == WRITTEN[third:], "and what lies behind"


def test_lost_line_feed_is_damage(journal: Journal, tmp_path: Path) -> None:
    _change(tmp_path / "00000002.jsonl", -1)
    with pytest.raises(JournalDamaged):
        payloads(journal)


def test_entries_in_another_order_are_noticed_by_the_checksum_of_the_file(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "00000001.jsonl"
    head, *lines, end = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([head, *reversed(lines), end]))
    with pytest.raises(JournalDamaged, match="not the file") as caught:
        list(journal.read())
    assert caught.value.file == "00000001.jsonl"


def test_one_entry_torn_into_two_is_noticed(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "00000001.jsonl"
    head, *lines, end = path.read_bytes().split(b"\n")
    joined = len(lines[0]) + len(lines[1]) + 1
    one = format.line(b"x" * (joined - 9))[:-1]
    assert len(one) == joined
    path.write_bytes(b"\n".join([head, one, *lines[2:], end]))
    with pytest.raises(JournalDamaged, match="fewer"):
        list(journal.read())
    shorter = format.line(b"x" * (len(lines[0]) - 9 - 11))[:-1]
    path.write_bytes(b"\n".join([head, shorter, format.line(b"y")[:-1], *lines[1:], end]))
    with pytest.raises(JournalDamaged, match="more"):
        list(journal.read())


@pytest.mark.parametrize("size", [0, 100, 30_000])
def test_file_that_ends_too_early_is_damage(journal: Journal, tmp_path: Path, size: int) -> None:
    os.truncate(tmp_path / "00000003.jsonl", size)
    with pytest.raises(JournalDamaged) as caught:
        payloads(journal)
    assert caught.value.file == "00000003.jsonl"


def test_file_that_is_gone_is_damage(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "00000002.jsonl").unlink()
    with pytest.raises(JournalDamaged, match="missing"):
        payloads(journal)

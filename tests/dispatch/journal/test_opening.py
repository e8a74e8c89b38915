import asyncio
import os
from pathlib import Path

import pytest

from dispatch.journal import Journal, JournalDamaged, JournalError, JournalForeign, Limits
from dispatch.journal.disk import Disk
from tests.dispatch.journal.journals import HastyDisk, numbered, payloads

WRITTEN = numbered(range(200))


async def _fill(folder: Path, node: str = "n") -> None:
    journal = Journal.open(folder, node, Limits(file_bytes=3000), HastyDisk())
    await asyncio.gather(*(journal.append([payload]) for payload in WRITTEN))
    await asyncio.to_thread(journal.close)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    asyncio.run(_fill(tmp_path / "journal"))
    return tmp_path / "journal"


def refused(folder: Path, node: str = "n") -> JournalError:
    with pytest.raises(JournalError) as caught:
        Journal.open(folder, node).close()
    return caught.value


def test_nobody_else_may_read_it(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_missing_file_is_noticed(folder: Path) -> None:
    (folder / "00000002.jsonl").unlink()
    error = refused(folder)
    assert isinstance(error, JournalDamaged) and error.file == "00000002.jsonl"


def test_missing_beginning_is_noticed(folder: Path) -> None:
    (folder / "00000001.jsonl").unlink()
    error = refused(folder)
    assert isinstance(error, JournalDamaged) and error.file == "00000001.jsonl"


def test_swapped_files_are_noticed(folder: Path) -> None:
    one, two, three = (folder / f"0000000{number}.jsonl" for number in (2, 3, 9))
    one.rename(three.with_suffix(".kept"))
    two.rename(one)
    three.with_suffix(".kept").rename(two)
    error = refused(folder)
    assert isinstance(error, JournalDamaged) and (error.file, error.offset) == ("00000002.jsonl", 0)


def test_file_of_another_journal_of_the_node_is_noticed(folder: Path, tmp_path: Path) -> None:
    asyncio.run(_fill(tmp_path / "other"))
    (tmp_path / "other" / "00000002.jsonl").rename(folder / "00000002.jsonl")
    assert isinstance(refused(folder), JournalForeign)


def test_journal_of_another_node_is_refused(folder: Path) -> None:
    assert isinstance(refused(folder, "m"), JournalForeign)


@pytest.mark.parametrize("size", [0, 50, 2000])
def test_file_that_is_shorter_than_its_successor_says_is_noticed(folder: Path, size: int) -> None:
    os.truncate(folder / "00000002.jsonl", size)
    error = refused(folder)
    assert isinstance(error, JournalDamaged) and error.file == "00000002.jsonl"


def test_empty_last_file_is_damage_as_it_had_no_name_before_its_header(folder: Path) -> None:
    last = sorted(folder.iterdir())[-1]
    os.truncate(last, 0)
    error = refused(folder)
    assert isinstance(error, JournalDamaged) and error.file == last.name


def test_damage_in_the_last_file_is_refused_with_its_place(folder: Path) -> None:
    async def append() -> None:
        journal = Journal.open(folder, "n")
        for payload in (b"a", b"b", b"c"):
            await journal.append([payload])
        await asyncio.to_thread(journal.close)

    asyncio.run(append())
    last = sorted(folder.iterdir())[-1]
    content = bytearray(last.read_bytes())
    content[-24] ^= 1
    last.write_bytes(content)
    error = refused(folder)
    assert isinstance(error, JournalDamaged) and (error.file, error.offset) == (last.name, len(content) - 33)
    assert last.read_bytes() == content, "what is damaged is left as it is"


def test_what_was_not_finished_is_cut_and_told(folder: Path) -> None:
    last = sorted(folder.iterdir())[-1]
    size = last.stat().st_size
    with last.open("ab") as file:
        file.write(b"12345678 {half" + bytes(5000))
    (folder / "00000099.new").write_bytes(b"a file that was not begun")
    journal = Journal.open(folder, "n")
    assert journal.cut_bytes == 14
    assert payloads(journal) == WRITTEN
    assert last.stat().st_size == size
    assert not list(folder.glob("*.new"))
    journal.close()


def test_nothing_is_read_that_is_not_known_to_be_on_disk(folder: Path) -> None:
    calls: list[str] = []

    class ToldDisk(Disk):
        def sync(self, fd: int) -> None:
            calls.append("sync")
            super().sync(fd)

        def forget(self, fd: int) -> None:
            calls.append("forget")
            super().forget(fd)

        def cut(self, fd: int, size: int) -> None:
            calls.append("cut")
            super().cut(fd, size)

    journal = Journal.open(folder, "n", None, ToldDisk())
    assert calls == ["sync", "forget", "cut", "sync"]
    journal.close()


def test_other_files_in_the_folder_are_let_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    journal = Journal.open(folder, "n")
    assert journal.position == len(WRITTEN)
    journal.close()
    assert (folder / "notes.txt").exists()

"""The book is brought up to what is on disk, and nothing that goes on is taken for remains."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dispatch.acts.recordings import Begin, End
from huishang.recording import keeping as under_test
from huishang.recording.found import unclosed
from huishang.recording.keeping import Keeping
from huishang.recording.proving import Proving
from recorder.book.appended import AppendedFile
from recorder.book.evidence import is_closed
from recorder.proof import records
from recorder.utc import UtcLine
from recorder.utc.reading import read_clocks
from tests.dispatch.world import World
from tests.huishang.recording.test_found import TRACK, write
from tests.patience import until
from tests.recorder.book.books import NOW, open_book, opening


@asynccontextmanager
async def keeping(root: Path, world: World) -> AsyncIterator[Keeping]:
    made = Keeping(root, "n1", Proving(), UtcLine(read_clocks()), world.tables, tuple, lambda session: None)
    made.start()
    try:
        yield made
    finally:
        await made.close()


def kinds(root: Path, session: str) -> list[str]:
    """Give the kinds of a chain's records, heads left out."""
    path = root / "sessions" / session / "chain.jsonl"
    found = [records.parse(line).record.kind for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []
    return [kind for kind in found if kind != "head"]


async def test_recording_that_begins_while_remains_are_looked_for_is_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = open_book(tmp_path)
    book.commit([opening("LEFT")], NOW)
    book.close()
    world = World()
    async with keeping(tmp_path, world) as made:
        await until("the book", lambda: made.chains.writer)
        loop = asyncio.get_running_loop()

        async def begin() -> str:
            recording = world.do(Begin(of="source:camera"))
            made.chains.begin(world.tables.recordings.get(recording))
            return recording

        begun: list[str] = []

        def busy(root: Path) -> set[str]:
            """Look, while somebody begins a recording, whose opening is on disk at once."""
            if not begun:
                begun.append(asyncio.run_coroutine_threadsafe(begin(), loop).result())
                asyncio.run_coroutine_threadsafe(made.chains.written(), loop).result()
            return unclosed(root)

        monkeypatch.setattr(under_test, "unclosed", busy)
        made.ready()
        await until("remains are closed", lambda: is_closed(tmp_path, "LEFT"))
        await made.chains.written()
        assert kinds(tmp_path, begun[0]) == ["opening", "mark"]


async def test_recordings_begin_and_end_when_it_is_told_and_not_while_the_journal_is_still_writing_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = open_book(tmp_path)
    book.commit([opening("LEFT")], NOW)
    book.close()
    world = World()
    begins: list[str] = []
    async with keeping(tmp_path, world) as made:
        await until("the book", lambda: made.chains.writer)
        ends = world.do(Begin(of="source:camera"))
        made.chains.begin(world.tables.recordings.get(ends))
        await made.chains.written()

        def busy(root: Path) -> set[str]:
            """Look, while the tables hold what nobody was told yet."""
            if not begins:
                world.do(End(recording=ends))
                begins.append(world.do(Begin(of="source:camera")))
            return unclosed(root)

        monkeypatch.setattr(under_test, "unclosed", busy)
        made.ready()
        await until("remains are closed", lambda: is_closed(tmp_path, "LEFT"))
        await made.chains.written()
        assert (kinds(tmp_path, begins[0]), kinds(tmp_path, ends)) == ([], ["opening", "mark"])
        made.chains.begin(world.tables.recordings.get(begins[0]))
        made.chains.end(ends, world.tables.recordings.get(ends))
        made.chains.settle(())
        await made.chains.written()
        assert kinds(tmp_path, begins[0]) == ["opening", "mark"]
        assert kinds(tmp_path, ends) == ["opening", "mark", "closure"]


async def test_chain_is_not_closed_before_it_has_the_files_that_a_full_disk_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    async with keeping(tmp_path, world) as made:
        made.ready()
        await until("the book", lambda: made.chains.writer)
        recording = world.do(Begin(of="source:camera"))
        made.chains.begin(world.tables.recordings.get(recording))
        await made.chains.written()
        facts = write(tmp_path, TRACK, 1, recording)
        assert facts
        with monkeypatch.context() as full:

            def refuse(file: AppendedFile, data: bytes) -> None:
                raise OSError(errno.ENOSPC, "no space")

            full.setattr(AppendedFile, "append", refuse)
            made.chains.segment(facts, None, [recording])
            await made.chains.written()
        world.do(End(recording=recording))
        made.chains.end(recording, world.tables.recordings.get(recording))
        made.chains.settle(())
        await until("the closure", lambda: is_closed(tmp_path, recording))
        assert kinds(tmp_path, recording) == ["opening", "mark", "segment", "closure"]


async def test_opening_that_a_crash_kept_from_the_disk_is_written_and_other_folders_are_left_alone(
    tmp_path: Path,
) -> None:
    world = World()
    recording = world.do(Begin(of="source:camera"))
    (tmp_path / "sessions" / recording).mkdir(parents=True)
    (tmp_path / "sessions" / "lost+found").mkdir()
    assert unclosed(tmp_path) == set()
    async with keeping(tmp_path, world) as made:
        made.ready()
        await until("an opening", lambda: kinds(tmp_path, recording) == ["opening", "mark"])
    assert not is_closed(tmp_path, recording)


async def test_chain_that_cannot_be_gone_on_with_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    world = World()
    recording = world.do(Begin(of="source:camera"))
    book = open_book(tmp_path)
    book.commit([opening(recording)], NOW)
    book.close()
    chain = tmp_path / "sessions" / recording / "chain.jsonl"
    chain.write_bytes(chain.read_bytes()[:-200])
    before = chain.read_bytes()
    async with keeping(tmp_path, world) as made:
        made.ready()
        await until("the book", lambda: made.chains.writer)
        made.chains.mark([recording], {"what": "test"})
        await until("it is told", lambda: recording in made.damaged)
    assert chain.read_bytes() == before

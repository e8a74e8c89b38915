"""The database goes and comes back while chains grow, and the process is killed while it indexes."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.store.database import Database
from dispatch.store.projector import Projector
from huishang.recording.indexing import Indexer
from recorder.book.book import Book
from tests.dispatch.store.entries import unit
from tests.dispatch.store.lines import LinesJournal
from tests.dispatch.store.postgres import PostgresServer
from tests.dispatch.store.test_projector import caught_up, projecting
from tests.house.tree import ROOT
from tests.huishang.recording.chains import OTHER, SESSION, opening, segment, write_chain
from tests.huishang.recording.test_indexing import COMPLETE, anew, complete, indexing, keep, named, rows
from tests.patience import until
from tests.recorder.book.books import open_book


@pytest.fixture
def book(root: Path) -> Iterator[Book]:
    book = open_book(root)
    keep(book, opening(), segment(0, 0))
    keep(book, opening(OTHER), segment(0, 0, OTHER))
    yield book
    book.close()


def grow(book: Book, indexer: Indexer, numbers: range) -> None:
    for number in numbers:
        keep(book, segment(0, number))
        indexer.wake(SESSION)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_postgresql_stops_and_starts_while_chains_grow(
    database: Database, journal: LinesJournal, root: Path, book: Book, postgres: PostgresServer, tmp_path: Path
) -> None:
    async with indexing(database, journal, root) as indexer:
        await asyncio.to_thread(postgres.stop)
        try:
            grow(book, indexer, range(1, 20))
            await until("no database", lambda: indexer.health.code == "database-gone")
            grow(book, indexer, range(20, 40))
            assert not indexer.health.is_complete and indexer.health.since_us <= time.time_ns() // 1000
        finally:
            await asyncio.to_thread(postgres.start)
        await complete(indexer)
        assert indexer.health == COMPLETE
    assert await rows(database) == await anew(journal, root, tmp_path)
    assert len(await named(database)) == 40


async def test_file_that_was_removed_is_filled_again_by_both_who_follow_into_it(
    tmp_path: Path, journal: LinesJournal, root: Path, book: Book
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    database = Database(f"sqlite:///{folder}/huishang.db")
    journal.add([unit("u")])
    projector = Projector(database, journal)
    projector.start()
    async with indexing(database, journal, root) as indexer:
        await caught_up(projector, journal)
        shutil.rmtree(folder)
        folder.mkdir()
        journal.add([unit("v")])
        projector([], [])
        await caught_up(projector, journal)  # it is the first to notice
        grow(book, indexer, range(1, 3))
        await until("the other chain too", lambda: named(database, OTHER))
        await complete(indexer)
        assert len(await named(database)) == 3
    await projector.close()
    await database.close()


async def test_killed_at_any_moment_it_goes_on_without_loss_or_repeat(
    url: str, journal: LinesJournal, root: Path, tmp_path: Path
) -> None:
    chance = random.Random(11)
    end = write_chain(root, 6, 200).stat().st_size
    write_chain(root, 2, 30, OTHER)
    for part in (1, 2):
        await asyncio.to_thread(_run_and_kill, [str(root), str(journal.path), url], part * end // 3, chance.random())
    database = Database(url)
    async with projecting(database, journal), indexing(database, journal, root) as indexer:
        assert indexer.health == COMPLETE
        assert len(await named(database)) == 1_200
        assert await rows(database) == await anew(journal, root, tmp_path)
    await database.close()


def _run_and_kill(arguments: list[str], position: int, more: float) -> None:
    """Run the child until the first chain has come to a position, and a little longer; kill it."""
    command = [sys.executable, "-m", "tests.huishang.recording.child", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if int(line) >= position:
                    break
            else:
                raise AssertionError(f"the child ended: {child.wait()}")
            time.sleep(more * 0.02)  # anywhere in the next step
        finally:
            os.kill(child.pid, signal.SIGKILL)

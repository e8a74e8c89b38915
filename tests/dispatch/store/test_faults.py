"""The database goes and comes back while acts go on, and the process is killed while it projects."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from dispatch.acts.chair import Lock
from dispatch.acts.consultation import Create
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin, decode
from dispatch.permissions import Actor
from dispatch.store.database import Database
from dispatch.store.loading import load
from dispatch.store.projector import Projector
from dispatch.store.reading import Question, Reader
from dispatch.store.rebuild import rebuild
from dispatch.store.schema import RECORDS, timeline
from tests.dispatch.store.entries import entry, unit
from tests.dispatch.store.lines import LinesJournal
from tests.dispatch.store.postgres import PostgresServer
from tests.dispatch.store.test_projector import caught_up, projecting
from tests.dispatch.store.test_rebuild import content
from tests.house.tree import ROOT
from tests.patience import PATIENCE_S, until

ANNA = Actor("anna")


class Node:
    """A coordinator with journal and database, as a server has them."""

    def __init__(self, journal: LinesJournal, database: Database, coordinator: Coordinator) -> None:
        self.journal = journal
        self.database = database
        self.coordinator = coordinator
        self.projector = Projector(database, journal)
        coordinator.listen(self.projector)
        self.made: list[str] = []

    async def act(self, times: int) -> None:
        """Have acts done; each is answered."""
        for _ in range(times):
            made = await self.coordinator.act(Create(title="会商", unit="u"), ANNA, Origin())
            await self.coordinator.act(Lock(consultation=made, locked=True), ANNA, Origin())
            self.made.append(made)

    async def gone(self) -> None:
        """Wait until the projector says that the database is gone."""
        await until("no database", lambda: self.projector.health.code == "database-gone")
        health = self.projector.health
        assert health.behind > 0 and 0 < health.since_us <= time.time_ns() // 1000 and health.detail

    async def is_exact(self) -> None:
        """Wait for the end of the journal; everything is in the database, once."""
        await caught_up(self.projector, self.journal)
        async with self.database.begin() as connection:
            held = (await connection.execute(select(RECORDS["consultation"]))).mappings().all()
            lines = await connection.scalar(select(func.count()).select_from(timeline))
        assert sorted(row["id"] for row in held) == sorted(self.made)
        assert all(row["locked"] for row in held)
        assert lines == self.journal.position + 1  # the first record holds two entries


@pytest.fixture
async def node(database: Database, journal: LinesJournal) -> AsyncIterator[Node]:
    """A node that runs, its database well."""
    roles = [{"name": "administrator", "scope": "u"}]
    journal.add([unit("u"), entry("person.create", "person:anna", unit="u", name="Anna", login="anna", roles=roles)])
    loaded = await load(database, journal)
    coordinator = Coordinator(loaded.tables, loaded.clock, journal, "test")
    coordinator.start()
    node = Node(journal, database, coordinator)
    node.projector.start()
    await node.act(3)
    await node.is_exact()
    yield node
    await coordinator.close()
    await node.projector.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_postgresql_stops_and_starts_while_acts_go_on(node: Node, postgres: PostgresServer) -> None:
    await asyncio.to_thread(postgres.stop)
    try:
        await node.act(5)
        await node.gone()
        since = node.projector.health.since_us
        await node.act(5)
    finally:
        await asyncio.to_thread(postgres.start)
    await node.is_exact()
    assert since > 0 and node.projector.health.since_us == 0


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_locked_file_holds_up_no_act(node: Node) -> None:
    assert node.database.path is not None
    other = sqlite3.connect(node.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await node.act(5)
    await node.gone()
    # Who only reads is not disturbed.
    assert len(await Reader(node.database).timeline(Question(verb="consultation.lock"))) == 3
    other.execute("ROLLBACK")
    other.close()
    await node.is_exact()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_removed_folder_is_noticed_and_filled_again(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    journal = LinesJournal(tmp_path / "journal")
    moved = Database(f"sqlite:///{folder}/huishang.db")
    journal.add([unit("u")])
    async with projecting(moved, journal) as projector:
        await caught_up(projector, journal)
        shutil.rmtree(folder)
        journal.add([unit("v")])
        projector([], [])
        await until("no database", lambda: projector.health.code == "database-gone")
        folder.mkdir()
        await caught_up(projector, journal)
    async with moved.begin() as connection:
        held = (await connection.execute(select(RECORDS["unit"].c.id))).scalars().all()
        assert sorted(held) == ["u", "v"]
        assert await connection.scalar(select(func.count()).select_from(timeline)) == 2
    await moved.close()


async def test_node_starts_without_its_database_and_fills_it_when_it_is_there(
    tmp_path: Path, journal: LinesJournal
) -> None:
    folder = tmp_path / "mount"
    database = Database(f"sqlite:///{folder}/huishang.db")
    journal.add([unit("u")])
    loaded = await load(database, journal)
    assert loaded.fault is not None and "u" in loaded.tables.units
    async with projecting(database, journal) as projector:
        await until("no database", lambda: projector.health.code == "database-gone")
        folder.mkdir()
        await caught_up(projector, journal)
    assert (await load(database, journal)).from_database == 1
    await database.close()


async def test_end_does_not_wait_for_a_database_that_says_nothing(
    journal: LinesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.store.following.CLOSE_S", 0.01)
    monkeypatch.setattr("dispatch.store.database.CONNECT_S", 10 * PATIENCE_S)
    asked = asyncio.Event()
    lines: list[asyncio.StreamWriter] = []

    def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        asked.set()

    server = await asyncio.start_server(silent, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    database = Database(f"postgresql://dispatch@127.0.0.1:{port}/nothing")
    async with server:
        async with asyncio.timeout(PATIENCE_S), projecting(database, journal):
            await asked.wait()
        await database.close()
        for line in lines:
            line.close()


async def test_killed_at_any_moment_it_goes_on_without_loss_or_repeat(
    url: str, journal: LinesJournal, tmp_path: Path
) -> None:
    chance = random.Random(7)
    for _ in range(4):
        before = LinesJournal(journal.path).position
        await asyncio.to_thread(_run_and_kill, journal.path, url, before + chance.randrange(1, 400), chance.random())
    left = LinesJournal(journal.path)
    database = Database(url)
    async with projecting(database, left) as projector:
        assert left.position > 0
        await caught_up(projector, left)
    anew = Database(f"sqlite:///{tmp_path}/anew.db")
    rebuilt = await rebuild(f"sqlite:///{tmp_path}/anew.db", left)
    found = await content(database)
    assert found == await content(anew)
    entries = sum(len(decode(record)) for batch in left.read() for _, record in batch)
    assert len(found["timeline"]) == rebuilt.entries == entries
    await database.close()
    await anew.close()


def _run_and_kill(path: Path, url: str, position: int, more: float) -> None:
    """Run the child until its projection has come to a position, and a little longer; kill it."""
    command = [sys.executable, "-m", "tests.dispatch.store.child", str(path), url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if int(line.split()[1]) >= position:
                    break
            else:
                raise AssertionError(f"the child ended: {child.wait()}")
            time.sleep(more * 0.02)  # anywhere in the next step
        finally:
            os.kill(child.pid, signal.SIGKILL)

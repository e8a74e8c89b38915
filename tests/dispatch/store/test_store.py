"""However state comes about, it is the same: live, loaded from the database, and made anew from the journal."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.entry import Entry
from dispatch.fold import apply
from dispatch.records import KINDS, Record
from dispatch.store.database import Database
from dispatch.store.folding import in_memory
from dispatch.store.loading import load
from dispatch.store.projector import prepare
from dispatch.store.rebuild import rebuild
from dispatch.store.writing import project
from dispatch.tables import Tables
from tests.dispatch.store.entries import acts
from tests.dispatch.store.lines import LinesJournal
from tests.dispatch.store.postgres import PostgresServer

State = Mapping[str, Mapping[str, Record]]


def state(tables: Tables) -> State:
    return {kind: {record.id: record for record in tables.of_kind(kind)} for kind in KINDS}


def live(acts: Sequence[Sequence[Entry]]) -> Tables:
    """Give the tables as the coordinator's acts leave them."""
    tables = Tables()
    for entries in acts:
        for entry in entries:
            try:
                apply(tables, entry)
            except msgspec.ValidationError:
                continue
    return tables


async def projected(database: Database, journal: LinesJournal, until: int) -> None:
    """Project the journal up to a position, in steps of three records."""
    position = await prepare(database, journal)
    while position < until:
        records = [item for batch in journal.read(position, min(3, until - position)) for item in batch]
        async with database.begin() as connection:
            position, _ = await project(connection, journal.identity, position, records)


async def same_everywhere(folder: Path, url: str, told: list[list[Entry]], stored: int) -> None:
    journal = LinesJournal(folder / "journal")
    journal.add(*told)
    expected = in_memory(state(live(told)))
    stamp = max((entry.hlc for entries in told for entry in entries), default=(0, 0))
    database = Database(url)
    try:
        await projected(database, journal, stored)
        for place in ("some of it in the database", "all of it in the database", "made anew"):
            loaded = await load(database, journal)
            assert loaded.fault is None
            assert state(loaded.tables) == expected, place
            assert loaded.tables.commit() == () and loaded.clock.last == stamp
            await projected(database, journal, journal.position)
            if place == "all of it in the database":
                await database.close()
                await rebuild(url, journal)
    finally:
        await database.close()
    nowhere = Database("sqlite:////dev/null/nowhere")
    alone = await load(nowhere, journal)
    assert alone.fault is not None and alone.fault.code == "database-gone" and alone.from_database == 0
    assert state(alone.tables) == expected and alone.clock.last == stamp


def check(url: str | None, told: list[list[Entry]], stored: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        at = url or f"sqlite:///{folder}/huishang.db"
        asyncio.run(same_everywhere(Path(folder), at, told, min(stored, len(told))))


@given(acts(), st.integers(0, 25))
@settings(max_examples=25)
def test_any_entries_leave_the_same_state_in_sqlite(told: list[list[Entry]], stored: int) -> None:
    check(None, told, stored)


def test_any_entries_leave_the_same_state_in_postgresql(postgres: PostgresServer) -> None:
    @given(acts(), st.integers(0, 25))
    @settings(max_examples=10)
    def holds(told: list[list[Entry]], stored: int) -> None:
        check(postgres.new_database(), told, stored)

    holds()

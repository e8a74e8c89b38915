"""Makes the projection anew from the journal, beside the old one, and puts it in its place at the end.

For a database that was lost, damaged or belongs to an older copy of the journal. All records are held in memory and
written once; quality samples, which no journal has, are taken over. The index of recordings begins empty: the server
fills it from the chains when it starts. Nobody else may have the database open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy import Connection, MetaData, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable, DropSchema, DropTable

from config.settings import SQLITE
from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.folding import Sheet
from dispatch.store.migrating import pending, stamp, upgrade
from dispatch.store.ports import JournalReader
from dispatch.store.rows import Row, row_of
from dispatch.store.schema import RECORDS, metadata, projection, quality, timeline
from dispatch.store.writing import add_rows

_log = structlog.get_logger(__name__)

#: Rows in one statement.
MANY = 10_000
#: The schema where PostgreSQL's new tables are until they are complete.
ASIDE = "huishang_rebuild"

#: Is told how many of how many journal records are done.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild has read and written."""

    journal_records: int
    entries: int
    records: int
    #: Journal records and entries that could not be used.
    unfit: int


async def rebuild(url: str, journal: JournalReader, progress: Progress = lambda done, of: None) -> Rebuilt:
    """Throw the projection away and make it anew. Raises Unavailable; then the old one is untouched."""
    database = Database(url, bulk=True)
    try:
        if database.path is not None:
            return await _rebuild_file(database.path, journal, progress)
        return await _rebuild_tables(database, journal, progress)
    finally:
        await database.close()


async def _rebuild_file(path: Path, journal: JournalReader, progress: Progress) -> Rebuilt:
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    await _check_not_newer(path)
    await asyncio.to_thread(_let_go, path)
    database = Database(f"{SQLITE}{aside}", bulk=True)
    try:
        async with database.begin() as connection:
            await connection.run_sync(_create, metadata)
            rebuilt = await _fill(connection, metadata, journal, progress)
            await _take_over_samples(path, connection)
            await connection.run_sync(_index, metadata)
            await connection.run_sync(stamp)
    finally:
        await database.close()
    await asyncio.to_thread(_replace, path, aside)
    return rebuilt


async def _check_not_newer(path: Path) -> None:
    """Raise Unavailable where a newer program has changed the file; one that cannot be read is of no version."""
    if path.exists():
        old = Database(f"{SQLITE}{path}")
        try:
            await pending(old)
        except Unavailable as fault:
            if fault.code == "database-newer":
                raise
        finally:
            await old.close()


async def _rebuild_tables(database: Database, journal: JournalReader, progress: Progress) -> Rebuilt:
    """Do it in one transaction: until its end the old tables are there and can be read."""
    await upgrade(database)
    new = MetaData(schema=ASIDE)
    for table in metadata.tables.values():
        if table is not quality:
            table.to_metadata(new, schema=ASIDE)
    async with database.begin() as connection:
        await connection.execute(CreateSchema(ASIDE))
        await connection.run_sync(_create, new)
        rebuilt = await _fill(connection, new, journal, progress)
        await connection.run_sync(_index, new)
        here = await connection.scalar(select(func.current_schema()))
        for table in new.tables.values():
            await connection.execute(DropTable(metadata.tables[table.name], if_exists=True))
            await connection.exec_driver_sql(f'ALTER TABLE {ASIDE}."{table.name}" SET SCHEMA "{here}"')
        await connection.execute(DropSchema(ASIDE))
    return rebuilt


def _create(connection: Connection, tables: MetaData) -> None:
    for table in tables.tables.values():
        connection.execute(CreateTable(table))


def _index(connection: Connection, tables: MetaData) -> None:
    for table in tables.tables.values():
        for index in table.indexes:
            connection.execute(CreateIndex(index))


async def _fill(connection: AsyncConnection, tables: MetaData, journal: JournalReader, progress: Progress) -> Rebuilt:
    """Write timeline, records and position."""
    by_name = {table.name: table for table in tables.tables.values()}
    sheet, entries, done = Sheet(), 0, 0
    for batch in journal.read():
        lines: list[Row] = []
        for place, record in batch:
            lines += sheet.fold_all(place, sheet.read(place, record))
        await _add(connection, by_name[timeline.name], lines)
        entries += len(lines)
        done = batch[-1][0] + 1
        progress(done, max(done, journal.position))
    written = 0
    for kind, table in RECORDS.items():
        records = iter(sheet.records[kind].values())
        while some := [row_of(kind, record) for record in islice(records, MANY)]:
            await _add(connection, by_name[table.name], some)
            written += len(some)
    await connection.execute(insert(by_name[projection.name]).values(journal=journal.identity, position=done))
    return Rebuilt(done, entries, written, sheet.unfit)


async def _add(connection: AsyncConnection, table: Table, rows: list[Row]) -> None:
    if connection.dialect.name != "postgresql":
        await add_rows(connection, table, rows)
        return
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    columns = [column.name for column in table.columns]
    await driver.copy_records_to_table(table.name, schema_name=table.schema, columns=columns, records=rows)


async def _take_over_samples(path: Path, connection: AsyncConnection) -> None:
    """Copy the samples of the old file; where it cannot be read, they are lost with it."""
    if not path.exists():
        return
    old = Database(f"{SQLITE}{path}")
    try:
        async with old.snapshot() as source:
            found = await source.stream(select(quality))
            async for rows in found.partitions(MANY):
                await add_rows(connection, quality, [tuple(row) for row in rows])
    except Unavailable as fault:
        _log.warning("quality_samples_lost", reason=str(fault))
    finally:
        await old.close()


def _replace(path: Path, aside: Path) -> None:
    """Put the new file in the old one's place, for good."""
    _let_go(path)
    _sync(aside)
    os.replace(aside, path)
    _sync(path.parent)


def _let_go(path: Path) -> None:
    """Take the log that SQLite keeps beside a file back into it: it must not be applied to the next one.

    Raises Unavailable while another process has the file open.
    """
    if path.exists():
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as connection:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            except sqlite3.OperationalError as error:
                raise Unavailable("database-busy", f"{path.name}: {error}") from error
            except sqlite3.DatabaseError as error:
                _log.warning("old_database_damaged", reason=str(error))
                mode = "delete"
            if mode != "delete":
                raise Unavailable("database-busy", f"{path.name} is in use")
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)

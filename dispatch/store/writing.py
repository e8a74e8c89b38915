"""Writes rows: in steps behind the position, one transaction each. Touches what its connection is connected to."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatch.entry import Entry
from dispatch.errors import Unavailable
from dispatch.records import KINDS
from dispatch.store.folding import Sheet
from dispatch.store.rows import Row, records_of, row_of
from dispatch.store.schema import RECORDS, projection, timeline

_Entries = list[tuple[int, list[Entry]]]
_Touched = dict[str, dict[str, None]]
#: Identifiers in one statement; PostgreSQL takes 32,767 values, SQLite 32,766.
MANY = 1_000


async def project(
    connection: AsyncConnection, journal: str, position: int, records: Sequence[tuple[int, bytes]]
) -> tuple[int, int]:
    """Project records that begin at the stored position; return the new position and how many could not be used.

    Raises Unavailable when the database is no longer at `position`: another process writes it.
    """
    after = records[-1][0] + 1
    # The first statement takes the lock for the whole transaction, and no two can come from the same position.
    moved = await connection.execute(
        update(projection)
        .where(projection.c.journal == journal, projection.c.position == position)
        .values(position=after)
    )
    if moved.rowcount != 1:
        raise Unavailable("database-moved", f"the database is no longer at position {position}")
    sheet = Sheet()
    # In a thread: one record of an import may hold a thousand entries, and the loop has others to serve.
    entries, touched = await asyncio.to_thread(_read, sheet, records)
    for kind, identifiers in touched.items():
        await load(connection, sheet, kind, RECORDS[kind].c.id, identifiers)
    before = {kind: [key for key in identifiers if key in sheet.records[kind]] for kind, identifiers in touched.items()}
    lines, rows = await asyncio.to_thread(_fold, sheet, entries, touched)
    for kind in touched:
        table = RECORDS[kind]
        for some in portions(before[kind]):
            await connection.execute(delete(table).where(table.c.id.in_(some)))
        await add_rows(connection, table, rows[kind])
    await add_rows(connection, timeline, lines)
    return after, sheet.unfit


def _read(sheet: Sheet, records: Sequence[tuple[int, bytes]]) -> tuple[_Entries, _Touched]:
    """Return the entries of each journal record, and what they are about."""
    entries = [(place, sheet.read(place, record)) for place, record in records]
    touched: _Touched = {}
    for _, parts in entries:
        for entry in parts:
            if entry.kind in KINDS:
                touched.setdefault(entry.kind, {})[entry.object_id] = None
    return entries, touched


def _fold(sheet: Sheet, entries: _Entries, touched: _Touched) -> tuple[list[Row], dict[str, list[Row]]]:
    """Return the lines of the timeline, and by kind the rows that what was touched has in the end."""
    lines: list[Row] = []
    for place, parts in entries:
        lines += sheet.fold_all(place, parts)
    rows = {
        kind: [row_of(kind, sheet.records[kind][key]) for key in identifiers if key in sheet.records[kind]]
        for kind, identifiers in touched.items()
    }
    return lines, rows


async def load(
    connection: AsyncConnection, sheet: Sheet, kind: str, column: ColumnElement[str], values: Iterable[str]
) -> None:
    """Put those records of a kind on the sheet whose column has one of the values."""
    for some in portions(values):
        rows = await connection.execute(select(RECORDS[kind]).where(column.in_(some)))
        sheet.add(kind, records_of(kind, rows.all()))


async def add_rows(connection: AsyncConnection, table: Table, rows: list[Row]) -> None:
    """Insert rows as `dispatch.store.rows` makes them."""
    if rows:
        await connection.exec_driver_sql(_insertion(table, connection.dialect), rows)


@functools.lru_cache
def _insertion(table: Table, dialect: Dialect) -> str:
    # Compiling it costs more than carrying it out.
    return str(insert(table).compile(dialect=dialect))


def portions(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut values into as many as one statement takes."""
    held = list(values)
    for first in range(0, len(held), MANY):
        yield held[first : first + MANY]

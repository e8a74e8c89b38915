"""The node's tables at its start: from the database, and what the journal holds beyond it.

The journal alone is enough: where the database is gone, empty or another's, all of it is folded, which takes longer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatch.errors import Unavailable
from dispatch.hlc import HybridClock
from dispatch.records import KINDS, Stage
from dispatch.store.database import Database
from dispatch.store.folding import MESSAGES_IN_MEMORY, Sheet, in_memory
from dispatch.store.migrating import pending
from dispatch.store.ports import JournalReader
from dispatch.store.projector import check_place
from dispatch.store.rows import records_of
from dispatch.store.schema import RECORDS, consultations, messages, participants, projection, timeline
from dispatch.store.writing import load as load_records
from dispatch.tables import Tables

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a node starts with. `fault` says why the database was of no use; None when it was."""

    tables: Tables
    clock: HybridClock
    #: Journal records that came from the database; the others were folded.
    from_database: int
    fault: Unavailable | None
    #: Journal records and entries that could not be used.
    unfit: int


async def load(database: Database, journal: JournalReader) -> Loaded:
    """Return the node's state at the journal's end; a database that is not of this version is of no use.

    Raises what the journal's reading raises.
    """
    sheet, position, fault = Sheet(), 0, None
    try:
        if missing := await pending(database):
            raise Unavailable("database-old", f"it lacks {', '.join(missing)}")
        async with database.snapshot() as connection:
            position = await _place(connection, journal)
            if position:
                touched = await asyncio.to_thread(_touched, journal, position)
                sheet.stamp = await _last_stamp(connection)
                await _load(connection, sheet, touched)
    except Unavailable as error:
        _log.warning("database_not_used", code=error.code, reason=str(error))
        sheet, position, fault = Sheet(), 0, error
    await asyncio.to_thread(_fold_rest, sheet, journal, position)
    clock = HybridClock()
    clock.resume(sheet.stamp)
    tables = Tables.of({kind: held.values() for kind, held in in_memory(sheet.records).items()})
    return Loaded(tables, clock, position, fault, sheet.unfit)


async def _place(connection: AsyncConnection, journal: JournalReader) -> int:
    found = (await connection.execute(select(projection.c.journal, projection.c.position))).first()
    return 0 if found is None else check_place(found.journal, found.position, journal)


async def _last_stamp(connection: AsyncConnection) -> tuple[int, int]:
    newest = select(timeline.c.at_us, timeline.c.counter).order_by(timeline.c.position.desc(), timeline.c.part.desc())
    found = (await connection.execute(newest.limit(1))).first()
    return (0, 0) if found is None else (found.at_us, found.counter)


def _touched(journal: JournalReader, position: int) -> dict[str, dict[str, None]]:
    """Return what the rest of the journal is about: it is needed even if it belongs to an ended consultation."""
    touched: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
    reader = Sheet()
    for batch in journal.read(position):
        for place, record in batch:
            for entry in reader.read(place, record):
                if entry.kind in touched:
                    touched[entry.kind][entry.object_id] = None
    return touched


async def _load(connection: AsyncConnection, sheet: Sheet, touched: dict[str, dict[str, None]]) -> None:
    open_ones = select(consultations.c.id).where(consultations.c.stage != Stage.ENDED.value)
    for kind, table in RECORDS.items():
        asked: Select[tuple[object, ...]] = select(table).order_by(table.c.id)
        if kind == "consultation":
            asked = asked.where(table.c.stage != Stage.ENDED.value)
        elif kind == "recording":
            # All that may be held, deleted or found to share a file: 100,000 of them take some 70 MB.
            asked = asked.where(table.c.cleared_us == 0)
        elif kind == "participant":
            asked = asked.where(table.c.consultation.in_(open_ones))
        elif kind == "message":
            asked = asked.where(table.c.id.in_(_last_messages(open_ones)))
        rows = (await connection.execute(asked)).all()
        sheet.add(kind, await asyncio.to_thread(records_of, kind, rows))
    for kind in ("consultation", "participant", "message", "recording"):
        await load_records(connection, sheet, kind, RECORDS[kind].c.id, touched[kind])
    for kind, column in _OF_CONSULTATION.items():
        await load_records(connection, sheet, kind, column, touched["consultation"])


_OF_CONSULTATION: dict[str, ColumnElement[str]] = {
    "participant": participants.c.consultation,
    "message": messages.c.consultation,
}


def _last_messages(open_ones: Select[tuple[str]]) -> Select[tuple[str]]:
    newest_first = (messages.c.at_us.desc(), messages.c.id.desc())
    number = func.row_number().over(partition_by=messages.c.consultation, order_by=newest_first)
    numbered = select(messages.c.id, number.label("number")).where(messages.c.consultation.in_(open_ones)).subquery()
    return select(numbered.c.id).where(numbered.c.number <= MESSAGES_IN_MEMORY)


def _fold_rest(sheet: Sheet, journal: JournalReader, position: int) -> None:
    for batch in journal.read(position):
        for place, record in batch:
            for entry in sheet.read(place, record):
                sheet.fold(place, entry)

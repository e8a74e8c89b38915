"""The index of recordings: what each session's chain says of its segments, as rows that can be asked.

Only the chains are the truth. Who follows them (`huishang.recording.indexing`) brings rows in steps behind a place in
each chain; `dispatch` knows no chain. All times are microseconds UTC. Raises Unavailable while the database is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Table, case, delete, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatch.errors import Unavailable
from dispatch.store import coverage
from dispatch.store.database import Database
from dispatch.store.rows import Row, bounded, cleaned
from dispatch.store.schema import chains, segments, tracks
from dispatch.store.writing import add_rows, portions

#: Rows deleted at once, and the pause before the next ones, so that who else writes comes in between (`retention`).
PORTION = 5_000
PAUSE_S = 0.25


class SegmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A segment as its chain names it, by the record `record`; one that is named twice has two rows.

    `file` is relative to the recordings' root. `t1_us` is exclusive. `deleted_us`: since when it is deleted by policy,
    or 0. `details`: `fills`, `gaps`, `keyframes`, `rid`, `name` and, where that is known, `error_us`, as in the chain.
    """

    session: str
    segment: str
    track: str
    number: int
    record: int
    file: str
    source: str
    kind: str
    unit: str
    person: str
    codec: str
    mime: str
    width: int
    height: int
    channels: int
    t0_us: int
    t1_us: int
    bytes: int
    head_bytes: int
    sha256: str
    recovered: bool
    deleted_us: int = 0
    details: dict[str, Any] = msgspec.field(default_factory=dict)


class TrackRow(msgspec.Struct, frozen=True, kw_only=True):
    """A track as a session has it: its newest names and codec, and what its segments come to, deleted ones too."""

    track: str
    source: str
    kind: str
    unit: str
    person: str
    name: str
    codec: str
    t0_us: int
    t1_us: int
    segments: int
    bytes: int
    mime: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a chain is in the index: in bytes, by the least n of what follows, and a digest of what ends there."""

    session: str
    position: int = 0
    record: int = 0
    tail: str = ""


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What a deletion says; it names `records` that stand before its own."""

    at_us: int
    record: int
    records: Sequence[int]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a chain between two places. `before` is None where the session is not in the index."""

    before: Place | None
    after: Place
    segments: list[SegmentRow]
    deletions: list[Deletion]


class SegmentReader:
    """Answers from one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def segments(
        self, session: str, from_us: int, to_us: int, *, track: str = "", after: tuple[str, int] = ("", 0), limit: int
    ) -> list[SegmentRow]:
        """Return segments that end after `from_us` and begin before `to_us`, by `t0_us` and segment.

        `after`: segment and `t0_us` of the last one told.
        """
        mine = [tracks.c.session == cleaned(session)] + ([tracks.c.track == cleaned(track)] if track else [])
        asked = select(segments).where(segments.c.session == cleaned(session), segments.c.t1_us > bounded(from_us))
        if track:
            asked = asked.where(segments.c.track == cleaned(track))
        if after != ("", 0):
            last = (bounded(after[1]), cleaned(after[0]))
            asked = asked.where(tuple_(segments.c.t0_us, segments.c.segment) > last)
        async with self._database.snapshot() as connection:
            # What begins earlier than the longest one reaches cannot overlap: that makes it a range of the index.
            longest = await connection.scalar(select(func.max(tracks.c.longest_us)).where(*mine)) or 0
            asked = asked.where(segments.c.t0_us > bounded(from_us - longest), segments.c.t0_us < bounded(to_us))
            order = (segments.c.t0_us, segments.c.segment)
            rows = await connection.execute(asked.order_by(*order).limit(max(0, limit)))
            return [SegmentRow(**row) for row in rows.mappings()]

    async def coverage(
        self, session: str, from_us: int, to_us: int, least_us: int
    ) -> tuple[int, list[coverage.Coverage]]:
        """Return what there is of each track, segments that are near as one (`coverage.coverage`)."""
        async with self._database.snapshot() as connection:
            return await coverage.coverage(connection, session, from_us, to_us, least_us)

    async def segment(self, session: str, segment: str) -> SegmentRow | None:
        """Return a segment of a session, by the first record that names it; None when there is none."""
        asked = select(segments).where(segments.c.session == cleaned(session), segments.c.segment == cleaned(segment))
        async with self._database.snapshot() as connection:
            row = (await connection.execute(asked.order_by(segments.c.record).limit(1))).mappings().first()
            return None if row is None else SegmentRow(**row)

    async def tracks(self, session: str) -> list[TrackRow]:
        """Return the tracks of a session, in the order of their beginnings."""
        asked = select(*(tracks.c[name] for name in TrackRow.__struct_fields__))
        asked = asked.where(tracks.c.session == cleaned(session)).order_by(tracks.c.t0_us, tracks.c.track)
        async with self._database.snapshot() as connection:
            return [TrackRow(**row) for row in (await connection.execute(asked)).mappings()]


async def places(
    connection: AsyncConnection, sessions: Collection[str] | None = None, *, lock: bool = False
) -> dict[str, Place]:
    """Return how far the chains of these sessions, or of all, are in the index. `lock`: nobody moves them meanwhile."""
    asked = select(chains).with_for_update() if lock else select(chains)
    some = [asked] if sessions is None else [asked.where(chains.c.session.in_(part)) for part in portions(sessions)]
    found = [row for one in some for row in (await connection.execute(one)).mappings()]
    return {row["session"]: Place(**row) for row in found}


async def index(connection: AsyncConnection, steps: Sequence[Step]) -> None:
    """Bring the next step of each of these sessions into the index.

    Raises Unavailable when one is no longer where its step begins: another process writes the database.
    """
    held = await places(connection, [step.after.session for step in steps], lock=True)
    for step in steps:
        if held.get(step.after.session) != step.before:
            raise Unavailable("database-moved", f"the index of {step.after.session} is no longer where it was")
    # In a thread: it takes some 20 us a segment, and the loop has others to serve.
    rows, shares = await asyncio.to_thread(_written, steps)
    await add_rows(connection, segments, rows)
    await _put_tracks(connection, shares)
    await _put_places(connection, [step.after for step in steps])
    for step in steps:
        for deletion in step.deletions:
            await _delete(connection, step.after.session, deletion)


async def forget(database: Database, session: str) -> None:
    """Take a session out of the index, in portions, the place last: one that was begun is begun again by its place."""
    nowhere = msgspec.structs.asdict(Place(session=session))
    mine = segments.c.session == session
    async with database.begin() as connection:
        await connection.execute(update(chains).where(chains.c.session == session).values(nowhere))
        await connection.execute(delete(tracks).where(tracks.c.session == session))
    last: int | None = 0
    while last is not None:
        async with database.begin() as connection:
            in_order = select(segments.c.record).where(mine).order_by(segments.c.record)
            last = await connection.scalar(in_order.offset(PORTION - 1).limit(1))
            portion = mine if last is None else mine & (segments.c.record <= last)
            await connection.execute(delete(segments).where(portion))
            if last is None:
                await connection.execute(delete(chains).where(chains.c.session == session))
        if last is not None:
            await asyncio.sleep(PAUSE_S)


async def _put_places(connection: AsyncConnection, new: Sequence[Place]) -> None:
    if new:
        put = _insert(connection, chains)
        columns = {name: put.excluded[name] for name in ("position", "record", "tail")}
        put = put.on_conflict_do_update(index_elements=["session"], set_=columns)
        await connection.execute(put, [msgspec.structs.asdict(place) for place in new])


async def _put_tracks(connection: AsyncConnection, shares: list[dict[str, Any]]) -> None:
    """Add segments to what those of their tracks come to."""
    if not shares:
        return
    put, old = _insert(connection, tracks), tracks.c
    new = put.excluded
    columns: dict[str, Any] = {name: new[name] for name in _NEWEST}
    columns |= {name: case((new[name] > old[name], new[name]), else_=old[name]) for name in ("t1_us", "longest_us")}
    columns["t0_us"] = case((new.t0_us < old.t0_us, new.t0_us), else_=old.t0_us)
    columns |= {name: old[name] + new[name] for name in ("segments", "bytes")}
    put = put.on_conflict_do_update(index_elements=["session", "track"], set_=columns)
    await connection.execute(put, shares)


#: What a track has of its newest segment.
_NEWEST = ("source", "kind", "unit", "person", "name", "codec", "mime")


def _share(row: SegmentRow) -> dict[str, Any]:
    """Return what a segment adds to its track."""
    values = {name: getattr(row, name) for name in ("session", "track", "t0_us", "t1_us", "bytes")}
    values |= {name: getattr(row, name) for name in _NEWEST if name != "name"}
    values |= {"name": row.details.get("name", ""), "segments": 1, "longest_us": row.t1_us - row.t0_us}
    return {name: cleaned(value) if isinstance(value, str) else value for name, value in values.items()}


def _insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


async def _delete(connection: AsyncConnection, session: str, deletion: Deletion) -> None:
    """Note when what a deletion names was deleted; the first deletion counts."""
    named = update(segments).where(
        segments.c.session == session, segments.c.record < deletion.record, segments.c.deleted_us == 0
    )
    for some in portions(deletion.records):
        await connection.execute(named.where(segments.c.record.in_(some)).values(deleted_us=max(1, deletion.at_us)))


def _written(steps: Sequence[Step]) -> tuple[list[Row], list[dict[str, Any]]]:
    found = [row for step in steps for row in step.segments]
    return [_row(row) for row in found], [_share(row) for row in found]


def _row(segment: SegmentRow) -> Row:
    *plain, details = msgspec.structs.astuple(segment)
    texts = (cleaned(value) if isinstance(value, str) else value for value in plain)
    return *texts, msgspec.json.encode(details).decode()

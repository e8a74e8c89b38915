"""What pages ask of the past. Every answer is a page: how far it reaches is a value of its last row, never a count.

Asks only tables without secrets. Raises Unavailable while the database is gone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dispatch.entry import Entry
from dispatch.records import Consultation, Message, Participant, Record, Recording, Stage
from dispatch.store.database import Database
from dispatch.store.quality import Sample
from dispatch.store.rows import MAX_KEY_CHARACTERS, bounded, cleaned, entry_of, records_of
from dispatch.store.schema import consultations, messages, participants, quality, recordings, timeline

#: Rows in one answer.
MOST_ROWS = 500
MOST_SAMPLES = 5_000
_NOWHERE = (1 << 63) - 1

R = TypeVar("R", bound=Record)
#: A place in the timeline: position in the journal, part of the record.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Told:
    """An entry and its place, which is the cursor of the page after it."""

    place: Place
    entry: Entry


@dataclass(frozen=True, slots=True)
class Question:
    """What to find in the timeline; "" and 0: whatever.

    `from_us` <= time < `until_us`; `object` is an entry's: `kind:id` or "node".
    """

    from_us: int = 0
    until_us: int = 0
    session: str = ""
    object: str = ""
    actor: str = ""
    verb: str = ""


class Reader:
    """Answers from one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def timeline(
        self, question: Question, after: Place | None = None, limit: int = MOST_ROWS, *, newest_first: bool = True
    ) -> list[Told]:
        """Return entries in the journal's order, or against it, that come after a place in that order."""
        place = tuple_(timeline.c.position, timeline.c.part)
        asked = select(timeline).where(*_wanted(question)).limit(_page(limit))
        if after is not None:
            last = (bounded(after[0]), bounded(after[1]))
            asked = asked.where(place < last if newest_first else place > last)
        order = (timeline.c.position, timeline.c.part)
        async with self._database.snapshot() as connection:
            bounds = await _bounds(connection, question)
            rows = await connection.execute(
                asked.where(*bounds).order_by(*(column.desc() if newest_first else column for column in order))
            )
            return [Told((row.position, row.part), entry_of(row)) for row in rows]

    async def messages(
        self, consultation: str, before: tuple[int, str] | None = None, limit: int = MOST_ROWS
    ) -> list[Message]:
        """Return texts of a consultation, the newest first; `before`: `at_us` and id of the last one told."""
        asked = select(messages).where(messages.c.consultation == cleaned(consultation))
        if before is not None:
            asked = asked.where(tuple_(messages.c.at_us, messages.c.id) < _last(before))
        asked = asked.order_by(messages.c.at_us.desc(), messages.c.id.desc())
        return await self._records("message", Message, asked, limit)

    async def ended(self, before: tuple[int, str] | None = None, limit: int = MOST_ROWS) -> list[Consultation]:
        """Return ended consultations, the newest first; `before`: `ended_us` and id of the last one told."""
        asked = select(consultations).where(consultations.c.stage == Stage.ENDED.value)
        if before is not None:
            asked = asked.where(tuple_(consultations.c.ended_us, consultations.c.id) < _last(before))
        asked = asked.order_by(consultations.c.ended_us.desc(), consultations.c.id.desc())
        return await self._records("consultation", Consultation, asked, limit)

    async def consultation(self, identifier: str) -> Consultation | None:
        """Return a consultation, also one that has ended; None when there is none."""
        asked = select(consultations).where(consultations.c.id == cleaned(identifier))
        return next(iter(await self._records("consultation", Consultation, asked, 1)), None)

    async def consultations(self, identifiers: Collection[str]) -> list[Consultation]:
        """Return those of these consultations that there are, `MOST_ROWS` at most."""
        asked = select(consultations).where(consultations.c.id.in_([cleaned(item) for item in identifiers]))
        return await self._records("consultation", Consultation, asked, MOST_ROWS)

    async def places(self, person: str, sessions: Collection[str]) -> list[Participant]:
        """Return a person's places in these consultations, `MOST_ROWS` at most."""
        asked = select(participants).where(
            participants.c.consultation.in_([cleaned(item) for item in sessions]),
            participants.c.person == cleaned(person),
        )
        return await self._records("participant", Participant, asked, MOST_ROWS)

    async def participants(self, consultation: str, after: str = "", limit: int = MOST_ROWS) -> list[Participant]:
        """Return who took part, in the order of their ids; `after`: the id of the last one told."""
        asked = select(participants).where(
            participants.c.consultation == cleaned(consultation), participants.c.id > cleaned(after)
        )
        return await self._records("participant", Participant, asked.order_by(participants.c.id), limit)

    async def recordings(self, identifiers: Collection[str]) -> list[Recording]:
        """Return those of these recordings that there are, `MOST_ROWS` at most."""
        asked = select(recordings).where(recordings.c.id.in_([cleaned(item) for item in identifiers]))
        return await self._records("recording", Recording, asked, MOST_ROWS)

    async def recordings_before(self, cursor: str = "", of: str = "") -> list[Recording]:
        """Return recordings, the newest first, `MOST_ROWS` at most; `cursor`: the id of the last one told."""
        asked = select(recordings).order_by(recordings.c.id.desc())
        if cursor:
            asked = asked.where(recordings.c.id < cleaned(cursor))
        if of:
            asked = asked.where(recordings.c.of == cleaned(of))
        return await self._records("recording", Recording, asked, MOST_ROWS)

    async def quality(
        self, session: str, from_us: int, until_us: int, participant: str = "", after: Sample | None = None
    ) -> list[Sample]:
        """Return samples of a session with `from_us` <= time < `until_us`, oldest first; `after`: the last one told."""
        order = tuple(quality.c[name] for name in ("at_us", "participant", "source", "kind", "direction", "layer"))
        asked = select(quality).where(quality.c.session == cleaned(session))
        asked = asked.where(quality.c.at_us >= bounded(from_us), quality.c.at_us < bounded(until_us))
        if participant:
            asked = asked.where(quality.c.participant == cleaned(participant))
        if after is not None:
            asked = asked.where(tuple_(*order) > tuple(getattr(after, column.name) for column in order))
        async with self._database.snapshot() as connection:
            rows = await connection.execute(asked.order_by(*order).limit(MOST_SAMPLES))
            return [Sample(**row) for row in rows.mappings()]

    async def _records(self, kind: str, record: type[R], asked: Select[tuple[object, ...]], limit: int) -> list[R]:
        async with self._database.snapshot() as connection:
            rows = (await connection.execute(asked.limit(_page(limit)))).all()
            return [item for item in records_of(kind, rows) if isinstance(item, record)]


def _page(limit: int) -> int:
    return max(1, min(limit, MOST_ROWS))


def _last(told: tuple[int, str]) -> tuple[int, str]:
    return bounded(told[0]), cleaned(told[1])


def _wanted(question: Question) -> list[ColumnElement[bool]]:
    kind, _, identifier = question.object.partition(":")
    asked = (
        (timeline.c.object_id, identifier, bool(kind)),
        (timeline.c.object_kind, kind, bool(kind)),
        (timeline.c.session, question.session, bool(question.session)),
        (timeline.c.actor, question.actor, bool(question.actor)),
        (timeline.c.verb, question.verb, bool(question.verb)),
    )
    given = [(column, cleaned(value)[:MAX_KEY_CHARACTERS]) for column, value, wanted in asked if wanted]
    # An object or a session is fewer entries than a verb, which a database without statistics does not know: an
    # expression has no index.
    direct = 2 if kind else 1
    return [
        column == value if place < direct else func.coalesce(column, "") == value
        for place, (column, value) in enumerate(given)
    ]


async def _bounds(connection: AsyncConnection, question: Question) -> list[ColumnElement[bool]]:
    """Return a range of time as one of positions: stamps never run backwards, and every index is by position."""
    found: list[ColumnElement[bool]] = []
    from_us, until_us = bounded(question.from_us), bounded(question.until_us)
    if from_us:
        first = select(timeline.c.position).where(timeline.c.at_us >= from_us)
        place = await connection.scalar(first.order_by(timeline.c.at_us, timeline.c.position).limit(1))
        found += [
            timeline.c.position >= (place if place is not None else _NOWHERE),
            timeline.c.at_us >= from_us,
        ]
    if until_us:
        last = select(timeline.c.position).where(timeline.c.at_us < until_us)
        place = await connection.scalar(last.order_by(timeline.c.at_us.desc(), timeline.c.position.desc()).limit(1))
        found += [timeline.c.position <= (place if place is not None else -1), timeline.c.at_us < until_us]
    return found

"""Consultations that have ended and are no longer in memory: asked of the database, with the rights they had there.

Rights are not written a second time: what the database tells is put beside the tables as they are, and the same code
looks at both. Every answer is bounded. A shell; raises Unavailable while the database is gone.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

from dispatch.care import KEEP_MESSAGES
from dispatch.errors import Unavailable
from dispatch.records import Consultation, Message, Participant, Recording, Stage
from dispatch.store.reading import Reader
from dispatch.tables import Tables
from signaling.http.listing import Paging, cursor_invalid, page, require_cursor

#: When and id, by which a list is told, the newest first; a cursor is that of the last told.
Key = tuple[int, str]
#: Before the last to end.
NEWEST: Final = "999999999999999999.z"
_CURSOR: Final = re.compile(r"([0-9]{1,18})\.([A-Za-z0-9_-]{1,40})\Z")
#: Rows of one reading, and readings for one answer, which so may be shorter than asked for and yet have a next page.
ROWS: Final = 200
READINGS: Final = 4
#: What a table of the past holds instead of memory's own.
_OWN: Final = (
    "consultations",
    "participants",
    "participants_of",
    "participant_of_person",
    "participants_as",
    "participant_of_source",
)


def beside(tables: Tables, consultations: Iterable[Consultation], participants: Iterable[Participant] = ()) -> Tables:
    """Return tables with these consultations and participants in place of their own, and all else shared; to read."""
    own, both = Tables(), copy.copy(tables)
    for consultation in consultations:
        own.consultations.put(consultation)
    for participant in participants:
        own.participants.put(participant)
    for name in _OWN:
        setattr(both, name, getattr(own, name))
    return both


def beside_recordings(tables: Tables, recordings: Iterable[Recording]) -> Tables:
    """Return tables that have these recordings and no other, and all else shared; to read."""
    own, both = Tables(), copy.copy(tables)
    own.recordings.fill(recordings)
    both.recordings = own.recordings
    return both


async def of_sessions(reader: Reader, tables: Tables, sessions: Collection[str], person: str) -> Tables:
    """Return tables with these consultations, and a person's places in them, wherever they are kept."""
    held = [item for item in map(tables.consultations.find, sessions) if item is not None]
    mine = [tables.participant_of_person.first(f"{item.id}/{person}") for item in held]
    places = [tables.participants.get(identifier) for identifier in mine if identifier]
    gone = set(sessions) - {item.id for item in held}
    if gone:
        held += await reader.consultations(gone)
        places += await reader.places(person, gone)
    return beside(tables, held, places)


class Past:
    """What begins in memory and goes on in the database."""

    def __init__(self, reader: Reader, tables: Tables) -> None:
        self._reader = reader
        self._tables = tables

    async def tables_of(self, consultation: str) -> Tables:
        """Return tables with this one consultation of the past, or with none when there is none."""
        return beside(self._tables, await self._reader.consultations((consultation,)))

    async def ended(
        self, paging: Paging, may: Callable[[Tables], Callable[[Consultation], bool]]
    ) -> tuple[tuple[Consultation, ...], str]:
        """Return ended consultations that one may know of, the last to end first, and the next page's cursor."""
        before = _key_of(paging.cursor)
        found: list[Consultation] = []
        for _ in range(READINGS):
            told = await self._reader.ended(before, ROWS)
            last = (told[-1].ended_us, told[-1].id) if len(told) == ROWS else None
            held = (item for item in self._tables.consultations if item.stage is Stage.ENDED)
            rows = {item.id: item for item in (*told, *held) if _is_between(item, before, last)}
            allowed = may(beside(self._tables, rows.values()))
            for item in sorted(rows.values(), key=_when, reverse=True):
                if not allowed(item):
                    continue
                found.append(item)
                if len(found) == paging.limit:
                    return tuple(found), _cursor(_when(item))
            if last is None:
                return tuple(found), ""
            before = last
        return tuple(found), _cursor(before)

    async def messages(self, consultation: str, paging: Paging) -> tuple[tuple[Message, ...], str]:
        """Return texts of a consultation, the newest first, and the cursor of the next page."""
        before = _key_of(paging.cursor)
        texts = map(self._tables.messages.get, self._tables.messages_of.ids(consultation))
        held = sorted((text for text in texts if before is None or _said(text) < before), key=_said, reverse=True)
        some_forgotten = self._tables.messages_of.count(consultation) >= KEEP_MESSAGES
        if len(held) <= paging.limit and (some_forgotten or consultation not in self._tables.consultations):
            last = _said(held[-1]) if held else before
            try:
                held += await self._reader.messages(consultation, last, paging.limit - len(held) + 1)
            except Unavailable:
                if not held:
                    raise
                return tuple(held), _cursor(last)  # what there is; who asks for more is told
        found = held[: paging.limit]
        return tuple(found), _cursor(_said(found[-1])) if len(held) > paging.limit else ""

    async def participants(self, consultation: str, paging: Paging) -> tuple[tuple[Participant, ...], str]:
        """Return who is or was in a consultation, and the cursor of the next page."""
        if consultation in self._tables.consultations:
            ids = self._tables.participants_of.ids(consultation)
            return page(map(self._tables.participants.get, ids), paging, lambda _: True)
        require_cursor(paging)
        told = await self._reader.participants(consultation, paging.cursor, paging.limit + 1)
        found = told[: paging.limit]
        return tuple(found), found[-1].id if len(told) > paging.limit else ""


def _key_of(cursor: str) -> Key | None:
    """Return what a cursor stands for. Raises Problem."""
    if not cursor:
        return None
    found = _CURSOR.match(cursor)
    if not found:
        raise cursor_invalid()
    return int(found[1]), found[2]


def _cursor(key: Key | None) -> str:
    return f"{key[0]}.{key[1]}" if key else ""


def _when(item: Consultation) -> Key:
    return item.ended_us, item.id


def _said(text: Message) -> Key:
    return text.at_us, text.id


def _is_between(item: Consultation, before: Key | None, last: Key | None) -> bool:
    return (before is None or _when(item) < before) and (last is None or _when(item) >= last)

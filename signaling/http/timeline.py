"""The timeline over HTTP: what happened, page by page, the newest first, as far as the asker may read it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from dispatch.audit import Audit
from dispatch.entry import Entry, public
from dispatch.permissions import Actor, Permissions, Right
from dispatch.store.reading import Place, Question, Reader
from signaling.http.listing import MAX_PAGE, Time, cursor_invalid
from signaling.http.operation import BASE, JSON, Door, Operation, answer, query_of
from signaling.http.past import of_sessions

#: Entries looked at for one answer: some 10 ms. An answer may so be shorter than asked for and yet have a next page.
ROWS: Final = 500
READINGS: Final = 4
_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,9})\Z")

#: Codes and identifiers. Nothing else is in the columns, and not every database takes every character.
_Text = Annotated[str, Meta(max_length=128, pattern="^[!-~]*$")]


class TimelineQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`from_us` <= time < `to_us`; 0 and "" ask for whatever. `object`: `kind:id`."""

    from_us: Time = 0
    to_us: Time = 0
    session: _Text = ""
    object: _Text = ""
    actor: _Text = ""
    verb: _Text = ""
    cursor: Annotated[str, Meta(max_length=32)] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A page of entries, the newest first; it may be empty although there is a `next`."""

    items: tuple[Entry, ...]
    next: str


OPERATION: Final = Operation(
    name="timeline.list",
    method="GET",
    path=f"{BASE}/timeline",
    summary="What happened, the newest first: of what one audits, and of the sessions that one was part of",
    right=Right.AUDIT,
    query=TimelineQuery,
    gives={200: {JSON: Timeline}},
    refuses=frozenset({400, 401, 403, 422, 503}),
    tag="timeline",
)


class TimelineEndpoint:
    """The handler of `/timeline`."""

    def __init__(self, reader: Reader, door: Door) -> None:
        self._reader = reader
        self._door = door

    def routes(self) -> list[web.RouteDef]:
        """Return the route to add to an application."""
        return [OPERATION.route(self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        caller = self._door.caller(request)
        query: TimelineQuery = query_of(request, TimelineQuery)
        question = Question(query.from_us, query.to_us, query.session, query.object, query.actor, query.verb)
        after = place_of(query.cursor)
        found: list[Entry] = []
        for _ in range(READINGS):
            told = await self._reader.timeline(question, after, ROWS)
            audit = await audit_of(self._reader, self._door, caller.actor, (item.entry for item in told))
            for item in told:
                after = item.place
                if audit.may_read(item.entry):
                    found.append(public(item.entry))
                    if len(found) == query.limit:
                        return answer(Timeline(items=tuple(found), next=cursor_of(after)))
            if len(told) < ROWS:
                return answer(Timeline(items=tuple(found), next=""))
        return answer(Timeline(items=tuple(found), next=cursor_of(after)))


async def audit_of(reader: Reader, door: Door, actor: Actor, entries: Iterable[Entry]) -> Audit:
    """Return what tells which of these entries somebody may read, of consultations that are long over too."""
    now_us = time.time_ns() // 1000
    if door.permissions.may(actor, Right.AUDIT, "node", now_us):
        return Audit(door.tables, door.permissions, actor, now_us)
    sessions = {entry.session or entry.object_id for entry in entries if entry.session or entry.kind == "consultation"}
    tables = await of_sessions(reader, door.tables, sessions, actor.person)
    return Audit(tables, Permissions(tables), actor, now_us)


def place_of(cursor: str) -> Place | None:
    """Return what a cursor stands for. Raises Problem."""
    if not cursor:
        return None
    found = _CURSOR.match(cursor)
    if not found or not cursor.isascii():
        raise cursor_invalid()
    return int(found[1]), int(found[2])


def cursor_of(place: Place | None) -> str:
    """Return the cursor of the page after a place."""
    return f"{place[0]}.{place[1]}" if place else ""

"""What things are called, many at once, also those that are over or gone: the timeline's entries hold identifiers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from dispatch.audit import Audit
from dispatch.errors import Unavailable
from dispatch.permissions import Actor, Permissions, Right
from dispatch.records import Consultation, Endpoint, Participant, Person, Recording, Unit
from dispatch.store.reading import Question, Reader
from signaling.http.operation import BASE, JSON, Door, Operation, answer, query_of
from signaling.http.past import of_sessions
from signaling.http.timeline import audit_of

MAX_NAMES: Final = 100
#: Of one answer: each is a question to the database.
MAX_PAST: Final = 30
#: Entries looked through for the name of something gone.
ENTRIES: Final = 20
#: Nothing takes these away; memory lets go of them when they are over.
_LASTING: Final = ("consultation:", "participant:", "recording:")
_TARGET = re.compile(r"(unit|person|endpoint|consultation|participant|recording):[0-9A-Z]{1,32}\Z")


class NamesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`of`: up to 100 `kind:id`, with commas between; of kinds without names nothing is told."""

    of: Annotated[str, Meta(max_length=6_000)] = ""


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """`gone`: it is there no more, and this is what it was called last."""

    name: str
    name_en: str = ""
    gone: bool = False


class Names(msgspec.Struct, frozen=True):
    """By `kind:id`, those that one may know of; of what is gone, up to 30."""

    names: dict[str, Name]


OPERATION: Final = Operation(
    name="names.list",
    method="GET",
    path=f"{BASE}/names",
    summary="What things are called, or were",
    why="each is told to who may see it, and of what is gone to who may read of it in the timeline",
    query=NamesQuery,
    gives={200: {JSON: Names}},
    refuses=frozenset({400, 401, 403, 422}),
    tag="directory",
)


class NamesEndpoint:
    """The handler of `/names`."""

    def __init__(self, reader: Reader, door: Door) -> None:
        self._reader = reader
        self._door = door

    def routes(self) -> list[web.RouteDef]:
        """Return the route to add to an application."""
        return [OPERATION.route(self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        caller = self._door.caller(request)
        query: NamesQuery = query_of(request, NamesQuery)
        wanted = [target for target in dict.fromkeys(query.of.split(",")) if _TARGET.match(target)][:MAX_NAMES]
        names: dict[str, Name | None] = {}
        gone: list[str] = []
        actor, now_us = caller.actor, time.time_ns() // 1000
        audit = Audit(self._door.tables, self._door.permissions, actor, now_us)
        for target in wanted:
            kind, _, identifier = target.partition(":")
            record = self._door.tables.of_kind(kind).find(identifier)
            if record is None:
                gone.append(target)
            elif self._may_see(actor, audit, target, record, now_us):
                names[target] = _name(record)
        over = await self._over(gone, actor)
        names |= over
        for target in [target for target in gone if target not in over][:MAX_PAST]:
            names[target] = await self._past(target, actor)
        return answer(Names({target: name for target, name in names.items() if name is not None}))

    def _may_see(self, actor: Actor, audit: Audit, target: str, record: Any, now_us: int) -> bool:
        may = self._door.permissions.may
        if isinstance(record, Participant):
            session = record.consultation
            return may(actor, Right.VIEW, f"consultation:{session}", now_us) or audit.may_read_of(session)
        if isinstance(record, Recording):
            return any(may(actor, right, target, now_us) for right in (Right.SEE, Right.REPLAY, Right.EXPORT))
        # Who was part of a consultation that is over need have no right to see it, and reads of it in the timeline.
        of_it = isinstance(record, Consultation) and audit.may_read_of(record.id)
        return of_it or may(actor, Right.SEE, target, now_us)

    async def _over(self, targets: Iterable[str], actor: Actor) -> dict[str, Name | None]:
        """Return the titles of consultations that only the database has, None of those that one may not know of."""
        ids = {target.partition(":")[2] for target in targets if target.startswith("consultation:")}
        if not ids:
            return {}
        try:
            tables = await of_sessions(self._reader, self._door.tables, ids, actor.person)
        except Unavailable:
            return {}
        permissions, now_us = Permissions(tables), time.time_ns() // 1000
        audit = Audit(tables, permissions, actor, now_us)
        names: dict[str, Name | None] = {}
        for item in tables.consultations:
            target = f"consultation:{item.id}"
            known = permissions.may(actor, Right.SEE, target, now_us) or audit.may_read_of(item.id)
            names[target] = _name(item) if known else None
        return names

    async def _past(self, target: str, actor: Actor) -> Name | None:
        """Return what something was called last, as far as the database can tell now."""
        try:
            told = await self._reader.timeline(Question(object=target), None, ENTRIES)
            audit = await audit_of(self._reader, self._door, actor, (item.entry for item in told))
        except Unavailable:
            return None
        gone = not target.startswith(_LASTING)
        for entry in (item.entry for item in told):
            name = next((entry.params[key] for key in ("name_zh", "name", "title") if entry.params.get(key)), "")
            if isinstance(name, str) and name and audit.may_read(entry):
                return Name(name=name, name_en=str(entry.params.get("name_en", "")), gone=gone)
        return None


def _name(record: Any) -> Name | None:
    if isinstance(record, Unit | Endpoint):
        return Name(name=record.name_zh, name_en=record.name_en)
    if isinstance(record, Person | Participant):
        return Name(name=record.name)
    return Name(name=record.title) if isinstance(record, Consultation | Recording) else None

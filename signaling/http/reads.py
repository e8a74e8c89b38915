"""Reading over HTTP: directory and consultations, page by page, and only what the asker has the right to.

Every route stands in `READS` with its right. What somebody may not know of is answered like what is not there.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from dispatch.errors import Forbidden, Unavailable, Unknown
from dispatch.permissions import Permissions, Right
from dispatch.records import Consultation, Endpoint, Grant, Policy, Record, Stage, Unit
from dispatch.store.reading import Reader
from dispatch.tables import Tables
from signaling.http.listing import Id, Paging, page
from signaling.http.operation import BASE, JSON, Caller, Door, Operation, answer, query_of
from signaling.http.past import NEWEST, Past
from signaling.http.shown import (
    Consultations,
    Endpoints,
    Grants,
    Messages,
    Participants,
    People,
    PersonShown,
    Policies,
    Units,
    consultation_short,
    person_shown,
)

_REFUSES = frozenset({400, 401, 403, 404, 422})


class UnitsQuery(Paging, frozen=True, kw_only=True):
    """`parent`: the unit whose next level is wanted; "" for the roots."""

    parent: Annotated[str, Meta(max_length=64)] = ""


class OfUnit(Paging, frozen=True, kw_only=True):
    """`unit`: whose own are wanted, not those below it."""

    unit: Id


class ConsultationsQuery(Paging, frozen=True, kw_only=True):
    """`stage`: only those in it."""

    stage: Literal["", "scheduled", "running", "ended"] = ""


class GrantsQuery(Paging, frozen=True, kw_only=True):
    """`object`: only those on it; `to`: only those of this holder. Both are `kind:id`."""

    object: Annotated[str, Meta(max_length=96)] = ""
    to: Annotated[str, Meta(max_length=96)] = ""


class PoliciesQuery(Paging, frozen=True, kw_only=True):
    """`unit`: only those that hold for it, its own and those of the units above it."""

    unit: Annotated[str, Meta(max_length=64)] = ""


class Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: by whom, at what time, with which parameters and values of the address."""

    caller: Caller
    now_us: int
    query: Any
    address: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Read:
    """One route. `right` on `kind:{id of the address}`; where `kind` is "" it is asked of each record of the answer."""

    path: str
    name: str
    summary: str
    right: Right | None
    kind: str
    query: type[msgspec.Struct]
    gives: type[msgspec.Struct]
    read: Callable[[Reading, Asked], Awaitable[Any]]
    why: str = ""

    @property
    def operation(self) -> Operation:
        """The declaration of the route."""
        return Operation(
            name=self.name,
            method="GET",
            path=BASE + self.path,
            summary=self.summary,
            right=self.right,
            why=self.why,
            query=self.query if self.query.__struct_fields__ else None,
            gives={200: {JSON: self.gives}},
            # The past is in the database, which may be gone.
            refuses=_REFUSES | {503} if self.path.startswith("/consultations") else _REFUSES,
            tag=self.name.partition(".")[0],
        )


class Reading:
    """The answers, from the tables as they are and, where memory has let go of something, from the database."""

    def __init__(self, tables: Tables, permissions: Permissions, past: Past) -> None:
        self.tables = tables
        self.permissions = permissions
        self._past = past

    async def reaching(self, consultation: str) -> Reading:
        """Return what answers about a consultation, also one that memory has let go of. Raises Unavailable."""
        if consultation in self.tables.consultations:
            return self
        tables = await self._past.tables_of(consultation)
        return Reading(tables, Permissions(tables), self._past)

    def require(self, asked: Asked, right: Right, target: str) -> None:
        """Raise Unknown when the asker may not even know of `kind:id`, Forbidden when it lacks the right."""
        kind, _, identifier = target.partition(":")
        if identifier not in self.tables.of_kind(kind) or not self.may(asked, Right.SEE, target):
            raise Unknown(f"{kind}-unknown", f"no {kind} {identifier[:40]!r}")
        if not self.may(asked, right, target):
            raise Forbidden("forbidden", f"{asked.caller.actor.person} lacks {right} of {target[:80]}")

    def may(self, asked: Asked, right: Right, target: str) -> bool:
        """Tell whether the asker has a right."""
        return self.permissions.may(asked.caller.actor, right, target, asked.now_us)

    def sees(self, asked: Asked, kind: str) -> Callable[[Record], bool]:
        """Return what tells whether the asker may know of a record."""
        return lambda record: self.may(asked, Right.SEE, f"{kind}:{record.id}")

    async def units(self, asked: Asked) -> Units:
        """Return one level of the tree."""
        query: UnitsQuery = asked.query
        if query.parent:
            self.require(asked, Right.SEE, f"unit:{query.parent}")
        ids = self.tables.children.ids(query.parent or "root")
        items, following = page(map(self.tables.units.get, ids), query, self.sees(asked, "unit"))
        return Units(items=items, next=following)

    async def unit(self, asked: Asked) -> Unit:
        """Return a unit."""
        return self.tables.units.get(asked.address["unit"])

    async def people(self, asked: Asked) -> People:
        """Return the people of a unit."""
        query: OfUnit = asked.query
        self.require(asked, Right.SEE, f"unit:{query.unit}")
        ids = self.tables.people_of_unit.ids(query.unit)
        items, following = page(map(self.tables.people.get, ids), query, self.sees(asked, "person"))
        return People(items=tuple(self._shown(asked, item.id) for item in items), next=following)

    async def person(self, asked: Asked) -> PersonShown:
        """Return a person."""
        return self._shown(asked, asked.address["person"])

    async def endpoints(self, asked: Asked) -> Endpoints:
        """Return the endpoints of a unit."""
        query: OfUnit = asked.query
        self.require(asked, Right.SEE, f"unit:{query.unit}")
        ids = self.tables.endpoints_of_unit.ids(query.unit)
        items, following = page(map(self.tables.endpoints.get, ids), query, self.sees(asked, "endpoint"))
        return Endpoints(items=items, next=following)

    async def endpoint(self, asked: Asked) -> Endpoint:
        """Return an endpoint."""
        return self.tables.endpoints.get(asked.address["endpoint"])

    async def grants(self, asked: Asked) -> Grants:
        """Return grants whose time is not over, the newest first: those one gave, has, or may take back."""
        query: GrantsQuery = asked.query
        me = asked.caller.actor.person

        def may(grant: Grant) -> bool:
            own = grant.by == me or grant.to == f"person:{me}"
            return own or self.may(asked, Right.ADMIN, grant.object)

        found = (
            grant
            for grant in self.tables.grants
            if grant.until_us > asked.now_us and query.object in ("", grant.object) and query.to in ("", grant.to)
        )
        items, following = page(found, query, may, newest=True)
        return Grants(items=items, next=following)

    async def policies(self, asked: Asked) -> Policies:
        """Return policies of recording, the oldest first: of units one may record for, or that hold for one of them."""
        query: PoliciesQuery = asked.query
        found: Iterable[Policy] = self.tables.policies
        if query.unit:
            self.require(asked, Right.RECORD, f"unit:{query.unit}")
            line = frozenset(self.permissions.line(query.unit))
            found = (policy for policy in found if policy.unit in line)
        holding = bool(query.unit)
        items, following = page(
            found, query, lambda policy: holding or self.may(asked, Right.RECORD, f"policy:{policy.id}")
        )
        return Policies(items=items, next=following)

    async def policy(self, asked: Asked) -> Policy:
        """Return a policy of recording."""
        return self.tables.policies.get(asked.address["policy"])

    async def consultations(self, asked: Asked) -> Consultations:
        """Return consultations that the asker may know of: those not over, then those that have ended."""
        query: ConsultationsQuery = asked.query
        items: tuple[Consultation, ...] = ()
        following = ""
        if query.stage != "ended" and "." not in query.cursor:
            stages = (query.stage,) if query.stage else (Stage.SCHEDULED, Stage.RUNNING)
            found = (item for item in self.tables.consultations if item.stage in stages)
            items, following = page(found, query, self.sees(asked, "consultation"), newest=True)
        if query.stage in ("", "ended") and not following:
            cursor = query.cursor if query.stage or "." in query.cursor else ""
            ended, following = await self._ended(asked, cursor, query.limit - len(items), has_some=bool(items))
            items += ended
        return Consultations(items=tuple(map(consultation_short, items)), next=following)

    async def _ended(
        self, asked: Asked, cursor: str, room: int, *, has_some: bool
    ) -> tuple[tuple[Consultation, ...], str]:
        def sees(tables: Tables) -> Callable[[Record], bool]:
            return Reading(tables, Permissions(tables), self._past).sees(asked, "consultation")

        try:
            return await self._past.ended(Paging(cursor=cursor, limit=room), sees) if room else ((), NEWEST)
        except Unavailable:
            if not has_some:
                raise
            return (), NEWEST  # those not over are told without the database; who asks for more hears of it

    async def consultation(self, asked: Asked) -> Consultation:
        """Return a consultation in full."""
        return self.tables.consultations.get(asked.address["consultation"])

    async def participants(self, asked: Asked) -> Participants:
        """Return who is or was in a consultation."""
        items, following = await self._past.participants(asked.address["consultation"], asked.query)
        return Participants(items=items, next=following)

    async def messages(self, asked: Asked) -> Messages:
        """Return the texts of a consultation."""
        items, following = await self._past.messages(asked.address["consultation"], asked.query)
        return Messages(items=items, next=following)

    def _shown(self, asked: Asked, person: str) -> PersonShown:
        managed = self.may(asked, Right.MANAGE, f"person:{person}") or person == asked.caller.actor.person
        return person_shown(self.tables.people.get(person), managed=managed)


#: Every route with its right. What is said and who is in a consultation is for those who may view it: who was invited
#: knows that it is there (SEE), not what goes on in it.
READS: tuple[Read, ...] = (
    Read("/units", "units.list", "One level of the tree", Right.SEE, "", UnitsQuery, Units, Reading.units),
    Read("/units/{unit}", "units.get", "A unit", Right.SEE, "unit", Nothing, Unit, Reading.unit),
    Read("/people", "people.list", "The people of a unit", Right.SEE, "", OfUnit, People, Reading.people),
    Read("/people/{person}", "people.get", "A person", Right.SEE, "person", Nothing, PersonShown, Reading.person),
    Read("/endpoints", "endpoints.list", "The devices of a unit", Right.SEE, "", OfUnit, Endpoints, Reading.endpoints),
    Read(
        "/endpoints/{endpoint}", "endpoints.get", "A device", Right.SEE, "endpoint", Nothing, Endpoint, Reading.endpoint
    ),
    Read(
        "/grants",
        "grants.list",
        "Grants that one gave, has, or may take back, the newest first",
        None,
        "",
        GrantsQuery,
        Grants,
        Reading.grants,
        why="a grant is told to who gave it, who has it, and who has ADMIN of its object",
    ),
    Read(
        "/policies",
        "policies.list",
        "Policies of recording: of units that one may record for; with `unit`, all that hold for it",
        Right.RECORD,
        "",
        PoliciesQuery,
        Policies,
        Reading.policies,
    ),
    Read(
        "/policies/{policy}",
        "policies.get",
        "A policy of recording",
        Right.RECORD,
        "policy",
        Nothing,
        Policy,
        Reading.policy,
    ),
    Read(
        "/consultations",
        "consultations.list",
        "Consultations that one may know of: those not over, the newest first, then those ended, the last to end first",
        Right.SEE,
        "",
        ConsultationsQuery,
        Consultations,
        Reading.consultations,
    ),
    Read(
        "/consultations/{consultation}",
        "consultations.get",
        "A consultation in full",
        Right.VIEW,
        "consultation",
        Nothing,
        Consultation,
        Reading.consultation,
    ),
    Read(
        "/consultations/{consultation}/participants",
        "participants.list",
        "Who is or was in a consultation",
        Right.VIEW,
        "consultation",
        Paging,
        Participants,
        Reading.participants,
    ),
    Read(
        "/consultations/{consultation}/messages",
        "messages.list",
        "The texts of a consultation, the newest first",
        Right.VIEW,
        "consultation",
        Paging,
        Messages,
        Reading.messages,
    ),
)


def collections() -> frozenset[str]:
    """Return the addresses whose members have addresses of their own below them."""
    paths = {read.path for read in READS}
    return frozenset(BASE + path for path in paths if any(_is_member(other, path) for other in paths))


def _is_member(path: str, collection: str) -> bool:
    rest = path.removeprefix(f"{collection}/")
    return rest != path and rest.startswith("{") and "/" not in rest


class ReadsEndpoint:
    """The handlers of `READS`."""

    def __init__(self, reader: Reader, door: Door) -> None:
        self._door = door
        self._reading = Reading(door.tables, door.permissions, Past(reader, door.tables))

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [read.operation.route(self._handler(read)) for read in READS]

    def _handler(self, read: Read) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            caller = self._door.caller(request)
            query = query_of(request, read.query)
            asked = Asked(caller, time.time_ns() // 1000, query, request.match_info)
            reading = self._reading
            if read.kind == "consultation":
                reading = await reading.reaching(request.match_info[read.kind])
            if read.kind and read.right is not None:
                reading.require(asked, read.right, f"{read.kind}:{request.match_info[read.kind]}")
            return answer(await read.read(reading, asked))

        return handler

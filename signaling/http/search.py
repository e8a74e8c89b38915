"""Search over HTTP: units, people and devices by any part of a name or code; only what one may see.

By login only people whom one manages: to anybody else it would tell, letter by letter, what `people` does not.
"""

from __future__ import annotations

import time
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from dispatch.directory.search import MAX_FOUND, MAX_QUERY_CHARACTERS, SearchIndex
from dispatch.permissions import Right
from dispatch.records import Endpoint, Person, Unit
from signaling.http.operation import BASE, JSON, Door, Operation, answer, query_of


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`q`: words that must all occur. `kinds`: only these, separated by commas."""

    q: Annotated[str, Meta(min_length=1, max_length=MAX_QUERY_CHARACTERS)]
    kinds: Annotated[str, Meta(pattern="^((unit|person|endpoint)(,(unit|person|endpoint)){0,2})?$")] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_FOUND)] = MAX_FOUND


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`kind`: `unit`, `person` or `endpoint`. `unit`: where it belongs; of a unit, the one above. `level`: a unit's."""

    kind: str
    id: str
    name: str = ""
    name_zh: str = ""
    name_en: str = ""
    title: str = ""
    endpoint_kind: str = ""
    unit: str = ""
    unit_name: str = ""
    unit_name_en: str = ""
    level: str = ""


class Results(msgspec.Struct, frozen=True):
    """What was found, the best first."""

    results: tuple[Found, ...]


OPERATION: Final = Operation(
    name="search.list",
    method="GET",
    path=f"{BASE}/search",
    summary="Find units, people and devices by parts of names (also as pinyin) and codes; by login where one manages",
    right=Right.SEE,
    query=SearchQuery,
    gives={200: {JSON: Results}},
    refuses=frozenset({400, 401, 403, 422}),
    tag="directory",
)


class SearchEndpoint:
    """The handler of `/search`. The index is filled, and kept true, by its owner."""

    def __init__(self, index: SearchIndex, door: Door) -> None:
        self._index = index
        self._door = door

    def routes(self) -> list[web.RouteDef]:
        """Return the route to add to an application."""
        return [OPERATION.route(self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        caller = self._door.caller(request)
        query: SearchQuery = query_of(request, SearchQuery)
        now_us = time.time_ns() // 1000

        def may_find(thing: str, by_login: bool) -> bool:
            may, actor = self._door.permissions.may, caller.actor
            if by_login and thing != f"person:{actor.person}" and not may(actor, Right.MANAGE, thing, now_us):
                return False
            return may(actor, Right.SEE, thing, now_us)

        kinds = frozenset(query.kinds.split(",")) if query.kinds else frozenset[str]()
        things = self._index.search(query.q, may_find, kinds, query.limit)
        found = (self._found(*thing.split(":", 1)) for thing in things)
        return answer(Results(tuple(item for item in found if item is not None)))

    def _found(self, kind: str, identifier: str) -> Found | None:
        record = self._door.tables.of_kind(kind).find(identifier)
        of_unit = record.parent if isinstance(record, Unit) else getattr(record, "unit", "")
        unit = self._door.tables.units.find(of_unit)
        place = {
            "unit": of_unit,
            "unit_name": unit.name_zh if unit else "",
            "unit_name_en": unit.name_en if unit else "",
        }
        match record:
            case Unit():
                names = {"name_zh": record.name_zh, "name_en": record.name_en, "level": record.level.value}
            case Person():
                names = {"name": record.name, "title": record.title, "level": unit.level.value if unit else ""}
            case Endpoint():
                names = {"name_zh": record.name_zh, "name_en": record.name_en, "endpoint_kind": record.kind.value}
                names["level"] = unit.level.value if unit else ""
            case _:
                return None
        return Found(kind=kind, id=identifier, **names, **place)

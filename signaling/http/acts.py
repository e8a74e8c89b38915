"""Acts over HTTP: one route for every entry of `dispatch.acts.base.ACTS`, made from its declaration.

The shell of one request: who asks, the act's values out of address and body, the coordinator, its answer. What is
allowed is decided there.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

import dispatch.acts
from dispatch.acts.base import ACTS, Act, Spec
from dispatch.desk.ports import Doing
from signaling.http.body import read_any
from signaling.http.operation import BASE, JSON, Door, Operation, answer, field_of
from signaling.http.pace import A_SECOND, Pace
from signaling.http.problem import Problem

#: Of an act's values; as large as a message of the WebSocket.
MAX_ACT_BYTES: Final = 1 << 17

_REFUSES = frozenset({400, 401, 403, 404, 409, 422, 429, 503})
_BODY_REFUSES = frozenset({408, 413, 415})


class Done(msgspec.Struct, frozen=True):
    """An act is on disk in the timeline. `object`: the id of what it made or concerns, or ""."""

    object: str


def all_acts() -> dict[str, Spec]:
    """Return every act, having imported every module of `dispatch.acts`."""
    for module in pkgutil.walk_packages(dispatch.acts.__path__, "dispatch.acts."):
        importlib.import_module(module.name)
    return ACTS


@dataclass(frozen=True, slots=True)
class ActRoute:
    """An act with the type of its body: its fields that do not stand in the address."""

    spec: Spec
    body: type[msgspec.Struct]
    operation: Operation
    makes: bool


def act_routes(collections: Collection[str] = ()) -> list[ActRoute]:
    """Return all acts that have an address, the fixed parts of addresses before the variable ones.

    `collections`: addresses whose members can be read at the address, a slash and the member's id; an act that is
    posted to one makes a member.
    """
    specs = sorted((spec for spec in all_acts().values() if spec.path), key=lambda spec: spec.path.replace("{", "~"))
    return [_act_route(spec, collections) for spec in specs]


class ActsEndpoint:
    """The handlers of all acts."""

    def __init__(self, doing: Doing, door: Door, collections: Collection[str] = ()) -> None:
        self._doing = doing
        self._door = door
        self._pace = Pace()
        self._routes = act_routes(collections)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [route.operation.route(self._handler(route)) for route in self._routes]

    def _handler(self, route: ActRoute) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            caller = self._door.caller(request)
            if not self._pace.allows(caller.actor.person, time.monotonic()):
                detail = f"more than {A_SECOND} acts a second"
                raise Problem("too-many-attempts", detail, {"Retry-After": "1"})
            act = _act(route, request.match_info, await _values(route, request))
            made = await self._doing.act(act, caller.actor, caller.origin)
            if route.makes and made:
                return answer(Done(made), 201, {"Location": f"{request.path}/{made}"})
            return answer(Done(made))

        return handler


async def _values(route: ActRoute, request: web.Request) -> msgspec.Struct:
    """Return the fields of the body; no body is one without fields."""
    body = await read_any(request, MAX_ACT_BYTES)
    if body and request.content_type != JSON:
        raise Problem("unsupported-media-type", f"send Content-Type: {JSON}")
    try:
        return msgspec.json.decode(body or b"{}", type=route.body)
    except msgspec.ValidationError as error:
        raise Problem("body-invalid", str(error), field=field_of(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("body-malformed", str(error)) from None
    except RecursionError:
        raise Problem("body-malformed", "the body is nested too deeply") from None


def _act(route: ActRoute, address: Mapping[str, str], body: msgspec.Struct) -> Act:
    values = {field: address[field] for field in route.spec.path_fields}
    values |= {field: getattr(body, field) for field in body.__struct_fields__}
    return route.spec.act(**values)


def _act_route(spec: Spec, collections: Collection[str]) -> ActRoute:
    path = BASE + spec.path
    body = _body_type(spec)
    makes = spec.method == "POST" and path in collections
    fields = msgspec.structs.fields(body)
    operation = Operation(
        name=spec.name,
        method=spec.method,
        path=path,
        summary=spec.summary,
        right=spec.right,
        why=spec.why,
        takes={JSON: body} if fields else None,
        needs_body=any(field.required for field in fields),
        gives={200: {JSON: Done}, **({201: {JSON: Done}} if makes else {})},
        refuses=_REFUSES | _BODY_REFUSES,
        tag=spec.name.partition(".")[0],
    )
    return ActRoute(spec, body, operation, makes)


def _body_type(spec: Spec) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for field in msgspec.structs.fields(spec.act):
        if field.name in spec.path_fields:
            continue
        if field.required:
            fields.append((field.name, field.type))
        elif field.default is not msgspec.NODEFAULT:
            fields.append((field.name, field.type, field.default))
        else:
            fields.append((field.name, field.type, msgspec.field(default_factory=field.default_factory)))
    name = "".join(word.capitalize() for word in spec.name.replace("-", ".").split("."))
    doc = spec.act.__doc__ or spec.summary
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, namespace={"__doc__": doc})

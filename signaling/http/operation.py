"""One route of the interface as a declaration: its address, who may, what goes in, what comes out.

Routes are made from it and the description of the interface too, so neither can say what the other does not.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from dispatch.entry import Origin
from dispatch.permissions import Actor, Permissions, Right
from dispatch.tables import Tables
from signaling.http.access import address_of
from signaling.http.problem import Problem

#: Before the address of every act and every reading.
BASE: Final = "/api/v1"
JSON: Final = "application/json"
#: Names the page or device that asks; kept in the timeline.
DEVICE_HEADER: Final = "Huishang-Device"
DEVICE_PATTERN: Final = r"^[A-Za-z0-9._~-]{1,64}$"

_OPERATION = "huishang_operation"
_DEVICE = re.compile(DEVICE_PATTERN)
_FIELD = re.compile(r"`\$\.([A-Za-z_][\w.\[\]]*)`")


class Identify(Protocol):
    """Tells who asks, by what the request carries and as things are now. Raises Problem `unauthorized`."""

    def __call__(self, request: web.Request) -> Actor: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route. `right` is what it needs; None needs a reason, `why`.

    `query`: its parameters as a struct. `takes`: content type -> what is sent (None: text or bytes as they are);
    `gives`: status -> (content type -> what is answered). `refuses`: statuses of its problem details.
    `names_device`: it heeds the header `Huishang-Device`; `locates`: with 201 it tells the new thing's address.
    """

    name: str
    method: str
    path: str
    summary: str
    right: Right | None = None
    why: str = ""
    query: type[msgspec.Struct] | None = None
    takes: Mapping[str, Any] | None = None
    gives: Mapping[int, Mapping[str, Any]]
    refuses: frozenset[int]
    tag: str
    signed_in: bool = True
    names_device: bool = True
    needs_body: bool = True
    locates: bool = True

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The names in braces in its address."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    def route(self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.RouteDef:
        """Return the route that answers it; a GET answers HEAD too."""

        # A function of its own: one handler may answer several operations.
        async def operate(request: web.Request) -> web.StreamResponse:
            return await handler(request)

        setattr(operate, _OPERATION, self)
        return web.get(self.path, operate) if self.method == "GET" else web.route(self.method, self.path, operate)


def operation_of(handler: object) -> Operation | None:
    """Return what a route's handler was made from, None when it was not."""
    found = getattr(handler, _OPERATION, None)
    return found if isinstance(found, Operation) else None


def operations_of(routes: Iterable[web.RouteDef]) -> list[Operation]:
    """Return what routes were made from, of those that were."""
    found = [operation_of(route.handler) for route in routes]
    return [item for item in found if item is not None]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and from where."""

    actor: Actor
    origin: Origin


@dataclass(frozen=True, slots=True)
class Door:
    """What handlers of the interface share: the state they read, the rights to it, and who is asking."""

    tables: Tables
    permissions: Permissions
    identify: Identify

    def caller(self, request: web.Request) -> Caller:
        """Return who asks. Raises Problem `unauthorized`, `person-needed`, `device-invalid`."""
        actor = self.identify(request)
        person = self.tables.people.find(actor.person)
        if person is None:
            raise Problem("person-needed", "sign in as a person; a token of the node's own has no rights here")
        device = request.headers.get(DEVICE_HEADER)
        if device is not None and not _DEVICE.match(device):
            raise Problem("device-invalid", f"{DEVICE_HEADER} is 1 to 64 letters, digits or ._~-")
        return Caller(actor, Origin(ip=address_of(request), device=device or "", unit=person.unit))


def query_of(request: web.Request, shape: type[msgspec.Struct]) -> Any:
    """Return the parameters of the address; of one given twice the first. Raises Problem `query-invalid`."""
    values = {name: request.query[name] for name in set(request.query)}
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("query-invalid", str(error), field=field_of(error)) from None


def field_of(error: msgspec.ValidationError) -> str:
    """Return the name of the value that a fault is about, "" when it is about the whole."""
    found = _FIELD.search(str(error))
    if found:
        return found[1]
    missing = re.search(r"required field `(\w+)`", str(error))
    return missing[1] if missing else ""


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a JSON answer."""
    return web.Response(status=status, body=msgspec.json.encode(value), content_type=JSON, headers=headers)

"""Exports over HTTP: ordering a file of what was recorded, seeing how it goes, taking it away, deleting it.

For who has the right to export the recording, asked again each time, so who loses it gets nothing more. What is ordered
and what is taken away stands in the timeline before it happens. Who makes the files is handed in; decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from dispatch.acts.exports import Export, Exported
from dispatch.acts.signin import lasting
from dispatch.desk.ports import Doing
from dispatch.entry import Origin
from dispatch.errors import Unknown
from dispatch.permissions import Actor, Right
from dispatch.records import Recording
from dispatch.store.reading import Reader
from signaling.http.access import address_of
from signaling.http.body import read_json
from signaling.http.exported import (
    FILE,
    GET,
    LIST,
    ORDER,
    REMOVE,
    TICKET,
    TYPES,
    Exports,
    ExportShown,
    FileQuery,
    Ordered,
    Ticket,
    Wish,
)
from signaling.http.foundrecording import FoundRecordings
from signaling.http.noting import Noting
from signaling.http.operation import Caller, Door, answer, query_of
from signaling.http.problem import Problem
from signaling.http.segmentfile import require_range
from signaling.http.tickets import Tickets

MAX_WISH_BYTES: Final = 1 << 16
#: Longer than any export is kept.
_ONCE_S: Final = 48 * 3600.0

Noted = Callable[[str, ExportShown], Awaitable[None]]
"""Is awaited with an export's id and what it will be, before any of it is made."""


class Exporting(Protocol):
    """Makes exports, one after the other, and keeps them for a while."""

    async def order(self, person: str, recording: Recording, wish: Wish, noted: Noted) -> str:
        """Have a file made; return the export's id once `noted` has returned. Raises Problem, Refused."""
        ...

    def of(self, recording: str) -> list[ExportShown]:
        """Return all of a recording, the newest first."""
        ...

    def find(self, export: str) -> ExportShown | None: ...

    def path(self, export: str) -> Path | None:
        """Return where the file lies, None where it is not made."""
        ...

    async def remove(self, export: str, *, own: bool) -> None:
        """End it, and leave nothing of it; where that is not its asker's wish, it is told as cancelled."""
        ...


class ExportFile(web.FileResponse):
    """Answers with a file, or the range of it that is asked for; no other condition of a request counts."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it."""
        kept = {name: request.headers[name] for name in (hdrs.RANGE, hdrs.IF_RANGE) if name in request.headers}
        return await super().prepare(request.clone(headers=kept))


class ExportsEndpoint:
    """The handlers of `/recordings/{recording}/exports`."""

    def __init__(self, exporting: Exporting, reader: Reader, doing: Doing, door: Door) -> None:
        self._exporting = exporting
        self._found = FoundRecordings(reader, door)
        self._doing = doing
        self._door = door
        self._taken = Noting(doing)
        self._tickets = Tickets()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [
            ORDER.route(self._order),
            LIST.route(self._list),
            TICKET.route(self._ticket),
            FILE.route(self._file),
            GET.route(self._get),
            REMOVE.route(self._remove),
        ]

    async def _order(self, request: web.Request) -> web.Response:
        caller, recording = await self._asked(request)
        wish = await read_json(request, Wish, MAX_WISH_BYTES)

        async def noted(export: str, shown: ExportShown) -> None:
            act = Export(
                recording=recording.id,
                session=recording.session,
                title=recording.title,
                export=export,
                form=shown.kind,
                from_us=shown.from_us,
                to_us=shown.to_us,
                tracks=shown.tracks,
                withhold=shown.withhold,
            )
            await self._doing.act(act, caller.actor, caller.origin)

        made = await self._exporting.order(caller.actor.person, recording, wish, noted)
        return answer(Ordered(id=made), 202)

    async def _list(self, request: web.Request) -> web.Response:
        caller, recording = await self._asked(request)
        sees_all = self._sees_all(caller.actor, recording)
        items = [item for item in self._exporting.of(recording.id) if sees_all or item.person == caller.actor.person]
        return answer(Exports(items=tuple(items)), headers={hdrs.CACHE_CONTROL: "no-store"})

    async def _get(self, request: web.Request) -> web.Response:
        caller, recording = await self._asked(request)
        return answer(self._mine(request, caller.actor, recording), headers={hdrs.CACHE_CONTROL: "no-store"})

    async def _remove(self, request: web.Request) -> web.Response:
        caller, recording = await self._asked(request)
        shown = self._mine(request, caller.actor, recording)
        await self._exporting.remove(shown.id, own=shown.person == caller.actor.person)
        return web.Response(status=204)

    async def _ticket(self, request: web.Request) -> web.Response:
        caller, recording = await self._asked(request)
        shown = self._mine(request, caller.actor, recording)
        self._made(shown)
        ticket, until_us = self._tickets.give(caller.actor, shown.id, time.time_ns() // 1000)
        href = f"{request.path.removesuffix('/ticket')}/file?ticket={ticket}"
        return answer(Ticket(href=href, until_us=until_us), headers={hdrs.CACHE_CONTROL: "no-store"})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        caller = self._taker(request)
        recording = await self._found.require(caller.actor, Right.EXPORT, request.match_info["recording"])
        shown = self._mine(request, caller.actor, recording)
        path = self._made(shown)
        require_range(request, shown.bytes)
        if request.method != hdrs.METH_HEAD:
            await self._note_taken(caller, recording, shown)
        headers = {
            hdrs.CONTENT_TYPE: TYPES.get(path.suffix, "application/octet-stream"),
            hdrs.CONTENT_DISPOSITION: disposition(shown.name),
            hdrs.CACHE_CONTROL: "private, no-store",
        }
        return ExportFile(path, headers=headers)

    async def _note_taken(self, caller: Caller, recording: Recording, shown: ExportShown) -> None:
        def act() -> Exported:
            return Exported(
                recording=recording.id,
                session=recording.session,
                title=recording.title,
                export=shown.id,
                form=shown.kind,
            )

        await self._taken.once((caller.actor.person, shown.id), caller, act, _ONCE_S)

    async def _asked(self, request: web.Request) -> tuple[Caller, Recording]:
        """Return who asks, and the recording, which it may export."""
        caller = self._door.caller(request)
        return caller, await self._found.require(caller.actor, Right.EXPORT, request.match_info["recording"])

    def _taker(self, request: web.Request) -> Caller:
        """Return who takes a file away, by a ticket or as everywhere. Raises Problem."""
        query: FileQuery = query_of(request, FileQuery)
        if not query.ticket:
            return self._door.caller(request)
        now_us = time.time_ns() // 1000
        actor = self._tickets.find(query.ticket, request.match_info["export"], now_us)
        login = lasting(self._door.tables, actor.login, now_us) if actor is not None else None
        if actor is None or login is None or login.person != actor.person:
            raise Problem("unauthorized", "the ticket is not good, or the sign-in behind it is over")
        unit = self._door.tables.people.get(actor.person).unit
        return Caller(actor, Origin(ip=address_of(request), unit=unit))

    def _mine(self, request: web.Request, actor: Actor, recording: Recording) -> ExportShown:
        """Return the export that is asked for, which is the asker's own or its administrator's to see."""
        identifier = request.match_info["export"]
        shown = self._exporting.find(identifier)
        if shown is None or shown.recording != recording.id:
            raise _unknown(identifier)
        if shown.person != actor.person and not self._sees_all(actor, recording):
            raise _unknown(identifier)
        return shown

    def _sees_all(self, actor: Actor, recording: Recording) -> bool:
        return Right.ADMIN in self._found.rights(actor, recording)

    def _made(self, shown: ExportShown) -> Path:
        path = self._exporting.path(shown.id)
        if path is None:
            raise Problem("export-unmade", f"it is {shown.state}")
        return path


def disposition(name: str) -> str:
    """Return a Content-Disposition (RFC 6266 section 4) under which a file is saved by its name."""
    suffix = Path(name).suffix
    return f"attachment; filename=\"recording{suffix}\"; filename*=UTF-8''{quote(name, safe='')}"


def _unknown(identifier: str) -> Unknown:
    return Unknown("export-unknown", f"no export {identifier[:40]!r}")

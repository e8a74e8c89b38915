"""The directory as files over HTTP: out, and in with a report of every refused row. One file comes in at a time.

Reading and planning a file takes seconds, so a thread does it, on a copy; what it plans are acts like any others, each
asked for its own right.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain, islice
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import BodyPartReader, web
from msgspec import Meta

from dispatch.acts.directory import Export, Step
from dispatch.desk.ports import Doing
from dispatch.directory.exporting import csv_of, json_of
from dispatch.directory.importing import Plan, plan
from dispatch.directory.reading import MAX_BYTES, File, Remark
from dispatch.errors import Forbidden, Refused
from dispatch.ids import RANDOM_BYTES, ulid
from dispatch.permissions import ROLES, Actor, Right
from dispatch.records import Record
from dispatch.tables import Tables
from signaling.http.operation import BASE, JSON, Caller, Door, Operation, answer, query_of
from signaling.http.problem import Problem

CSV: Final = "text/csv"
MULTIPART: Final = "multipart/form-data"
MAX_FILES: Final = 16
MAX_REMARKS: Final = 10_000
MAX_STEPS_TOLD: Final = 1_000
#: For the whole of a file to arrive, over a thin line; and of that, in which nothing at all may come.
UPLOAD_SECONDS: Final = 300.0
SILENT_SECONDS: Final = 20.0
#: Files that arrive at once are in memory at once.
MAX_UPLOADS: Final = 4
#: Records after which others have their turn on the loop: a few milliseconds.
_TURN: Final = 500
_PIECE: Final = 1 << 16

Kind = Literal["unit", "person", "endpoint"]


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A CSV file holds one `kind`, a JSON file all of them. `language` is that of a CSV file's headers and words."""

    format: Literal["csv", "json"] = "json"
    kind: Kind = "unit"
    language: Literal["zh", "en"] = "zh"


class ImportQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`check` 1: only tell what would happen. `kind`: what the rows are where the file does not say."""

    check: Annotated[int, Meta(ge=0, le=1)] = 0
    kind: Literal["", "unit", "person", "endpoint"] = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a file did, or would do: rows that created, changed, left alone what they name, and that were refused.

    `done`: acts on disk; `code` says why the rest of them was not done, or "". Of `refused` and `warnings` the first
    10,000 are told, and of the `steps` of a check the first 1,000.
    """

    created: int
    changed: int
    unchanged: int
    refused_rows: int
    refused: tuple[Remark, ...]
    warnings: tuple[Remark, ...]
    steps: tuple[Step, ...] = ()
    done: int = 0
    code: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The import that runs now, if one does: `done` of `of` acts are on disk; `of` 0: it is being read."""

    running: bool
    done: int
    of: int


EXPORT: Final = Operation(
    name="directory.export",
    method="GET",
    path=f"{BASE}/directory/export",
    summary="The directory as a file: what lies in units that one may export",
    right=Right.EXPORT,
    query=ExportQuery,
    gives={200: {CSV: None, JSON: dict[str, Any]}},
    refuses=frozenset({400, 401, 403, 422, 503}),
    tag="directory",
)
IMPORT: Final = Operation(
    name="directory.import-files",
    method="POST",
    path=f"{BASE}/directory/import",
    summary="Bring files into the directory: one as the body, or several as the parts of a form",
    right=Right.MANAGE,
    query=ImportQuery,
    takes={CSV: None, JSON: Any, MULTIPART: dict[str, Any]},
    gives={200: {JSON: Report}},
    refuses=frozenset({400, 401, 403, 408, 413, 415, 422, 503}),
    tag="directory",
)


PROGRESS: Final = Operation(
    name="directory.import-progress",
    method="GET",
    path=f"{BASE}/directory/import",
    summary="How far the import is that runs now",
    right=Right.MANAGE,
    gives={200: {JSON: Progress}},
    refuses=frozenset({400, 401, 403}),
    tag="directory",
)


class TransferEndpoint:
    """The handlers of `/directory/export` and `/directory/import`."""

    def __init__(self, doing: Doing, door: Door) -> None:
        self._doing = doing
        self._door = door
        self._arriving = asyncio.Semaphore(MAX_UPLOADS)
        self._importing = asyncio.Lock()
        self._done = self._of = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to an application."""
        return [EXPORT.route(self._export), IMPORT.route(self._import), PROGRESS.route(self._progress)]

    async def _export(self, request: web.Request) -> web.Response:
        caller = self._door.caller(request)
        query: ExportQuery = query_of(request, ExportQuery)
        self._require_somewhere(caller.actor, Right.EXPORT)
        may = self._may_export(caller.actor)
        headers = {
            "Content-Disposition": f'attachment; filename="directory.{query.format}"',
            "Cache-Control": "no-store",
        }
        if query.format == "csv":
            rows = await _permitted(self._door.tables.of_kind(query.kind).rows(), may)
            body = await asyncio.to_thread(csv_of, query.kind, rows, query.language)
            await self._note(caller, Export(format="csv", of=query.kind, count=len(rows)))
            return web.Response(body=body, content_type=CSV, charset="utf-8", headers=headers)
        units = await _permitted(self._door.tables.units.rows(), may)
        people = await _permitted(self._door.tables.people.rows(), may)
        endpoints = await _permitted(self._door.tables.endpoints.rows(), may)
        body = await asyncio.to_thread(json_of, units, people, endpoints)
        await self._note(caller, Export(format="json", count=len(units) + len(people) + len(endpoints)))
        return web.Response(body=body, content_type=JSON, headers=headers)

    async def _note(self, caller: Caller, export: Export) -> None:
        """Enter who takes what out: without it, no byte of the file leaves. Raises Refused."""
        await self._doing.act(export, caller.actor, caller.origin)

    async def _import(self, request: web.Request) -> web.Response:
        caller = self._door.caller(request)
        query: ImportQuery = query_of(request, ImportQuery)
        self._require_somewhere(caller.actor, Right.MANAGE)
        # Whose line is slow keeps nobody waiting: what has arrived whole takes its turn.
        files = await self._upload(request, query.kind)
        async with self._importing:
            self._done = self._of = 0
            planned = await self._planned(caller.actor, files)
            done, code = (0, "") if query.check else await self._carry_out(planned, caller)
        return answer(
            Report(
                created=planned.created,
                changed=planned.changed,
                unchanged=planned.unchanged,
                refused_rows=len({(item.file, item.kind, item.row) for item in planned.refused}),
                refused=planned.refused[:MAX_REMARKS],
                warnings=planned.warnings[:MAX_REMARKS],
                steps=tuple(islice(chain.from_iterable(planned.rows), MAX_STEPS_TOLD)) if query.check else (),
                done=done,
                code=code,
            )
        )

    async def _upload(self, request: web.Request, kind: str) -> list[File]:
        """Return the files of a request. Raises Problem."""
        if self._importing.locked():
            raise Problem("import-busy", "another file is being brought in")
        if self._arriving.locked():
            raise Problem("import-busy", f"{MAX_UPLOADS} files are on their way here already")
        async with self._arriving:
            return await _files(request, kind)

    async def _progress(self, request: web.Request) -> web.Response:
        caller = self._door.caller(request)
        self._require_somewhere(caller.actor, Right.MANAGE)
        return answer(Progress(running=self._importing.locked(), done=self._done, of=self._of))

    async def _planned(self, actor: Actor, files: list[File]) -> Plan:
        rows = self._door.tables.rows()
        now_us = time.time_ns() // 1000

        def work() -> Plan:
            return plan(Tables.of(rows), actor, now_us, lambda: ulid(now_us, os.urandom(RANDOM_BYTES)), files)

        return await asyncio.to_thread(work)

    async def _carry_out(self, planned: Plan, caller: Caller) -> tuple[int, str]:
        """Do the acts until one is refused; return how many were done, and the code of the refusal."""
        batches = list(planned.batches())
        self._of = len(batches)
        for batch in batches:
            try:
                await self._doing.act(batch, caller.actor, caller.origin)
            except Refused as refusal:
                return self._done, refusal.code
            self._done += 1
        return self._done, ""

    def _require_somewhere(self, actor: Actor, right: Right) -> None:
        """Raise Forbidden for who has the right nowhere, before work is done in vain."""
        person = self._door.tables.people.get(actor.person)
        lent = any(grant.verb == right for grant in self._door.permissions.grants_of(person))
        by_role = any(right in ROLES.get(role.name, ()) for role in person.roles)
        if person.disabled or not (lent or by_role):
            raise Forbidden("forbidden", f"{actor.person} has the right {right} nowhere")

    def _may_export(self, actor: Actor) -> Callable[[Record], bool]:
        """Return what tells whether a record may be exported: as its unit, which is asked once."""
        now_us = time.time_ns() // 1000
        known: dict[str, bool] = {}

        def may(record: Record) -> bool:
            unit = str(getattr(record, "unit", record.id))
            if unit not in known:
                known[unit] = self._door.permissions.may(actor, Right.EXPORT, f"unit:{unit}", now_us)
            return known[unit]

        return may


async def _permitted(records: Iterable[Any], may: Callable[[Record], bool]) -> list[Any]:
    """Return what may be told, giving others their turn meanwhile."""
    found = []
    for number, record in enumerate(records):
        if may(record):
            found.append(record)
        if number % _TURN == _TURN - 1:
            await asyncio.sleep(0)
    return found


async def _files(request: web.Request, kind: str) -> list[File]:
    """Return the files of a request. Raises Problem."""
    if "Content-Encoding" in request.headers:
        raise Problem("unsupported-encoding", "send the body without Content-Encoding", {"Accept-Encoding": "identity"})
    if request.content_type not in (CSV, JSON, MULTIPART):
        raise Problem("unsupported-media-type", f"send {CSV}, {JSON} or {MULTIPART}")
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            if request.content_type == MULTIPART:
                return await _parts(request, kind)
            name = "file.csv" if request.content_type == CSV else "file.json"
            return [File(name, await _whole(request.content.read, 0), kind)]
    except TimeoutError:
        detail = f"the body has to arrive within {UPLOAD_SECONDS:g} s, and never be silent for {SILENT_SECONDS:g} s"
        raise Problem("body-timeout", detail) from None


async def _parts(request: web.Request, kind: str) -> list[File]:
    files: list[File] = []
    size = 0
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or len(files) == MAX_FILES:
                raise Problem("body-malformed", f"send up to {MAX_FILES} files, none with parts of its own")
            data = await _whole(part.read_chunk, size)
            size += len(data)
            files.append(File((part.filename or f"file {len(files) + 1}")[:128], data, kind))
    except (ValueError, AssertionError, RuntimeError) as error:
        raise Problem("body-malformed", f"not a form: {error}") from None
    if not files:
        raise Problem("body-malformed", "the form has no files")
    return files


async def _whole(read: Callable[[int], Awaitable[bytes]], before: int) -> bytes:
    data = bytearray()
    while piece := await asyncio.wait_for(read(_PIECE), SILENT_SECONDS):
        data += piece
        if before + len(data) > MAX_BYTES:
            raise Problem("body-too-large", f"at most {MAX_BYTES} bytes are taken")
    return bytes(data)

"""A county with two townships, its people their tokens; a coordinator on a real journal, and the interface."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web
from sqlalchemy import func, select

from dispatch.desk.coordinator import Coordinator
from dispatch.desk.keeping import JournalKeeper
from dispatch.entry import Origin
from dispatch.hlc import HybridClock
from dispatch.ids import ulid
from dispatch.journal import Journal
from dispatch.permissions import Actor
from dispatch.records import Endpoint, EndpointKind, Level, Person, Role, Unit
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.projector import Projector
from dispatch.store.reading import Reader
from dispatch.store.schema import timeline
from dispatch.tables import Tables
from media.stills.process import WorkerProcess
from recorder.copies.copies import Copies
from signaling.http.acts import ActsEndpoint
from signaling.http.listener import listening
from signaling.http.openapi import openapi_routes
from signaling.http.operation import Door, Operation, operations_of
from signaling.http.problem import Problem, problems
from signaling.http.qr import QrEndpoint
from signaling.http.reads import ReadsEndpoint, collections
from signaling.http.recordings import RecordedFiles, RecordingsEndpoint
from signaling.http.transfer import TransferEndpoint
from tests.patience import until
from tests.recorder.chained import ChainReader


def number(value: int) -> str:
    """The ULID of a thing of the tests."""
    return ulid(1_000 * value, bytes(10))


PROVINCE: Final = number(1)
COUNTY: Final = number(2)
EAST: Final = number(3)
WEST: Final = number(4)
CAMERA: Final = number(20)
#: name -> (id, unit, roles)
PEOPLE: Final[dict[str, tuple[str, str, tuple[Role, ...]]]] = {
    "administrator": (number(10), PROVINCE, (Role("administrator", PROVINCE),)),
    "officer": (number(11), COUNTY, (Role("duty-officer", COUNTY),)),
    "east": (number(12), EAST, (Role("member", EAST),)),
    "west": (number(13), WEST, (Role("member", WEST),)),
    "watcher": (number(14), COUNTY, (Role("observer", COUNTY),)),
    "newcomer": (number(15), EAST, ()),
    "dismissed": (number(16), PROVINCE, (Role("administrator", PROVINCE),)),
}


def person(name: str) -> str:
    """The id of one of `PEOPLE`."""
    return PEOPLE[name][0]


def token(name: str) -> dict[str, str]:
    """The header that makes a request somebody's."""
    return {"Authorization": f"Bearer token-of-{name}"}


def identify(request: web.Request) -> Actor:
    """Tell who asks by the tests' own tokens; the rights are looked up as ever."""
    secret = request.headers.get("Authorization", "").removeprefix("Bearer token-of-")
    if secret == "the-node":
        return Actor("")
    if secret not in PEOPLE:
        raise Problem("unauthorized", "no such token", {"WWW-Authenticate": "Bearer"})
    return Actor(person(secret))


def fill(tables: Tables) -> None:
    """Put units, people and a camera in."""
    tables.units.put(Unit(id=PROVINCE, level=Level.PROVINCE, name_zh="江东省", name_en="Jiangdong"))
    tables.units.put(Unit(id=COUNTY, parent=PROVINCE, level=Level.COUNTY, name_zh="临江县"))
    tables.units.put(Unit(id=EAST, parent=COUNTY, level=Level.TOWNSHIP, name_zh="东河乡"))
    tables.units.put(Unit(id=WEST, parent=COUNTY, level=Level.TOWNSHIP, name_zh="西山乡"))
    for name, (identifier, unit, roles) in PEOPLE.items():
        gone = name == "dismissed"
        tables.people.put(Person(id=identifier, unit=unit, name=name, login=name, roles=roles, disabled=gone))
    tables.endpoints.put(Endpoint(id=CAMERA, unit=EAST, kind=EndpointKind.IP_CAMERA, name_zh="渡口"))
    tables.commit()


@asynccontextmanager
async def coordinating(folder: Path) -> AsyncIterator[tuple[Coordinator, Journal]]:
    """A coordinator over the county, and its journal."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal.open(folder, "node")
    tables = Tables()
    fill(tables)
    coordinator = Coordinator(tables, HybridClock(), JournalKeeper(journal), "node")
    coordinator.start()
    try:
        yield coordinator, journal
    finally:
        await coordinator.close()
        await asyncio.to_thread(journal.close)


_empty_database = b""


@asynccontextmanager
async def following(folder: Path, coordinator: Coordinator, journal: Journal) -> AsyncIterator[Database]:
    """A database that what happens goes to. Only the first of a run is made step by step, which takes a while."""
    global _empty_database
    path = folder / "huishang.db"
    if _empty_database:
        path.write_bytes(_empty_database)
    else:
        made = Database(f"sqlite:///{path}")
        await upgrade(made)
        await made.close()
        _empty_database = path.read_bytes()
    database = Database(f"sqlite:///{path}")
    projector = Projector(database, journal)
    coordinator.listen(projector)
    projector.start()
    try:
        yield database
    finally:
        await projector.close()
        await database.close()


async def projected(journal: Journal, database: Database) -> None:
    """Wait until all that the journal holds is in the database."""
    wanted = sum(len(json.loads(record)) for batch in journal.read() for _, record in batch)

    async def told() -> int:
        async with database.snapshot() as connection:
            return int(await connection.scalar(select(func.count()).select_from(timeline)) or 0)

    await until("the projection", told, lambda count: count == wanted)


@dataclass(frozen=True, slots=True)
class County:
    """What runs: `url` is the base of its plain HTTP."""

    url: str
    app: web.Application
    coordinator: Coordinator
    journal: Journal
    database: Database
    operations: list[Operation]

    async def known(self) -> None:
        """Wait until all that happened is in the database."""
        await projected(self.journal, self.database)

    async def do(self, name: str, act: Any) -> str:
        """Do an act as somebody, without HTTP."""
        return await self.coordinator.act(act, Actor(person(name)), Origin())

    def client(self, name: str | None) -> aiohttp.ClientSession:
        """A client signed in as somebody, or not at all."""
        return aiohttp.ClientSession(self.url, headers=token(name) if name else None)


@asynccontextmanager
async def running_county(folder: Path) -> AsyncIterator[County]:
    """Serve acts, readings, files and their description on loopback."""
    async with coordinating(folder) as (coordinator, journal), AsyncExitStack() as ends:
        door = Door(coordinator.tables, coordinator.permissions, identify)
        acts = ActsEndpoint(coordinator, door, collections())
        database = await ends.enter_async_context(following(folder, coordinator, journal))
        reads = ReadsEndpoint(Reader(database), door)
        files = TransferEndpoint(coordinator, door)
        codes = QrEndpoint(door)
        root = folder / "recordings"
        stills, copies = WorkerProcess(), Copies(folder / "copies")
        ends.push_async_callback(stills.close)
        ends.push_async_callback(copies.close)
        recorded = RecordedFiles(root, copies, stills)
        recordings = RecordingsEndpoint(Reader(database), ChainReader(root), recorded, coordinator, door)
        endpoints = (acts, reads, files, codes, recordings)
        routes = [route for endpoint in endpoints for route in endpoint.routes()]
        operations = operations_of(routes)
        app = web.Application(middlewares=[problems])
        app.add_routes([*routes, *openapi_routes(operations, "1")])
        async with listening(app, "127.0.0.1", 0) as port:
            yield County(f"http://127.0.0.1:{port}", app, coordinator, journal, database, operations)

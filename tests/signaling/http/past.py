"""A county whose acts go to a real database, and the doors through which the past is read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.journal import Journal
from dispatch.permissions import Actor
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.projector import Projector
from dispatch.store.reading import Question, Reader
from signaling.http.naming import NamesEndpoint
from signaling.http.operation import Door
from signaling.http.timeline import TimelineEndpoint
from tests.patience import until
from tests.signaling.http.asking import serving
from tests.signaling.http.county import coordinating, identify, person


@dataclass(frozen=True, slots=True)
class Past:
    """A county whose acts go to a database."""

    url: str
    coordinator: Coordinator
    journal: Journal
    database: Database

    async def do(self, name: str, act: Any) -> str:
        return await self.coordinator.act(act, Actor(person(name)), Origin())

    async def known(self) -> None:
        """Wait until all that happened is in the database."""
        wanted = sum(len(json.loads(record)) for batch in self.journal.read() for _, record in batch)
        reader = Reader(self.database)
        await until("the projection", lambda: reader.timeline(Question()), lambda told: len(told) == wanted)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Past]:
    async with coordinating(folder / "journal") as (coordinator, journal):
        database = Database(f"sqlite:///{folder}/huishang.db")
        await upgrade(database)
        projector = Projector(database, journal)
        coordinator.listen(projector)
        projector.start()
        asked = (Reader(database), Door(coordinator.tables, coordinator.permissions, identify))
        routes = [*TimelineEndpoint(*asked).routes(), *NamesEndpoint(*asked).routes()]
        try:
            async with serving(routes) as url:
                yield Past(url, coordinator, journal, database)
        finally:
            await projector.close()
            await database.close()

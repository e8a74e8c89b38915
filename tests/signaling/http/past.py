"""A county whose acts go to a real database, and the doors through which the past is read."""

from __future__ import annotations

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
from dispatch.store.reading import Reader
from signaling.http.naming import NamesEndpoint
from signaling.http.operation import Door
from signaling.http.timeline import TimelineEndpoint
from tests.signaling.http.asking import serving
from tests.signaling.http.county import coordinating, following, identify, person, projected


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
        await projected(self.journal, self.database)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Past]:
    async with (
        coordinating(folder / "journal") as (coordinator, journal),
        following(folder, coordinator, journal) as database,
    ):
        asked = (Reader(database), Door(coordinator.tables, coordinator.permissions, identify))
        routes = [*TimelineEndpoint(*asked).routes(), *NamesEndpoint(*asked).routes()]
        async with serving(routes) as url:
            yield Past(url, coordinator, journal, database)

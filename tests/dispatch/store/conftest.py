"""Both databases, for tests that hold on either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dispatch.store.database import Database
from tests.dispatch.store.lines import LinesJournal
from tests.dispatch.store.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that runs."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/huishang.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An empty database, without tables."""
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
def journal(tmp_path: Path) -> LinesJournal:
    """An empty journal."""
    return LinesJournal(tmp_path / "journal")

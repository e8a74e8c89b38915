"""Who looks after a node does the same where its database is PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from dispatch.store.database import Database
from dispatch.store.reading import Question, Reader
from tests.console.county import County
from tests.dispatch.store.postgres import PostgresServer
from tests.huishang.test_bad_days import hold
from tests.huishang.test_upkeep import command
from tests.patience import until
from tests.peers.caller import calling


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.remove()


@pytest_asyncio.fixture
async def county(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[County]:
    """A node that was killed after something was said."""
    folder = tmp_path / "node"
    folder.mkdir()
    county = County(folder, more=f"[database]\nurl = '{postgres.new_database()}'\n")
    await county.start()
    async with calling(county, county.known.codes["chief"]) as chief:
        address = await hold(chief)
        await chief.do("POST", f"{address}/messages", {"text": "水位 3.42 米"})
        await county.stop(signal.SIGKILL)
    yield county
    await county.stop()


async def told(url: str) -> list[str]:
    """What a database says that was said."""
    database = Database(url)
    try:
        lines = await Reader(database).timeline(Question(verb="message.say"))
        return [line.entry.params["text"] for line in lines]
    finally:
        await database.close()


def does(done: subprocess.CompletedProcess[str], status: int = 0) -> str:
    assert done.returncode == status, done.stderr
    return done.stdout


async def test_backup_upgrade_and_rebuild_on_an_empty_database(county: County, postgres: PostgresServer) -> None:
    does(await command(county, "backup", "--to", "node.backup"))
    does(await command(county, "restore", "node.backup", "--dir", "elsewhere"))
    county.folder.rename(county.folder.parent / "gone")
    (county.folder.parent / "elsewhere").rename(county.folder)
    url = postgres.new_database()
    settings = county.folder / "node.toml"
    kept = (county.folder.parent / "gone/node.toml").read_text()
    settings.write_text(kept.replace(kept.partition("url = '")[2].partition("'")[0], url))
    assert "0001" in does(await command(county, "upgrade", "--check"), 3)
    does(await command(county, "upgrade"))
    does(await command(county, "upgrade", "--check"))
    does(await command(county, "rebuild"))
    assert await told(url) == ["水位 3.42 米"]
    await county.start()
    async with calling(county, county.known.codes["chief"]) as chief:
        address = await hold(chief)
        await chief.do("POST", f"{address}/messages", {"text": "水位 3.50 米"})
        await until("it goes on", lambda: told(url), lambda texts: sorted(texts) == ["水位 3.42 米", "水位 3.50 米"])

"""The database's file is removed, replaced or held by somebody under a node that runs: acts go on, it catches up."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from tests.console.county import County
from tests.huishang.test_bad_days import health, hold, running
from tests.patience import until
from tests.peers.caller import Caller, calling

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Talk:
    """The chief in a consultation, and all that was said in it."""

    county: County
    chief: Caller
    address: str
    said: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.county.folder / "huishang.db"

    async def say(self, text: str) -> None:
        """Say something; it is answered."""
        await self.chief.do("POST", f"{self.address}/messages", {"text": text})
        self.said.append(text)

    async def told(self) -> list[str]:
        """What the timeline tells that was said, the oldest first; nothing while it cannot be asked."""
        status, answer = await self.chief.api("GET", "/timeline?verb=message.say")
        assert status in (200, 503), answer
        return [item["params"]["text"] for item in reversed(answer["items"])] if status == 200 else []

    async def tells(self, texts: list[str]) -> None:
        await until(f"the timeline tells {texts}", self.told, lambda got: got == texts)

    async def has_caught_up(self) -> None:
        """Wait until all is well and told; then it is in the file under the database's name, once."""
        await self.tells(self.said)
        await until("all is well", lambda: health(self.county), lambda state: state["status"] == "ok")
        assert sorted(await asyncio.to_thread(self._in_file)) == sorted(self.said)

    def _in_file(self) -> list[str]:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
            return [text for (text,) in database.execute("select text from messages")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def talk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Talk]:
    async with AsyncExitStack() as ends:
        county = await ends.enter_async_context(running(County(tmp_path_factory.mktemp("node"))))
        chief = await ends.enter_async_context(calling(county, county.known.codes["chief"]))
        talk = Talk(county, chief, await hold(chief))
        await talk.say("起先")
        await talk.has_caught_up()
        yield talk


@pytest.mark.parametrize("pattern", ["huishang.db*", "huishang.db"])
async def test_removed_file_is_made_anew_with_all_that_was_in_it(talk: Talk, pattern: str) -> None:
    for path in talk.county.folder.glob(pattern):
        path.unlink()
    await talk.say(f"没有{pattern}")
    await talk.has_caught_up()


async def test_older_copy_that_is_put_in_its_place_catches_up(talk: Talk) -> None:
    old = talk.county.folder / "old"
    with closing(sqlite3.connect(talk.file)) as database, closing(sqlite3.connect(old)) as copy:
        database.backup(copy)
    await talk.say("复制之后")
    await talk.has_caught_up()
    old.rename(talk.file)
    await talk.say("换回旧的")
    await talk.has_caught_up()


async def test_file_that_another_process_holds_is_followed_again_when_it_lets_go(talk: Talk) -> None:
    before = [*talk.said]
    with closing(sqlite3.connect(talk.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await talk.say("占用时")
        state = await until(
            "it is noticed", lambda: health(talk.county), lambda state: not state["parts"]["database"]["ok"]
        )
        assert (state["status"], state["parts"]["database"]["code"]) == ("degraded", "database-gone")
        await talk.tells(before)  # who only reads is not disturbed
        await talk.say("仍占用")
        other.execute("ROLLBACK")
    await talk.has_caught_up()


async def test_file_that_others_look_into_loses_nothing(talk: Talk) -> None:
    for number in range(5):
        await talk.say(f"旁观{number}")
        await talk.has_caught_up()

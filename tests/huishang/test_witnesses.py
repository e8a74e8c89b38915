"""What a whole node tells others of itself by its settings: webhooks over its death, figures, samples of quality."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass

import pytest
import pytest_asyncio

from signaling.auth.tokens import LASTS_US
from signaling.ws.quality import QualityLog
from tests.console.county import County
from tests.huishang.test_bad_days import hold
from tests.patience import until
from tests.peers.caller import Caller, ask, calling, flows
from tests.signaling.webhooks.test_service import SECRET, Receiver, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Watched:
    """A node that tells a receiver everything."""

    county: County
    receiver: Receiver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    async with AsyncExitStack() as ends:
        receiver = await ends.enter_async_context(receiving())
        hook = f"[[webhook]]\nurl = '{receiver.url}'\nsecret = '{SECRET}'\n"
        county = County(tmp_path_factory.mktemp("county"), more=hook)
        await county.start()
        ends.push_async_callback(county.stop)
        yield Watched(county, receiver)


def kept_of(county: County, address: str) -> list[tuple[str, int]]:
    """The samples of a consultation's lines that the database holds: direction, and the jitter that a page told."""
    asked = "select direction, coalesce(jitter_us, 0) from quality where session = ?"
    with closing(sqlite3.connect(f"file:{county.folder / 'huishang.db'}?mode=ro", uri=True)) as database:
        return database.execute(asked, (address.rpartition("/")[2],)).fetchall()


async def holding(caller: Caller) -> str:
    """Hold a consultation in which the caller sees its own picture; return its address."""
    address = await hold(caller)
    consultation = address.rpartition("/")[2]
    await caller.tab.do("own", "consultation.contribute", consultation=consultation, sources=[caller.source])
    caller.publish("red", 500.0)
    line = caller.take(caller.source, "video", f"consultation:{consultation}")
    assert (await caller.offer())[line.mid] == ("open", "")
    await flows(line)
    await caller.tab.send(t="quality", rtt_ms=12.0, lines=[{"mid": line.mid, "jitter_ms": 2.5}])
    return address


async def test_quality_of_lines_is_in_the_database(watched: Watched) -> None:
    assert (QualityLog.interval_seconds, LASTS_US) == (10.0, 600_000_000)
    async with calling(watched.county, watched.county.known.codes["officer"]) as officer:
        address = await holding(officer)
        await until(
            "samples of what the page takes",
            lambda: asyncio.to_thread(kept_of, watched.county, address),
            lambda rows: ("receive", 2_500) in rows,
        )


async def test_figures_of_the_node_are_for_its_own_machine_and_who_may(watched: Watched) -> None:
    async with calling(watched.county, watched.county.known.codes["west"]) as member:
        url = f"{watched.county.url}/metrics"
        async with member.http.get(url) as answer:
            told = await answer.text()
            assert answer.status == 200
        for name in ("huishang_acts_total", "huishang_plane_packets_total", "huishang_webhook", "huishang_pages 1.0"):
            assert name in told, name
        proxied = {"X-Forwarded-For": "192.0.2.7", "Authorization": f"Bearer {member.token}"}
        async with member.http.get(url, headers=proxied) as answer:
            assert (answer.status, json.loads(await answer.text())["code"]) == (403, "forbidden")


async def test_webhook_is_told_everything_over_its_own_absence_and_the_nodes_death(watched: Watched) -> None:
    county, receiver = watched.county, watched.receiver
    absent = True

    async def reply() -> int:
        return 503 if absent else 204

    receiver.reply = reply
    tries = len(receiver.requests)
    async with calling(county, county.known.codes["chief"]) as chief:
        address = await hold(chief)
        await chief.do("POST", f"{address}/messages", {"text": "没人听见"})
        await until("it was told in vain", lambda: len(receiver.requests), lambda count: count > tries)
        await county.stop(signal.SIGKILL)
        absent = False
        await county.start()
        # Her sign-in has outlived it.
        await ask(chief.http, county, "POST", f"{address}/messages", chief.token, {"text": "又有人了"})

    def texts() -> list[str]:
        taken = {entry["id"]: entry for entries in receiver.requests for entry in entries}
        return [entry["params"]["text"] for entry in taken.values() if entry["verb"] == "message.say"]

    await until("all was told", texts, lambda told: told[-2:] == ["没人听见", "又有人了"])

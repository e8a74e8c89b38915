"""Webhooks against real receivers and a real journal: in order, at least once, nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from config import Webhook
from dispatch.acts.chair import Say
from dispatch.acts.consultation import Create, Join
from dispatch.desk.coordinator import Coordinator
from dispatch.desk.keeping import JournalKeeper
from dispatch.entry import Origin
from dispatch.journal import Journal
from dispatch.permissions import Actor
from signaling.http.listener import listening
from signaling.webhooks import delivery, pauses
from signaling.webhooks.position import PositionFile
from signaling.webhooks.service import Webhooks
from tests.patience import until
from tests.signaling.http.county import COUNTY, coordinating, person

SECRET: Final = "sixteen-characters"
OFFICER: Final = Actor(person("officer"))


class Receiver:
    """Notes what it is told; `reply` decides how each request is answered."""

    def __init__(self) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.taken: list[str] = []
        self.url = ""
        self.reply: Callable[[], Awaitable[int]] = self._ok

    async def _ok(self) -> int:
        return 204

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        told = dict(part.split("=") for part in request.headers["Huishang-Signature"].split(","))
        signed = told["t"].encode() + b"." + body
        assert hmac.digest(SECRET.encode(), signed, hashlib.sha256).hex() == told["v1"]
        assert request.content_type == "application/json"
        entries = json.loads(body)["entries"]
        self.requests.append(entries)
        status = await self.reply()
        if 200 <= status < 300:
            self.taken += [entry["id"] for entry in entries]
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status in (302, 307) else None)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=1 << 24)
    app.add_routes([web.post("/hook", receiver.handle)])
    async with listening(app, "127.0.0.1", 0) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook"
        yield receiver


def hook(receiver: Receiver, *verbs: str) -> Webhook:
    return Webhook(url=receiver.url, secret=SECRET, verbs=verbs)


@asynccontextmanager
async def telling(folder: Path, coordinator: Coordinator, journal: Journal, *hooks: Webhook) -> AsyncIterator[Webhooks]:
    webhooks = Webhooks(hooks, journal, folder / "webhooks")
    unheard = coordinator.listen(webhooks.heard)
    webhooks.start()
    # So that what happens from now on is told: a new webhook begins at the journal's end.
    await until(
        "the webhooks' beginning",
        lambda: all(PositionFile(folder / "webhooks", item.url).read() is not None for item in hooks),
    )
    try:
        yield webhooks
    finally:
        unheard()
        await webhooks.close()
        await webhooks.close()


def kept(journal: Journal, first: int = 0) -> list[str]:
    """The ids of all entries of the journal."""
    return [entry["id"] for batch in journal.read(first) for _, record in batch for entry in json.loads(record)]


async def talk(coordinator: Coordinator, texts: int) -> str:
    """A consultation in which so much is said."""
    made = await coordinator.act(Create(title="会商", unit=COUNTY), OFFICER, Origin())
    await coordinator.act(Join(consultation=made), OFFICER, Origin())
    said = [
        coordinator.act(Say(consultation=made, text=f"{number} " + "话" * 200), OFFICER, Origin())
        for number in range(texts)
    ]
    await asyncio.gather(*said)
    return made


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "FIRST_S", 0.001)
    monkeypatch.setattr(pauses, "LONGEST_S", 0.01)


async def test_what_happens_is_told_in_order_and_signed(tmp_path: Path) -> None:
    async with (
        coordinating(tmp_path / "j") as (coordinator, journal),
        receiving() as receiver,
        telling(tmp_path, coordinator, journal, hook(receiver)),
    ):
        await talk(coordinator, 5)
        await until("all entries", lambda: receiver.taken == kept(journal))
    assert receiver.requests[0][0]["verb"] == "consultation.create"


async def test_much_is_told_in_bounded_lots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MAX_RECORDS", 50)
    monkeypatch.setattr(delivery, "MAX_BYTES", 40_000)
    async with coordinating(tmp_path / "j") as (coordinator, journal), receiving() as receiver:
        async with telling(tmp_path, coordinator, journal, hook(receiver)) as webhooks:
            await talk(coordinator, 600)
            await until("all entries", lambda: len(receiver.taken) == 602)
            await until("the end", lambda: webhooks.readers()[0].read() == {("1",): 0})
        assert receiver.taken == kept(journal)
    assert max(len(json.dumps(entries)) for entries in receiver.requests) < 80_000
    assert max(map(len, receiver.requests)) <= 50


@pytest.mark.parametrize("status", [500, 404, 429, 302, 307, 304])
async def test_what_was_not_taken_is_told_again_and_redirects_are_not_followed(tmp_path: Path, status: int) -> None:
    replies = [status] * 4

    async def reply() -> int:
        return replies.pop() if replies else 200

    async with coordinating(tmp_path / "j") as (coordinator, journal), receiving() as receiver:
        receiver.reply = reply
        async with telling(tmp_path, coordinator, journal, hook(receiver)):
            await talk(coordinator, 3)
            await until("all entries", lambda: receiver.taken == kept(journal))
    firsts = [entries[0]["id"] for entries in receiver.requests[:5]]
    assert firsts == [receiver.taken[0]] * 5


async def test_slow_receiver_delays_nobody(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def stalls() -> int:
        await release.wait()
        return 200

    async with coordinating(tmp_path / "j") as (coordinator, journal), receiving() as slow, receiving() as quick:
        slow.reply = stalls
        async with telling(tmp_path, coordinator, journal, hook(slow), hook(quick)) as webhooks:
            await talk(coordinator, 20)
            await until("the quick one", lambda: quick.taken == kept(journal))
            assert slow.taken == [] and webhooks.readers()[0].read()["1",] == journal.position
            release.set()
            await until("the slow one", lambda: slow.taken == kept(journal))


async def test_new_webhook_is_not_told_the_past_and_a_restart_leaves_nothing_out(tmp_path: Path) -> None:
    async with coordinating(tmp_path / "j") as (coordinator, journal), receiving() as receiver:
        await talk(coordinator, 2)
        past = journal.position
        async with telling(tmp_path, coordinator, journal, hook(receiver)):
            pass
        await talk(coordinator, 3)  # while nobody tells
        async with telling(tmp_path, coordinator, journal, hook(receiver)):
            await until("what was missed", lambda: receiver.taken == kept(journal, past))
            noted = PositionFile(tmp_path / "webhooks", receiver.url)
            await until("the position", lambda: noted.read() == journal.position)
        async with telling(tmp_path, coordinator, journal, hook(receiver)):
            await talk(coordinator, 1)
            await until("the rest", lambda: len(receiver.taken) == len(kept(journal, past)))
        assert receiver.taken == kept(journal, past)  # each once


async def test_what_was_in_hand_when_the_node_stopped_is_told_again(tmp_path: Path) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def silent() -> int:
        asked.set()
        await never.wait()
        return 200

    async with coordinating(tmp_path / "j") as (coordinator, journal), receiving() as receiver:
        receiver.reply = silent
        async with telling(tmp_path, coordinator, journal, hook(receiver)):
            await talk(coordinator, 2)
            await asked.wait()
        receiver.reply = receiver._ok
        async with telling(tmp_path, coordinator, journal, hook(receiver)):
            await until("all entries", lambda: receiver.taken == kept(journal))
        never.set()


async def test_only_the_wanted_is_told(tmp_path: Path) -> None:
    async with (
        coordinating(tmp_path / "j") as (coordinator, journal),
        receiving() as receiver,
        telling(tmp_path, coordinator, journal, hook(receiver, "message.*")) as webhooks,
    ):
        await talk(coordinator, 3)
        await until("the end", lambda: webhooks.readers()[0].read() == {("1",): 0})
    assert [entry["verb"] for entries in receiver.requests for entry in entries] == ["message.say"] * 3


async def test_receiver_that_is_gone_is_an_alarm_until_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "GONE_S", 0.0)
    dead = True

    async def reply() -> int:
        return 503 if dead else 200

    async with coordinating(tmp_path / "j") as (coordinator, journal), receiving() as receiver:
        receiver.reply = reply
        async with telling(tmp_path, coordinator, journal, hook(receiver)) as webhooks:
            assert webhooks.fault() is None
            await talk(coordinator, 1)
            fault = await until("the alarm", webhooks.fault)
            assert fault.code == "webhook-receiver-gone"
            dead = False
            await until("its end", lambda: webhooks.fault() is None)
            await until("all entries", lambda: receiver.taken == kept(journal))


async def test_receiver_that_nobody_serves_is_asked_until_it_is_there(tmp_path: Path) -> None:
    async with coordinating(tmp_path / "j") as (coordinator, journal):
        async with receiving() as receiver:
            pass  # its port is free again
        async with telling(tmp_path, coordinator, journal, hook(receiver)) as webhooks:
            await talk(coordinator, 1)
            tries = webhooks._deliveries[0]._pauses
            await until("a failure", lambda: tries.failing_since is not None)
            app = web.Application()
            app.add_routes([web.post("/hook", receiver.handle)])
            async with listening(app, "127.0.0.1", int(receiver.url.split(":")[2].split("/")[0])):
                await until("all entries", lambda: receiver.taken == kept(journal))


async def test_journal_that_is_shorter_than_what_was_told_goes_on_from_its_end(tmp_path: Path) -> None:
    async with coordinating(tmp_path / "j") as (coordinator, journal), receiving() as receiver:
        PositionFile(tmp_path / "webhooks", receiver.url).write(1_000)
        async with telling(tmp_path, coordinator, journal, hook(receiver)) as webhooks:
            noted = PositionFile(tmp_path / "webhooks", receiver.url)
            await until("the end", lambda: noted.read() == 0)
            assert webhooks.readers()[1].read() == {("1",): 1}
            await talk(coordinator, 1)
            await until("all entries", lambda: receiver.taken == kept(journal))


async def test_damaged_position_is_told_and_goes_on_from_the_journals_end(tmp_path: Path) -> None:
    async with coordinating(tmp_path / "j") as (coordinator, journal), receiving() as receiver:
        await talk(coordinator, 2)
        past = journal.position
        noted = PositionFile(tmp_path / "webhooks", receiver.url)
        noted.write(1)
        (path,) = (tmp_path / "webhooks").iterdir()
        path.write_bytes(b"\0" * 40)
        with capture_logs() as logs:
            webhooks = Webhooks([hook(receiver)], journal, tmp_path / "webhooks")
            unheard = coordinator.listen(webhooks.heard)
            webhooks.start()
            try:
                await until("the beginning", lambda: webhooks.readers()[1].read() == {("1",): 1})
                await talk(coordinator, 1)
                await until("what happened since", lambda: receiver.taken == kept(journal, past))
            finally:
                unheard()
                await webhooks.close()
        (told,) = [line for line in logs if line["event"] == "webhook_position_damaged"]
        assert told["log_level"] == "error" and told["position"] == past
        async with telling(tmp_path, coordinator, journal, hook(receiver)) as again:
            assert again.readers()[1].read() == {("1",): 0}


async def test_record_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    async with (
        coordinating(tmp_path / "j") as (coordinator, journal),
        receiving() as receiver,
        telling(tmp_path, coordinator, journal, hook(receiver)),
    ):
        await JournalKeeper(journal).append([b'{"of": "another kind"}'])
        await talk(coordinator, 1)
        await until("what is behind it", lambda: receiver.taken == kept(journal, 1))

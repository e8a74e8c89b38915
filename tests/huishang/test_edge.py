"""The node's doors together: closed to nobody's proofs, one presence behind all of them, one look at what is unwell."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from config import load_tokens
from dispatch.acts import people, units
from dispatch.acts.base import Act
from dispatch.acts.consultation import Create, Join
from dispatch.acts.signin import End
from dispatch.desk import caretaker
from dispatch.entry import Entry, Origin
from dispatch.errors import Unavailable
from dispatch.permissions import SYSTEM, Actor
from dispatch.presence import Presence
from dispatch.records import Attendance, Level, Role
from huishang import edge
from huishang.server import Node, serve
from signaling.auth.signin import Shown, Signed
from signaling.ws.messages import Close
from tests.huishang.test_server import settings
from tests.patience import PATIENCE_S, until
from tests.signaling.sdp.samples import raw
from tests.signaling.ws.client import Pages
from tests.signaling.ws.node import Tab

SDP = {"Content-Type": "application/sdp"}


@asynccontextmanager
async def running(folder: Path, *proxies: str) -> AsyncIterator[tuple[Node, aiohttp.ClientSession]]:
    """Serve until left; give the node and a client of it."""
    made = settings(folder)
    made = replace(made, http=replace(made.http, trusted_proxies=proxies))
    ready: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    begun: list[Node] = []

    async def begin(node: Node) -> None:
        begun.append(node)

    task = asyncio.create_task(serve(made, ready.set_result, stop, begin))
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    async with aiohttp.ClientSession(f"http://127.0.0.1:{made.http.port}") as http:
        yield begun[0], http
    stop.set()
    async with asyncio.timeout(PATIENCE_S):
        await task


async def officer(node: Node) -> tuple[Signed, str]:
    """Enter a county and its duty officer, signed in; return that and the county."""
    county = await node.coordinator.act(units.Create(parent="", level=Level.COUNTY, name_zh="青川县"), SYSTEM, Origin())
    roles = (Role("duty-officer", county),)
    made = people.Create(unit=county, name="李卫国", login="officer", roles=roles)
    person = await node.coordinator.act(made, SYSTEM, Origin())
    code = await node.signin.invite(SYSTEM, person, "", 24, Origin())
    return await node.signin.by_welcome(Shown(code), Origin()), county


async def open_page(http: aiohttp.ClientSession, token: str) -> Tab:
    """Open a WebSocket and say hello."""
    tab = Tab(await http.ws_connect("/api/v1/ws"), Pages())
    await tab.send(t="hello", versions=[1], token=token)
    return tab


@pytest.mark.parametrize("proof", ["", "Bearer forged", "Bearer a.b.c", "Basic b2s6b2s="])
async def test_every_door_is_closed_to_who_proves_nothing(tmp_path: Path, proof: str) -> None:
    async with running(tmp_path) as (_, http):
        headers = {"Authorization": proof} if proof else {}
        for method, path in (("GET", "/api/v1/units"), ("POST", "/api/v1/units"), ("GET", "/api/v1/sources")):
            async with http.request(method, path, headers=headers, json={}) as answer:
                assert (answer.status, (await answer.json(content_type=None))["code"]) == (401, "unauthorized")
        for kind in ("whip", "whep"):
            async with http.post(f"/{kind}/camera", data=raw("chromium-publish"), headers=SDP | headers) as answer:
                assert answer.status == 401
        tab = await open_page(http, proof.partition(" ")[2])
        assert await tab.closed() == Close.NOT_SIGNED_IN


async def test_health_tells_each_part(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, http):

        async def state() -> dict[str, object]:
            async with http.get("/healthz") as answer:
                return dict(json.loads(await answer.text()))

        told = await until("all is well", state, lambda told: told["status"] == "ok")
        assert set(told["parts"]) == {"plane", "journal", "database", "recording", "webhooks"}


async def test_one_sign_in_opens_all_doors_and_its_end_closes_them(tmp_path: Path) -> None:
    async with running(tmp_path) as (node, http):
        signed, county = await officer(node)
        headers = {"Authorization": f"Bearer {signed.token}"}
        tab = await open_page(http, signed.token)
        await tab.answer("welcome")
        async with http.get(f"/api/v1/units/{county}", headers=headers) as answer:
            assert answer.status == 200
        await node.coordinator.act(people.Disable(person=signed.person.id), SYSTEM, Origin())
        assert await tab.closed() == Close.NOT_SIGNED_IN
        async with http.get(f"/api/v1/units/{county}", headers=headers) as answer:
            assert answer.status == 401


async def test_request_whose_sign_in_ends_before_its_body_is_there_does_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as (node, http):
        signed, county = await officer(node)
        url, body = http._base_url, json.dumps({"title": "会商", "unit": county}).encode()
        assert url is not None and url.host is not None and url.port is not None
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            f"POST /api/v1/consultations HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\nExpect: 100-continue\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {signed.token}\r\n\r\n".encode()
        )
        async with asyncio.timeout(PATIENCE_S):
            assert b"100" in await reader.readuntil(b"\r\n\r\n"), "who asks has been looked at, the body is waited for"
        await node.coordinator.act(End(login=signed.login.id), SYSTEM, Origin())
        writer.write(body)
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 403") and b'"not-signed-in"' in answer
        assert len(node.coordinator.tables.consultations) == 0


@pytest.mark.parametrize(("proxies", "seen"), [((), "127.0.0.1"), (("127.0.0.0/8",), "198.51.100.7")])
async def test_address_told_by_a_proxy_counts_where_the_settings_trust_it(
    tmp_path: Path, proxies: tuple[str, ...], seen: str
) -> None:
    async with running(tmp_path, *proxies) as (node, http):
        signed, _ = await officer(node)
        code = await node.signin.invite(SYSTEM, signed.person.id, "", 24, Origin())
        headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        async with http.post("/api/v1/session", json={"welcome": code}, headers=headers) as answer:
            login = (await answer.json())["login"]
        assert node.coordinator.tables.logins.get(login).ip == seen


async def test_threads_of_the_node_end_with_it(tmp_path: Path) -> None:
    async with running(tmp_path) as (node, _):
        await officer(node)
        assert any(thread.name.startswith("password") for thread in threading.enumerate())
    assert not any(thread.name.startswith("password") for thread in threading.enumerate())


async def test_who_has_closed_all_pages_has_left_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "ABSENT_US", 200_000)
    monkeypatch.setattr(edge, "Presence", partial(Presence, 100_000))
    monkeypatch.setattr(caretaker.Caretaker, "interval_seconds", 0.05)
    monkeypatch.setattr(caretaker, "RETURN_SECONDS", 0.0)
    async with running(tmp_path) as (node, http):
        signed, county = await officer(node)
        person = Actor(signed.person.id, signed.login.id)
        first, second = await open_page(http, signed.token), await open_page(http, signed.token)
        for tab in (first, second):
            await tab.answer("welcome")
        consultation = await node.coordinator.act(Create(title="会商", unit=county), person, Origin())
        own = await node.coordinator.act(Join(consultation=consultation), person, Origin())
        participants = node.coordinator.tables.participants
        await first.leave()
        await second.send(t="ping", at=1)
        await second.answer("pong", at=1)
        assert participants.get(own).attendance is Attendance.PRESENT
        await second.leave()
        await until("it is noticed", lambda: participants.get(own).attendance, lambda now: now is Attendance.LEFT)


async def test_who_stops_a_source_stands_in_the_timeline_and_without_it_nothing_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as (node, http):
        signed, _ = await officer(node)
        source = f"{signed.person.id}.phone"
        entries: list[Entry] = []
        node.coordinator.listen(lambda told, _: entries.extend(told))

        async def publish(source: str, token: str) -> None:
            headers = SDP | {"Authorization": f"Bearer {token}"}
            async with http.post(f"/whip/{source}", data=raw("chromium-publish"), headers=headers) as answer:
                assert answer.status == 201

        async def stop(source: str, token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            async with http.delete(f"/api/v1/sources/{source}", headers=headers) as answer:
                return answer.status

        await publish(source, signed.token)
        with monkeypatch.context() as broken:
            broken.setattr(node.coordinator, "act", _refuse)
            assert await stop(source, signed.token) == 503
        assert await stop(source, signed.token) == 204
        assert await stop(source, signed.token) == 404
        token = load_tokens(settings(tmp_path, prepared=False).tokens_path)[0]
        await publish("camera", token.secret)
        assert await stop("camera", token.secret) == 204
    told = [(entry.actor, entry.object, entry.params["by"]) for entry in entries if entry.verb == "source.stop"]
    assert told == [(signed.person.id, f"source:{source}", ""), ("system", "source:camera", f"token:{token.name}")]


async def _refuse(act: Act, actor: Actor, origin: Origin) -> str:
    raise Unavailable("journal-full", "the disk is full")

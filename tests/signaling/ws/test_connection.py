"""One page's WebSocket over a real server: what is understood, refused, answered, and what ends it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import WSMsgType

from dispatch.records import Attendance
from signaling.ws.connection import Limits
from signaling.ws.messages import MAX_MESSAGE_BYTES, Close
from tests.patience import PATIENCE_S, until
from tests.signaling.ws.node import Node, certificate, consultation_of_li


async def test_hello_is_welcomed_with_what_the_page_needs_to_begin() -> None:
    async with Node() as node:
        tab = await node.tab("li")
        welcome = tab.answers[0]
        assert (welcome["version"], welcome["node"], welcome["epoch"]) == (1, "node", node.hub.epoch)
        assert welcome["person"]["name"] == "李娜" and welcome["person"]["roles"][0]["scope"] == "county"
        assert welcome["now_us"] > 0 and welcome["rights"] == ["see"]
        await tab.leave()


@pytest.mark.parametrize(
    ("hello", "code", "bye"),
    [
        ({"versions": [2, 3], "token": "li"}, 4406, "no-common-version"),
        ({"versions": [1], "token": "forged"}, 4401, "not-signed-in"),
        ({"versions": [1], "token": "li", "device": "a b"}, 4400, "not-understood"),
        ({"t": "watch", "topic": "overview"}, 4400, "not-understood"),
    ],
)
async def test_a_first_message_that_does_not_fit_ends_it_with_the_reason(
    hello: dict[str, Any], code: int, bye: str
) -> None:
    async with Node() as node:
        tab = await node.connect()
        await tab.send(**{"t": "hello", **hello})
        assert await tab.closed() == code
        assert tab.answers == [{"t": "bye", "code": bye}]


async def test_who_says_no_hello_is_closed() -> None:
    async with Node(Limits(hello_s=0.05)) as node:
        tab = await node.connect()
        assert await tab.closed() == 4408


async def test_a_newer_version_s_hello_is_understood() -> None:
    async with Node() as node:
        tab = await node.tab("li", versions=[7, 1], colour="red", resume=None)
        assert tab.answers[0]["version"] == 1
        await tab.leave()


async def test_a_message_of_a_newer_version_is_refused_where_it_has_an_id_and_else_passed_over() -> None:
    async with Node() as node:
        tab = await node.tab("li")
        await tab.send(t="teleport", where="省")
        await tab.send(t="teleport", id="x", where="省")
        assert (await tab.answer("refused", id="x"))["code"] == "unknown-message"
        await tab.send(t="act", id="y", name=7)
        assert (await tab.answer("refused", id="y"))["code"] == "invalid-message"
        await tab.send(t="ping", at=12.5, colour="red")
        pong = await tab.answer("pong")
        assert pong["at"] == 12.5 and pong["now_us"] > 0
        assert len(tab.answers) == 4
        await tab.leave()


@pytest.mark.parametrize(
    "garbage",
    ["", "{", "[]", "null", '{"t":7}', '{"topic":"overview"}', '{"t":"watch"}', '{"t":"watch","topic":"\\ud800"}', "["],
)
async def test_garbage_ends_it(garbage: str) -> None:
    async with Node() as node:
        tab = await node.tab("li")
        await tab.socket.send_str(garbage * 60_000 if garbage == "[" else garbage)
        assert await tab.closed() == 4400
        assert tab.answers[-1] == {"t": "bye", "code": "not-understood"}


async def test_binary_frames_end_it() -> None:
    async with Node() as node:
        tab = await node.tab("li")
        await tab.socket.send_bytes(b'{"t":"ping"}')
        assert await tab.closed() == 4400


async def test_a_message_of_a_megabyte_ends_it_and_others_go_on() -> None:
    async with Node() as node:
        other = await node.tab("wang")
        tab = await node.tab("li")
        await tab.send(t="ping", id="x" * (1 << 20))
        assert await tab.closed() == 1009
        await other.send(t="ping", at="a")
        await other.answer("pong")
        await other.leave()


async def test_a_flood_is_ended_and_others_go_on() -> None:
    async with Node(Limits(burst=20, rate_s=0.1)) as node:
        other = await node.tab("wang")
        tab = await node.tab("li")
        for _ in range(30):
            await tab.send(t="ping")
        assert await tab.closed() == 4429
        await other.send(t="ping", at="a")
        await other.answer("pong")
        await other.leave()


async def test_large_messages_count_for_more() -> None:
    async with Node(Limits(burst=20, rate_s=0.1)) as node:
        tab = await node.tab("li")
        await tab.send(t="ping", x="x" * (MAX_MESSAGE_BYTES - 100))
        assert await tab.closed() == 4429


async def test_a_ping_of_the_protocol_is_answered() -> None:
    async with Node() as node:
        socket = await node.client.ws_connect(node.url, autoping=False)
        await socket.ping(b"there?")
        pong = await socket.receive(timeout=PATIENCE_S)
        assert (pong.type, pong.data) == (WSMsgType.PONG, b"there?")
        assert await socket.close(code=1000) and socket.close_code is not None


async def test_who_is_silent_is_asked_and_then_closed() -> None:
    async with Node(Limits(ask_s=0.01, silent_s=1.5)) as node:
        silent = await node.client.ws_connect(node.url, autoping=False)
        await silent.send_str('{"t":"hello","versions":[1],"token":"li"}')
        kinds = []
        while (frame := await silent.receive(timeout=PATIENCE_S)).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED):
            kinds.append(frame.type)
        assert WSMsgType.PING in kinds and silent.close_code == 4408


async def test_acts_are_answered_with_what_they_made_or_why_not() -> None:
    async with Node() as node, consultation_of_li(node) as (li, consultation):
        assert await li.do("1", "consultation.lock", consultation=consultation, locked=True) == {
            "t": "done",
            "id": "1",
            "object": "",
        }
        refusals = {
            "2": await li.do("2", "consultation.lock", consultation="none", locked=True),
            "3": await li.do("3", "consultation.lock", consultation=consultation, locked=3),
            "4": await li.do("4", "consultation.lock", consultation=consultation),
            "5": await li.do("5", "consultation.fly"),
            "6": await li.do("6", "consultation.create", title="", unit="county"),
        }
        assert [(item["code"], item["field"]) for item in refusals.values()] == [
            ("forbidden", ""),
            ("invalid-value", "locked"),
            ("invalid-value", "locked"),
            ("act-unknown", ""),
            ("empty", "title"),
        ]


async def test_a_forged_author_or_origin_is_ignored() -> None:
    async with Node() as node, consultation_of_li(node) as (li, consultation):
        forged = {
            "from": {"ip": "192.0.2.1", "unit": "province"},
            "actor": "wang",
            "on_behalf": "wang",
            "person": "wang",
        }
        message = {"t": "act", "id": "1", "name": "message.say", **forged}
        await li.do("0", "consultation.join", consultation=consultation)
        await li.send(**message, params={"consultation": consultation, "text": "好", **forged})
        await li.answer("done", id="1")
        entry = node.entries[-1]
        assert (entry.verb, entry.actor, entry.on_behalf) == ("message.say", "li", "")
        assert (entry.origin.ip, entry.origin.device, entry.origin.unit) == ("127.0.0.1", "li-tab", "county")
        assert entry.params["person"] == "li"


async def test_many_acts_are_in_hand_at_once_and_reading_waits_beyond_that() -> None:
    async with Node(Limits(burst=1000)) as node, consultation_of_li(node) as (li, consultation):
        node.keeper.gate.clear()
        for n in range(100):
            params = {"consultation": consultation, "text": str(n)}
            await li.send(t="act", id=str(n), name="consultation.announce", params=params)
        await li.send(t="ping", at="last")
        node.keeper.gate.set()
        await li.answer("pong")
        await li.until(lambda: sum(item["t"] == "done" for item in li.answers) == 101)
        assert {item["id"] for item in li.answers if item["t"] == "done"} == {"make", *map(str, range(100))}


async def test_an_act_is_done_even_when_its_page_closes_meanwhile() -> None:
    async with Node() as node, consultation_of_li(node) as (_, consultation):
        zhao = await node.tab("zhao")
        await zhao.do("1", "consultation.join", consultation=consultation)
        node.keeper.gate.clear()
        await zhao.send(t="act", id="2", name="consultation.leave", params={"consultation": consultation})
        await zhao.leave()
        await node.until_pages(1)
        node.keeper.gate.set()
        await until(
            "the leave",
            lambda: [item.attendance for item in node.tables.participants],
            lambda there: there == [Attendance.LEFT],
        )


async def test_the_end_of_a_sign_in_closes_its_pages_and_no_others() -> None:
    async with Node() as node:
        tabs = {person: await node.tab(person) for person in ("wang", "li", "zhao", "qian")}
        node.hub.close_login("login-li")
        node.hub.close_person("zhao")
        assert [await tabs[person].closed() for person in ("li", "zhao")] == [4401, 4401]
        assert tabs["li"].answers[-1] == {"t": "bye", "code": "not-signed-in"}
        assert tabs["wang"].code is None and tabs["qian"].code is None
        node.hub.close_login("login-wang")
        assert await tabs["wang"].closed() == 4401
        await tabs["qian"].leave()


async def test_a_sign_in_that_runs_out_closes_its_page() -> None:
    async with Node() as node:
        node.until_us["li"] = node.hub.now_us() + 2_000_000
        tab = await node.tab("li")
        assert await tab.closed() == 4401


async def test_offers_go_to_the_media_door_one_at_a_time() -> None:
    async with Node() as node:
        tab = await node.tab("li")
        node.door.gate.clear()
        line = {"mid": "0", "receive": {"source": "camera", "kind": "video", "context": ""}}
        for number, sdp in enumerate(("first", "bad", "third")):
            await tab.send(t="offer", id=str(number), sdp=sdp, lines=[line])
        await until("the first offer", lambda: node.door.noted)
        node.door.gate.set()
        assert await tab.answer("answer", id="2") == {
            "t": "answer",
            "id": "2",
            "sdp": "answer to third",
            "lines": [{"mid": "0", "flow": "open", "code": ""}],
        }
        assert (await tab.answer("refused", id="1"))["code"] == "sdp-malformed"
        assert [what for what, _ in node.door.noted] == ["offer", "answer", "offer", "offer", "answer"]
        node.door.pages[0].flow(7, [])
        node.door.pages[0].ended(7, "replaced")
        assert await tab.answer("flow", lines=[], connection=7)
        assert await tab.answer("ended", connection=7, code="replaced")
        await tab.send(t="quality", rtt_ms=20.5, lines=[{"mid": "0", "loss": 0.1}])
        await tab.send(t="hangup")
        await until("the rest", lambda: len(node.door.noted) == 7)
        await tab.leave()
        await node.until_pages(0)
        assert node.door.noted[5:] == [("quality", "li", 20.5), ("hangup", "li"), ("hangup", "li")]


async def test_an_offer_answered_after_its_page_has_gone_leaves_nothing_behind() -> None:
    async with Node() as node:
        tab = await node.tab("li")
        node.door.gate.clear()
        await tab.send(t="offer", id="1", sdp="late")
        await until("the offer", lambda: node.door.noted)
        await tab.leave()
        await node.until_pages(0)
        node.door.gate.set()
        await until("the end", lambda: len(node.door.noted) == 4)
        assert [what for what, _ in node.door.noted] == ["offer", "hangup", "answer", "hangup"]


@pytest.mark.parametrize("encrypted", [False, True])
async def test_who_does_not_read_is_cut_off_and_others_go_on(encrypted: bool, tmp_path: Path) -> None:
    tls = certificate(tmp_path) if encrypted else None
    async with Node(Limits(burst=1e6, rate_s=1e6), tls) as node, consultation_of_li(node) as (li, consultation):
        assert (await li.do("0", "consultation.join", consultation=consultation))["t"] == "done"
        for n in range(150):
            text = {"consultation": consultation, "text": "汛" * 2000}
            assert (await li.do(f"say{n}", "message.say", **text))["t"] == "done"
        trust = tls.client if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port, ssl=trust, limit=1 << 14)
        writer.write(_UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_masked({"t": "hello", "versions": [1], "token": "wang"}))
        await node.until_pages(2)
        # Each time it is sent some 900 kB, of which it reads nothing.
        for _ in range(30):
            writer.write(_masked({"t": "watch", "topic": f"consultation:{consultation}"}))
            writer.write(_masked({"t": "unwatch", "topic": f"consultation:{consultation}"}))
        await node.until_pages(1)
        await li.send(t="ping", at="there")
        await li.answer("pong", at="there")
        writer.transport.abort()


_UPGRADE = (
    b"GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def _masked(message: dict[str, Any]) -> bytes:
    """Return a client's text frame; the mask of zeros changes nothing."""
    data = msgspec.json.encode(message)
    assert len(data) < 126
    return bytes((0x81, 0x80 | len(data))) + bytes(4) + data


async def test_page_that_is_refused_over_tls_is_told_why(tmp_path: Path) -> None:
    async with Node(tls=certificate(tmp_path)) as node:
        for _ in range(5):
            tab = await node.connect()
            await tab.send(t="hello", versions=[1], token="nobody's")
            assert await tab.closed() == Close.NOT_SIGNED_IN
            assert tab.answers[-1] == {"t": "bye", "code": "not-signed-in"}

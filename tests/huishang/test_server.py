"""The composition root: what is put together answers, and what was put together is gone afterwards."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp
import ifaddr
import msgspec
import pytest
import structlog
import uvloop

from config import ConfigError, Http, Media, Server, Settings, load_tokens
from huishang import home, server
from huishang.server import candidate_addresses, serve
from media.plane.memory import live_objects
from media.plane.names import PlaneError
from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhipSession
from signaling.http import listener
from signaling.http.api import SourcesEndpoint
from signaling.sdp.offer import PublishTrack, offer_codecs
from tests.patience import PATIENCE_S, until
from tests.ports import free_ports
from tests.signaling.sdp.samples import raw


def settings(folder: Path, *, tls: bool = False, prepared: bool = True) -> Settings:
    made = Settings(
        server=Server(data_dir=str(folder)),
        http=Http(host="127.0.0.1", port=free_ports(), tls=tls),
        media=Media(bind="127.0.0.1", port=free_ports()),
    )
    if prepared:
        home.prepare(made, datetime.now(UTC))
    return made


@asynccontextmanager
async def serving(made: Settings) -> AsyncIterator[list[str]]:
    """Serve until left; give the base URLs."""
    ready: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(serve(made, ready.set_result, stop))
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    yield ready.result()
    stop.set()
    async with asyncio.timeout(PATIENCE_S):
        await task


async def health(url: str, context: ssl.SSLContext | bool = True) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz", ssl=context) as response:
        answer = await response.json()
        assert {"plane", "journal", "database", "recording", "webhooks"} == answer["parts"].keys()
        return str(answer["status"])


async def test_node_answers_under_the_urls_it_gave_and_not_after_its_end(tmp_path: Path) -> None:
    before = live_objects(), asyncio.all_tasks()
    async with serving(settings(tmp_path)) as urls:
        assert await health(urls[0]) == "ok"
    with pytest.raises(aiohttp.ClientConnectionError):
        await health(urls[0])
    assert (live_objects(), asyncio.all_tasks()) == before


async def test_peers_are_told_before_requests_in_hand_have_ended(tmp_path: Path) -> None:
    made = settings(tmp_path)
    token = load_tokens(made.tokens_path)[0].secret
    stop = asyncio.Event()
    ready = asyncio.Event()
    task = asyncio.create_task(serve(made, lambda urls: ready.set(), stop))
    await ready.wait()
    url = f"http://127.0.0.1:{made.http.port}/whip/unit"
    sound = PublishTrack("audio", offer_codecs("audio"), "unit", "sound", "unit", 7)
    async with WhipSession(url, [sound], SessionOptions(HttpOptions(token))) as session:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.http.port)
        writer.write(
            b"POST /whip/other HTTP/1.1\r\nHost: node\r\nContent-Type: application/sdp\r\n"
            b"Authorization: Bearer %b\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n" % token.encode()
        )
        await reader.readuntil(b"100 Continue\r\n\r\n")  # it is in hand now, and its body never comes
        stop.set()
        closed = await session.closed()
        assert closed.code == "peer-closed" and not task.done()
        writer.close()
        await writer.wait_closed()
    await task


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nX-Slow: "], ids=["silent", "half a head"])
async def test_connection_without_a_request_is_closed_however_it_drips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(listener, "IDLE_SECONDS", 0.5)
    made = settings(tmp_path)
    async with serving(made) as urls:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.http.port)
        writer.write(begun)
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(PATIENCE_S):
            while not ended.done():
                if begun:
                    writer.write(b"x")
                await asyncio.wait((ended,), timeout=0.1)
        assert await ended == b""
        writer.close()
        assert await health(urls[0]) == "ok"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_connection_that_never_begins_tls_ends_before_one_that_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.2)
    monkeypatch.setattr(listener, "IDLE_SECONDS", 5.0)
    made = settings(tmp_path, tls=True)
    trust = ssl.create_default_context(cafile=str(made.authority_path))

    async def first_to_end() -> str:
        reads = {}
        async with serving(made), AsyncExitStack() as ends:
            for kind, tls in (("asks nothing", trust), ("no TLS", None)):
                reader, writer = await asyncio.open_connection("127.0.0.1", made.http.port, ssl=tls)
                ends.callback(writer.close)
                reads[asyncio.create_task(reader.read())] = kind
            done, others = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                other.cancel()
            return " and ".join(reads[read] for read in done)

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(first_to_end()) == "no TLS"


async def test_authority_of_the_node_vouches_for_it(tmp_path: Path) -> None:
    made = settings(tmp_path, tls=True)
    async with serving(made):
        trust = ssl.create_default_context(cafile=str(made.authority_path))
        assert await health(f"https://localhost:{made.http.port}", trust) == "ok"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await health(f"https://localhost:{made.http.port}")


async def test_addresses_that_come_later_are_told_to_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ADDRESSES_SECONDS", 0.01)
    made = settings(tmp_path)
    made = msgspec.structs.replace(made, media=msgspec.structs.replace(made.media, bind="0.0.0.0"))
    adapters: list[ifaddr.Adapter] = []
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    offer = raw("chromium-publish")
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {load_tokens(made.tokens_path)[0].secret}"}

    async def candidates() -> set[str]:
        async with http.post("/whip/unit", data=offer, headers=headers) as response:
            return set(re.findall(r"^a=candidate:\S+ 1 udp \d+ (\S+)", await response.text(), re.MULTILINE))

    async with serving(made), aiohttp.ClientSession(f"http://127.0.0.1:{made.http.port}") as http:
        assert await candidates() == {"127.0.0.1"}
        adapters.append(ifaddr.Adapter("wlan0", "wlan0", [ifaddr.IP("192.0.2.7", 24, "wlan0")]))
        await until("the new address", candidates, lambda told: told == {"192.0.2.7"})


def twice(events: Sequence[Mapping[str, object]], event: str) -> bool:
    return [one["event"] for one in events].count(event) > 1


async def test_node_goes_on_after_faults_of_what_it_can_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*arguments: object) -> None:
        raise RuntimeError("a bug that nobody knows yet")

    monkeypatch.setattr(server, "ADDRESSES_SECONDS", 0.01)
    monkeypatch.setattr(server, "SAMPLE_SECONDS", 0.01)
    made = settings(tmp_path)
    with structlog.testing.capture_logs() as events:
        async with serving(made) as urls:
            monkeypatch.setattr(SourcesEndpoint, "sample", fault)
            monkeypatch.setattr(server, "candidate_addresses", fault)
            for event in ("sources_not_sampled", "addresses_not_read"):
                await until(f"{event}, again", partial(twice, events, event))
            assert await health(urls[0]) == "ok"
    assert all(one["exc_info"] for one in events if one["log_level"] == "error")


async def test_node_ends_with_the_fault_of_a_task_it_cannot_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object) -> None:
        raise RuntimeError("a bug that nobody knows yet")

    monkeypatch.setattr(server, "_keep_addresses", broken)
    with pytest.raises(RuntimeError, match="nobody knows"):
        async with asyncio.timeout(10):
            await serve(settings(tmp_path), lambda urls: None, asyncio.Event())


async def test_ports_are_given_back(tmp_path: Path) -> None:
    made = settings(tmp_path)
    for _ in range(3):
        async with serving(made) as urls:
            assert await health(urls[0]) == "ok"


async def test_taken_media_port_stops_the_start_and_leaves_nothing(tmp_path: Path) -> None:
    before = live_objects()
    made = settings(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", made.media.port))
        with pytest.raises(PlaneError, match=str(made.media.port)):
            async with serving(made):
                pass
    assert live_objects() == before


async def test_taken_page_port_stops_the_start_and_frees_the_media_port(tmp_path: Path) -> None:
    made = settings(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", made.http.port))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            async with serving(made):
                pass
    async with serving(made) as urls:
        assert await health(urls[0]) == "ok"


async def test_missing_tokens_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        async with serving(settings(tmp_path, prepared=False)):
            pass


def test_advertised_addresses_replace_the_machines_own() -> None:
    made = Settings(media=Media(advertised_addresses=("203.0.113.7", "2001:db8::7")))
    assert candidate_addresses(made) == ["203.0.113.7", "2001:db8::7"]


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1"])
def test_node_on_loopback_tells_the_loopback(bind: str) -> None:
    assert candidate_addresses(Settings(media=Media(bind=bind))) == [bind]


@pytest.mark.parametrize("bind", ["::", "0.0.0.0"])
def test_node_on_every_address_tells_addresses_that_can_be_reached(bind: str) -> None:
    told = candidate_addresses(Settings(media=Media(bind=bind)))
    assert told and bind not in told
    assert bind == "::" or all(":" not in address for address in told)


async def test_page_speaks_the_language_of_the_settings(tmp_path: Path) -> None:
    made = msgspec.structs.replace(settings(tmp_path), server=Server(data_dir=str(tmp_path), language="en"))
    async with serving(made) as urls, aiohttp.ClientSession() as http, http.get(urls[0]) as response:
        assert '<html lang="en"' in await response.text()

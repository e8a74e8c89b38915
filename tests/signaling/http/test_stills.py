"""Stills over HTTP: of a real publisher through the real plane, for who may watch, and at the least cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from huishang.demo.unit import publish_tracks
from huishang.demo.units import by_id
from media.plane.memory import live_objects
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions
from tests.media.stills.frames import is_red, keyframe
from tests.patience import until
from tests.signaling.http.asking import Answer, ask, problem, publish
from tests.signaling.node import EVERYTHING, ONE_CAMERA, Node

STILL = "/api/v1/sources/camera/still"
UNITS = {"H264": "county-command", "VP8": "drone-1"}
#: No keyframes: nothing of what was sent before somebody asked makes a still, however late it is read.
OTHER_PICTURES = {"H264": b"\0\0\0\1\x41" + bytes(30), "VP8": b"\x11\2\0" + bytes(30)}


class Camera:
    """Publishes a red picture as `camera`, each time that it is asked for a keyframe."""

    def __init__(self, node: Node, codec: str, picture: bytes | None = None) -> None:
        self.asked = 0
        self._keyframe = picture or keyframe(codec)
        self._other = OTHER_PICTURES[codec]
        tracks = publish_tracks(by_id(UNITS[codec]))[:1]
        options = SessionOptions(HttpOptions(EVERYTHING))
        self.publisher = Publisher(f"{node.url}/whip/camera", tracks, options, self._send)

    def _send(self, _track: int, _layer: int) -> None:
        self.asked += 1
        self.show()

    def show(self) -> None:
        self.publisher.send(0, self._keyframe, time.monotonic())

    def go_on(self) -> None:
        self.publisher.send(0, self._other, time.monotonic())


@asynccontextmanager
async def camera(node: Node, codec: str, picture: bytes | None = None) -> AsyncIterator[Camera]:
    """A camera that has been heard."""
    camera = Camera(node, codec, picture)
    await camera.publisher.start()

    def heard() -> bool:
        camera.go_on()
        return bool(node.exchange.media["camera"].publications["video"].codec)

    try:
        await until("it is heard", heard)
        camera.asked = 0
        yield camera
    finally:
        await camera.publisher.close()


async def still(http: aiohttp.ClientSession, **headers: str) -> Answer:
    return await ask(http, "GET", STILL, headers=headers)


@pytest.mark.parametrize("codec", UNITS)
async def test_still_is_the_picture_of_now_and_costs_one_keyframe_for_all(
    node: Node, http: aiohttp.ClientSession, codec: str
) -> None:
    async with camera(node, codec) as sender:
        before = time.time()
        answers = await asyncio.gather(*(still(http) for _ in range(10)))
        assert {answer.status for answer in answers} == {200} and len({answer.body for answer in answers}) == 1
        first = answers[0]
        assert first.headers["Content-Type"] == "image/jpeg" and first.headers["Cache-Control"] == "no-store"
        assert is_red(first.body) and len(first.body) < 15_000
        assert parsedate_to_datetime(first.headers["Last-Modified"]).timestamp() >= int(before)
        same = await still(http, **{"If-None-Match": first.headers["ETag"]})
        assert (same.status, same.body) == (304, b"")
        # Asked again each second, while a slow machine makes the still.
        assert sender.asked <= 1 + time.time() - before
        # What was tapped is given back: nothing of it goes on while nobody asks.
        await until("the tap is gone", lambda: live_objects()["tap"], (0).__eq__)


async def test_who_may_not_watch_has_no_still(node: Node, http: aiohttp.ClientSession) -> None:
    async with camera(node, "VP8") as sender:
        token = {"Authorization": f"Bearer {ONE_CAMERA}"}
        assert problem(await ask(http, "GET", STILL, headers=token), 403) == "forbidden"
        async with aiohttp.ClientSession(node.url) as nobody:
            assert problem(await still(nobody), 401) == "unauthorized"
        assert sender.asked == 0 and node.stills.process.pid is None


async def test_what_sends_no_picture_is_told(node: Node, http: aiohttp.ClientSession) -> None:
    assert problem(await still(http), 404) == "source-unknown"
    published = await publish(http)
    await ask(http, "DELETE", published.location)
    assert problem(await still(http), 409) == "picture-none"


async def test_picture_that_cannot_be_read_is_not_tried_again_at_once(node: Node, http: aiohttp.ClientSession) -> None:
    good = keyframe("VP8")
    huge = good[:6] + b"\xff\x3f\xff\x3f" + good[10:]
    async with camera(node, "VP8", huge) as sender:
        waiting = asyncio.create_task(still(http))
        while not waiting.done():
            # Its answer is due after three that cannot be read, or when the time for a still is over.
            sender.show()
            await asyncio.sleep(0.02)
        assert problem(await waiting, 409) == "still-unfit"
        asked = sender.asked
        assert problem(await still(http), 409) == "still-unfit"
        assert sender.asked == asked


async def test_source_that_ends_while_its_still_is_made_leaves_nothing(
    node: Node, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.stills.stills.WAIT_SECONDS", 0.5)
    async with camera(node, "VP8") as sender:
        sender.publisher._sender = None  # it hears no request for a keyframe
        waiting = asyncio.create_task(still(http))
        await until("it is tapped", lambda: live_objects().get("tap"))
        assert (await ask(http, "DELETE", "/api/v1/sources/camera")).status == 204
        assert problem(await waiting, 503) == "still-none"

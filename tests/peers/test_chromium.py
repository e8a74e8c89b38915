"""Chromium at both ends: every viewer gets exactly its source, encrypted, in time, in any codec."""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.patience import PATIENCE_S, until
from tests.peers.browser import PeerPage, open_page
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
CAPTURE_ALLOWED_MS = 100


@pytest_asyncio.fixture(loop_scope="package")
async def pages(browser: Browser, server: Server) -> AsyncIterator[tuple[PeerPage, PeerPage]]:
    async with open_page(browser, server) as left, open_page(browser, server) as right:
        yield left, right


async def test_two_pages_that_publish_and_view_each_get_exactly_the_other(
    pages: tuple[PeerPage, PeerPage], server: Server
) -> None:
    left, right = pages
    await left.publish("left", "red", 500)
    await right.publish("right", "blue", 1100)
    at_left, at_right = await left.view("right"), await right.view("left")
    assert await left.call("firstFrame", at_left, PATIENCE_S * 1000) is not None
    assert await right.call("firstFrame", at_right, PATIENCE_S * 1000) is not None
    await left.shows(at_left, "blue")
    await right.shows(at_right, "red")
    await left.hears(at_left, 1100)
    await right.hears(at_right, 500)
    for page, person in ((left, "publish-left"), (left, at_left), (right, at_right)):
        transport = await page.stats(person, "transport")
        assert transport["srtpCipher"] in ("SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_256_GCM")
    for _ in range(10):
        assert (await left.colour(at_left), await right.colour(at_right)) == ("blue", "red")
    for page, viewer in ((left, at_left), (right, at_right)):
        for media in ("audio", "video"):
            inbound = await page.stats(viewer, "inbound-rtp", media)
            assert inbound["packetsReceived"] > 0 and inbound["packetsLost"] == 0
    # The server looks once a second.
    await until("a live source", lambda: server.state_of("left"), "live".__eq__)
    entry = server.source("left")
    assert entry is not None and entry["viewers"] == 1
    assert {(track["kind"], track["codec"]) for track in entry["tracks"]} == {("video", "H264"), ("audio", "opus")}


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_codec_that_the_publisher_prefers_plays(pages: tuple[PeerPage, PeerPage], codec: str) -> None:
    publisher, viewer = pages
    source = f"codec-{codec}"
    await publisher.publish(source, "green", 700, codec=codec)
    name = await viewer.view(source)
    await viewer.shows(name, "green")
    picture = await viewer.stats(name, "inbound-rtp", "video")
    entries = await viewer.call("stats", name)
    used = next(entry for entry in entries if entry["id"] == picture["codecId"])
    assert used["mimeType"] == f"video/{codec}"


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_simulcast_by_rids_publishes_and_plays(
    pages: tuple[PeerPage, PeerPage], server: Server, codec: str
) -> None:
    publisher, viewer = pages
    source = f"layers-{codec}"
    sender = await publisher.publish(source, "yellow", 800, codec=codec, simulcast=True, size=(640, 360))
    name = await viewer.view(source)
    await viewer.shows(name, "yellow")
    entry = server.source(source)
    assert entry is not None
    assert next(track for track in entry["tracks"] if track["kind"] == "video")["layers"] == 2
    seen = await viewer.call("look", name)
    assert (seen["width"], seen["height"]) in ((320, 180), (640, 360))

    async def layers() -> dict[str, int]:
        entries = await publisher.call("stats", sender)
        sent = [entry for entry in entries if entry["type"] == "outbound-rtp" and entry["kind"] == "video"]
        return {entry["rid"]: entry["packetsSent"] for entry in sent}

    await until("both layers are sent", layers, lambda sent: set(sent) == {"low", "high"} and min(sent.values()) > 0)


async def test_capture_clock_tells_when_the_shown_picture_was_taken(pages: tuple[PeerPage, PeerPage]) -> None:
    publisher, viewer = pages
    await publisher.publish("clock", "red", 600, rate=25)
    name = await viewer.view("clock")
    await viewer.shows(name, "red")
    await until("a capture clock", lambda: viewer.call("captureError", name), lambda error: error is not None)

    async def median_error() -> float:
        errors: list[float] = [await viewer.call("captureError", name) for _ in range(15)]
        return statistics.median(errors)

    # The browser tells when it means to show a picture; a machine that is busy just now shows it later.
    error = await until("the capture clock is right", median_error, lambda error: abs(error) < CAPTURE_ALLOWED_MS)
    print(f"capture clock off by {error:.0f} ms (median)")

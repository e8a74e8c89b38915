"""Chromium behind a path that loses packets, in either direction: what is lost is asked for and comes again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser

from huishang.demo.link import Loss, Shape
from tests.patience import until
from tests.peers.browser import open_page
from tests.peers.detour import detoured_page
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
LOSS = Shape(delay_s=0.01, jitter_s=0.005, loss=Loss(0.1))


async def test_what_a_publisher_lost_is_asked_for_and_restored(server: Server, browser: Browser) -> None:
    async with detoured_page(browser, server, LOSS) as (far, relays), open_page(browser, server) as near:
        name = await far.publish("lossy-up", "green", 700, rate=25)
        viewer = await near.view("lossy-up")
        await near.shows(viewer, "green")
        await near.hears(viewer, 700)

        def track() -> dict[str, Any]:
            entry = server.source("lossy-up")
            assert entry is not None
            return next((item for item in entry["tracks"] if item["kind"] == "video"), {"recovered": 0})

        await until("packets restored", track, lambda seen: seen["recovered"] >= 5)
        sent = await far.stats(name, "outbound-rtp", "video")
        assert sent["nackCount"] > 0 and sent["retransmittedPacketsSent"] >= 5
        assert relays[0].uplink.link.lost > 0
        # The viewer, whose own path is good, got nearly all of it in spite of that.
        seen = await near.stats(viewer, "inbound-rtp", "video")
        assert seen["packetsLost"] < relays[0].uplink.link.lost / 2
        await near.shows(viewer, "green")


async def test_sound_that_a_publishers_uplink_lost_is_there_all_the_same(server: Server, browser: Browser) -> None:
    """By RED: each sound brings the one before it, and what two in a row took is all that a viewer misses."""
    thin = Shape(delay_s=0.04, loss=Loss(0.05))
    async with detoured_page(browser, server, thin) as (far, _), open_page(browser, server) as near:
        await far.publish("hoarse", "blue", 900)
        viewer = await near.view("hoarse")
        await near.hears(viewer, 900)

        def track() -> dict[str, Any]:
            entry = server.source("hoarse")
            assert entry is not None
            return next((item for item in entry["tracks"] if item["kind"] == "audio"), {"recovered": 0})

        await until("sounds that came with the next", track, lambda seen: seen["recovered"] >= 40)
        sound = await near.stats(viewer, "inbound-rtp", "audio")
        assert sound["packetsReceived"] > 400
        assert sound["packetsLost"] < 0.01 * sound["packetsReceived"]
        assert track()["lost"] < 0.2 * track()["recovered"]


async def test_speech_over_a_lossy_uplink_has_opus_fec_that_viewers_decode(server: Server, browser: Browser) -> None:
    """Our reports tell the publisher's libopus of the loss; what RED has not filled in, the viewer's decoder makes."""
    poor = Shape(delay_s=0.04, loss=Loss(0.15))
    async with detoured_page(browser, server, poor) as (far, _), open_page(browser, server) as near:
        await far.publish("speaker", "red", 130, speaks=True)
        viewer = await near.view("speaker")

        async def used() -> int:
            sound = await near.stats(viewer, "inbound-rtp", "audio")
            return int(sound.get("fecPacketsReceived", 0) - sound.get("fecPacketsDiscarded", 0))

        await until("sounds that were made from the next one", used, (3).__le__)


async def test_what_a_viewer_lost_comes_again_when_it_asks(server: Server, browser: Browser) -> None:
    async with open_page(browser, server) as near, detoured_page(browser, server, LOSS) as (far, relays):
        await near.publish("lossy-down", "blue", 1100, rate=25)
        viewer = await far.view("lossy-down")
        await far.shows(viewer, "blue")
        await far.hears(viewer, 1100)

        async def picture() -> dict[str, Any]:
            return await far.stats(viewer, "inbound-rtp", "video")

        await until("packets sent again", picture, lambda seen: seen.get("retransmittedPacketsReceived", 0) >= 5)
        seen = await picture()
        assert seen["nackCount"] > 0
        assert relays[0].downlink.link.lost > 0
        await far.shows(viewer, "blue")


async def test_on_a_long_way_losses_are_made_up_for_before_anybody_asks(server: Server, browser: Browser) -> None:
    """A round trip of 0.3 s: sound comes with the sounds before it, pictures with parities, both read by libwebrtc."""
    far_away = Shape(delay_s=0.15, jitter_s=0.04, loss=Loss(0.05))
    async with open_page(browser, server) as near, detoured_page(browser, server, far_away) as (far, _):
        await near.publish("far-away", "green", 900, rate=25)
        viewer = await far.view("far-away")
        await far.shows(viewer, "green")
        await far.hears(viewer, 900)

        async def parities() -> int:
            return int((await far.stats(viewer, "inbound-rtp", "video")).get("fecPacketsReceived", 0))

        await until("parities", parities, (10).__le__)

        async def larger() -> bool:
            sound = await far.stats(viewer, "inbound-rtp", "audio")
            return bool(sound["bytesReceived"] > 150 * sound["packetsReceived"])

        # Browsers' own speech takes 80 octets.
        await until("sounds with those before them", larger, bool)
        pictures = await far.stats(viewer, "inbound-rtp", "video")

        async def waits() -> float:
            now = await far.stats(viewer, "inbound-rtp", "video")
            frames = now["jitterBufferEmittedCount"] - pictures["jitterBufferEmittedCount"]
            return float((now["jitterBufferDelay"] - pictures["jitterBufferDelay"]) / max(frames, 1))

        # As long as an answer takes: without a word of the server's a browser keeps them a tenth of that.
        await until("pictures that wait for repairs", waits, (0.3).__le__)

        async def sound() -> tuple[int, int]:
            """Packets lost so far, and samples that were made up."""
            told = await far.stats(viewer, "inbound-rtp", "audio")
            return int(told["packetsLost"]), int(told["concealedSamples"])

        async def made_up_for() -> bool:
            """Whether of the next twenty that are lost most are not missed; a machine that stands still misses more."""
            lost, concealed = await sound()
            after = await until("lost sounds", sound, lambda now: now[0] >= lost + 20)
            # Without the sounds before each, all that was lost would have to be made up.
            return bool(after[1] - concealed < 960 * (after[0] - lost) / 2)

        await until("lost sounds that are not missed", made_up_for)
        await far.shows(viewer, "green")
        await far.hears(viewer, 900)

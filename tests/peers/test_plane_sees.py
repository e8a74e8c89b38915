"""What the plane learns from Chromium and does for it, seen from inside: levels, feedback, a switch of layers."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.patience import until
from tests.peers.browser import PeerPage, open_page
from tests.peers.inside import Inside

pytestmark = pytest.mark.asyncio(loop_scope="package")
#: Of the tone that page.js makes: a sine of 0.3 has a root mean square of 0.21.
TONE_DBOV = -13.5


async def width(page: PeerPage, viewer: str) -> int:
    return int((await page.call("look", viewer))["width"])


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_decoder_follows_a_switch_of_layers_and_back(inside: Inside, browser: Browser, codec: str) -> None:
    async with open_page(browser, inside) as page:
        await page.publish("layers", "yellow", 800, codec=codec, simulcast=True, size=(640, 360))
        viewer = await page.view("layers")
        await page.shows(viewer, "yellow")
        routes = inside.routes()
        for layer, wanted in ((1, 640), (0, 320), (1, 640)):
            routes[0].set(layer=layer)
            await until(f"a picture {wanted} wide", lambda: width(page, viewer), wanted.__eq__)
            await page.shows(viewer, "yellow")
        picture = await page.stats(viewer, "inbound-rtp", "video")
        assert picture["packetsLost"] == picture["nackCount"] == 0


async def test_a_paused_route_goes_on_in_the_decoder(inside: Inside, browser: Browser) -> None:
    async with open_page(browser, inside) as page:
        await page.publish("paused", "green", 800)
        viewer = await page.view("paused")
        await page.shows(viewer, "green")
        route = inside.routes()[0]

        async def decoded() -> int:
            return int((await page.stats(viewer, "inbound-rtp", "video"))["framesDecoded"])

        publication = inside.node.exchange.media["paused"].publications["video"]
        route.set(paused=True)
        missed = publication.stats()[0]["packets"] + 30
        await until("pictures go by", lambda: publication.stats()[0]["packets"], missed.__le__)
        stands = await decoded()
        route.set()
        await until("it goes on", decoded, lambda count: count > stands + 10)
        assert (await page.stats(viewer, "inbound-rtp", "video"))["packetsLost"] == 0


async def test_levels_reports_and_feedback_of_a_browser_are_read(inside: Inside, browser: Browser) -> None:
    async with open_page(browser, inside) as page:
        await page.publish("heard", "blue", 900)
        viewer = await page.view("heard")
        await page.shows(viewer, "blue")
        await page.hears(viewer, 900)
        sound = inside.node.exchange.media["heard"].publications["audio"]
        await until("its level", lambda: sound.level_dbov, lambda level: abs(level - TONE_DBOV) < 3)
        watching, publishing = inside.session(publishes=False), inside.session(publishes=True)

        seen = await until("feedback", watching.peer.transport.stats, lambda stats: stats["feedback_received"] > 50)
        assert seen["feedback_lost"] == 0
        # One watches; who publishes is sent nothing.
        assert len(inside.node.exchange.links) == 1
        route = inside.routes()[0]
        await until("a round trip", lambda: route.stats()["rtt_ms"], lambda rtt: rtt is not None and rtt > 0)
        # Nothing that the browser said was taken for nonsense.
        assert watching.peer.transport.stats()["drops"] == {}
        # It tries out the path with packets that we have already.
        assert set(publishing.peer.transport.stats()["drops"]) <= {"duplicate"}
        # It is there once a report of ours has answered one of the browser's.
        sent = await until(
            "the browser's round trip",
            lambda: page.stats("publish-heard", "remote-inbound-rtp", "video"),
            lambda stats: "roundTripTime" in stats,
        )
        assert sent["packetsLost"] == 0 and sent["roundTripTime"] >= 0

"""Capture times of a Chromium whose way to the server becomes another after the handshake that measured it."""

from __future__ import annotations

import statistics

import pytest
from playwright.async_api import Browser

from huishang.demo.link import Shape
from media.plane.transport import PlaneTransport
from tests.patience import until
from tests.peers.browser import PeerPage, open_page
from tests.peers.detour import change_way, detoured_page
from tests.peers.inside import Inside

pytestmark = pytest.mark.asyncio(loop_scope="package")
#: What is claimed with a browser as the camera; each of the changes below is more.
ALLOWED_MS = 100
SHORT, LONG, SATELLITES = (Shape(delay_s=delay_s) for delay_s in (0.01, 0.16, 1.3))


async def tells_capture_time(page: PeerPage, viewer: str, transport: PlaneTransport, way: str) -> None:
    """Wait until the viewer knows when pictures are taken, by the median of some, and the plane says no less."""

    async def median_error() -> float:
        errors: list[float] = [await page.call("captureError", viewer) for _ in range(15)]
        return statistics.median(errors)

    # A browser that is busy, or out of pictures, shows one later than it means to.
    error = await until(f"{way}: capture time", median_error, lambda error: abs(error) < ALLOWED_MS)
    stats = transport.stats()
    bound_ms = stats["capture_error_ms"]
    assert bound_ms is not None and abs(error) < bound_ms + ALLOWED_MS
    print(f"{way}: off by {error:.0f} ms, bound {bound_ms:.0f} ms, round trip {stats['rtt_ms']:.0f} ms")


async def measured(transport: PlaneTransport, way: Shape) -> None:
    """Wait until the browser's answers have told the round trip of this way."""
    least_ms = 2000 * way.delay_s
    await until(
        f"a round trip of {least_ms} ms",
        transport.stats,
        lambda stats: stats["rtt_source"] == "xr" and least_ms <= stats["rtt_ms"] < least_ms + 100,
    )


async def test_capture_time_stays_right_when_the_way_becomes_another(inside: Inside, browser: Browser) -> None:
    async with detoured_page(browser, inside, SHORT) as (far, relays), open_page(browser, inside) as near:
        await far.publish("moves", "red", 600, rate=25)
        viewer = await near.view("moves")
        await near.shows(viewer, "red")
        transport = inside.session(publishes=True).peer.transport
        await until("a capture clock", lambda: near.call("captureError", viewer), lambda error: error is not None)
        await measured(transport, SHORT)
        await tells_capture_time(near, viewer, transport, "short")

        # The least of a minute counts, of reports and of round trips: a longer way changes neither at once.
        change_way(relays[0], LONG)
        picture = inside.node.exchange.media["moves"].publications["video"]
        for _ in range(4):
            last_ns = picture.stats()[0]["report_ns"]
            await until("a report over the longer way", lambda: picture.stats()[0]["report_ns"], last_ns.__lt__)
        await tells_capture_time(near, viewer, transport, "long")

        # So much longer that it looks like a step of the browser's clock, until it is measured.
        change_way(relays[0], SATELLITES)
        await measured(transport, SATELLITES)
        await tells_capture_time(near, viewer, transport, "satellites")
        change_way(relays[0], SHORT)
        await measured(transport, SHORT)
        await tells_capture_time(near, viewer, transport, "short again")
        assert "rtcp_malformed" not in transport.stats()["drops"]

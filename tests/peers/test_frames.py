"""What a worker makes of Chromium's packets at the end of a tap: every frame whole and decodable, of every codec."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import av
import pytest
from playwright.async_api import Browser

from media.plane.copies import PlaneTap
from media.plane.tapring import DROP_NEWEST, TapRingView
from media.rtp.frames import Frame, Gap
from media.rtp.stream import StreamFrames
from media.tap import TapKind, TapReader
from tests.media.rtp.senders import decoded_sizes
from tests.patience import until
from tests.peers.browser import open_page
from tests.peers.inside import Inside

pytestmark = pytest.mark.asyncio(loop_scope="package")
SIZE = (640, 360)
#: The page has no word for it: every camera is sent in these layers.
LAYERED = """(mode) => {
  const add = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function (track, init) {
    const layers = track.kind === "video" ? { sendEncodings: [{ scalabilityMode: mode }] } : {};
    return add.call(this, track, { ...init, ...layers });
  };
}"""


@contextmanager
def tapped(
    inside: Inside, source: str, kind: str, codec: str
) -> Iterator[tuple[PlaneTap, Callable[[], list[Frame | Gap]]]]:
    """A tap, and what has come of its packets so far."""
    ring = TapRingView(1 << 22, DROP_NEWEST)
    tap = inside.node.exchange.media[source].tracks[kind].tap(ring)
    found: list[Frame | Gap] = []
    stream = StreamFrames(codec)
    with TapReader.from_fds(*ring.fds()) as reader:

        def come() -> list[Frame | Gap]:
            while (record := reader.read()) is not None:
                if record.kind is TapKind.RTP:
                    found.extend(stream.receive(record.packet, record.monotonic_ns))
            return found

        try:
            yield tap, come
        finally:
            tap.close()
            ring.close()


@pytest.mark.parametrize(
    ("codec", "mode"), [("H264", ""), ("VP8", ""), ("VP9", ""), ("VP9", "L2T2"), ("VP9", "L3T3_KEY"), ("AV1", "L2T2")]
)
async def test_pictures_of_chromium_decode_one_for_each_frame(
    inside: Inside, browser: Browser, codec: str, mode: str
) -> None:
    async with open_page(browser, inside) as page:
        if mode:
            await page.page.evaluate(LAYERED, mode)
        await page.publish("seen", "yellow", 900, codec=codec, size=SIZE)
        with tapped(inside, "seen", "video", codec) as (tap, come):
            await until("pictures", lambda: len(come()), lambda count: count > 10)
            tap.track.want_keyframe()

            def decodable() -> list[Frame]:
                return [frame for frame in come() if isinstance(frame, Frame) and frame.decodable]

            frames = await until("pictures from a keyframe on", decodable, lambda frames: len(frames) > 30)
            assert not [gap for gap in come() if isinstance(gap, Gap)]
    assert frames[0].is_keyframe and frames[0].size
    last = [frame.size for frame in frames if frame.size][-1]
    shown = decoded_sizes(codec, frames)
    if codec != "VP9" or not mode:
        assert last == SIZE and shown == [SIZE] * len(frames)
    else:
        # FFmpeg shows every layer of a superframe. Chromium begins with the smallest and adds the others in between.
        assert shown[-1] == last and len([size for size in shown if size == shown[0]]) == len(frames)


async def test_sound_of_chromium_has_no_gap(inside: Inside, browser: Browser) -> None:
    async with open_page(browser, inside) as page:
        await page.publish("heard", "blue", 900)
        with tapped(inside, "heard", "audio", "opus") as (_, come):
            found = await until("a second of sound", come, lambda found: len(found) > 50)
    frames = [frame for frame in found if isinstance(frame, Frame)]
    assert len(frames) == len(found)
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    samples = [sound.samples for frame in frames for sound in decoder.decode(av.Packet(frame.data))]
    assert sum(samples) == frames[-1].timestamp + frames[-1].ticks - frames[0].timestamp

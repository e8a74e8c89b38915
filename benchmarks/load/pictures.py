"""Sources that send real pictures, in a process of their own.

`python -m benchmarks.load.pictures URL CA TOKEN FPS SOURCE...` is what runs there.
One clip in H.264, 640x360, made before anything is sent; whoever asks for a keyframe gets the clip from its beginning.
So many sources cost next to nothing but their packets. Says `sending` once all of them are connected.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from huishang.demo.encode import VIDEO_CLOCK_RATE, VideoEncoder
from huishang.demo.picture import Picture
from huishang.demo.unit import ticks
from huishang.demo.units import HEIGHT, UNITS, WIDTH, Scene, VideoCodec
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions
from signaling.sdp.offer import PublishTrack, offer_codecs

CLIP_S = 20
BITRATE_BPS = 350_000
COLOUR = (28, 74, 128)
SENDING = b"sending\n"


def clip(fps: int, seconds: int = CLIP_S) -> list[bytes]:
    """Make the clip: access units, the first of them a keyframe."""
    picture = Picture(Scene.RIDGE, UNITS[0].name, COLOUR)
    encoder = VideoEncoder(VideoCodec.H264, WIDTH, HEIGHT, BITRATE_BPS)
    frames: list[bytes] = []
    for number in range(seconds * fps):
        i420 = picture.compose(number * 1_000_000 // fps)
        frames += encoder.encode(i420, number * VIDEO_CLOCK_RATE // fps, number == 0)
    return frames


class Source:
    """One source; sends the clip over and over."""

    def __init__(self, url: str, source: str, options: SessionOptions) -> None:
        ssrc = secrets.randbits(31) + 1
        track = PublishTrack(
            "video", offer_codecs("video", ("H264",)), source, "video", source, ssrc, ssrc ^ 0x80000000
        )
        self._next = 0
        self.publisher = Publisher(f"{url}/whip/{source}", [track], options, self._begin_anew)

    def send(self, frames: Sequence[bytes], captured: float) -> None:
        """Send the next frame."""
        self.publisher.send(0, frames[self._next % len(frames)], captured)
        self._next += 1

    def _begin_anew(self, _track: int, _layer: int) -> None:
        self._next = 0


async def send(url: str, ca: str, token: str, fps: int, names: Sequence[str]) -> None:
    """Send until standard input ends."""
    frames = clip(fps)
    options = SessionOptions(HttpOptions(token, Path(ca)))
    sources = [Source(url, name, options) for name in names]
    await asyncio.gather(*(source.publisher.start() for source in sources))
    sys.stdout.buffer.write(SENDING)
    sys.stdout.buffer.flush()
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
    async for number in ticks(1 / fps):
        if ended.done():
            break
        for source in sources:
            source.send(frames, number / fps)
    for source in sources:
        await source.publisher.close()


def main() -> None:
    url, ca, token, fps, *names = sys.argv[1:]
    uvloop.run(send(url, ca, token, int(fps), names))


if __name__ == "__main__":
    main()

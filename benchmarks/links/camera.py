"""A source for bad links, in a process of its own: `python -m benchmarks.links.camera URL TOKEN SOURCE`.

A picture of 1.2 Mb/s in H.264 with a camera's noise, and Opus sound, both made before anything is sent. A keyframe
comes every four seconds as from the demonstration's units; whoever asks for one gets the clip from its beginning. Says
`sending` once it is connected; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence

import uvloop

from benchmarks.load.pictures import SENDING, clip
from huishang.demo.encode import OpusEncoder
from huishang.demo.tone import BLOCK_SAMPLES, SAMPLE_RATE, Tone
from huishang.demo.units import FRAMES_PER_SECOND
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions
from signaling.sdp.offer import Kind, PublishTrack, offer_codecs

PICTURE_BPS = 1_200_000
CLIP_S = 16
GRAIN = 3
TONE_HZ = 440
# Of a tone that repeats every six seconds.
SOUND_BLOCKS = 300
BLOCK_S = BLOCK_SAMPLES / SAMPLE_RATE
PICTURE, SOUND = 0, 1


def sound() -> list[bytes]:
    """Make the sound: Opus packets of 20 ms."""
    tone, encoder = Tone(TONE_HZ), OpusEncoder()
    return [packet for number in range(SOUND_BLOCKS) for packet in encoder.encode(tone.block(number), number * 960)]


async def every(interval_s: float) -> AsyncIterator[float]:
    """Yield the beginning of each interval, however late: a block that was never sent would look like a lost one."""
    due = time.monotonic()
    while True:
        await asyncio.sleep(due - time.monotonic())
        yield due
        due += interval_s


class Camera:
    """The source; sends clip and sound over and over."""

    def __init__(self, url: str, token: str, source: str) -> None:
        self._frames = clip(FRAMES_PER_SECOND, CLIP_S, bitrate_bps=PICTURE_BPS, grain=GRAIN)
        self._sound = sound()
        self._next = 0
        tracks = [_track("video", "H264", source), _track("audio", "opus", source)]
        options = SessionOptions(HttpOptions(token))
        self.publisher = Publisher(f"{url}/whip/{source}", tracks, options, self._begin_anew)

    async def send_picture(self) -> None:
        """Send frames until cancelled."""
        async for captured in every(1 / FRAMES_PER_SECOND):
            self.publisher.send(PICTURE, self._frames[self._next % len(self._frames)], captured)
            self._next += 1

    async def send_sound(self) -> None:
        """Send sound until cancelled."""
        number = 0
        async for captured in every(BLOCK_S):
            self.publisher.send(SOUND, self._sound[number % len(self._sound)], captured, level=30)
            number += 1

    def _begin_anew(self, _track: int, _layer: int) -> None:
        self._next = 0


def _track(kind: Kind, encoding: str, source: str) -> PublishTrack:
    ssrc = secrets.randbits(31) + 1
    rtx_ssrc = ssrc ^ 0x80000000 if kind == "video" else None
    return PublishTrack(kind, offer_codecs(kind, (encoding,)), source, kind, source, ssrc, rtx_ssrc)


async def run(arguments: Sequence[str]) -> None:
    """Send until standard input ends."""
    url, token, source = arguments
    camera = Camera(url, token, source)
    await camera.publisher.start()
    sys.stdout.buffer.write(SENDING)
    sys.stdout.buffer.flush()
    sending = [asyncio.create_task(camera.send_picture()), asyncio.create_task(camera.send_sound())]
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
    done, _ = await asyncio.wait([ended, *sending], return_when=asyncio.FIRST_COMPLETED)
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    await camera.publisher.close()
    for task in done:
        task.result()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1:]))

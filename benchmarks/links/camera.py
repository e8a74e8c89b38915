"""A source for bad links, in a process of its own: `python -m benchmarks.links.camera URL TOKEN SOURCE`.

A picture in H.264 with a camera's noise in three layers, as a browser sends 720p, and Opus sound, all made before
anything is sent. A keyframe comes every four seconds as from the demonstration's units; whoever asks for one gets that
layer's clip from its beginning. Says `sending` once it is connected; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import uvloop

from benchmarks.load.pictures import SENDING, clip
from huishang.demo.encode import OpusEncoder
from huishang.demo.tone import BLOCK_SAMPLES, SAMPLE_RATE, Tone
from huishang.demo.units import FRAMES_PER_SECOND
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions
from signaling.sdp.offer import PublishTrack, offer_codecs

CLIP_S = 16
GRAIN = 3
TONE_HZ = 440
# Of a tone that repeats every six seconds.
SOUND_BLOCKS = 300
BLOCK_S = BLOCK_SAMPLES / SAMPLE_RATE
PICTURE, SOUND = 0, 1


@dataclass(frozen=True, slots=True)
class Layer:
    """One of the picture's sizes."""

    rid: str
    shrink: int
    bitrate_bps: int


SIZE = (1280, 720)
LAYERS = (Layer("q", 4, 150_000), Layer("h", 2, 450_000), Layer("f", 1, 1_150_000))


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
        self._clips = [
            clip(FRAMES_PER_SECOND, CLIP_S, size=SIZE, shrink=layer.shrink, bitrate_bps=layer.bitrate_bps, grain=GRAIN)
            for layer in LAYERS
        ]
        self._sound = sound()
        self._next = [0] * len(LAYERS)
        rids = tuple(layer.rid for layer in LAYERS)
        tracks = [
            PublishTrack("video", offer_codecs("video", ("H264",)), source, "video", source, rids=rids),
            PublishTrack("audio", offer_codecs("audio", ("opus",)), source, "audio", source, secrets.randbits(31) + 1),
        ]
        options = SessionOptions(HttpOptions(token))
        self.publisher = Publisher(f"{url}/whip/{source}", tracks, options, self._begin_anew)

    async def send_picture(self) -> None:
        """Send frames until cancelled."""
        async for captured in every(1 / FRAMES_PER_SECOND):
            for layer, frames in enumerate(self._clips):
                self.publisher.send(PICTURE, frames[self._next[layer] % len(frames)], captured, layer=layer)
                self._next[layer] += 1

    async def send_sound(self) -> None:
        """Send sound until cancelled."""
        number = 0
        async for captured in every(BLOCK_S):
            self.publisher.send(SOUND, self._sound[number % len(self._sound)], captured, level=30)
            number += 1

    def _begin_anew(self, _track: int, layer: int) -> None:
        self._next[layer] = 0


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

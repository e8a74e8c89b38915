"""A source for bad links, in a process of its own: `python -m benchmarks.links.camera URL TOKEN SOURCE [CA_FILE]`.

A picture in H.264 with a camera's noise in three layers, as a browser sends 720p, and Opus sound. What is seen is made
before anything is sent; it is encoded as it is sent, because a browser's encoder keeps its rate whenever it is asked
for a keyframe, and sends none unasked. Keyframes are of 0.2 to 0.3 s of the rate (`huishang.demo.encode`), all layers
together take a tenth of a core. Says `sending` once it is connected; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uvloop
from numpy.typing import NDArray

from benchmarks.load.pictures import SENDING
from huishang.demo.encode import VIDEO_CLOCK_RATE, OpusEncoder, VideoEncoder
from huishang.demo.picture import Picture
from huishang.demo.tone import BLOCK_SAMPLES, SAMPLE_RATE, Tone
from huishang.demo.units import FRAMES_PER_SECOND, UNITS, Scene, VideoCodec
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions
from signaling.sdp.offer import PublishTrack, offer_codecs

SCENE_S = 2
COLOUR = (28, 74, 128)
# Standard deviation of the noise: without it there is too little to see for these rates.
GRAIN = 3
SEED = 20260101
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


def scene(seconds: int = SCENE_S) -> list[NDArray[np.uint8]]:
    """Make what the camera sees: I420 frames of SIZE, each of shape (height * 3 / 2, width)."""
    noise = np.random.default_rng(SEED)
    width, height = SIZE
    picture = Picture(Scene.RIDGE, UNITS[0].name, COLOUR, *SIZE)
    frames = []
    for number in range(seconds * FRAMES_PER_SECOND):
        i420 = picture.compose(number * 1_000_000 // FRAMES_PER_SECOND).copy()
        grained = i420[:height] + GRAIN * noise.standard_normal((height, width), np.float32)
        i420[:height] = np.clip(grained, 0, 255).astype(np.uint8)
        frames.append(i420)
    return frames


def shrunk(i420: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    """Leave out pixels; the planes lie one after another in rows of the first's width."""
    if by == 1:
        return i420
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    chroma = i420[height:].reshape(2, height // 2, width // 2)[:, ::by, ::by]
    return np.concatenate([i420[:height:by, ::by], chroma.reshape(-1, width // by)])


def seen(scene: Sequence[NDArray[np.uint8]], number: int) -> NDArray[np.uint8]:
    """Return the frame of that number: the scene there and back again, so that nothing ever jumps."""
    place = number % (2 * len(scene))
    return scene[min(place, 2 * len(scene) - 1 - place)]


class Layers:
    """The picture's encoders; each layer's keyframes are asked for by themselves."""

    def __init__(self) -> None:
        self._scene = scene()
        self._encoders = [
            VideoEncoder(VideoCodec.H264, SIZE[0] // by.shrink, SIZE[1] // by.shrink, by.bitrate_bps, None)
            for by in LAYERS
        ]
        self._wanted: set[int] = set()

    def want_keyframe(self, layer: int) -> None:
        """Make the layer's next frame a keyframe."""
        self._wanted.add(layer)

    def encode(self, number: int) -> list[bytes]:
        """Encode the frame of that number in each layer; takes some 6 ms."""
        wanted, self._wanted = self._wanted, set()
        i420, at = seen(self._scene, number), number * VIDEO_CLOCK_RATE // FRAMES_PER_SECOND
        return [
            b"".join(encoder.encode(shrunk(i420, by.shrink), at, layer in wanted))
            for layer, (by, encoder) in enumerate(zip(LAYERS, self._encoders, strict=True))
        ]


async def every(interval_s: float) -> AsyncIterator[float]:
    """Yield the beginning of each interval, however late: a block that was never sent would look like a lost one."""
    due = time.monotonic()
    while True:
        await asyncio.sleep(due - time.monotonic())
        yield due
        due += interval_s


class Camera:
    """The source."""

    def __init__(self, url: str, token: str, source: str, ca_file: Path | None = None) -> None:
        self._layers = Layers()
        self._sound = sound()
        rids = tuple(layer.rid for layer in LAYERS)
        tracks = [
            PublishTrack("video", offer_codecs("video", ("H264",)), source, "video", source, rids=rids),
            PublishTrack("audio", offer_codecs("audio", ("opus",)), source, "audio", source, secrets.randbits(31) + 1),
        ]
        options = SessionOptions(HttpOptions(token, ca_file))
        self.publisher = Publisher(
            f"{url}/whip/{source}", tracks, options, lambda _track, layer: self._layers.want_keyframe(layer)
        )

    async def send_picture(self) -> None:
        """Send frames until cancelled."""
        number = 0
        async for captured in every(1 / FRAMES_PER_SECOND):
            # In a thread, so that sound does not wait for pictures.
            frames = await asyncio.to_thread(self._layers.encode, number)
            for layer, frame in enumerate(frames):
                self.publisher.send(PICTURE, frame, captured, layer=layer)
            number += 1

    async def send_sound(self) -> None:
        """Send sound until cancelled."""
        number = 0
        async for captured in every(BLOCK_S):
            self.publisher.send(SOUND, self._sound[number % len(self._sound)], captured, level=30)
            number += 1


async def run(arguments: Sequence[str]) -> None:
    """Send until standard input ends."""
    url, token, source, *authority = arguments
    camera = Camera(url, token, source, Path(*authority) if authority else None)
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

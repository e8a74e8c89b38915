"""The process of one unit: ``python -m huishang.demo.unit ID``, orders on standard input. Connects, draws, sends.

Shell: the clock, the event loop and the connection. What is drawn and heard are cores of this package.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np
import uvloop
from numpy.typing import NDArray

from huishang.demo.detour import Detour
from huishang.demo.encode import VIDEO_CLOCK_RATE, OpusEncoder, VideoEncoder
from huishang.demo.picture import Picture
from huishang.demo.processes import Orders
from huishang.demo.tone import BLOCK_SAMPLES, SAMPLE_RATE, Tone
from huishang.demo.units import FRAMES_PER_SECOND, HEIGHT, WIDTH, Unit, Video, by_id
from signaling.client.errors import ClientError
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.reconnect import Backoff, stay_connected
from signaling.client.session import SessionOptions
from signaling.sdp.offer import Kind, PublishTrack, offer_codecs

_BLOCK_S: Final = BLOCK_SAMPLES / SAMPLE_RATE
_LONGEST_WAIT_S: Final = 3.0
"""Between tries: the server is on this machine, and whoever restarts it looks at the page right away."""
_SILENCE_DBOV: Final = 127


def audio_level(block: NDArray[np.int16]) -> int:
    """Return the level of `block` in -dBov, 0 (loudest) to 127 (RFC 6464)."""
    wide = block.astype(np.float32)
    mean_square = float(np.dot(wide, wide)) / block.size
    if mean_square <= 0:
        return _SILENCE_DBOV
    return min(_SILENCE_DBOV, max(0, round(-10 * math.log10(mean_square / 32_768**2))))


def publish_tracks(unit: Unit) -> list[PublishTrack]:
    """Return what `unit` offers: picture first when it has one, then sound; SSRCs by chance."""

    def track(kind: Kind, encoding: str) -> PublishTrack:
        ssrc = secrets.randbits(31) + 1
        rtx_ssrc = ssrc ^ 0x80000000 if kind == "video" else None
        return PublishTrack(
            kind, offer_codecs(kind, (encoding,)), unit.id, f"{unit.id}-{kind}", unit.id, ssrc, rtx_ssrc
        )

    pictures = [track("video", str(unit.video.codec))] if unit.video else []
    return [*pictures, track("audio", "opus")]


async def ticks(interval_s: float) -> AsyncIterator[int]:
    """Yield the number of each interval of the monotonic clock as it begins; those slept through are left out."""
    loop = asyncio.get_running_loop()
    number = math.ceil(loop.time() / interval_s)
    while True:
        await asyncio.sleep(number * interval_s - loop.time())
        yield number
        number = max(number + 1, math.ceil(loop.time() / interval_s - 1))


class Sender:
    """Sends a unit's picture and sound over one session after another."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._tone = Tone(unit.tone_hz)
        self._opus = OpusEncoder()
        self._keyframe_wanted = True

    def want_keyframe(self, _track: int, _layer: int) -> None:
        """Make the next picture a keyframe: a viewer came or lost something."""
        self._keyframe_wanted = True

    async def send(self, publisher: Publisher) -> None:
        """Send until cancelled."""
        self._keyframe_wanted = True
        async with asyncio.TaskGroup() as group:
            if self._unit.video:
                group.create_task(self._send_picture(publisher, self._unit.video))
            group.create_task(self._send_sound(publisher, 1 if self._unit.video else 0))

    async def _send_picture(self, publisher: Publisher, video: Video) -> None:
        picture = Picture(video.scene, self._unit.name, video.colour, WIDTH, HEIGHT)
        encoder = VideoEncoder(video.codec, WIDTH, HEIGHT, video.bitrate_bps)
        # Read once: a step of the system's clock moves neither the drawn clock nor the reports.
        utc_offset_us = (time.time_ns() - time.monotonic_ns()) // 1_000
        async for number in ticks(1 / FRAMES_PER_SECOND):
            captured = number / FRAMES_PER_SECOND
            i420 = picture.compose(round(captured * 1e6) + utc_offset_us)
            keyframe, self._keyframe_wanted = self._keyframe_wanted, False
            for frame in encoder.encode(i420, number * VIDEO_CLOCK_RATE // FRAMES_PER_SECOND, keyframe):
                publisher.send(0, frame, captured)

    async def _send_sound(self, publisher: Publisher, track: int) -> None:
        async for number in ticks(_BLOCK_S):
            block = self._tone.block(number)
            for packet in self._opus.encode(block, number * BLOCK_SAMPLES):
                publisher.send(track, packet, number * _BLOCK_S, level=audio_level(block))


async def run(unit: Unit, orders: Orders) -> None:
    """Keep `unit` connected until cancelled.

    Raises:
        ClientError: the server refuses for good, e.g. the token.
    """
    async with contextlib.AsyncExitStack() as stack:
        url = orders.url
        if unit.link is not None:
            url = (await stack.enter_async_context(Detour(orders.url, orders.ca, unit.link))).url
        http = HttpOptions(orders.token, Path(orders.ca) if orders.ca else None)
        source = orders.sources.get(unit.id, unit.id)
        address = f"{url}/whip/{quote(source)}?name={quote(unit.name)}"
        sender = Sender(unit)

        def make() -> Publisher:
            options = SessionOptions(http, follows=True)
            return Publisher(address, publish_tracks(unit), options, sender.want_keyframe)

        def on_failure(code: str, reason: str) -> None:
            print(f"demo: {unit.id}: {code}: {reason}", file=sys.stderr, flush=True)

        await stay_connected(make, sender.send, backoff=Backoff(most_seconds=_LONGEST_WAIT_S), on_failure=on_failure)


async def _run_until_told(unit: Unit, orders: Orders) -> int:
    """Run until SIGTERM or the end of standard input, which is the death of the parent."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(run(unit, orders))
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    loop.add_reader(sys.stdin.fileno(), task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return 0
    except ClientError as error:
        print(f"demo: {unit.id}: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return 0


def _read_line() -> bytes:
    # Past Python's buffer, so that nothing but the end of the stream is left to make it readable.
    line = b""
    while not line.endswith(b"\n") and (char := os.read(sys.stdin.fileno(), 1)):
        line += char
    return line


def main() -> None:
    """Entry point."""
    unit = by_id(sys.argv[1])
    orders = Orders.from_line(_read_line())
    sys.exit(uvloop.run(_run_until_told(unit, orders)))


if __name__ == "__main__":
    main()

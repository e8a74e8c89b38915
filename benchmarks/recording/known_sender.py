"""The senders of `known`: `python -m benchmarks.recording.known_sender`, orders on standard input.

A picture is dark, and white for a moment from each whole second of UTC on; its sound is faint noise, with a beep then.
Each frame is noted when it has been sent, with the time of its capture: what a busy machine did not do in time is not
in the notes. A source's clock may be ahead of ours, and run faster.

The first line of the orders is `Orders`; each line after it has all sources connect anew. The end of it ends them.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from pathlib import Path
from typing import Final, TextIO

import msgspec
import numpy as np
import uvloop
from numpy.typing import NDArray

from benchmarks.recording.known import Note, Orders, Source, digest
from huishang.demo.encode import VIDEO_CLOCK_RATE, OpusEncoder, VideoEncoder
from huishang.demo.tone import BLOCK_SAMPLES, SAMPLE_RATE
from huishang.demo.unit import audio_level, publish_tracks
from huishang.demo.units import FRAMES_PER_SECOND, Scene, Unit, Video
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.reconnect import Backoff, stay_connected
from signaling.client.session import SessionOptions

WIDTH, HEIGHT = 320, 180
BITRATE_BPS: Final = 200_000
BLOCK_S: Final = BLOCK_SAMPLES / SAMPLE_RATE
#: How long it flashes and beeps.
FLASH_S, BEEP_S = 0.2, 0.1
BEEP_HZ: Final = 1000
DARK, WHITE = 40, 235
#: Amplitudes.
NOISE, LOUD = 100, 12_000
#: A server that begins again is there in a moment.
BACKOFF_S: Final = (0.1, 0.3)
#: A machine that stood still for longer captured nothing meanwhile.
MOST_LATE_S: Final = 1.0


class Clock:
    """A source's own."""

    def __init__(self, ppm: int) -> None:
        self._rate = 1 + ppm / 1e6
        # Read once, as whoever is recorded does.
        self._utc_s = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() * self._rate

    def utc(self, shown: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Give UTC, in seconds, of what the clock shows."""
        return np.asarray(shown) / self._rate + self._utc_s


class Sender:
    """Sends one source until cancelled, session after session."""

    def __init__(self, source: Source, orders: Orders, notes: TextIO) -> None:
        self._source = source
        self._orders = orders
        self._notes = notes
        self._clock = Clock(source.ppm)
        self._chance = np.random.default_rng()
        self._session = 0
        self._wants_keyframe = True
        self._beeping_s = 0.0
        """The second whose beep was begun."""
        self.again = asyncio.Event()

    async def run(self) -> None:
        """Raises ClientError where the server refuses for good."""
        unit = Unit(self._source.id, self._source.id, 440, Video(self._source.codec, Scene.ROOM, (0, 0, 0)))
        http = HttpOptions(self._orders.token, Path(self._orders.ca) if self._orders.ca else None)
        ahead_ns = self._source.ahead_ms * 1_000_000

        def make() -> Publisher:
            address = f"{self._orders.url}/whip/{self._source.id}"
            options = SessionOptions(http)
            return Publisher(address, publish_tracks(unit), options, self._want_keyframe, self._clock.now, ahead_ns)

        while True:
            self.again.clear()
            await stay_connected(make, self._send, backoff=Backoff(*BACKOFF_S))

    def _want_keyframe(self, _track: int, _layer: int) -> None:
        self._wants_keyframe = True

    async def _send(self, publisher: Publisher) -> None:
        """Send until the next session is wanted."""
        self._session += 1
        self._wants_keyframe = True
        tasks = [asyncio.create_task(each(publisher)) for each in (self._send_picture, self._send_sound)]
        waiting = asyncio.create_task(self.again.wait())
        try:
            done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (*tasks, waiting):
                task.cancel()

    async def _send_picture(self, publisher: Publisher) -> None:
        encoder = VideoEncoder(self._source.codec, WIDTH, HEIGHT, BITRATE_BPS)
        was_white, begun_s = True, self._clock.now()
        while True:
            captured = await self._tick(1 / FRAMES_PER_SECOND)
            utc_s = float(self._clock.utc(captured))
            is_white = utc_s % 1 < FLASH_S
            i420 = self._draw(WHITE if is_white else DARK)
            keyframe, self._wants_keyframe = self._wants_keyframe, False
            ticks = round((captured - begun_s) * VIDEO_CLOCK_RATE)
            for frame in encoder.encode(i420, ticks, keyframe):
                publisher.send(0, frame, captured)
                mark_s = utc_s if is_white and not was_white else 0.0
                self._note("video", digest(frame, self._source.codec), utc_s, mark_s)
            was_white = is_white

    async def _tick(self, interval_s: float) -> float:
        """Wait for the next multiple of an interval; return when it is, which is later on a busy machine."""
        now = self._clock.now()
        due = (math.floor(now / interval_s) + 1) * interval_s
        while (now := self._clock.now()) < due:
            await asyncio.sleep(due - now)
        return now

    def _draw(self, luma: int) -> NDArray[np.uint8]:
        """Draw a plane picture with a field of noise, which no two have in common."""
        i420 = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        i420[:HEIGHT] = luma
        i420[:32, :32] = np.repeat(np.repeat(self._chance.integers(16, 235, (8, 8), np.uint8), 4, 0), 4, 1)
        return i420

    async def _send_sound(self, publisher: Publisher) -> None:
        encoder = OpusEncoder()
        number = math.ceil(self._clock.now() / BLOCK_S)
        while True:
            while (late := self._clock.now() - number * BLOCK_S) < 0:
                await asyncio.sleep(-late)
            number += int(late / BLOCK_S) if late > MOST_LATE_S else 0
            block, begins_s = self._sound(number)
            for packet in encoder.encode(block, number * BLOCK_SAMPLES):
                publisher.send(1, packet, number * BLOCK_S, level=audio_level(block))
                utc_s = float(self._clock.utc(number * BLOCK_S))
                self._note("audio", digest(packet, "opus"), utc_s, begins_s)
            number += 1

    def _sound(self, number: int) -> tuple[NDArray[np.int16], float]:
        """Make a block, and tell when a beep begins in it, 0 for none."""
        shown = number * BLOCK_S + np.arange(BLOCK_SAMPLES) / SAMPLE_RATE
        utc_s = self._clock.utc(shown)
        begins_s = math.floor(utc_s[-1])
        if utc_s[0] <= begins_s:
            self._beeping_s = begins_s
        # Of one whose beginning was left out nothing is to be heard.
        beeps = (utc_s % 1 < BEEP_S) & (np.floor(utc_s) == self._beeping_s)
        sound = self._chance.normal(0, NOISE, BLOCK_SAMPLES) + beeps * LOUD * np.sin(2 * np.pi * BEEP_HZ * utc_s)
        return sound.astype(np.int16), begins_s if utc_s[0] <= begins_s else 0.0

    def _note(self, kind: str, name: str, utc_s: float, mark_s: float) -> None:
        note = Note(self._source.id, kind, name, round(utc_s * 1e6), self._session, round(mark_s * 1e6))
        self._notes.write(msgspec.json.encode(note).decode() + "\n")


async def run(orders: Orders, more: asyncio.StreamReader) -> None:
    """Send everything until the orders end. Raises ClientError."""
    with Path(orders.notes).open("a") as notes:
        senders = [Sender(source, orders, notes) for source in orders.sources]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        reading = asyncio.create_task(_read(more, senders))
        done, _ = await asyncio.wait([*tasks, reading], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()


async def _read(more: asyncio.StreamReader, senders: list[Sender]) -> None:
    while await more.readline():
        for sender in senders:
            sender.again.set()


async def _main() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await run(msgspec.json.decode(await reader.readline(), type=Orders), reader)


if __name__ == "__main__":
    uvloop.run(_main())

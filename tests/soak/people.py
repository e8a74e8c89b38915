"""Who comes and goes in soak: sources' publishers, one after another, crowds of viewers, and viewers who stay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from media.rtp import header
from tests.peers.programs import Program, running
from tests.peers.server import Server
from tests.soak.marks import PICTURE, SOUND, Mark

LIFE_SECONDS: Final = (3.0, 20.0)
ABSENCE_SECONDS: Final = (0.0, 6.0)
CROWD_SECONDS: Final = (8.0, 40.0)
VIEWERS_OF_A_CROWD: Final = 3


@dataclass(frozen=True, slots=True)
class Life:
    """A publisher's process; `end` kills it and waits."""

    program: Program
    end: contextlib.AsyncExitStack


class Someone:
    """Common to all: where the server is, chance, and when to stop."""

    def __init__(self, server: Server, stop: asyncio.Event, seed: int) -> None:
        self.counted: Counter[str] = Counter()
        self._command = [server.url, server.token, str(server.folder / "tls/ca.pem")]
        self._stop = stop
        self._chance = random.Random(seed)

    async def _rest(self, between: tuple[float, float]) -> None:
        """Let some time pass, unless it is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._chance.uniform(*between)):
                await self._stop.wait()


class Station(Someone):
    """One source's publishers; knows when the source had none."""

    def __init__(self, server: Server, stop: asyncio.Event, seed: int, number: int) -> None:
        super().__init__(server, stop, seed)
        self.number = number
        self.on_air = asyncio.Event()
        self._absent: list[tuple[float, float]] = []
        self._gone: float | None = time.monotonic()

    def absent_seconds(self, begin: float, end: float) -> float:
        """Return for how much of a time there was no publisher, or one that was still connecting."""
        times = [*self._absent, *([(self._gone, end)] if self._gone is not None else [])]
        return sum(max(0.0, min(end, until) - max(begin, since)) for since, until in times)

    async def live(self) -> None:
        """Publish until told to stop: publishers leave, are killed, or are replaced by the next one."""
        present = await self._appear()
        self.on_air.set()
        try:
            await self._rest(LIFE_SECONDS)
            while not self._stop.is_set():
                manner = self._chance.choice(("left", "killed", "replaced"))
                self.counted[manner] += 1
                if manner == "replaced":
                    former, present = present, await self._appear()
                    async with former.end:
                        assert await former.program.line() == b"replaced\n"
                else:
                    await self._vanish(present, manner)
                    await self._rest(ABSENCE_SECONDS)
                    present = await self._appear()
                await self._rest(LIFE_SECONDS)
            await self._vanish(present, "left")
        finally:
            await present.end.aclose()

    async def _appear(self) -> Life:
        self.counted["published"] += 1
        command = [sys.executable, "-m", "tests.soak.publisher", *self._command]
        async with contextlib.AsyncExitStack() as end:
            arguments = [*command, str(self.number), str(self.counted["published"])]
            program = await end.enter_async_context(running(arguments))
            assert await program.line() == b"connected\n"
            if self._gone is not None:
                self._absent.append((self._gone, time.monotonic()))
                self._gone = None
            return Life(program, end.pop_all())

    async def _vanish(self, life: Life, manner: str) -> None:
        self._gone = time.monotonic()
        async with life.end:
            if manner == "left":
                os.kill(life.program.pid, signal.SIGTERM)
                assert await life.program.line() == b"left\n"


class Crowd(Someone):
    """Processes of viewers who come and go; some processes are killed with all that are in them."""

    def __init__(self, server: Server, stop: asyncio.Event, seed: int, sources: int) -> None:
        super().__init__(server, stop, seed)
        self._command += [str(sources), str(VIEWERS_OF_A_CROWD)]

    async def live(self) -> None:
        """Let crowd follow crowd until told to stop."""
        while not self._stop.is_set():
            seed = str(self._chance.getrandbits(32))
            async with running([sys.executable, "-m", "tests.soak.crowd", *self._command, seed]) as program:
                await self._watch(program)

    async def _watch(self, program: Program) -> None:
        reading = asyncio.create_task(self._read(program))
        resting = asyncio.create_task(self._rest(CROWD_SECONDS))
        await asyncio.wait((reading, resting), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
            raise AssertionError("a crowd left that nobody sent away")
        if not self._stop.is_set() and self._chance.random() < 0.5:
            self.counted["killed"] += 1
            reading.cancel()
            await asyncio.wait([reading])
        else:
            os.kill(program.pid, signal.SIGTERM)
            await reading

    async def _read(self, program: Program) -> None:
        while (line := await program.line()) != b"left\n":
            self.counted["visits"] += 1
            self.counted["frames"] += json.loads(line)["frames"]


class Stayer:
    """A viewer who stays, and what it missed of its source."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._last = dict.fromkeys((PICTURE, SOUND), time.monotonic())
        self._newest: dict[int, Mark] = {}
        self.longest = dict.fromkeys((PICTURE, SOUND), 0.0)
        self.frames: Counter[int] = Counter()
        self.wrong: list[Mark] = []

    def on_rtp(self, packet: bytes) -> None:
        """Take a packet; the last one of a frame tells whose it is."""
        mark = Mark.read(header.parse(packet).payload)
        if mark is None:
            return
        newest = self._newest.get(mark.kind)
        if mark.source != self._station.number or (newest is not None and mark <= newest):
            self.wrong.append(mark)
        self._newest[mark.kind] = mark
        self.frames[mark.kind] += 1
        self.note(mark.kind)

    def note(self, kind: int) -> None:
        """Take down how long nothing had come although there was a publisher."""
        last, now = self._last[kind], time.monotonic()
        self._last[kind] = now
        if now - last > self.longest[kind]:
            missed = now - last - self._station.absent_seconds(last, now)
            self.longest[kind] = max(self.longest[kind], missed)

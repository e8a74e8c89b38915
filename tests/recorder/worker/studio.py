"""Sources that send in real time into one tap ring, and what the recorder's process says of them."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from media.plane.tapring import DROP_NEWEST, TapRingView
from recorder.files import Codec, Facts, facts_of
from recorder.worker import wire
from recorder.worker.process import PROGRAM, RecorderProcess
from tests.patience import PATIENCE_S, until
from tests.recorder.tracks.sender import Sender

TRACKS: Final = {
    Codec.H264: "01KARR5QKB0000000000000001",
    Codec.VP8: "01KARR5QKB0000000000000002",
    Codec.OPUS: "01KARR5QKB0000000000000003",
}
RING_BYTES: Final = 8 << 20
_Kind = TypeVar("_Kind")


class Studio:
    """A ring with a source of each codec, recorded. `close` at the end."""

    def __init__(
        self,
        root: Path,
        codecs: Sequence[Codec] = tuple(TRACKS),
        program: Sequence[str] = PROGRAM,
        silence_s: float = PATIENCE_S,
    ) -> None:
        self.root = root
        self.ring = TapRingView(RING_BYTES, DROP_NEWEST)
        self.said: list[wire.Answer] = []
        self.senders = {TRACKS[codec]: Sender(codec, route, ssrc=route) for route, codec in enumerate(codecs, 1)}
        self.process = RecorderProcess(root, self._hear, program, silence_s)
        self.begun_us = 0
        self._sending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Have everything recorded."""
        self.process.start()
        number = self.process.add_ring(self.ring.fds())
        for track, sender in self.senders.items():
            self.process.open(track, number, sender.route, {"unit": "县应急局"})
        self.send()

    def send(self) -> None:
        """Have all senders send."""
        self._sending = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """Let them fall silent."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
            self._sending = None

    async def close(self) -> None:
        await self.stop()
        await self.process.close()

    async def kill(self) -> None:
        """Kill the worker, wait for the next."""
        pid, lost = self.process.pid, len(self.alarms("worker-lost"))
        assert pid
        os.kill(pid, signal.SIGKILL)
        await until("the loss is told", lambda: len(self.alarms("worker-lost")) > lost)
        await self.ready()

    async def ready(self) -> None:
        """Wait for a worker that is ready."""
        count = len(self.alarms("worker-lost")) + 1
        await until("a worker", lambda: len(self.heard(wire.Ready)) >= count)

    async def writes(self) -> None:
        """Wait until the worker that there is has written for a second."""
        before = len(self.said)

        def more() -> list[wire.Statistics]:
            later = [each for each in self.said[before:] if isinstance(each, wire.Statistics) and each.bytes]
            return later[1:]

        await until("statistics", more)

    def heard(self, kind: type[_Kind]) -> list[_Kind]:
        """Give what was said of a kind."""
        return [each for each in self.said if isinstance(each, kind)]

    def alarms(self, code: str) -> list[wire.Alarm]:
        return [each for each in self.heard(wire.Alarm) if each.code == code]

    def facts(self, track: str) -> list[Facts]:
        """Read all files of a track; any that is not whole fails."""
        folder = self.root / "tracks" / track
        return [facts_of(path) for path in sorted(folder.iterdir())]

    def lost_us(self, track: str) -> int:
        """Give the longest time between two files, in microseconds."""
        facts = self.facts(track)
        holes = [later.t0 - earlier.t1 for earlier, later in itertools.pairwise(facts)]
        return max([*holes, 0])

    def _hear(self, answer: wire.Answer) -> None:
        self.said.append(answer)
        if isinstance(answer, wire.KeyframeWanted):
            self.senders[answer.track].want_keyframe()

    async def _send(self) -> None:
        due = dict.fromkeys(self.senders, time.monotonic_ns() // 1000)
        while True:
            now_us = time.monotonic_ns() // 1000
            for track, sender in self.senders.items():
                while due[track] <= now_us:
                    for record in sender.next(due[track]):
                        self.ring.write(
                            record.packet,
                            route=record.route,
                            monotonic_ns=time.monotonic_ns(),
                            wall_ns=time.time_ns(),
                            ssrc=record.ssrc,
                            sequence=record.sequence,
                        )
                    due[track] += sender.step_us
            await asyncio.sleep(0.005)


def program(module: str) -> tuple[str, ...]:
    """Give a worker program of the tests'."""
    return (sys.executable, "-m", module)

"""Lines that change all the time, and who watches over them."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.links.picture import Picture
from benchmarks.links.sound import Sound
from benchmarks.links.viewer import Viewer
from benchmarks.load.pictures import SENDING
from huishang.demo.link import Loss, Shape
from huishang.demo.relay import UdpRelay
from media.rtp.header import RtpPacket
from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhepSession
from signaling.client.transport import PacketHandler
from tests.patience import PATIENCE_S, until
from tests.peers.server import ROOT, Server
from tests.soak.people import Someone

SOURCE: Final = "camera"
CHANGE_SECONDS: Final = (10.0, 30.0)
#: Shorter than the silence after which a peer is given up (RFC 7675).
CUT_SECONDS: Final = (3.0, 12.0)
VISIT_SECONDS: Final = (18.0, 22.0)
CUTS: Final = 0.2
#: Up to forty times of it.
SLOWEST_BPS: Final = 100_000.0
CLEAN: Final = Shape(((-math.inf, 4e6),), delay_s=0.02)
CUT: Final = Shape(loss=Loss(1.0))


class Eyes(Picture):
    """Counts pictures and forgets them."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.packets = 0

    def note(self, number: int, packet: RtpPacket, at_ns: int) -> None:
        self.packets += 1
        before = len(self.frames)
        super().note(number, packet, at_ns)
        self.count += len(self.frames) - before
        del self.frames[:-1]


class Forgotten(list[tuple[int, int]]):
    """Keeps nothing of hours."""

    def append(self, _: tuple[int, int]) -> None: ...


class Ears(Sound):
    """Counts sounds and keeps none."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def note(self, timestamp: int, at_ns: int, *, is_repair: bool = False) -> None:
        self.count += not is_repair


@asynccontextmanager
async def sending(server: Server) -> AsyncIterator[None]:
    """A camera that sends three layers and sound, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.links.camera", server.url, server.token, SOURCE),
        str(server.folder / "tls/ca.pem"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        assert await process.stdout.readexactly(len(SENDING)) == SENDING
        yield
        assert process.returncode is None
    finally:
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()


class Watcher(Someone):
    """A viewer behind a line of its own; counts `changed`, `cut`, `given up` and `visits`."""

    def __init__(self, server: Server, stop: asyncio.Event, seed: int) -> None:
        super().__init__(server, stop, seed)
        self.eyes, self.ears = Eyes(), Ears()
        self._server = server
        self._seed = seed
        self._relay: UdpRelay | None = None
        self._session: WhepSession | None = None
        self.served: float | None = None
        """How long sound and pictures took, in seconds, over a line that was clean again at the end; None before."""
        self.pictures = self.sounds = 0
        """What was seen and heard in sessions that are over."""

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch, over a relay of one's own."""
        target = "127.0.0.1", self._server.media_port
        http = HttpOptions(self._server.token, self._server.folder / "tls/ca.pem")
        async with UdpRelay(target, CLEAN, self._seed) as relay:
            host, port = relay.address
            options = SessionOptions(http, address=host, port=port)

            def begin(on_rtp: PacketHandler, on_rtcp: PacketHandler) -> WhepSession:
                url = f"{self._server.url}/whep/{SOURCE}"
                self._session = WhepSession(url, options=options, on_rtp=on_rtp, on_rtcp=on_rtcp, repairs=True)
                return self._session

            viewer = Viewer(begin)
            viewer.picture, viewer.sound = self.eyes, self.ears = Eyes(), Ears()
            viewer.new = Forgotten()
            self._relay = relay
            async with viewer:
                await until("the first picture", lambda: self.eyes.count)
                yield
            self.pictures += self.eyes.count
            self.sounds += self.ears.count

    def shape(self, shape: Shape) -> None:
        """Let the line be like this from now on, both ways."""
        assert self._relay is not None
        for way in (self._relay.uplink, self._relay.downlink):
            way.link.shape = shape

    async def is_served(self) -> float:
        """Wait for sound and pictures over a line that is clean now; return how long that took in seconds."""
        began = time.monotonic()
        packets, seen, heard = self.eyes.packets, self.eyes.count, self.ears.count
        try:
            await until("sound again", lambda: self.ears.count > heard + 50)
            await until("pictures again", lambda: self.eyes.count > seen + 25)
        except AssertionError as error:
            error.add_note(
                f"{self.eyes.packets - packets} packets of pictures, {self.eyes.count - seen} pictures, "
                f"{self.ears.count - heard} sounds; {self.eyes.keyframes_asked} keyframes asked for in all"
            )
            raise
        assert self._session is not None and not self._session.transport.closed.done()
        return time.monotonic() - began

    def _drawn(self) -> Shape:
        draw = self._chance
        return Shape(
            ((-math.inf, SLOWEST_BPS * 40 ** draw.random()),),
            delay_s=draw.choice((0.005, 0.03, 0.1, 0.3)),
            queue_s=draw.choice((0.1, 0.3, 1.0)),
            loss=draw.choice((Loss(), Loss(0.02), Loss(0.05, 3.0), Loss(0.1))),
            jitter_s=draw.choice((0.0, 0.0, 0.03)),
            reordered=draw.choice((0.0, 0.0, 0.01)),
            doubled=draw.choice((0.0, 0.0, 0.01)),
        )

    async def wander(self) -> None:
        """Watch over a line that changes, now and then is cut, and is clean when told to stop; see `served`.

        A line that is bad after a long cut may cost the session, which the client gives up after 15 s without an
        answer: then one comes again.
        """
        while self.served is None:
            async with self.watching():
                assert self._session is not None
                closed = self._session.transport.closed
                while not self._stop.is_set() and not closed.done():
                    await self._change()
                if self._stop.is_set() and not closed.done():
                    self.shape(CLEAN)
                    self.served = await self.is_served()
                else:
                    self.counted["given up"] += 1

    async def _change(self) -> None:
        if self._chance.random() < CUTS:
            self.counted["cut"] += 1
            self.shape(CUT)
            await self._rest(CUT_SECONDS)
        self.counted["changed"] += 1
        self.shape(self._drawn())
        await self._rest(CHANGE_SECONDS)

    async def come_and_go(self) -> None:
        """Visit after visit over a bad line until told to stop."""
        while not self._stop.is_set():
            async with self.watching():
                self.counted["visits"] += 1
                self.shape(self._drawn())
                await self._rest(VISIT_SECONDS)

"""What every part of bad links stands on: a server, cameras that publish to it, viewers behind one measured link."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import IO, Any, Protocol, TypeVar

import numpy as np

from benchmarks import machine
from benchmarks.links.relay import Measured, precise, watch
from benchmarks.links.viewer import Begin, Viewer
from benchmarks.load.pictures import SENDING
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import PeerError, end, start
from benchmarks.report import Figure
from huishang.demo.link import NS
from huishang.demo.relay import Relay
from huishang.demo.way import Address
from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhepSession

DEADLINE_S = 30.0
# What is on its way when the time is over may still come.
TAIL_S = 2.0
LATE_LIMIT_MS = 5.0
NOWHERE: Address = ("127.0.0.1", 9)

T = TypeVar("T")


class Site(Protocol):
    """A server under test."""

    url: str
    """Origin of its WHIP."""
    token: str

    def begins(self, source: str, relay: Relay[Any]) -> Begin:
        """Say how a viewer's session begins whose media take the relay; sets the relay's target."""

    def close(self) -> None:
        """End it."""


class Ours:
    """Our own server; `node` has its ports."""

    def __init__(self) -> None:
        self.node = Huishang()
        self.url, self.token = self.node.url, self.node.token
        self.close = self.node.close

    def begins(self, source: str, relay: Relay[Any]) -> Begin:
        relay.target = ("127.0.0.1", self.node.media_port)
        host, port = relay.address
        options = SessionOptions(HttpOptions(self.token), address=host, port=port)
        url = f"{self.url}/whep/{source}"
        return lambda on_rtp, on_rtcp: WhepSession(url, options=options, on_rtp=on_rtp, on_rtcp=on_rtcp, repairs=True)


def publish(site: Site, sources: Sequence[str], stack: ExitStack) -> None:
    """Have a camera publish each source until the stack ends. Raises PeerError."""
    cameras = [_camera(site, source, stack) for source in sources]
    for said in cameras:
        if said.readline() != SENDING:
            raise PeerError("a camera does not send")


def _camera(site: Site, source: str, stack: ExitStack) -> IO[bytes]:
    camera = start(
        [sys.executable, "-m", "benchmarks.links.camera", site.url, site.token, source],
        core=machine.LOAD_CORE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert camera.stdin is not None and camera.stdout is not None
    stack.callback(camera.stdout.close)
    stack.callback(end, camera)
    stack.callback(camera.stdin.close)
    return camera.stdout


def lateness(what: str, late_ms: Sequence[float]) -> Figure:
    """How exact the link itself was: what it delivered late is the machine's doing, and spoils the other figures."""
    return Figure(f"{what}: link late, p99", float(np.percentile(late_ms, 99)), "ms", LATE_LIMIT_MS)


@asynccontextmanager
async def watched(up: Measured, down: Measured) -> AsyncIterator[Relay[Measured]]:
    """A relay over two ways, both sampled while it lasts."""
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Relay(NOWHERE, up, down))
        sampling = asyncio.create_task(watch(relay))
        stack.callback(sampling.cancel)
        yield relay


@asynccontextmanager
async def behind(relay: Relay[Measured], site: Site, source: str, count: int = 1) -> AsyncIterator[list[Viewer]]:
    """So many viewers of a source, all over the relay's one link, once each has its first picture.

    Raises TimeoutError where none comes.
    """
    viewers = [Viewer(site.begins(source, relay)) for _ in range(count)]
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(DEADLINE_S):
            for viewer in viewers:
                await stack.enter_async_context(viewer)
            for viewer in viewers:
                await viewer.sees()
        yield viewers


def now_ns() -> int:
    """The loop's clock, which is the links' and the packets'."""
    return round(asyncio.get_running_loop().time() * NS)


def at_once(runs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run all of them beside one another on a precise loop; the first failure ends all."""

    async def run() -> list[T]:
        return list(await asyncio.gather(*(make() for make in runs)))

    with asyncio.Runner(loop_factory=precise) as runner:
        return runner.run(run())

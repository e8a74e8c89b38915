"""A real node in a process of its own, and demonstration units that a test can hold, hush and end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from huishang.demo.unit import Sender, publish_tracks
from huishang.demo.units import Unit
from huishang.offspring import Offspring
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.reconnect import Backoff, stay_connected
from signaling.client.session import SessionOptions

TOKEN: Final = "token-for-everything-1"
WATCHER: Final = "token-that-only-watches"
PUBLISHER: Final = "token-that-only-publishes"
SILENT_AFTER_S: Final = 6.0

_TOKENS: Final = f"""
[[token]]
name = "all"
secret = "{TOKEN}"
verbs = ["publish", "watch"]
[[token]]
name = "watcher"
secret = "{WATCHER}"
verbs = ["watch"]
[[token]]
name = "publisher"
secret = "{PUBLISHER}"
verbs = ["publish"]
"""


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Node:
    """`python -m huishang serve` on loopback over plain HTTP; keeps its ports and data from start to start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port(socket.SOCK_STREAM)
        self._process: Offspring | None = None
        (folder / "tokens.toml").write_text(_TOKENS)
        (folder / "tokens.toml").chmod(0o600)
        (folder / "node.toml").write_text(
            f"[http]\nhost = '127.0.0.1'\nport = {self._port}\ntls = false\n"
            f"[media]\nbind = '127.0.0.1'\nport = {_free_port(socket.SOCK_DGRAM)}\n"
            f"[access]\ntokens_file = 'tokens.toml'\n"
            f"[limits]\nsilent_after_s = {SILENT_AFTER_S}\n"
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start and wait until it answers. It dies with this process, whatever ends it."""
        argv = (sys.executable, "-m", "huishang", "serve", "--config", str(self._folder / "node.toml"))
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HUISHANG_")}
        self._process = await Offspring.start(argv, environ)
        try:
            async with asyncio.timeout(15):
                while True:
                    with contextlib.suppress(aiohttp.ClientError):
                        await self.sources()
                        return
                    await asyncio.sleep(0.05)
        except BaseException:
            await self.stop(signal.SIGKILL)
            raise

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; of no effect when it does not run."""
        if self._process is None:
            return
        process, self._process = self._process, None
        os.kill(process.pid, number)
        await process.stop()

    async def sources(self) -> dict[str, dict[str, Any]]:
        """Ask for the sources, by identifier."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(f"{self.url}/api/v1/sources") as answer,
        ):
            listed = json.loads(await answer.text())["sources"]
        return {source["id"]: source for source in listed}

    async def wait(self, holds: Any, seconds: float = 15.0) -> dict[str, dict[str, Any]]:
        """Ask until `holds(sources)`; give the sources."""
        async with asyncio.timeout(seconds):
            while not holds(sources := await self.sources()):
                await asyncio.sleep(0.05)
        return sources


class _HeldPublisher(Publisher):
    """A publisher some of whose tracks send nothing."""

    held: set[int]

    def send(self, index: int, frame: bytes, captured: float, *, level: int | None = None) -> None:
        if index not in self.held:
            super().send(index, frame, captured, level=level)


@dataclass(slots=True)
class LiveUnit:
    """A unit that publishes to a node from the test's own process; as a context manager."""

    unit: Unit
    node: Node
    held: set[int] = field(default_factory=set)
    """Indexes of the tracks that send nothing now: picture first where there is one."""
    _task: asyncio.Task[None] | None = None

    def renamed(self, name: str) -> LiveUnit:
        """Give the same unit under another name."""
        return LiveUnit(replace(self.unit, name=name), self.node)

    async def __aenter__(self) -> LiveUnit:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def start(self) -> None:
        """Begin to publish, and again whenever the session ends."""
        address = f"{self.node.url}/whip/{self.unit.id}?name={quote(self.unit.name)}"
        sender = Sender(self.unit)

        def make() -> Publisher:
            options = SessionOptions(HttpOptions(TOKEN))
            publisher = _HeldPublisher(address, publish_tracks(self.unit), options, sender.want_keyframe)
            publisher.held = self.held
            return publisher

        self._task = asyncio.create_task(stay_connected(make, sender.send, backoff=Backoff(0.2, 1.0)))

    async def stop(self) -> None:
        """Say goodbye and end."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

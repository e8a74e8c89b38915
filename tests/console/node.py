"""A real node in a process of its own, and demonstration units that a test can hold, hush and end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from playwright.async_api import Page, expect

from huishang.demo.unit import Sender, publish_tracks
from huishang.demo.units import Unit
from huishang.offspring import Offspring
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.reconnect import Backoff, stay_connected
from signaling.client.session import SessionOptions
from tests import logs
from tests.patience import PATIENCE_S, until
from tests.ports import free_ports

TOKEN: Final = "token-for-everything-1"
PASSWORD: Final = "correct horse battery"
#: Login -> name and role of whom `Node.found` enters beside the administrator, in the root unit.
PEOPLE: Final = {"chair": ("李秀英", "duty-officer"), "member": ("王强", "member"), "watcher": ("赵敏", "observer")}
#: The most there is: a machine that stands still must not make a source silent that is not meant to be.
SILENT_AFTER_S: Final = 60.0

_TOKENS: Final = f"""
[[token]]
name = "all"
secret = "{TOKEN}"
verbs = ["publish", "watch"]
"""


class Node:
    """`python -m huishang serve` on loopback over plain HTTP; keeps its ports and data from start to start."""

    module = "huishang"

    def __init__(self, folder: Path, *, tls: bool = False, more: str = "", host: str = "127.0.0.1") -> None:
        """`more`: further lines of settings, sections of their own. `host`: the one address of pages and media."""
        self.folder = folder
        self._tls = tls
        self._host = host
        self._port = free_ports()
        self._process: Offspring | None = None
        self._log = folder / "node.log"
        (folder / "tokens.toml").write_text(_TOKENS)
        (folder / "tokens.toml").chmod(0o600)
        (folder / "node.toml").write_text(
            f"[http]\nhost = '{host}'\nport = {self._port}\ntls = {str(tls).lower()}\n"
            f"[media]\nbind = '{host}'\nport = {free_ports()}\n"
            f"[access]\ntokens_file = 'tokens.toml'\n"
            f"[limits]\nsilent_after_s = {SILENT_AFTER_S}\n"
            f"[server]\ndata_dir = '.'\n{more}"
        )

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def connection_ends(self) -> list[str]:
        """The code of every end of a page's connection so far, as the log tells."""
        return re.findall(r"connection_ended.* code=(\S+)", logs.read(self._log))

    async def start(self) -> None:
        """Start and wait until it answers. It dies with this process, whatever ends it."""
        serve = (sys.executable, "-m", self.module, "serve", "--config", str(self.folder / "node.toml"))
        argv = ("/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1', str(self._log), *serve)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HUISHANG_")}
        self._process = await Offspring.start(argv, environ)
        logs.watched.add(self._log)
        try:
            await until("the node answers", self._answers)
        except BaseException:
            await self.stop(signal.SIGKILL)
            raise

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; of no effect when it does not run."""
        if self._process is None:
            return
        process, self._process = self._process, None
        logs.watched.discard(self._log)
        if number == signal.SIGKILL:
            os.kill(process.pid, number)
            await process.wait()
        else:
            # Asked once: at a second signal it would leave without a word to its peers.
            assert await process.stop(PATIENCE_S) == 0

    @property
    def welcome(self) -> str:
        """The code of the one-time link that was printed last, for the first administrator."""
        codes: list[str] = re.findall(r"#welcome=(\S+)", logs.read(self._log))
        return codes[-1]

    async def found(self) -> None:
        """Make the first administrator and `PEOPLE`, all with `PASSWORD`. Once in a node's life."""
        await until("the link is printed", lambda: "#welcome=" in logs.read(self._log))
        first = {"login": "admin", "password": PASSWORD, "name": "张伟", "organisation": "江东省应急管理厅"}
        async with aiohttp.ClientSession(self.url) as http:
            signed = await _ask(http, "POST", "/api/v1/session", {"welcome": self.welcome, **first})
            http.headers["Authorization"] = f"Bearer {signed['token']}"
            unit = signed["person"]["unit"]
            for login, (name, role) in PEOPLE.items():
                roles = [{"name": role, "scope": unit}]
                person = {"unit": unit, "name": name, "login": login, "roles": roles}
                made = await _ask(http, "POST", "/api/v1/people", person)
                await _ask(http, "PUT", f"/api/v1/people/{made['object']}/password", {"password": PASSWORD})

    async def sources(self) -> dict[str, dict[str, Any]]:
        """Ask for the sources, by identifier."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=False)) as http,
            http.get(f"{self.url}/api/v1/sources") as answer,
        ):
            listed = json.loads(await answer.text())["sources"]
        return {source["id"]: source for source in listed}

    async def wait(self, holds: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
        """Ask until `holds(sources)`; give the sources."""
        sources: dict[str, dict[str, Any]] = await until("the sources are as they should be", self.sources, holds)
        return sources

    async def _answers(self) -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            await self.sources()
            return True
        return False


async def _ask(http: aiohttp.ClientSession, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with http.request(method, path, json=body) as answer:
        text = await answer.text()
        assert answer.ok, f"{method} {path}: {answer.status} {text}"
        return json.loads(text) if text else {}


async def sign_in(page: Page, node: Node, login: str = "admin", address: str = "#/") -> None:
    """Open the node's page and sign in by its form; the link to the server is up then."""
    await page.goto(f"{node.url}/{address}")
    await page.locator("input[autocomplete=username]").fill(login)
    await page.locator("input[type=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")


class _HeldPublisher(Publisher):
    """A publisher some of whose tracks send nothing."""

    held: set[int]

    def send(self, index: int, frame: bytes, captured: float, *, level: int | None = None, layer: int = 0) -> None:
        if index not in self.held:
            super().send(index, frame, captured, level=level, layer=layer)


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

"""A consultation of a chair and cameras that send real pictures, for a Chromium to look at."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize

from benchmarks import machine
from benchmarks.consultation import town
from benchmarks.load.page import open_page
from benchmarks.load.pictures import SENDING
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import PeerError, end, start

VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
CONNECTED = "已连接"


@dataclass(frozen=True, slots=True)
class Room:
    """The node, and what is in it; ended with the stack it was opened with."""

    server: Huishang
    made: town.Town
    keys: town.Keys

    @classmethod
    def open(cls, stack: ExitStack, cameras: int) -> Room:
        """Start the node and the cameras. Raises PeerError."""
        size = town.Size(1, 0, 0, cameras)
        server, made = town.opened(stack, lambda desk: town.found(desk.coordinator, size))
        settings = town.settings_of(server.settings_path)
        orders = [server.url, str(settings.tls_path / "ca.pem"), server.token, *made.cameras]
        sending = start(
            [sys.executable, "-m", "benchmarks.load.pictures", *orders],
            core=machine.LOAD_CORE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        stack.callback(end, sending)
        assert sending.stdin is not None and sending.stdout is not None
        stack.callback(sending.stdout.close)
        stack.callback(sending.stdin.close)
        if sending.stdout.readline() != SENDING:
            raise PeerError(f"the cameras ended with status {sending.wait()}")
        return cls(server, made, town.Keys(settings))

    async def sign_in(self, browser: Browser) -> BrowserContext:
        """Sign the chair in, by the one-time link; pages of what is returned stay signed in."""
        context = await browser.new_context(viewport=VIEWPORT, ignore_https_errors=True, locale="zh-CN")
        page = await context.new_page()
        await page.goto(f"{self.server.url}/#welcome={self.made.code}")
        await page.get_by_text(CONNECTED).first.wait_for()
        await page.close()
        return context

    async def lobby(self, page: Page) -> None:
        """Show the way into the consultation, on a page that was loaded for it."""
        await self._leave()
        await page.goto("about:blank")
        await page.goto(f"{self.server.url}/#/consultation/{self.made.consultation}")
        await page.locator(JOIN).wait_for()

    async def _leave(self) -> None:
        """Have the chair leave, from elsewhere: who is in it comes back into it with every page."""
        other = await open_page(self.server.port, self.keys.token(self.made.chair), "other", [])
        params = {"consultation": self.made.consultation}
        await other.ask({"t": "act", "id": "leave", "name": "consultation.leave", "params": params})
        other.close()


#: The button that joins.
JOIN = ".lobby-acts button.main:enabled"

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
from huishang.demo.units import FRAMES_PER_SECOND
from huishang.desk import NodeDesk

VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
CONNECTED = "已连接"
#: Of a page that loads, on a machine that others use too; what is measured has limits of its own.
PAGE_PATIENCE_MS = 120_000
CROWD = "竹园镇应急管理站"


@dataclass(frozen=True, slots=True)
class Room:
    """The node, and what is in it; ended with the stack it was opened with."""

    server: Huishang
    made: town.Town
    keys: town.Keys

    @classmethod
    def open(cls, stack: ExitStack, cameras: int, crowd: int = 0, fps: int = FRAMES_PER_SECOND) -> Room:
        """Start the node and the cameras, `fps` frames a second, beside a unit (`CROWD`) with so many people.

        Raises PeerError.
        """

        async def enter(desk: NodeDesk) -> town.Town:
            made = await town.found(desk.coordinator, town.Size(1, 0, 0, cameras))
            if crowd:
                county = desk.coordinator.tables.consultations.get(made.consultation).unit
                await town.crowd(desk.coordinator, county, CROWD, crowd)
            return made

        server, made = town.opened(stack, enter)
        settings = town.settings_of(server.settings_path)
        orders = [server.url, str(settings.tls_path / "ca.pem"), server.token, str(fps), *made.cameras]
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
        context.set_default_timeout(PAGE_PATIENCE_MS)
        page = await context.new_page()
        await page.goto(f"{self.server.url}/#welcome={self.made.code}")
        await page.get_by_text(CONNECTED).first.wait_for()
        await page.close()
        return context

    async def lobby(self, page: Page) -> None:
        """Show the way into the consultation, on a page that was loaded for it."""
        await self.leave()
        await page.goto("about:blank")
        await page.goto(f"{self.server.url}/#/consultation/{self.made.consultation}")
        await page.locator(JOIN).wait_for()

    async def leave(self) -> None:
        """Have the chair leave, from elsewhere: who is in it comes back into it with every page."""
        other = await open_page(self.server.port, self.keys.token(self.made.chair), "other", [])
        params = {"consultation": self.made.consultation}
        await other.ask({"t": "act", "id": "leave", "name": "consultation.leave", "params": params})
        other.close()


#: The button that joins.
JOIN = ".lobby-acts button.main:enabled"

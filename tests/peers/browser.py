"""Chromium as a peer: pages that publish known pictures and tones to the real server, and view them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from playwright.async_api import Browser, Page

from tests.console.browser import FLAGS
from tests.patience import PATIENCE_S, until
from tests.peers import colour, tone

ALL_FLAGS: Final = [
    *FLAGS,
    "--autoplay-policy=no-user-gesture-required",
    # A page that nobody looks at must go on drawing and decoding at full rate.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]
_SCRIPT: Final = (Path(__file__).parent / "page.js").read_text()


class Site(Protocol):
    """What a page needs to know of a server."""

    @property
    def url(self) -> str: ...

    @property
    def token(self) -> str: ...


class PeerPage:
    """One page with any number of publishers and viewers, each with a name of its own in the page."""

    def __init__(self, page: Page, server: Site) -> None:
        self.page = page
        self._server = server

    async def call(self, function: str, *arguments: object) -> Any:
        """Call a function of page.js."""
        return await self.page.evaluate(f"(given) => peers.{function}(...given)", list(arguments))

    async def publish(
        self,
        source: str,
        colour_name: str,
        tone_hz: float,
        *,
        codec: str = "H264",
        simulcast: bool = False,
        size: tuple[int, int] = (320, 180),
        rate: int = 15,
        speaks: bool = False,
    ) -> str:
        """Publish, a tone or what sounds like speech; return the publisher's name."""
        name = f"publish-{source}"
        wanted = {
            "name": name,
            "source": source,
            "token": self._server.token,
            "colour": colour.COLOURS[colour_name],
            "frequency": tone_hz,
            "speaks": speaks,
            "codec": codec,
            "simulcast": simulcast,
            "width": size[0],
            "height": size[1],
            "rate": rate,
        }
        await self.call("publish", wanted)
        return name

    async def view(self, source: str, *, codecs: str | None = None) -> str:
        """Begin to view; return the viewer's name."""
        name = f"view-{source}"
        wanted = {"name": name, "source": source, "token": self._server.token, "codecs": codecs}
        await self.call("view", wanted)
        return name

    async def colour(self, viewer: str) -> str | None:
        """Return the colour that a viewer shows now."""
        return colour.name_of((await self.call("look", viewer))["colour"])

    async def shows(self, viewer: str, colour_name: str) -> None:
        """Wait until a viewer shows a colour."""
        await until(
            f"{viewer} shows {colour_name}",
            lambda: self.call("look", viewer),
            lambda seen: colour.name_of(seen["colour"]) == colour_name,
        )

    async def hears(self, viewer: str, tone_hz: float) -> None:
        """Wait until a viewer hears a tone."""
        await until(
            f"{viewer} hears {tone_hz} Hz",
            lambda: self.call("hear", viewer),
            lambda heard: abs(heard - tone_hz) < tone.TOLERANCE_HZ,
        )

    async def stats(self, person: str, kind: str, media: str | None = None) -> dict[str, Any]:
        """Return a connection's first statistics entry of a type, {} when there is none."""
        entries: list[dict[str, Any]] = await self.call("stats", person)
        for entry in entries:
            if entry["type"] == kind and media in (None, entry.get("kind")):
                return entry
        return {}


@asynccontextmanager
async def open_page(browser: Browser, server: Site) -> AsyncIterator[PeerPage]:
    """Open a page of the server's origin, in a window of its own; closed at the end with all its connections."""
    context = await browser.new_context(ignore_https_errors=True, bypass_csp=True)
    context.set_default_timeout(PATIENCE_S * 1000)
    page = await context.new_page()
    await page.goto(f"{server.url}/healthz")
    await page.evaluate(_SCRIPT)
    yield PeerPage(page, server)
    await context.close()

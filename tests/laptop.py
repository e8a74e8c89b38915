"""Another machine, cabled to this one: a network namespace, and a browser in it. For programs under `unshare --net`."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from playwright.async_api import Browser, async_playwright

from tests.console.browser import WHOLE_CHROMIUM
from tests.media.plane.far_end import another, cable, inside, namespace, run
from tests.media.plane.narrow_path import loopback
from tests.patience import PATIENCE_S


class Laptop:
    """The machine; made while this process is alone in its namespace."""

    def __init__(self) -> None:
        loopback(65_536)
        self._here = namespace()
        self._there = another(self._here)

    def plug(self, name: str, here: Sequence[str], there: Sequence[str]) -> None:
        """Lay a cable `name` with these addresses (as `ip address` takes them) at our end, `here`, and at its own."""
        cable(f"{name}-here", name, self._there)
        _up(f"{name}-here", here)
        with inside(self._there, self._here):
            _up(name, there)
            _wait_until_carried(name)

    def ip(self, *arguments: str) -> None:
        """Run `ip` there."""
        with inside(self._there, self._here):
            run("ip", *arguments)

    @asynccontextmanager
    async def browser(self, folder: Path, flags: Sequence[str]) -> AsyncIterator[Browser]:
        """Run Chromium there; `folder` keeps what starts it."""
        start = folder / "chromium-there"
        start.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{os.getpid()}/fd/{self._there} {WHOLE_CHROMIUM} "$@"\n')
        start.chmod(0o700)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=str(start), args=list(flags))
            yield browser
            await browser.close()


def _up(name: str, addresses: Sequence[str]) -> None:
    # A link-local address would be looked for by others first and appear a second later: to browsers the network has
    # then changed, and they give up what they are loading.
    run("ip", "link", "set", name, "addrgenmode", "none")
    for address in addresses:
        run("ip", "address", "add", address, "dev", name, *(("nodad",) if ":" in address else ()))
    run("ip", "link", "set", name, "up")


def _wait_until_carried(name: str) -> None:
    # Up to a second later the kernel says that the cable is plugged in, which is a change of the network too.
    deadline = monotonic() + PATIENCE_S
    while json.loads(run("ip", "-json", "link", "show", name))[0]["operstate"] != "UP":
        assert monotonic() < deadline, f"{name} is not up"

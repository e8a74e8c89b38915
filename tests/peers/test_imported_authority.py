"""A browser that has imported `tls/ca.pem`, and nothing else, opens the page and may use the camera."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Error, Page, async_playwright

from huishang.addresses import host_names
from tests.console.browser import CHROMIUM, FLAGS
from tests.patience import PATIENCE_S
from tests.peers.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="package")
#: A name of the machine that is not `localhost`: that one is a secure context without any certificate.
NAME = host_names()[-1]


def certutil(database: Path, *arguments: str) -> None:
    subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True, timeout=PATIENCE_S)


@asynccontextmanager
async def page_of(home: Path) -> AsyncIterator[Page]:
    """Open a page in a browser of somebody whose home this is; certificates are checked as they are for anybody."""
    flags = [*FLAGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=flags, env={**environ, "HOME": str(home)}
        )
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        yield page
        await browser.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an empty certificate store, where Chromium looks for one."""
    database = tmp_path / ".pki" / "nssdb"
    database.mkdir(parents=True)
    certutil(database, "-N", "--empty-password")
    return tmp_path


async def camera(page: Page) -> list[str]:
    """Ask for camera and microphone; return what the page got."""
    asked = "async () => (await navigator.mediaDevices.getUserMedia({video: true, audio: true})).getTracks()"
    return sorted(await page.evaluate(f"async () => (await ({asked})()).map((track) => track.kind)"))


async def test_browser_with_our_authority_opens_the_page_and_the_camera(server: Server, home: Path) -> None:
    authority = server.folder / "tls" / "ca.pem"
    certutil(home / ".pki" / "nssdb", "-A", "-t", "C,,", "-n", "huishang", "-i", str(authority))
    async with page_of(home) as page:
        for host in ("127.0.0.1", NAME):
            answer = await page.goto(f"https://{host}:{server.http_port}/")
            assert answer is not None and answer.status == 200
            security = await answer.security_details()
            assert security is not None and (security["issuer"] or "").startswith("Huishang ")
            assert await page.evaluate("isSecureContext")
            assert await camera(page) == ["audio", "video"]


async def test_browser_without_it_refuses(server: Server, home: Path) -> None:
    async with page_of(home) as page:
        for host in ("127.0.0.1", NAME):
            with pytest.raises(Error, match="net::ERR_CERT_AUTHORITY_INVALID"):
                await page.goto(f"https://{host}:{server.http_port}/")

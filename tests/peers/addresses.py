"""A program for test_addresses.py: a browser on another machine, and servers that it reaches at some addresses only.

`python -m tests.peers.addresses FOLDER` prints as JSON, of each case, what was offered to the browser and how its
publisher and viewer reach the server: protocol and address. Run it under `unshare --net`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from playwright.async_api import Browser

from tests.laptop import Laptop
from tests.peers.browser import ALL_FLAGS, open_page
from tests.peers.server import Server

FOUR, SIX = "10.9.8.1", "fd00:9::1"
#: Of a network that the cable leads to and where nobody answers (RFC 5737).
LOST: Final = "203.0.113.7"
#: Address of the pages, settings, and which candidates the browser is let know: protocol and address, "" for any.
Case = tuple[str, Mapping[str, str], str, str]
TWO: Final = {"HUISHANG_MEDIA__BIND": "0.0.0.0", "HUISHANG_MEDIA__ADVERTISED_ADDRESSES": f"{LOST},{FOUR}"}
BOTH: Final = {"HUISHANG_MEDIA__BIND": "::"}
CASES: Final[Mapping[str, Case]] = {
    "second-udp": (FOUR, TWO, "udp", ""),
    "second-tcp": (FOUR, TWO, "tcp", ""),
    "both-four": (FOUR, BOTH, "", FOUR),
    "both-six": (FOUR, BOTH, "", SIX),
}


async def met(browser: Browser, folder: Path, case: Case) -> dict[str, object]:
    """Publish and view with picture and sound; tell what was offered to the browser, and what it uses."""
    host, settings, protocol, address = case
    folder.mkdir()
    with Server(folder, host, **settings) as server:
        async with open_page(browser, server) as page:
            await page.call("only", protocol, 0, address)
            publisher = await page.publish("source", "green", 700)
            viewer = await page.view("source")
            await page.shows(viewer, "green")
            await page.hears(viewer, 700)
            return {
                "offered": await page.call("offered", viewer),
                "used": [await page.call("far", name) for name in (publisher, viewer)],
            }


async def main(folder: Path) -> None:
    laptop = Laptop()
    laptop.plug("wire", (f"{FOUR}/24", f"{SIX}/64"), ("10.9.8.2/24", "fd00:9::2/64"))
    # Browsers look for the address that leads out when nobody has let them use a camera.
    laptop.ip("route", "add", "default", "via", FOUR)
    laptop.ip("-6", "route", "add", "default", "via", SIX)
    found: dict[str, object] = {}
    async with laptop.browser(folder, ALL_FLAGS) as browser:
        for name, case in CASES.items():
            found[name] = await met(browser, folder / name, case)
    # From here on there is no IPv4 between the two, and the server knows none.
    laptop.ip("-4", "address", "flush", "dev", "wire")
    async with laptop.browser(folder, ALL_FLAGS) as browser:
        found["six-alone"] = await met(browser, folder / "six-alone", (SIX, {}, "", ""))
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

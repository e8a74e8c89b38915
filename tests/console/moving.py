"""A program for test_moving.py: a mobile unit in a consultation, whose way to the server goes and another comes.

`python -m tests.console.moving FOLDER` takes the unit's laptop from one network to another, then gives it another
address in that, and prints as JSON what became of its place each time. Run it under `unshare --net`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from playwright.async_api import async_playwright, expect

from tests.console.browser import CHROMIUM, FLAGS
from tests.console.county import PEOPLE, County
from tests.console.seat import Seat
from tests.console.test_meeting import seat
from tests.laptop import Laptop
from tests.media.plane.far_end import run
from tests.patience import PATIENCE_S, until

#: The page's own addresses, that its media leave from now.
OWN: Final = """async () => {
  const found = new Set();
  for (const pc of window.connections.filter(({ connectionState }) => connectionState === "connected")) {
    const report = new Map(await pc.getStats());
    const { selectedCandidatePairId } = [...report.values()].find(({ type }) => type === "transport");
    found.add(report.get(report.get(selectedCandidatePairId)?.localCandidateId)?.address);
  }
  return [...found];
}"""
#: Where the server is, whichever network leads there.
SERVER: Final = "10.9.0.1"
NETWORKS: Final = {"wire": "10.9.1", "radio": "10.9.2"}


def networks() -> Laptop:
    """Join the laptop by two networks, of which it takes the first while that is there."""
    laptop = Laptop()
    run("ip", "address", "add", f"{SERVER}/32", "dev", "lo")
    for metric, (name, network) in enumerate(NETWORKS.items(), 100):
        laptop.plug(name, (f"{network}.1/24",), (f"{network}.2/24",))
        laptop.ip("route", "add", "default", "via", f"{network}.1", "metric", str(metric))
    return laptop


async def place(officer: Seat, consultation: str) -> dict[str, Any]:
    """Return the unit's place in the consultation as everybody is told it."""
    person = officer.county.known.people["east"]
    status, told = await officer.api("GET", f"/consultations/{consultation}/participants")
    assert status == 200
    (found,) = (item for item in told["items"] if item["person"] == person)
    return {key: found[key] for key in ("id", "attendance", "joined_us", "left_us", "sources")}


async def see_each_other(officer: Seat, east: Seat) -> None:
    """Wait for picture and sound both ways, of now."""
    for one, other in ((officer, "east"), (east, "officer")):
        for kind in ("video", "audio"):
            await one.flows(kind)
        await expect(seat(one.page, PEOPLE[other][1])).to_have_attribute("data-state", "live")


async def raises_a_hand(east: Seat) -> None:
    """Ask for the word by a click, and take it back: the page's own line to the server goes on too."""
    hand = east.page.locator(".control.hand")
    for state in ("on", "off"):
        await hand.click()
        await expect(hand).to_have_attribute("data-state", state)


async def moves(laptop: Laptop, officer: Seat, east: Seat) -> dict[str, object]:
    """Take the network that the unit's media use, then the unit's address in the other; tell what it kept."""
    unit = officer.county.known.units["C"]
    made = {"title": "移动会商", "unit": unit, "invite": [f"unit:{unit}"]}
    consultation = await officer.do("POST", "/consultations", made)
    for one in (officer, east):
        await one.join(consultation)
        await one.page.evaluate("() => { window.stayed = true; }")
    await see_each_other(officer, east)
    await east.page.locator(".tab").nth(1).click()
    (own,) = await east.page.evaluate(OWN)
    used, other = sorted(NETWORKS, key=lambda name: not own.startswith(NETWORKS[name]))
    network = NETWORKS[other]
    places = [await place(officer, consultation)]
    for address, step in (
        (f"{network}.2", (f"address flush dev {used}", f"link set {used} down")),
        (
            f"{network}.3",
            (
                f"address del {network}.2/24 dev {other}",
                f"address add {network}.3/24 dev {other}",
                f"route add default via {network}.1",
            ),
        ),
    ):
        for command in step:
            laptop.ip(*command.split())
        await goes_on(officer, east, consultation, address)
        places.append(await place(officer, consultation))
    stayed = [await one.page.evaluate("() => window.stayed") for one in (officer, east)]
    return {"places": places, "stayed": stayed}


async def goes_on(officer: Seat, east: Seat, consultation: str, address: str) -> None:
    """Wait until the unit's media leave from `address` and go both ways, and it takes part in all else."""

    async def has_moved() -> bool:
        return bool(await east.page.evaluate(OWN) == [address])

    await until(f"media leave from {address}", has_moved)
    await see_each_other(officer, east)
    await officer.do("POST", f"/consultations/{consultation}/messages", {"text": address})
    await expect(east.page.locator(".message p").last).to_have_text(address)
    await raises_a_hand(east)


async def main(folder: Path) -> None:
    expect.set_options(timeout=PATIENCE_S * 1000)
    laptop = networks()
    county = County(folder, host=SERVER)
    await county.start()
    async with laptop.browser(folder, FLAGS) as there, async_playwright() as playwright:
        here = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        officer, east = [
            await Seat.take(browser, county, login) for browser, login in ((here, "officer"), (there, "east"))
        ]
        found = await moves(laptop, officer, east)
        for one in (officer, east):
            await one.close()
        await here.close()
    await county.stop()
    person = county.known.people["east"]
    told = [entry.verb for entry in county.entries() if entry.actor == person or entry.on_behalf == person]
    print(json.dumps({**found, "timeline": told}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

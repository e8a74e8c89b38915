"""Who comes late, shows a screen, is muted, goes and comes back: a consultation's recording has it as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from recorder.book.evidence import is_closed
from tests.console.county import County
from tests.console.seat import Seat
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")

Row = dict[str, Any]
#: From an act until what it is about has come or gone.
LATE_US = 1_000_000


class Recorded:
    """A consultation's recording, as the interface tells it to its chair."""

    def __init__(self, chair: Seat, recording: str) -> None:
        self._chair, self.recording = chair, recording

    async def asked(self, what: str) -> list[Row]:
        status, told = await self._chair.api("GET", f"/recordings/{self.recording}/{what}")
        assert status == 200, told
        items: list[Row] = told["tracks" if what == "tracks" else "items"]
        return items

    async def files(self, person: str, kind: str, since_us: int = 0, screen: bool = False) -> list[Row]:
        """Wait for files that begin later than `since_us`; give all of that person's."""

        async def told() -> list[Row]:
            tracks = {
                each["track"]
                for each in await self.asked("tracks")
                if (each["person"], each["kind"], "screen" in each["source"]) == (person, kind, screen)
            }
            return [each for each in await self.asked("segments?limit=500") if each["track"] in tracks]

        def is_enough(files: list[Row]) -> bool:
            return any(each["t0_us"] >= since_us for each in files)

        found: list[Row] = await until(f"{kind} of {person}", told, is_enough)
        return found

    async def at_us(self, verb: str, is_it: Callable[[Row], bool] = lambda _: True) -> int:
        """Wait until something was done; give the time of the last."""

        async def told() -> list[int]:
            return [
                each["hlc"][0] for each in await self.asked("events?limit=500") if each["verb"] == verb and is_it(each)
            ]

        return int((await until(verb, told))[-1])


def apart(files: list[Row], before_us: int, after_us: int) -> None:
    """Nothing is between the two but in the second behind each."""
    for each in files:
        is_before, is_after = each["t1_us"] <= before_us + LATE_US, each["t0_us"] >= after_us - 100_000
        assert is_before or is_after, (each["t0_us"] - before_us, each["t1_us"] - after_us)


async def test_it_has_everybody_as_they_came_went_showed_and_were_heard(browser: Browser, own_county: County) -> None:
    officer, east = [await Seat.take(browser, own_county, login) for login in ("officer", "east")]
    known = own_county.known
    chair, member = known.people["officer"], known.people["east"]
    made = {"title": "防汛会商", "unit": known.units["C"], "invite": [f"unit:{known.units['C']}"]}
    consultation = await officer.do("POST", "/consultations", made)
    await officer.join(consultation)
    it = Recorded(officer, await officer.do("POST", "/recordings", {"of": f"consultation:{consultation}"}))
    first = await it.files(chair, "video")

    await east.join(consultation)
    joined_us = await it.at_us("participant.join", lambda each: each["actor"] == member)
    for kind in ("video", "audio"):
        late = await it.files(member, kind)
        assert min(each["t0_us"] for each in late) >= joined_us > first[0]["t0_us"]

    screen = east.page.locator(".control.screen")
    await screen.click()
    await expect(screen).to_have_attribute("data-state", "on")
    await it.files(member, "video", screen=True)
    await screen.click()
    await expect(screen).to_have_attribute("data-state", "off")

    _, listed = await officer.api("GET", f"/consultations/{consultation}/participants")
    place = next(item["id"] for item in listed["items"] if item["person"] == member)
    mute = f"/consultations/{consultation}/participants/{place}/mute"
    await officer.do("POST", mute, {"sound": True})
    muted_us = await it.at_us("participant.mute")
    await it.files(member, "video", muted_us + LATE_US)
    await officer.do("POST", mute, {"sound": False})
    heard_us = await it.at_us("participant.mute", lambda each: each["hlc"][0] > muted_us)
    apart(await it.files(member, "audio", heard_us), muted_us, heard_us)

    await east.page.get_by_role("button", name="离开").first.click()
    left_us = await it.at_us("participant.leave", lambda each: each["actor"] == member)
    await it.files(chair, "video", left_us + LATE_US)
    await east.page.goto(f"{own_county.url}/#/consultation/{consultation}")
    await expect(east.page.locator(".lobby .recorded")).to_have_text("正在录制")
    await east.page.get_by_role("button", name="再次加入").click()
    back_us = await it.at_us("participant.join", lambda each: each["hlc"][0] > left_us)
    apart(await it.files(member, "video", back_us), left_us, back_us)

    await officer.do("POST", f"/recordings/{it.recording}/end")
    root = own_county.folder / "recordings"
    await until("the closure", lambda: is_closed(root, it.recording))
    tracks = {(each["source"], each["kind"]): each for each in await it.asked("tracks")}
    assert {(each["person"], each["unit"]) for each in tracks.values()} == {
        (chair, known.units["C"]),
        (member, known.units["E"]),
    }
    assert len({each["source"] for each in tracks.values()}) == 3
    assert max(each["t1_us"] for each in await it.files(member, "video", screen=True)) <= muted_us + LATE_US
    for seat in (officer, east):
        await seat.close()
    command = [sys.executable, "-m", "huishang", "verify", "--json", str(root)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, json.loads(done.stdout)

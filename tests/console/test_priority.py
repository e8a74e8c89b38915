"""Whom the chair prefers keeps a place on everybody's stage where there are more than it shows."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.console.county import PEOPLE, County
from tests.console.seat import Seat
from tests.console.test_meeting import choose, row, seat
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")
OFFICER, EAST = PEOPLE["officer"][1], PEOPLE["east"][1]
#: With the two people one more than a stage has places.
CAMERAS = [f"{number} 号摄像机" for number in range(1, 25)]
LAST = CAMERAS[-1]


async def test_preferred_participant_is_on_everybodys_stage_until_no_longer_preferred(
    browser: Browser, county: County
) -> None:
    officer, east, chief = [await Seat.take(browser, county, login) for login in ("officer", "east", "chief")]
    unit = county.known.units["C"]
    made = {"title": "多路会商", "unit": unit, "invite": [f"unit:{unit}"]}
    consultation = await officer.do("POST", "/consultations", made)
    address = f"/consultations/{consultation}"
    for one in (officer, east):
        await one.join(consultation, sound=False, picture=False)
    brought = {}
    for name in CAMERAS:
        camera = await chief.do("POST", "/endpoints", {"unit": unit, "kind": "ip-camera", "name_zh": name})
        brought[name] = await officer.do("POST", f"{address}/sources", {"source": camera})

    async def priority() -> int:
        _, listed = await officer.api("GET", f"{address}/participants?limit=100")
        return int(next(item["priority"] for item in listed["items"] if item["id"] == brought[LAST]))

    for one in (officer, east):
        await expect(one.page.locator(".seats-more")).to_contain_text("另有 1 人")
        await expect(seat(one.page, LAST)).to_have_count(0)
    for words, wanted, shown in (("画面多时优先显示", 5, 1), ("不再优先", 0, 0)):
        await row(officer.page, LAST).locator('[aria-haspopup="menu"]').click()
        await choose(officer.page, words)
        await until(f"priority {wanted}", priority, wanted.__eq__)
        for one in (officer, east):
            await expect(seat(one.page, LAST)).to_have_count(shown)
    for one in (officer, east, chief):
        await one.close()

"""Two people in one consultation: what one does reaches the other, at packet level, and outlives the server."""

from __future__ import annotations

import signal
from functools import partial

import pytest
from playwright.async_api import Browser, expect

from tests.console.county import UNITS, County
from tests.console.seat import Seat
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def held(browser: Browser, own_county: County) -> tuple[Seat, Seat, str]:
    """Hold a consultation of officer and east, both with picture and sound."""
    officer, east = [await Seat.take(browser, own_county, login) for login in ("officer", "east")]
    unit = own_county.known.units["C"]
    made = {"title": "防汛会商", "unit": unit, "invite": [f"unit:{unit}"]}
    consultation = await officer.do("POST", "/consultations", made)
    await officer.join(consultation)
    await east.join(consultation)
    for seat in (officer, east):
        for kind in ("audio", "video"):
            await seat.flows(kind)
    return officer, east, consultation


async def place(seat: Seat, consultation: str, login: str) -> dict[str, object]:
    """Return somebody's place as the interface tells it."""
    _, listed = await seat.api("GET", f"/consultations/{consultation}/participants")
    person = seat.county.known.people[login]
    found: dict[str, object] = next(item for item in listed["items"] if item["person"] == person)
    return found


async def test_chair_mutes_a_participant_and_all_of_it_outlives_a_killed_server(
    browser: Browser, own_county: County
) -> None:
    officer, east, consultation = await held(browser, own_county)
    east_place = (await place(officer, consultation, "east"))["id"]
    mute = f"/consultations/{consultation}/participants/{east_place}/mute"

    await officer.do("POST", mute, {"sound": True})
    await officer.rests("audio", "video")
    await east.flows("audio")  # what the chair says still comes

    await own_county.stop(signal.SIGKILL)
    await own_county.start()
    # Nobody reloads anything.
    await east.flows("audio")
    await officer.rests("audio", "video")
    assert (await place(officer, consultation, "east"))["sound_off"] is True

    await officer.do("POST", mute, {"sound": False, "picture": True})
    await officer.rests("video", "audio")
    await officer.do("POST", mute, {"picture": False})
    await officer.flows("video")

    for seat in (officer, east):
        await seat.close()
    await own_county.stop()
    told = [(entry.verb, entry.actor) for entry in own_county.entries() if entry.session == consultation]
    chair, member = own_county.known.people["officer"], own_county.known.people["east"]
    assert [verb for verb, _ in told[:2]] == ["consultation.create", "participant.join"]
    for expected in (("participant.join", member), ("participant.mute", chair), ("participant.contribute", member)):
        assert expected in told


async def test_removed_participant_gets_and_gives_nothing_though_its_page_stays(
    browser: Browser, own_county: County
) -> None:
    officer, east, consultation = await held(browser, own_county)
    east_place = (await place(officer, consultation, "east"))["id"]
    await officer.do("POST", f"/consultations/{consultation}/participants/{east_place}/remove")

    async def still(seat: Seat) -> int:
        """Packets that come in while the other side could have sent many."""
        before = await seat.inbound("video") + await seat.inbound("audio")
        await seat.page.wait_for_timeout(700)
        return await seat.inbound("video") + await seat.inbound("audio") - before

    for seat in (officer, east):
        await until(f"nothing comes to {seat.login}", partial(still, seat), lambda more: more == 0)
    status, problem = await east.api("POST", f"/consultations/{consultation}/messages", {"text": "还在"})
    assert (status, problem["code"]) == (403, "forbidden")
    for seat in (officer, east):
        await seat.close()


async def test_consultation_is_held_in_the_name_of_the_unit_it_was_begun_at_each_time(
    browser: Browser, own_county: County
) -> None:
    officer = await Seat.take(browser, own_county, "officer")
    rows = officer.page.locator(".left .tree-row")
    for key in ("P", "C"):
        row = rows.filter(has_text=UNITS[key][2])
        await expect(row).to_be_visible()
        if await row.get_attribute("aria-expanded") == "false":
            await row.locator(".arrow").click()
    for key in ("W", "E"):
        await rows.filter(has_text=UNITS[key][2]).locator(".menu-button").click()
        await officer.page.locator('[role="menuitem"]').filter(has_text="以此单位名义发起会商").click()
        await expect(officer.page.locator("dialog[open] .create select")).to_have_value(own_county.known.units[key])
        await officer.page.keyboard.press("Escape")
    await officer.close()

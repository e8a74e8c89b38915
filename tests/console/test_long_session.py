"""A page that is open for long: what runs out is renewed, what was given up is taken up again, without a reload."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests import logs
from tests.console.browser import CHROMIUM, FLAGS
from tests.console.county import PEOPLE
from tests.console.seat import Seat
from tests.console.test_meeting import row, seat
from tests.huishang.troubled import TroubledCounty
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")
OFFICER, EAST, WEST = (PEOPLE[login][1] for login in ("officer", "east", "west"))
#: The page renews with a fifth of the time left, and never sooner than after five seconds.
TOKEN_S = 8
SILENCE_S = 3
#: More than a few checks of a browser, which asks every two to three seconds.
CONSENT_S = 8
SENT = """() => window.connections.flatMap((peer) => peer.getSenders())
  .filter(({ track }) => track?.readyState === "live").length"""


@asynccontextmanager
async def running(folder: Path, **trouble: object) -> AsyncIterator[TroubledCounty]:
    """The county with these troubles."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in trouble.items():
            patch.setenv(f"TROUBLE_{name.upper()}", str(value))
        county = TroubledCounty(folder)
        await county.start()
        try:
            yield county
        finally:
            await county.stop()


@asynccontextmanager
async def talking(county: TroubledCounty, *browsers: Browser) -> AsyncIterator[tuple[Seat, Seat]]:
    """Officer and east in the officer's consultation with sound and picture, each in the browser given for it."""
    officer, east = [
        await Seat.take(browser, county, login) for browser, login in zip(browsers, ("officer", "east"), strict=True)
    ]
    unit = county.known.units["C"]
    made = {"title": "防汛会商", "unit": unit, "invite": [f"unit:{unit}"]}
    consultation = await officer.do("POST", "/consultations", made)
    for one in (officer, east):
        await one.join(consultation)
        await one.page.evaluate("() => { window.stayed = true; }")
    for one in (officer, east):
        await one.flows("video")
    yield officer, east
    for one in (officer, east):
        assert await one.page.evaluate("() => window.stayed")
        await one.close()


async def test_access_that_runs_out_is_renewed_in_time_and_where_it_ran_out_unseen_when_it_is_wanted(
    browser: Browser, tmp_path: Path
) -> None:
    async with running(tmp_path, tokens=TOKEN_S) as county, talking(county, browser, browser) as (officer, east):
        lost: list[str] = []
        officer.page.on("websocket", lambda line: lost.append(line.url))
        await runs_out(officer)  # and what the page signed in with before that
        for one in (officer, east):
            await one.flows("video")
        await officer.page.locator(".control.hand").click()
        await expect(officer.page.locator(".control.hand")).to_have_attribute("data-state", "on")
        await finds(officer.page, "yangfang", EAST)
        assert lost == []
        await officer.page.route("**/session/refresh", lambda route: route.abort())
        await runs_out(officer)
        await officer.page.unroute("**/session/refresh")
        await finds(officer.page, "liuyang", WEST)
        await officer.flows("video")


async def runs_out(one: Seat) -> None:
    """Wait until a token that was got after the page's own is good no longer."""
    one.forget()
    assert (await one.api("GET", "/consultations"))[0] == 200
    await until("the access has run out", lambda: one.api("GET", "/consultations"), lambda told: told[0] == 401)


async def finds(page: Page, words: str, name: str) -> None:
    """Search the directory, which is asked over HTTP, by typing."""
    await page.locator(".left .search input").fill(words)
    await expect(page.locator(".left .tree-row.found").filter(has_text=name)).to_be_visible()


async def test_restart_of_the_node_brings_both_back_into_it_with_sound_and_picture(
    browser: Browser, tmp_path: Path
) -> None:
    async with running(tmp_path) as county, talking(county, browser, browser) as two:
        await county.stop(signal.SIGTERM)
        for one, other in zip(two, (EAST, OFFICER), strict=True):
            await expect(one.page.locator(".link")).to_have_attribute("data-link", "lost")
            await expect(one.page.locator(".link")).to_contain_text("与服务器失去联系")
            await expect(seat(one.page, other).locator(".state")).to_be_visible()
        await county.start()
        for one, other in zip(two, (EAST, OFFICER), strict=True):
            await expect(one.page.locator(".link")).to_have_attribute("data-link", "up")
            await expect(seat(one.page, other)).to_have_attribute("data-state", "live")
            await expect(row(one.page, other)).to_have_count(1)
            for kind in ("video", "audio"):
                await one.flows(kind)


@pytest_asyncio.fixture(loop_scope="package")
async def laptop() -> AsyncIterator[Browser]:
    """A browser that can be stopped with all its processes, as a machine that sleeps stops them."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def asleep(machine: Browser, one: Seat) -> AsyncIterator[None]:
    """The machine with this page on it sleeps; awake again after that."""
    inside = await one.context.new_cdp_session(one.page)
    about = await (await machine.new_browser_cdp_session()).send("SystemInfo.getProcessInfo")
    processes = [int(process["id"]) for process in about["processInfo"]]
    await inside.send("Page.setWebLifecycleState", {"state": "frozen"})
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
    await inside.send("Page.setWebLifecycleState", {"state": "active"})


async def test_page_that_slept_longer_than_consent_comes_back_to_its_place_by_itself(
    browser: Browser, laptop: Browser, tmp_path: Path
) -> None:
    async with running(tmp_path, consent=CONSENT_S) as county, talking(county, browser, laptop) as (officer, east):
        (consultation,) = re.findall(r"consultation/(\w+)", officer.page.url)
        participants = f"/consultations/{consultation}/participants"
        before = await officer.api("GET", participants)
        async with asleep(laptop, east):
            await until("its consent has run out", lambda: "code=consent-lost" in logs.read(county.folder / "node.log"))
            await expect(seat(officer.page, EAST)).not_to_have_attribute("data-state", "live")
            await expect(row(officer.page, EAST)).to_have_count(1)
        for one, other in ((officer, EAST), (east, OFFICER)):
            await expect(seat(one.page, other)).to_have_attribute("data-state", "live")
            for kind in ("video", "audio"):
                await one.flows(kind)
        assert await officer.api("GET", participants) == before


async def test_page_that_slept_until_it_was_given_up_is_back_by_itself_and_once_locked_out_when_the_chair_lets_in(
    browser: Browser, laptop: Browser, tmp_path: Path
) -> None:
    async with running(tmp_path, silence=SILENCE_S) as county, talking(county, browser, laptop) as (officer, east):
        async with asleep(laptop, east):
            await expect(row(officer.page, EAST)).to_have_count(0)  # given up, and taken out
        await expect(row(officer.page, EAST)).to_have_count(1)
        for one, other in ((officer, EAST), (east, OFFICER)):
            await expect(seat(one.page, other)).to_have_attribute("data-state", "live")
            for kind in ("video", "audio"):
                await one.flows(kind)
        async with asleep(laptop, east):
            await expect(row(officer.page, EAST)).to_have_count(0)
            # Room for the chair's acts side by side.
            await officer.page.set_viewport_size({"width": 1440, "height": 900})
            await officer.page.locator(".chair-acts").get_by_role("button", name="锁定").click()
            await expect(officer.page.locator(".bar .sign:not(.recorded)")).to_have_text("已锁定")
        await expect(east.page.locator(".lobby-words")).to_contain_text("等主持人同意")
        await expect(east.page.locator(".inside")).to_be_hidden()
        await until("the camera is let go", lambda: east.page.evaluate(SENT), lambda tracks: tracks == 0)
        await expect(row(officer.page, EAST)).to_have_count(0)
        await officer.page.locator('[data-section="waiting"] .quick').click()
        await expect(seat(officer.page, EAST)).to_have_attribute("data-state", "live")
        for one in (officer, east):
            await one.flows("video")

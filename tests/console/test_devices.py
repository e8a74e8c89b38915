"""Which camera and microphone are used is chosen inside a consultation, and the others see the change."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.console.browser import CHROMIUM, FLAGS, REPEATED
from tests.console.county import PEOPLE, County
from tests.console.seat import Seat
from tests.console.test_meeting import seat
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")
EAST = PEOPLE["east"][1]
ONE = "--use-fake-device-for-media-stream"
#: What is sent: which device it comes from, and that it is not over.
SENT = """() => window.connections.flatMap((peer) => peer.getSenders())
  .map(({ track }) => track).filter((track) => track?.kind === "video" && track.readyState === "live")
  .map((track) => track.label)"""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def cameras() -> AsyncIterator[Browser]:
    """A browser on a machine with several cameras; the second gives depths, which are no picture to send."""
    flags = [f"{flag}=device-count=3" if flag == ONE else flag for flag in FLAGS]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def two(browser: Browser, cameras: Browser, county: County) -> AsyncIterator[tuple[Seat, Seat]]:
    """The officer, and east who has several cameras, with sound and picture."""
    officer, east = await Seat.take(browser, county, "officer"), await Seat.take(cameras, county, "east")
    unit = county.known.units["C"]
    made = {"title": "设备会商", "unit": unit, "invite": [f"unit:{unit}"]}
    consultation = await officer.do("POST", "/consultations", made)
    for one in (officer, east):
        await one.join(consultation)
    await officer.flows("video")
    yield officer, east
    for one in (officer, east):
        await one.close()


async def sends(page: Page, label: str) -> None:
    await until(f"it sends {label}", lambda: page.evaluate(SENT), lambda labels: [*labels] == [label])


async def test_a_second_that_passes_sets_only_what_differs(two: tuple[Seat, Seat]) -> None:
    for one in two:
        assert await one.page.evaluate(REPEATED, 3) == []


async def test_other_camera_is_chosen_and_the_other_person_sees_on(two: tuple[Seat, Seat]) -> None:
    officer, east = two
    await sends(east.page, "fake_device_0")
    await east.page.locator(".control.devices").click()
    choice = east.page.locator("dialog[open] select").first
    await expect(choice.locator("option", has_text="fake_device_2")).to_have_count(1)
    await choice.select_option(label="fake_device_2")
    await east.page.locator("dialog[open] .main").click()
    await sends(east.page, "fake_device_2")
    await expect(seat(officer.page, EAST)).to_have_attribute("data-state", "live")
    for kind in ("video", "audio"):
        await officer.flows(kind)


async def test_camera_that_is_there_no_longer_is_told_plainly_to_both(two: tuple[Seat, Seat]) -> None:
    officer, east = two
    # As unplugging does it; Chromium has no other way to lose a device of its own making.
    await east.page.evaluate(
        """() => {
          const tracks = window.connections.flatMap((peer) => peer.getSenders()).map(({ track }) => track);
          const track = tracks.find((one) => one?.kind === "video" && one.readyState === "live");
          track.stop();
          track.dispatchEvent(new Event("ended"));
        }"""
    )
    await expect(east.page.locator(".own-trouble")).to_contain_text("选中的摄像头已拔出")
    await expect(east.page.locator(".control.camera")).to_have_attribute("data-state", "off")
    await expect(seat(officer.page, EAST)).to_have_attribute("data-state", "microphoneOnly")
    await officer.flows("audio")
    await east.page.locator(".own-trouble").get_by_role("button", name="重试").click()
    await expect(seat(officer.page, EAST)).to_have_attribute("data-state", "live")
    await officer.flows("video")

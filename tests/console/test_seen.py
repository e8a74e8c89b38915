"""Only what somebody sees or hears is asked of the server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from huishang.demo.units import by_id
from tests.console.node import LiveUnit, Node, sign_in
from tests.console.test_logic import run
from tests.console.test_page import plays, tile, wait_state

pytestmark = pytest.mark.asyncio(loop_scope="package")

COUNTY, DRONE = by_id("county-command"), by_id("drone-1")
# Small enough that one tile fills the screen and the next is well below.
ONE_TILE = {"width": 390, "height": 300}
DESK = {"width": 1440, "height": 900}


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def units(node: Node) -> AsyncIterator[None]:
    async with LiveUnit(COUNTY, node), LiveUnit(DRONE, node):
        await node.wait(lambda sources: [source["state"] for source in sources.values()] == ["live", "live"])
        yield


async def open_page(context: BrowserContext, node: Node, size: dict[str, int]) -> Page:
    page = await context.new_page()
    await page.set_viewport_size({"width": size["width"], "height": size["height"]})
    await sign_in(page, node)
    await expect(page.locator(".tile")).to_have_count(2)
    return page


async def open_live(context: BrowserContext, node: Node) -> Page:
    page = await open_page(context, node, DESK)
    for unit in (COUNTY, DRONE):
        await wait_state(page, unit.id, "live")
    return page


async def states(page: Page) -> set[str]:
    found: list[str] = await page.locator(".tile").evaluate_all("all => all.map((one) => one.dataset.state)")
    return set(found)


async def wait_viewers(node: Node, county: int, drone: int) -> None:
    await node.wait(lambda sources: (sources[COUNTY.id]["viewers"], sources[DRONE.id]["viewers"]) == (county, drone))


async def order(page: Page) -> list[str]:
    ids: list[str] = await page.locator(".tile").evaluate_all("all => all.map((one) => one.dataset.id)")
    return ids


async def test_source_below_the_screen_is_asked_for_when_it_is_scrolled_to_and_given_back_when_left(
    context: BrowserContext, node: Node, units: None
) -> None:
    page = await open_page(context, node, ONE_TILE)
    first, second = await order(page)
    await wait_state(page, first, "live")
    assert (await node.sources())[second]["viewers"] == 0
    await page.locator(".stage").hover()
    await page.mouse.wheel(0, 5000)
    await wait_state(page, second, "live")
    await wait_state(page, first, "still")
    await expect(tile(page, first).locator(".still")).to_be_visible()
    await expect(tile(page, first).locator(".why")).to_contain_text("起 ·")
    sources = await node.wait(lambda sources: sources[first]["viewers"] == 0)
    assert sources[second]["viewers"] == 1
    await page.mouse.wheel(0, -5000)
    await wait_state(page, first, "live")
    await page.close()


async def test_full_view_plays_one_picture_and_the_chosen_sound(
    context: BrowserContext, node: Node, units: None
) -> None:
    page = await open_live(context, node)
    await tile(page, COUNTY.id).locator(".picture").click()
    await wait_state(page, DRONE.id, "still")
    await wait_viewers(node, 1, 0)
    await tile(page, DRONE.id).locator(".picture").focus()
    await page.keyboard.press("m")
    await wait_state(page, DRONE.id, "soundOnly")
    await wait_viewers(node, 1, 1)
    kinds = "one => one.srcObject.getTracks().map((track) => track.kind)"
    assert await tile(page, DRONE.id).locator("video").evaluate(kinds) == ["audio"]
    await plays(page, DRONE.id, DRONE.tone_hz)
    await page.keyboard.press("Escape")
    await wait_state(page, DRONE.id, "live")
    await plays(page, DRONE.id, DRONE.tone_hz)
    await wait_viewers(node, 1, 1)
    await page.close()


async def test_sound_goes_on_when_the_picture_is_given_back(context: BrowserContext, node: Node, units: None) -> None:
    page = await open_live(context, node)
    await tile(page, DRONE.id).locator(".mute").click()
    video = tile(page, DRONE.id).locator("video")
    # Every change of the stream is noted: it must never be without a sound that plays.
    await video.evaluate(
        """(one) => {
          window.silences = 0;
          const stream = one.srcObject;
          const remove = stream.removeTrack.bind(stream);
          stream.removeTrack = (track) => {
            remove(track);
            queueMicrotask(() => {
              if (!stream.getAudioTracks().some((sound) => sound.readyState === "live")) window.silences += 1;
            });
          };
        }"""
    )
    await tile(page, COUNTY.id).locator(".picture").click()
    await wait_state(page, DRONE.id, "soundOnly")
    tracks = "(id) => document.querySelector(`.tile[data-id='${id}'] video`).srcObject.getTracks().length"
    await page.wait_for_function(f"(id) => ({tracks})(id) === 1", arg=DRONE.id)
    assert await page.evaluate("() => window.silences") == 0
    await page.close()


async def test_page_in_the_background_lets_go_and_takes_up_again(
    context: BrowserContext, node: Node, units: None
) -> None:
    page = await open_live(context, node)
    await page.clock.install()
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await page.evaluate(hide, True)
    # It lets go after half a minute, of which the browser itself may take some.
    await page.clock.run_for(15_000)
    # Live or frozen: the page's clock has run ahead of the pictures, but nothing was given back.
    assert await states(page) <= {"live", "frozen"}
    await page.clock.run_for(19_000)
    await wait_viewers(node, 0, 0)
    assert await states(page) == {"still"}
    await page.evaluate(hide, False)
    await wait_viewers(node, 1, 1)
    for unit in (COUNTY, DRONE):
        await wait_state(page, unit.id, "live")
        await expect(tile(page, unit.id).locator(".still")).to_be_hidden()
    await page.close()


@pytest.mark.parametrize(
    ("place", "choice", "asks"),
    [
        ({"seen": True}, {}, "video"),
        ({"seen": True}, {"muted": False}, "video audio"),
        ({"seen": True}, {"tracks": ["audio"]}, "audio"),
        ({"seen": True}, {"tracks": []}, ""),
        ({"seen": False}, {}, ""),
        ({"seen": False}, {"muted": False}, "audio"),
        ({"seen": False}, {"tracks": ["audio"]}, ""),
        ({"seen": True, "aside": True}, {}, ""),
        ({"seen": True, "aside": True}, {"muted": False}, "audio"),
        ({"seen": False, "big": True}, {}, "video audio"),
        ({"seen": True, "big": True, "away": True}, {}, ""),
        ({"seen": True}, {"paused": True, "muted": False}, ""),
    ],
)
async def test_what_is_wanted(blank: Page, place: dict[str, Any], choice: dict[str, Any], asks: str) -> None:
    place = {"seen": False, "big": False, "aside": False, "away": False, **place}
    choice = {"paused": False, "muted": True, "tracks": ["video", "audio"], **choice}
    wanted = await run(blank, "wanted", "m.wanted(a[0], a[1])", [place, choice])
    assert " ".join(kind for kind, asked in wanted.items() if asked) == asks

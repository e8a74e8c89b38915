"""What a page publishes of its own: a screen, what was cancelled, what a browser or device refuses, in words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.console.node import Node, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="package")

TITLE = "设备检查会商"
#: Keeps every track the browser gave, and holds the camera back as long as `window.gate` is unresolved.
WATCH = """
window.tracks = [];
window.gate = null;
for (const name of ["getUserMedia", "getDisplayMedia"]) {
  const open = navigator.mediaDevices[name].bind(navigator.mediaDevices);
  navigator.mediaDevices[name] = async (wanted) => {
    await window.gate;
    if (window.refuses) throw new DOMException("no", window.refuses);
    const stream = await open(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}
"""
ALL_ENDED = "() => window.tracks.length > 0 && window.tracks.every((track) => track.readyState === 'ended')"


@pytest_asyncio.fixture(loop_scope="package")
async def page(context: BrowserContext, node: Node) -> AsyncIterator[Page]:
    """The chair's page, alone in a consultation."""
    page = await context.new_page()
    await page.add_init_script(WATCH)
    await sign_in(page, node, "chair")
    await page.locator(".create-button").click()
    await expect(page.locator("dialog[open] select option")).not_to_have_count(0)
    await page.locator("dialog[open] input[type=text]").fill(TITLE)
    await page.keyboard.press("Enter")
    await expect(page.locator(".seat")).to_have_count(1)
    yield page
    await page.locator(".chair-acts .danger").click()
    await page.locator("dialog[open] .danger").click()
    await page.close()
    await node.wait(lambda sources: all(source["state"] != "live" for source in sources.values()))


def control(page: Page, name: str) -> Locator:
    return page.locator(f".control.{name}")


async def test_shared_screen_is_a_place_of_its_own_and_goes_when_the_browser_ends_it(page: Page, node: Node) -> None:
    await control(page, "camera").click()
    await expect(control(page, "camera")).to_have_attribute("data-state", "on")
    await control(page, "screen").click()
    await expect(page.locator(".seat")).to_have_count(2)
    for one in await page.locator(".seat").all():
        await expect(one).to_have_attribute("data-state", "live")
    await node.wait(lambda sources: sum(source["state"] == "live" for source in sources.values()) == 2)
    # As the browser's own bar does it.
    await page.evaluate(
        "() => { const track = window.tracks.at(-1); track.stop(); track.dispatchEvent(new Event('ended')); }"
    )
    await expect(page.locator(".seat")).to_have_count(1)
    await expect(control(page, "screen")).to_have_attribute("data-state", "off")
    await expect(page.locator(".own-trouble")).to_be_hidden()


async def test_what_is_cancelled_while_the_device_opens_does_not_go_on_air(page: Page, node: Node) -> None:
    await page.evaluate("() => { window.gate = new Promise((done) => { window.open_gate = done; }); }")
    await control(page, "camera").click()
    await expect(control(page, "camera")).to_have_attribute("data-state", "opening")
    await control(page, "camera").click()
    await expect(control(page, "camera")).to_have_attribute("data-state", "off")
    await page.evaluate("() => { window.open_gate(); window.gate = null; }")
    await page.wait_for_function(ALL_ENDED)
    # And nothing of it is in the way of the next; what was cancelled would have been there before it.
    await control(page, "microphone").click()
    sources = await node.wait(lambda sources: any(source["state"] == "live" for source in sources.values()))
    live = [source for source in sources.values() if source["state"] == "live"]
    assert [[track["kind"] for track in source["tracks"]] for source in live] == [["audio"]]


async def test_leaving_lets_go_of_every_device(page: Page, node: Node) -> None:
    for name in ("microphone", "camera", "screen"):
        await control(page, name).click()
        await expect(control(page, name)).to_have_attribute("data-state", "on")
    await control(page, "leave").click()
    await page.wait_for_function(ALL_ENDED)
    await node.wait(lambda sources: all(source["state"] != "live" for source in sources.values()))
    await page.locator(".card").filter(has_text=TITLE).locator(".go").click()
    await expect(page.locator(".seat")).to_have_count(1)


@pytest.mark.parametrize(
    ("refuses", "name", "words"),
    [
        ("NotAllowedError", "camera", "允许使用，再点“重试”"),
        ("NotReadableError", "camera", "摄像头被其他程序占用"),
        ("NotFoundError", "camera", "没有找到摄像头"),
        ("NotReadableError", "microphone", "麦克风被其他程序占用"),
    ],
)
async def test_device_that_is_refused_is_said_in_words_until_it_opens(
    page: Page, refuses: str, name: str, words: str
) -> None:
    await page.evaluate("(name) => { window.refuses = name; }", refuses)
    await control(page, name).click()
    trouble = page.locator(".own-trouble")
    await expect(trouble).to_contain_text(words)
    await expect(control(page, name)).to_have_attribute("data-state", "off")
    await page.evaluate("() => { window.refuses = ''; }")
    await trouble.get_by_role("button", name="重试").click()
    await expect(trouble).to_be_hidden()
    await expect(control(page, name)).to_have_attribute("data-state", "on")


async def test_choice_of_screens_that_is_closed_is_no_error(page: Page) -> None:
    await page.evaluate("() => { window.refuses = 'NotAllowedError'; }")
    await control(page, "screen").click()
    await expect(control(page, "screen")).to_have_attribute("data-state", "off")
    await expect(page.locator(".own-trouble")).to_be_hidden()


async def test_page_without_https_is_told_what_to_do(page: Page) -> None:
    # Where the page is not on https, browsers have no such thing.
    await page.evaluate("() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    await control(page, "camera").click()
    await expect(page.locator(".own-trouble")).to_contain_text("https://")


@pytest.mark.parametrize(("name", "words"), [("camera", "选中的摄像头已拔出"), ("microphone", "选中的麦克风已拔出")])
async def test_device_that_goes_is_said_and_nothing_of_it_stays_on_air(
    page: Page, node: Node, name: str, words: str
) -> None:
    await control(page, name).click()
    await node.wait(lambda sources: any(source["state"] == "live" for source in sources.values()))
    # Unplugging ends the track and says so; Chromium has no other way to lose a device of its own making.
    await page.evaluate(
        "() => { const track = window.tracks.at(-1); track.stop(); track.dispatchEvent(new Event('ended')); }"
    )
    await expect(page.locator(".own-trouble")).to_contain_text(words)
    await expect(control(page, name)).to_have_attribute("data-state", "off")
    await node.wait(lambda sources: all(source["state"] != "live" for source in sources.values()))

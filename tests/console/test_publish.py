"""Publishing from the page: what was cancelled does not happen, what ends is said, what passes is waited for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Error, Locator, Page, Request, Route, expect

from tests.console.node import TOKEN, Node
from tests.console.test_logic import run
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFFERS = "**/whip/**"
# Every track the page was ever given by the browser.
KEEP_TRACKS = """
  window.tracks = [];
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
"""
ALL_ENDED = "() => window.tracks.length > 0 && window.tracks.every((track) => track.readyState === 'ended')"


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext, node: Node) -> AsyncIterator[Page]:
    page = await context.new_page()
    await page.add_init_script(KEEP_TRACKS)
    await page.goto(f"{node.url}/#token={TOKEN}")
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")
    yield page
    await page.close()
    await node.wait(lambda sources: all(source["state"] != "live" for source in sources.values()))


def go(page: Page) -> Locator:
    return page.locator("dialog[open] .button.main")


async def begin(page: Page) -> None:
    """Open the dialog and press the button by keyboard, as soon as there is a picture."""
    await page.keyboard.press("b")
    await expect(go(page)).to_be_enabled()
    await go(page).focus()
    await page.keyboard.press("Enter")


async def begin_held(page: Page) -> Route:
    """Begin to publish, and keep the offer from the server."""
    held: list[Route] = []
    came = asyncio.Event()

    async def hold_first(route: Route) -> None:
        if held:
            await route.continue_()
            return
        held.append(route)
        came.set()

    await page.route(OFFERS, hold_first)
    await begin(page)
    await asyncio.wait_for(came.wait(), PATIENCE_S)
    return held[0]


async def let_go(route: Route) -> None:
    # The page may have taken the offer back already.
    with contextlib.suppress(Error):
        await route.continue_()


async def wait_names_live(node: Node, count: int) -> list[str]:
    """Wait until so many sources are live, which takes their first packets; give their names."""

    def live(sources: dict[str, dict[str, Any]]) -> list[str]:
        return [name for name, source in sources.items() if source["state"] == "live"]

    return live(await node.wait(lambda sources: len(live(sources)) == count))


async def press_cancel(page: Page) -> None:
    await page.locator("dialog[open] .row .button").first.click()


async def press_escape(page: Page) -> None:
    await page.keyboard.press("Escape")


@pytest.mark.parametrize("leave", [press_cancel, press_escape])
async def test_what_is_cancelled_while_connecting_does_not_go_on_air(page: Page, node: Node, leave: Any) -> None:
    route = await begin_held(page)
    await expect(go(page)).to_have_text("正在连接服务器")
    await leave(page)
    await expect(page.locator("dialog[open]")).to_have_count(0)
    await page.wait_for_function(ALL_ENDED)
    await let_go(route)
    await expect(page.locator(".onair")).to_be_hidden()
    # And nothing of it is in the way of the next.
    await begin(page)
    await expect(page.locator(".onair")).to_contain_text("正在发布")
    await page.locator(".onair .stop").click()
    await page.wait_for_function(ALL_ENDED)


async def test_dialog_that_is_closed_is_cancelled_before_the_browser_tells_of_it(page: Page) -> None:
    got = await page.evaluate(
        """async () => {
          const { PublishDialog } = await import("/js/publish.js");
          const told = [];
          const dialog = new PublishDialog({
            now: Date.now, start: () => told.push("start"), cancel: () => told.push("cancel") });
          await dialog.open();
          dialog.go.click();
          const before = dialog.isCancelled;
          dialog.close();
          const between = [dialog.isCancelled, [...told]];
          await new Promise((done) => dialog.element.addEventListener("close", done));
          dialog.element.remove();
          return [before, between, dialog.isCancelled, told];
        }"""
    )
    assert got == [False, [True, ["start"]], False, ["start", "cancel"]]


async def test_devices_rest_while_connecting_and_none_is_left_on(page: Page) -> None:
    route = await begin_held(page)
    for select in await page.locator("dialog[open] select").all():
        await expect(select).to_be_disabled()
    await expect(page.locator("dialog[open] .note")).to_have_text("")
    await let_go(route)
    await expect(page.locator(".onair")).to_contain_text("正在发布")
    await page.locator(".onair .stop").click()
    await page.wait_for_function(ALL_ENDED)


async def test_devices_can_be_chosen_again_after_a_refusal(page: Page) -> None:
    route = await begin_held(page)
    await route.fulfill(status=503, json={"code": "source-limit"})
    await expect(page.locator("dialog[open] .trouble")).to_contain_text("服务器的信源已满")
    for select in await page.locator("dialog[open] select").all():
        await expect(select).to_be_enabled()
    await page.keyboard.press("Escape")
    await page.wait_for_function(ALL_ENDED)


async def test_keys_do_nothing_behind_a_dialog_that_lost_the_focus(page: Page) -> None:
    route = await begin_held(page)
    assert await page.evaluate("() => document.activeElement === document.body"), "else this proves nothing"
    looks = "() => [document.documentElement.lang, document.documentElement.dataset.theme]"
    before = await page.evaluate(looks)
    for key in ("l", "t", "?"):
        await page.keyboard.press(key)
    assert await page.evaluate(looks) == before
    await expect(page.locator("dialog[open]")).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog[open]")).to_have_count(0)
    await let_go(route)


async def test_escape_with_nothing_to_leave_stays_the_browsers(page: Page) -> None:
    heard = """() => {
      const key = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
      return document.body.dispatchEvent(key);
    }"""
    assert await page.evaluate(heard)


@pytest.mark.parametrize(("kind", "words"), [("video", "选中的摄像头已拔出"), ("audio", "选中的麦克风已拔出")])
@pytest.mark.parametrize("on_air", [True, False])
async def test_device_that_goes_is_said(page: Page, kind: str, words: str, on_air: bool) -> None:
    if on_air:
        await begin(page)
        await expect(page.locator(".onair")).to_contain_text("正在发布")
    else:
        await page.keyboard.press("b")
        await expect(go(page)).to_be_enabled()
    # Unplugging ends the track and says so; Chromium has no other way to lose a device of its own making.
    await page.evaluate(
        """(kind) => {
          window.gone = window.tracks.splice(0);
          const track = window.gone.findLast((one) => one.kind === kind);
          track.stop();
          track.dispatchEvent(new Event("ended"));
        }""",
        kind,
    )
    await expect(page.locator("dialog[open] .trouble")).to_contain_text(words)
    await expect(page.locator(".onair")).to_be_hidden()
    await page.wait_for_function("() => window.gone.every((track) => track.readyState === 'ended')")
    # And from there on again.
    await expect(go(page)).to_be_enabled()
    await go(page).click()
    await expect(page.locator(".onair")).to_contain_text("正在发布")
    await page.locator(".onair .stop").click()
    await page.wait_for_function(ALL_ENDED)


PUBLISH = """async () => {
  const { Publisher } = await import("/js/publisher.js");
  const { stream } = new MediaStreamAudioDestinationNode(new AudioContext());
  return new Promise((told) => {
    const publisher = new Publisher((state, error) => {
      if (!error) return;
      told([state, error.code]);
      publisher.stop();
    });
    publisher.start({ stream, stop() {} }, "x");
  });
}"""


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (408, "body-timeout", "retrying"),
        (499, "client-gone", "retrying"),
        (404, None, "retrying"),
        (429, None, "retrying"),
        (400, "body-incomplete", "retrying"),
        (503, "node-stopping", "retrying"),
        (400, "sdp-malformed", "closed"),
        (401, "unauthorized", "closed"),
        (403, None, "closed"),
        (406, "sdp-no-common-codec", "closed"),
        (413, "sdp-too-large", "closed"),
        (415, "unsupported-media-type", "closed"),
    ],
)
async def test_publishing_ends_only_at_refusals_that_last(
    blank: Page, status: int, code: str | None, state: str
) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, json={"code": code} if code else None)

    await blank.route(OFFERS, refuse)
    got = await blank.evaluate(PUBLISH)
    await blank.unroute(OFFERS)
    assert got[0] == state


async def test_tab_that_was_copied_publishes_beside_its_original(
    page: Page, context: BrowserContext, node: Node
) -> None:
    offers: list[str] = []

    def note(asked: Request) -> None:
        if asked.method == "POST" and "/whip/" in asked.url:
            offers.append(asked.url)

    context.on("request", note)
    await begin(page)
    await expect(page.locator(".onair")).to_contain_text("正在发布")
    # The browser copies what the tab keeps, as when somebody duplicates it.
    async with context.expect_page() as opened:
        await page.evaluate("() => window.open(location.pathname)")
    copied = await opened.value
    kept = "() => sessionStorage.getItem('huishang.publish.id')"
    assert await copied.evaluate(kept) == await page.evaluate(kept), "else this proves nothing"
    await expect(copied.locator(".link")).to_have_attribute("data-link", "up")
    await begin(copied)
    await expect(copied.locator(".onair")).to_contain_text("正在发布")
    await wait_names_live(node, 2)
    assert len(offers) == 2
    await expect(page.locator(".onair")).to_have_attribute("data-publish", "live")
    await copied.close()


async def test_tab_publishes_under_the_same_id_after_a_reload(page: Page, node: Node) -> None:
    seen = set()
    for _ in range(2):
        await begin(page)
        await expect(page.locator(".onair")).to_contain_text("正在发布")
        seen.update(await wait_names_live(node, 1))
        await page.reload()
        await node.wait(lambda sources: all(source["state"] != "live" for source in sources.values()))
    assert len(seen) == 1


async def test_id_is_kept_where_the_browser_has_no_locks(blank: Page) -> None:
    got = await run(
        blank,
        "identity",
        """await (async () => {
          Object.defineProperty(navigator, "locks", { value: undefined, configurable: true });
          const ids = [await m.claimId(), await m.claimId()];
          delete navigator.locks;
          return ids;
        })()""",
    )
    assert got[0] == got[1]
    assert got[0].startswith("page-")

"""The page as people meet it: in Chromium, watching a real node that relays real units."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from operator import sub
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, expect

from huishang.demo.units import by_id
from tests.console.browser import REPEATED
from tests.console.node import LiveUnit, Node, sign_in
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Two pictures and one sound are enough to tell who is who.
SHOWN = tuple(by_id(name) for name in ("county-command", "drone-1", "radio-phone"))


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def units(node: Node) -> AsyncIterator[dict[str, LiveUnit]]:
    """The units of `SHOWN`, publishing."""
    live = {unit.id: LiveUnit(unit, node) for unit in SHOWN}
    for unit in live.values():
        unit.start()
    await node.wait(lambda sources: all(sources.get(name, {}).get("state") == "live" for name in live))
    yield live
    for unit in live.values():
        await unit.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def signed_in(context: BrowserContext, node: Node) -> AsyncIterator[Page]:
    """The page with the administrator signed in; fails the test when a script fails or the policy is broken."""
    trouble: list[str] = []
    page = await context.new_page()
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if "Content Security" in said.text else None)
    await sign_in(page, node)
    yield page
    await page.close()
    assert trouble == []


@pytest.fixture
def page(units: dict[str, LiveUnit], signed_in: Page) -> Page:
    """That page while the units publish."""
    return signed_in


def tile(page: Page, source_id: str) -> Locator:
    return page.locator(f'.tile[data-id="{source_id}"]')


async def wait_state(page: Page, source_id: str, state: str) -> None:
    await expect(tile(page, source_id)).to_have_attribute("data-state", state)


async def wait_live(page: Page) -> None:
    for unit in SHOWN:
        await wait_state(page, unit.id, "live")


COLOUR_AT = """([id, x, y]) => {
  const video = document.querySelector(`.tile[data-id="${id}"] video`);
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0);
  return [...pen.getImageData(video.videoWidth * x, video.videoHeight * y, 1, 1).data.slice(0, 3)];
}"""

#: What a tile plays, in Hz: the strongest of a look, looked at until it is the wanted one or patience is over.
#: The first sound may be another: that of a browser that was late and fills a gap.
TONE = """async ([id, wantedHz, patienceMs]) => {
  const stream = document.querySelector(`.tile[data-id="${id}"] video`).srcObject;
  const until = performance.now() + patienceMs;
  while (stream.getAudioTracks().length === 0 && performance.now() < until) {
    await new Promise((done) => requestAnimationFrame(done));
  }
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, {fftSize: 32768, smoothingTimeConstant: 0});
  context.createMediaStreamSource(stream).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const end = performance.now() + patienceMs;
  let best = {level: -Infinity, hz: 0};
  while (performance.now() < end && (best.level < -45 || Math.abs(best.hz - wantedHz) >= 8)) {
    await new Promise((done) => setTimeout(done, 200));
    analyser.getFloatFrequencyData(bins);
    best = {level: -Infinity, hz: 0};
    bins.forEach((level, index) => {
      if (level > best.level) best = {level, hz: index * context.sampleRate / analyser.fftSize};
    });
  }
  await context.close();
  return best.hz;
}"""


async def plays(page: Page, source_id: str, hz: float) -> None:
    """Wait until a tile plays this tone."""
    assert abs(await page.evaluate(TONE, [source_id, hz, PATIENCE_S * 1000]) - hz) < 8


CAPTURE_GAP = """async (id) => {
  const { timeOfDay } = await import("./js/clock.js");
  const seconds = (text) => text.match(/\\d+/g).reduce((sum, part) => sum * 60 + Number(part), 0);
  const shown = document.querySelector(`.tile[data-id="${id}"] .capture`).textContent;
  const gap = Math.abs(seconds(timeOfDay(Date.now())) - seconds(shown));
  return Math.min(gap, 86400 - gap);
}"""


# What needs no pictures comes before them: they cost the browser most of its time.
async def test_camera_trouble_is_said_in_words(signed_in: Page) -> None:
    for error, words in (
        ("NotAllowedError", "没有得到使用摄像头"),
        ("NotReadableError", "被其他程序占用"),
        ("NotFoundError", "没有找到摄像头"),
        ("OverconstrainedError", "已拔出"),
        ("TypeError", "摄像头打不开"),
    ):
        await signed_in.evaluate(
            """(name) => {
              navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", name); };
            }""",
            error,
        )
        await signed_in.keyboard.press("b")
        await expect(signed_in.locator("dialog[open] .trouble")).to_contain_text(words)
        await expect(signed_in.locator("dialog[open] .button.main")).to_be_disabled()
        await signed_in.keyboard.press("Escape")
        await expect(signed_in.locator("dialog[open]")).to_have_count(0)


async def test_key_pressed_right_after_a_dialog_has_closed_is_heard(signed_in: Page) -> None:
    await signed_in.keyboard.press("b")
    await expect(signed_in.locator("dialog[open] select").first).to_be_focused()
    # All before the browser draws again: until then the focus is still in the dialog's field.
    again = await signed_in.evaluate(
        """() => {
          const field = document.activeElement;
          field.closest("dialog").close();
          field.focus();
          field.dispatchEvent(new KeyboardEvent("keydown", { key: "b", bubbles: true }));
          return document.querySelectorAll("dialog[open]").length;
        }"""
    )
    assert again == 1
    await signed_in.keyboard.press("Escape")


async def test_without_https_the_test_picture_is_offered(signed_in: Page) -> None:
    await signed_in.evaluate("() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    await signed_in.keyboard.press("b")
    await expect(signed_in.locator("dialog[open] select").first).to_have_value("test")
    await expect(signed_in.locator("dialog[open] .button.main")).to_be_enabled()


async def test_question_mark_shows_the_keys(signed_in: Page) -> None:
    await signed_in.keyboard.press("?")
    await expect(signed_in.locator("dialog[open] h2")).to_have_text("键盘操作")
    await signed_in.keyboard.press("Escape")
    await expect(signed_in.locator("dialog[open]")).to_have_count(0)


async def colour_is(page: Page, place: list[Any], fits: Callable[..., bool]) -> None:
    """Wait until a picture has a colour at a place: a first frame may be coarse, or black still."""
    await until("the picture's colour", partial(page.evaluate, COLOUR_AT, place), lambda found: fits(*found))


async def test_every_tile_shows_its_own_source_and_its_capture_time(page: Page) -> None:
    await wait_live(page)
    for unit in SHOWN:
        if unit.video:
            wanted = unit.video.colour
            await colour_is(
                page, [unit.id, 0.01, 0.87], lambda *found, w=wanted: max(map(abs, map(sub, found, w))) < 24
            )
        await expect(tile(page, unit.id).locator(".name")).to_have_attribute("title", unit.name)
        await expect(tile(page, unit.id).locator(".capture")).to_be_visible()
        await until("its capture was just now", partial(page.evaluate, CAPTURE_GAP, unit.id), lambda gap: gap <= 2)


async def test_every_tile_sounds_of_its_own_source(page: Page) -> None:
    await wait_live(page)
    for unit in SHOWN:
        await tile(page, unit.id).locator(".mute").click()
        await plays(page, unit.id, unit.tone_hz)


async def test_capture_clock_of_picture_with_sound_is_exact(page: Page) -> None:
    await wait_live(page)
    await tile(page, "county-command").locator(".mute").click()
    capture = tile(page, "county-command").locator(".capture")
    await expect(capture).not_to_contain_text("≈")
    await expect(capture).to_have_attribute("title", "采集时间：画面拍下的时刻，UTC+8")


async def test_figures_are_shown_and_sound_is_off_until_asked_for(page: Page) -> None:
    await wait_live(page)
    for name, codec in (("county-command", "H.264"), ("drone-1", "VP8")):
        figures = tile(page, name).locator(".figures")
        await expect(figures).to_contain_text("640×360")
        await expect(figures).to_contain_text(codec)
        await expect(figures).to_contain_text("kb/s")
    await expect(tile(page, "radio-phone").locator(".figures")).to_contain_text("Opus")
    assert await page.locator(".tile video").evaluate_all("all => all.every((one) => one.muted)")
    await tile(page, "county-command").locator(".mute").click()
    assert not await tile(page, "county-command").locator("video").evaluate("one => one.muted")
    await page.keyboard.press("Shift+M")
    assert await tile(page, "county-command").locator("video").evaluate("one => one.muted")


async def test_frozen_silent_and_offline_are_told_apart_and_dated(page: Page, units: dict[str, LiveUnit]) -> None:
    await wait_live(page)
    seen: set[str] = set()
    county, _, phone = (units[unit.id] for unit in SHOWN)
    county.held.update((0, 1))
    await wait_state(page, "county-command", "frozen")
    stands = await tile(page, "county-command").locator(".capture").inner_text()
    seen |= set(await page.locator(".state:visible .title").all_inner_texts())
    await expect(tile(page, "county-command").locator(".why")).to_contain_text("起 ·")
    await phone.stop()
    await wait_state(page, "radio-phone", "offline")
    # Of its next session nothing is heard yet.
    await county.stop()
    county.start()
    await wait_state(page, "county-command", "silent")
    await expect(tile(page, "county-command").locator(".capture")).to_have_text(stands)
    seen |= set(await page.locator(".state:visible .title").all_inner_texts())
    assert len(seen) == 3
    county.held.clear()
    phone.start()
    await wait_live(page)


async def test_pause_gives_the_source_back_and_keeps_a_still(page: Page, node: Node) -> None:
    await wait_live(page)
    await node.wait(lambda sources: sources["drone-1"]["viewers"] == 1)
    await tile(page, "drone-1").locator(".picture").focus()
    await page.keyboard.press("p")
    await wait_state(page, "drone-1", "paused")
    await expect(tile(page, "drone-1").locator(".still")).to_be_visible()
    await node.wait(lambda sources: sources["drone-1"]["viewers"] == 0)
    await page.keyboard.press("p")
    await wait_state(page, "drone-1", "live")


async def test_closed_page_leaves_no_viewer_behind(page: Page, node: Node) -> None:
    await wait_live(page)
    # Connections of earlier pages have ended, in whatever way.
    await node.wait(lambda sources: sources["drone-1"]["viewers"] == 1)
    before = len(node.connection_ends)
    await page.goto("about:blank")
    await node.wait(lambda sources: all(source["viewers"] == 0 for source in sources.values()))
    (code,) = node.connection_ends[before:]
    assert code != "consent-lost", "it said so, and was not missed only half a minute later"


async def test_full_view_by_keyboard_does_not_stop_the_picture(page: Page) -> None:
    await wait_live(page)
    await tile(page, "drone-1").locator(".picture").focus()
    video = await tile(page, "drone-1").locator("video").element_handle()
    assert video is not None
    await page.keyboard.press("Enter")
    await expect(tile(page, "drone-1")).to_have_class("tile big")
    await expect(page.locator(".detail h2")).to_have_text(by_id("drone-1").name)
    assert await video.evaluate("one => one.isConnected && !one.paused")
    await page.keyboard.press("Escape")
    await expect(page.locator(".detail")).to_be_hidden()
    assert await page.evaluate("() => document.activeElement.closest('.tile').dataset.id") == "drone-1"


async def test_arrows_move_along_the_wall(page: Page) -> None:
    await wait_live(page)
    current = "() => [...document.querySelectorAll('.tile')].indexOf(document.activeElement.closest('.tile'))"
    for key, expected in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowLeft", 0)):
        await page.keyboard.press(key)
        assert await page.evaluate(current) == expected


async def test_language_changes_everything_and_is_kept(page: Page) -> None:
    await wait_live(page)
    await page.locator(".language").click()
    await expect(page.locator(".brand")).to_have_text("Huishang")
    # Names stay as they are, in whatever language they were given.
    body = await page.evaluate(
        """() => {
          const copy = document.body.cloneNode(true);
          for (const named of copy.querySelectorAll(".name, .me, .language, [hidden]")) named.remove();
          return copy.textContent;
        }"""
    )
    assert [char for char in body if "\u4e00" <= char <= "\u9fff"] == []
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_name_with_markup_is_shown_and_never_run(page: Page, units: dict[str, LiveUnit]) -> None:
    name = "<img src=x onerror=\"document.title='hacked'\">会商<b>"
    await units["radio-phone"].stop()
    async with units["radio-phone"].renamed(name):
        await expect(tile(page, "radio-phone").locator(".name")).to_have_attribute("title", name)
        assert await page.title() == "会商"
        assert await page.locator(".tile img, .tile b").count() == 0
    units["radio-phone"].start()
    await wait_live(page)


async def own_source(page: Page, node: Node, state: str) -> str:
    """Wait for the source that a page publishes; give its id."""
    mine = "张伟"
    sources = await node.wait(
        lambda sources: any(one["name"] == mine and one["state"] == state for one in sources.values())
    )
    return str(next(one["id"] for one in sources.values() if one["name"] == mine and one["state"] == state))


async def test_published_test_picture_is_seen_and_goes_when_stopped(page: Page, node: Node) -> None:
    await page.keyboard.press("b")
    await page.locator("dialog[open] select").first.select_option("test")
    await page.locator("dialog[open] .button.main").click()
    await expect(page.locator(".onair")).to_contain_text("正在发送：张伟")
    await expect(page.locator("dialog[open]")).to_have_count(0)
    name = await own_source(page, node, "live")
    await wait_state(page, name, "live")
    await colour_is(page, [name, 5.5 / 7, 0.3], lambda red, green, blue: red > 150 and max(green, blue) < 60)
    await tile(page, name).locator(".mute").click()
    await plays(page, name, 1000)
    await page.locator(".onair .stop").click()
    await expect(page.locator(".onair")).to_be_hidden()
    await wait_state(page, name, "offline")


SLOW_LIST = """() => {
  const list = MediaDevices.prototype.enumerateDevices;
  const waits = new Promise((resolve) => { window.listNow = resolve; });
  let asked = 0;
  MediaDevices.prototype.enumerateDevices = async function () {
    asked += 1;
    if (asked > 1) await waits;
    window.listed = asked;
    return list.call(this);
  };
}"""


async def test_choice_made_while_the_browser_counts_its_devices_stays(page: Page) -> None:
    await page.evaluate(SLOW_LIST)
    await page.evaluate("() => localStorage.removeItem('huishang.devices')")
    await page.keyboard.press("b")
    camera = page.locator("dialog[open] select").first
    # The picture is there, and the second list, with names, is asked for.
    await page.wait_for_function("() => document.querySelector('dialog[open] video')?.srcObject")
    await camera.select_option("test")
    await page.evaluate("() => { window.before = document.querySelector('dialog[open] select').options[0]; }")
    await page.evaluate("() => window.listNow()")
    await page.wait_for_function("() => window.listed === 2 && !window.before.isConnected")
    await expect(camera).to_have_value("test")
    await page.locator("dialog[open] .button", has_text="取消").click()


async def test_published_camera_is_seen(page: Page, node: Node) -> None:
    await page.evaluate("() => localStorage.removeItem('huishang.devices')")
    await page.keyboard.press("b")
    await page.locator("dialog[open] .button.main").click()
    await expect(page.locator(".onair")).to_contain_text("正在发送")
    name = await own_source(page, node, "live")
    await wait_state(page, name, "live")
    # Chromium's fake camera is green.
    await colour_is(page, [name, 0.1, 0.5], lambda red, green, blue: green > red + 60 and green > blue + 60)
    await page.locator(".onair .stop").click()
    await wait_state(page, name, "offline")


async def test_server_gone_is_said_and_survived_without_a_reload(page: Page, node: Node) -> None:
    await wait_live(page)
    await page.evaluate("() => { window.stayed = true; }")
    await node.stop()
    await expect(page.locator(".link")).to_have_attribute("data-link", "lost")
    await expect(page.locator(".link")).to_contain_text("失去联系")
    await node.start()
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")
    await wait_live(page)
    assert await page.evaluate("() => window.stayed")


async def test_a_second_that_passes_sets_only_what_differs(page: Page) -> None:
    await wait_live(page)
    assert await page.evaluate(REPEATED, 3) == []


GIVEN = """
const { set } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
  ...Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject"),
  set(stream) {
    this.given = stream?.getTracks().map(({ kind }) => kind) ?? [];
    set.call(this, stream);
  },
});
"""


async def test_element_is_given_a_stream_that_has_its_picture_so_that_the_browser_smooths_it(
    context: BrowserContext, node: Node, units: dict[str, LiveUnit]
) -> None:
    await context.add_init_script(GIVEN)
    page = await context.new_page()
    await sign_in(page, node)
    await wait_live(page)
    given = "() => document.querySelector('.tile[data-id=drone-1] video').given"
    assert await page.evaluate(given) == ["video"]
    for state in ("paused", "live"):
        await tile(page, "drone-1").hover()
        await tile(page, "drone-1").locator(".pause").click()
        await wait_state(page, "drone-1", state)
    assert await page.evaluate(given) == ["video"]


@pytest.mark.parametrize("width", [390, 1440])
async def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    await wait_live(page)
    wide = "() => document.documentElement.scrollWidth"
    assert await page.evaluate(wide) <= width
    await tile(page, "county-command").locator(".picture").click()
    assert await page.evaluate(wide) <= width


async def test_every_control_has_words_for_a_screen_reader(page: Page) -> None:
    await wait_live(page)
    unnamed: list[Any] = await page.evaluate(
        """() => [...document.querySelectorAll("button, [role=button], select, input")]
          .filter((one) => one.checkVisibility())
          .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.closest("label")?.textContent.trim()))
          .map((one) => one.outerHTML)"""
    )
    assert unnamed == []


async def test_full_view_on_a_phone_begins_with_the_picture(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await wait_live(page)
    for unit in SHOWN:
        await tile(page, unit.id).locator(".picture").click()
        await expect(tile(page, unit.id)).to_have_class("tile big")
        top = await tile(page, unit.id).evaluate("one => one.getBoundingClientRect().top")
        bar = await page.locator(".top").evaluate("one => one.getBoundingClientRect().bottom")
        assert abs(top - bar) <= 8
        await page.keyboard.press("Escape")
        await expect(tile(page, unit.id).locator(".picture")).to_be_in_viewport()

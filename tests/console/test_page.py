"""The page as people meet it: in Chromium, with real WebRTC behind it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, expect

from huishang.demo.units import UNITS
from tests.console.double import TOKEN, Double, loopback_only

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

BY_ID = {unit.id: unit for unit in UNITS}
# Two pictures and one sound are enough to tell who is who, and cheap enough to encode here.
SHOWN = tuple(BY_ID[name] for name in ("county-command", "ptz-ball-2", "radio-phone"))
WAIT_MS = 12_000


@pytest.fixture(autouse=True, scope="module")
def _loopback() -> None:
    loopback_only()


class Serving:
    """The double behind an address that can go away and come back."""

    def __init__(self) -> None:
        self.double = Double(SHOWN)
        self.port = 0
        self.runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.runner = web.AppRunner(self.double.app(), shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        if self.runner:
            await self.runner.cleanup()
        self.runner = None


@pytest_asyncio.fixture(loop_scope="module")
async def serving() -> AsyncIterator[Serving]:
    serving = Serving()
    await serving.start()
    yield serving
    await serving.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext, serving: Serving) -> AsyncIterator[Page]:
    """The page open with a good token; fails the test when a script fails or the policy is broken."""
    trouble: list[str] = []
    page = await context.new_page()
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if "Content Security" in said.text else None)
    await page.goto(f"{serving.url}/#token={TOKEN}")
    yield page
    await page.close()
    assert trouble == []


def tile(page: Page, source_id: str) -> Any:
    return page.locator(f'.tile[data-id="{source_id}"]')


async def wait_state(page: Page, source_id: str, state: str) -> None:
    await expect(tile(page, source_id)).to_have_attribute("data-state", state, timeout=WAIT_MS)


async def wait_live(page: Page) -> None:
    for unit in SHOWN:
        await wait_state(page, unit.id, "live")


BAND_COLOUR = """(id) => {
  const video = document.querySelector(`.tile[data-id="${id}"] video`);
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0);
  return [...pen.getImageData(4, video.videoHeight - 50, 1, 1).data.slice(0, 3)];
}"""

TONE = """async (id) => {
  const {stream} = {stream: document.querySelector(`.tile[data-id="${id}"] video`).srcObject};
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, {fftSize: 32768, smoothingTimeConstant: 0});
  context.createMediaStreamSource(stream).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const end = performance.now() + 8000;
  let best = {level: -Infinity, hz: 0};
  while (performance.now() < end && best.level < -40) {
    await new Promise((done) => setTimeout(done, 200));
    analyser.getFloatFrequencyData(bins);
    bins.forEach((level, index) => {
      if (level > best.level) best = {level, hz: index * context.sampleRate / analyser.fftSize};
    });
  }
  await context.close();
  return best.hz;
}"""


async def test_every_tile_shows_its_own_source_and_its_capture_time(page: Page) -> None:
    await wait_live(page)
    for unit in SHOWN:
        if unit.video:
            colour = await page.evaluate(BAND_COLOUR, unit.id)
            assert max(abs(a - b) for a, b in zip(colour, unit.video.colour, strict=True)) < 24
        await expect(tile(page, unit.id).locator(".name")).to_have_attribute("title", unit.name)
        capture = tile(page, unit.id).locator(".capture")
        await expect(capture).to_be_visible(timeout=WAIT_MS)
        gap = await page.evaluate(
            """async ([id]) => {
              const { timeOfDay } = await import("./js/clock.js");
              const seconds = (text) => text.match(/\\d+/g).reduce((sum, part) => sum * 60 + Number(part), 0);
              const shown = document.querySelector(`.tile[data-id="${id}"] .capture`).textContent;
              return Math.abs(seconds(timeOfDay(Date.now())) - seconds(shown));
            }""",
            [unit.id],
        )
        assert min(gap, 86_400 - gap) <= 2


async def test_every_tile_sounds_of_its_own_source(page: Page) -> None:
    await wait_live(page)
    for unit in SHOWN[1:]:
        assert abs(await page.evaluate(TONE, unit.id) - unit.tone_hz) < 8


async def test_figures_are_shown_and_sound_is_off_until_asked_for(page: Page) -> None:
    await wait_live(page)
    figures = tile(page, "county-command").locator(".figures")
    await expect(figures).to_contain_text("640×360", timeout=WAIT_MS)
    await expect(figures).to_contain_text("kb/s")
    videos = page.locator("video")
    assert await videos.evaluate_all("all => all.filter((one) => one.closest('.tile')).every((one) => one.muted)")
    await tile(page, "county-command").locator(".mute").click()
    assert not await tile(page, "county-command").locator("video").evaluate("one => one.muted")
    await page.keyboard.press("Shift+M")
    assert await tile(page, "county-command").locator("video").evaluate("one => one.muted")


async def test_states_are_told_apart_and_dated(page: Page, serving: Serving) -> None:
    await wait_live(page)
    double = serving.double
    double.states["county-command"] = ("silent", 1_795_230_764.0)
    double.states["radio-phone"] = ("offline", 1_795_230_764.0)
    double.camera_off.add("ptz-ball-2")
    await wait_state(page, "county-command", "silent")
    await wait_state(page, "radio-phone", "offline")
    await wait_state(page, "ptz-ball-2", "cameraOff")
    titles = await page.locator(".state .title").all_inner_texts()
    assert len(set(titles)) == 3
    await expect(tile(page, "county-command").locator(".why")).to_contain_text("11:12:44 起")
    double.states.clear()
    double.camera_off.clear()
    await wait_live(page)


async def test_picture_that_stops_is_called_frozen_and_its_capture_clock_stands(page: Page, serving: Serving) -> None:
    await wait_live(page)
    serving.double.held.add("county-command")
    await wait_state(page, "county-command", "frozen")
    stands = await tile(page, "county-command").locator(".capture").inner_text()
    await wait_state(page, "county-command", "frozen")
    await expect(page.locator(".now .time")).not_to_have_text(stands)
    await expect(tile(page, "county-command").locator(".capture")).to_have_text(stands)
    serving.double.held.clear()
    await wait_state(page, "county-command", "live")


async def test_pause_ends_the_session_and_keeps_a_still(page: Page, serving: Serving) -> None:
    await wait_live(page)
    sessions = len(serving.double.peers)
    await tile(page, "ptz-ball-2").locator(".picture").focus()
    await page.keyboard.press("p")
    await wait_state(page, "ptz-ball-2", "paused")
    await expect(tile(page, "ptz-ball-2").locator(".still")).to_be_visible()
    async with expecting(page, lambda: len(serving.double.peers) == sessions - 1):
        pass
    await page.keyboard.press("p")
    await wait_state(page, "ptz-ball-2", "live")


class expecting:
    """Wait in the page's time until something of the server is so."""

    def __init__(self, page: Page, holds: Any) -> None:
        self.page, self.holds = page, holds

    async def __aenter__(self) -> None:
        for _ in range(WAIT_MS // 50):
            if self.holds():
                return
            await self.page.wait_for_timeout(50)
        raise AssertionError("it did not happen")

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_full_view_by_keyboard_does_not_stop_the_picture(page: Page) -> None:
    await wait_live(page)
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    stream = "() => document.querySelector('.tile[data-id=\"ptz-ball-2\"] video')"
    before = await page.evaluate_handle(stream)
    await page.keyboard.press("Enter")
    await expect(tile(page, "ptz-ball-2")).to_have_class("tile big")
    await expect(page.locator(".detail")).to_be_visible()
    await expect(page.locator(".detail h2")).to_have_text(BY_ID["ptz-ball-2"].name)
    assert await page.evaluate("(one) => one.isConnected && !one.paused", before)
    await page.keyboard.press("Escape")
    await expect(page.locator(".detail")).to_be_hidden()
    assert await page.evaluate("() => document.activeElement.closest('.tile').dataset.id") == "ptz-ball-2"


async def test_question_mark_shows_the_keys(page: Page) -> None:
    await page.keyboard.press("?")
    await expect(page.locator("dialog[open] h2")).to_have_text("键盘操作")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_language_changes_everything_and_is_kept(page: Page) -> None:
    await wait_live(page)
    await page.locator(".language").click()
    await expect(page.locator(".brand")).to_have_text("Huishang")
    body = await page.locator("body").inner_text()
    for unit in UNITS:
        body = body.replace(unit.name, "")
    assert [char for char in body.replace("中文", "") if "\u4e00" <= char <= "\u9fff"] == []
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_token_leaves_the_address_and_a_wrong_one_is_asked_for_again(
    context: BrowserContext, serving: Serving
) -> None:
    page = await context.new_page()
    await page.goto(f"{serving.url}/")
    await expect(page.locator("dialog[open]")).to_contain_text("令牌")
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog[open]")).to_contain_text("服务器不接受这个令牌")
    await page.keyboard.type(TOKEN)
    await page.keyboard.press("Enter")
    await expect(page.locator(".tile")).to_have_count(len(SHOWN))
    await page.goto(f"{serving.url}/#token={TOKEN}")
    assert "token" not in page.url
    await page.close()


async def test_name_with_markup_is_shown_and_never_run(page: Page, serving: Serving) -> None:
    name = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>\u202e会商"
    serving.double.published["evil"] = name
    await expect(tile(page, "evil").locator(".name")).to_have_attribute("title", name)
    assert await page.title() == "会商 · 实时信源"
    assert await page.locator(".tile img, .tile script").count() == 0


async def test_publishing_the_test_picture_arrives_and_stops(page: Page, serving: Serving) -> None:
    await page.keyboard.press("b")
    await page.locator("dialog[open] select").first.select_option("test")
    await page.locator("dialog[open] input").fill("县值班室")
    await page.locator("dialog[open] .button.main").click()
    await expect(page.locator(".onair")).to_contain_text("正在发布：县值班室", timeout=WAIT_MS)
    assert list(serving.double.published.values()) == ["县值班室"]
    video = next(track for track in serving.double.received if track.kind == "video")
    frame = (await video.recv()).to_ndarray(format="rgb24")
    red = frame[80, int(640 / 7 * 5.5)]
    assert red[0] > 150
    assert max(red[1], red[2]) < 60
    await page.locator(".onair .stop").click()
    await expect(page.locator(".onair")).to_be_hidden()
    async with expecting(page, lambda: not serving.double.published):
        pass


async def test_refused_publication_is_said_in_the_dialog(page: Page, serving: Serving) -> None:
    serving.double.refuse = "source-taken"
    await page.keyboard.press("b")
    await page.locator("dialog[open] select").first.select_option("test")
    await page.locator("dialog[open] .button.main").click()
    await expect(page.locator("dialog[open] .trouble")).to_contain_text("source-taken")
    await expect(page.locator("dialog[open] .button.main")).to_be_enabled()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "没有得到使用摄像头"),
        ("NotReadableError", "被其他程序占用"),
        ("NotFoundError", "没有找到摄像头"),
        ("OverconstrainedError", "已拔出"),
        ("TypeError", "摄像头打不开"),
    ],
)
async def test_camera_trouble_is_said_in_words(page: Page, error: str, words: str) -> None:
    await page.evaluate(
        """(name) => {
          navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", name); };
        }""",
        error,
    )
    await page.keyboard.press("b")
    await expect(page.locator("dialog[open] .trouble")).to_contain_text(words)
    await expect(page.locator("dialog[open] .button.main")).to_be_disabled()


async def test_without_https_the_test_picture_is_offered(page: Page) -> None:
    await page.evaluate("() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    await page.keyboard.press("b")
    await expect(page.locator("dialog[open] select").first).to_have_value("test")
    await expect(page.locator("dialog[open] .button.main")).to_be_enabled()


async def test_server_gone_is_said_and_survived_without_a_reload(page: Page, serving: Serving) -> None:
    await wait_live(page)
    await page.evaluate("() => { window.stayed = true; }")
    await serving.stop()
    await expect(page.locator(".link")).to_have_attribute("data-link", "lost", timeout=WAIT_MS)
    await expect(page.locator(".link")).to_contain_text("失去联系")
    await serving.start()
    await expect(page.locator(".link")).to_have_attribute("data-link", "up", timeout=WAIT_MS)
    await wait_live(page)
    assert await page.evaluate("() => window.stayed")


@pytest.mark.parametrize("width", [390, 1440])
async def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    await wait_live(page)
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= width
    await tile(page, "county-command").locator(".picture").click()
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= width


async def test_every_button_has_words_for_a_screen_reader(page: Page) -> None:
    await wait_live(page)
    unnamed = await page.evaluate(
        """() => [...document.querySelectorAll("button, [role=button], select, input")]
          .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.closest("label")?.textContent.trim()))
          .map((one) => one.outerHTML)"""
    )
    assert unnamed == []

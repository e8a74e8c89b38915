"""What the chair does with a consultation by hand: drags in, hands over, locks, and is refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from huishang.demo.units import by_id
from tests.console.node import PASSWORD, LiveUnit, Node
from tests.console.test_meeting import Two, choose, open_page, row, seat
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")

TITLE = "山洪灾害会商"
LIVE, DARK = "河堤一号摄像机", "仓库二号摄像机"


@dataclass
class Held(Two):
    """`camera` publishes; a second one, `DARK`, never has."""

    camera: str


async def enter_cameras(node: Node) -> dict[str, str]:
    """Enter both cameras as the administrator; give their ids by name."""
    async with aiohttp.ClientSession(node.url) as http:
        async with http.post("/api/v1/session", json={"login": "admin", "password": PASSWORD}) as answer:
            signed = await answer.json()
        found = {}
        headers = {"Authorization": f"Bearer {signed['token']}"}
        for name in (LIVE, DARK):
            camera = {"unit": signed["person"]["unit"], "kind": "ip-camera", "name_zh": name}
            async with http.post("/api/v1/endpoints", json=camera, headers=headers) as answer:
                assert answer.status == 201, await answer.text()
                found[name] = (await answer.json())["object"]
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def held(browser: Browser, node: Node) -> AsyncIterator[Held]:
    camera = (await enter_cameras(node))[LIVE]
    trouble: list[str] = []
    async with LiveUnit(replace(by_id("drone-1"), id=camera), node):
        await node.wait(lambda sources: sources.get(camera, {}).get("state") == "live")
        pages = [await open_page(browser, node, login, trouble) for login in ("chair", "member")]
        chair, member = pages
        await chair.locator(".create-button").click()
        await expect(chair.locator("dialog[open] select option")).not_to_have_count(0)
        await chair.locator("dialog[open] input[type=text]").fill(TITLE)
        await chair.keyboard.press("Enter")
        await expect(seat(chair, "李秀英")).to_have_count(1)
        yield Held(chair, member, trouble, camera)
        for page in pages:
            await page.context.close()
    assert trouble == []


async def drop(page: Page, name: str) -> None:
    """Drag something of the tree onto the stage."""
    await page.locator(".left .tree-row").filter(has_text=name).drag_to(page.locator(".pictures"))


async def test_person_dragged_from_the_tree_onto_the_stage_is_invited(held: Held) -> None:
    await drop(held.chair, "王强")
    card = held.member.locator(".card").filter(has_text=TITLE)
    await expect(card).to_contain_text("邀请了您")
    await expect(held.chair.locator(".drop")).to_be_hidden()
    await card.locator(".go").click()
    await expect(seat(held.chair, "王强")).to_have_count(1)


async def test_wrong_camera_on_the_stage_is_taken_back(held: Held) -> None:
    await drop(held.chair, LIVE)
    await expect(seat(held.member, LIVE)).to_have_count(1)
    await held.chair.locator(".prompts .undo").click()
    for page in (held.chair, held.member):
        await expect(seat(page, LIVE)).to_have_count(0)


async def test_camera_dragged_from_the_tree_onto_the_stage_is_seen_by_all(held: Held) -> None:
    await drop(held.chair, LIVE)
    for page in (held.chair, held.member):
        await expect(seat(page, LIVE)).to_have_attribute("data-state", "live")


FRAMES = """() => {
  const seats = [...document.querySelectorAll(".seat")];
  const frames = () => seats.map((one) => getComputedStyle(one, "::after").opacity);
  const speaker = seats.findIndex((one) => one.classList.contains("speaks"));
  if (speaker < 0) return null;
  const found = [frames()];
  seats[speaker].classList.remove("speaks");
  found.push(frames());
  seats[speaker ? 0 : 1].classList.add("speaks");
  found.push(frames());
  seats[speaker ? 0 : 1].classList.remove("speaks");
  seats[speaker].classList.add("speaks");
  return [speaker, speaker ? 0 : 1, found];
}"""


async def test_one_speaker_is_framed_through_a_pause_and_never_two(held: Held) -> None:
    await expect(seat(held.chair, LIVE)).to_have_class("seat speaks")
    # A sound that stands still for a moment is nobody's speech.
    speaker, other, found = await until("somebody speaks", lambda: held.chair.evaluate(FRAMES))
    framed = [[index for index, opacity in enumerate(some) if opacity == "1"] for some in found]
    assert framed == [[speaker], [speaker], [other]]


async def test_own_place_without_camera_and_microphone_says_so_of_both(held: Held) -> None:
    own = seat(held.chair, "李秀英").locator(".state")
    await expect(own).to_contain_text("未打开摄像头和话筒")
    await held.chair.locator(".control.microphone").click()
    await expect(own).to_contain_text("话筒已打开")
    await held.chair.locator(".control.microphone").click()
    await expect(own).to_contain_text("未打开摄像头和话筒")


async def test_camera_that_does_not_send_is_brought_in_and_says_so(held: Held) -> None:
    await drop(held.chair, DARK)
    await expect(seat(held.chair, DARK)).to_have_attribute("data-state", "offline")


async def test_act_that_is_refused_is_said_where_it_was_done(held: Held) -> None:
    await drop(held.member, "赵敏")
    refused = '.prompts .note[data-said="refused"]'
    await expect(held.member.locator(refused)).to_contain_text("您没有这项权限")
    await expect(held.chair.locator(refused)).to_have_count(0)


async def test_deputy_may_do_what_the_chair_does(held: Held) -> None:
    await expect(held.member.locator(".chair-acts")).to_be_hidden()
    await row(held.chair, "王强").locator('[aria-haspopup="menu"]').click()
    await choose(held.chair, "设为副主持")
    await expect(seat(held.member, "王强").locator(".office")).to_have_text("副主持")
    await held.member.locator(".chair-acts .button").filter(has_text="锁定").click()
    for page in (held.chair, held.member):
        await expect(page.locator(".bar .sign").filter(has_text="已锁定")).to_be_visible()


async def test_locked_consultation_takes_in_nobody_and_unlocked_whom_the_chair_admits(
    held: Held, browser: Browser, node: Node
) -> None:
    watcher = await open_page(browser, node, "watcher", held.trouble)
    card = watcher.locator("li.card").filter(has_text=TITLE)
    await expect(card.get_by_text("已锁定")).to_be_visible()
    await expect(card.locator(".go")).to_have_attribute("aria-disabled", "true")
    await held.chair.locator(".chair-acts .button").filter(has_text="解锁").click()
    await expect(card.get_by_text("已锁定")).to_be_hidden()
    await card.locator(".go").click()
    await expect(watcher.locator(".lobby-words")).to_contain_text("等主持人同意")
    await held.chair.locator('[data-section="waiting"] .quick').click()
    await expect(seat(watcher, "李秀英")).to_have_count(1)
    await expect(seat(held.chair, "赵敏")).to_have_count(1)
    await watcher.context.close()


async def test_handing_over_asks_once_and_gives_the_other_the_chair(held: Held) -> None:
    await row(held.chair, "王强").locator('[aria-haspopup="menu"]').click()
    await choose(held.chair, "移交主持")
    await expect(held.chair.locator("dialog[open]")).to_contain_text("王强")
    await held.chair.locator("dialog[open] .row .button").last.click()
    for page in (held.chair, held.member):
        await expect(seat(page, "王强").locator(".office")).to_have_text("主持")
    await expect(held.member.locator(".chair-acts")).to_be_visible()
    await expect(seat(held.chair, "李秀英").locator(".office")).to_have_text("副主持")

"""What the chair does with a consultation by hand: dragged in from the tree, handed over, locked, and refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from huishang.demo.units import by_id
from tests.console.node import PASSWORD, LiveUnit, Node
from tests.console.test_meeting import Two, choose, open_page, row, seat

pytestmark = pytest.mark.asyncio(loop_scope="module")

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def held(browser: Browser, node: Node) -> AsyncIterator[Held]:
    camera = (await enter_cameras(node))[LIVE]
    trouble: list[str] = []
    async with LiveUnit(replace(by_id("drone-1"), id=camera, name=LIVE), node):
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


def thing(held: Held, name: str) -> Locator:
    return held.chair.locator(".left .tree-row").filter(has_text=name)


async def drop(held: Held, name: str) -> None:
    await thing(held, name).drag_to(held.chair.locator(".pictures"))


async def test_person_dragged_from_the_tree_onto_the_stage_is_invited(held: Held) -> None:
    await drop(held, "王强")
    card = held.member.locator(".card").filter(has_text=TITLE)
    await expect(card).to_contain_text("邀请了您")
    await expect(held.chair.locator(".drop")).to_be_hidden()
    await card.locator(".go").click()
    await expect(seat(held.chair, "王强")).to_have_count(1)


async def test_camera_dragged_from_the_tree_onto_the_stage_is_seen_by_all(held: Held) -> None:
    await drop(held, LIVE)
    for page in (held.chair, held.member):
        await expect(seat(page, LIVE)).to_have_attribute("data-state", "live")


async def test_speaker_is_framed_and_nobody_else(held: Held) -> None:
    """The camera's tone is all that sounds, and it breathes: the frame stays through its pauses."""
    await expect(seat(held.chair, LIVE)).to_have_class("seat speaks")
    opacity = "(one) => getComputedStyle(one, '::after').opacity"
    shown = [await one.evaluate(opacity) for one in await held.chair.locator(".seat").all()]
    assert sorted(shown) == ["0", "0", "1"]
    await expect(seat(held.chair, LIVE)).not_to_have_class("seat speaks")
    assert await seat(held.chair, LIVE).evaluate(opacity) == "1", "a pause for breath"


async def test_own_place_without_camera_and_microphone_says_so_of_both(held: Held) -> None:
    own = seat(held.chair, "李秀英").locator(".state")
    await expect(own).to_contain_text("未打开摄像头和话筒")
    await held.chair.locator(".control.microphone").click()
    await expect(own).to_contain_text("话筒已打开")
    await held.chair.locator(".control.microphone").click()
    await expect(own).to_contain_text("未打开摄像头和话筒")


async def test_camera_that_cannot_be_brought_in_is_refused_in_words_on_the_stage(held: Held) -> None:
    await drop(held, DARK)
    note = held.chair.locator('.prompts .note[data-said="refused"]')
    await expect(note).to_have_text("服务器上已没有这个信源。")
    await expect(seat(held.chair, DARK)).to_have_count(0)


async def test_deputy_may_do_what_the_chair_does(held: Held) -> None:
    await expect(held.member.locator(".chair-acts")).to_be_hidden()
    await row(held.chair, "王强").locator('[aria-haspopup="menu"]').click()
    await choose(held.chair, "设为副主持")
    await expect(seat(held.member, "王强").locator(".office")).to_have_text("副主持")
    await held.member.locator(".chair-acts .button").nth(2).click()
    for page in (held.chair, held.member):
        await expect(page.locator(".bar .sign")).to_have_text("已锁定")


async def test_locked_consultation_takes_nobody_in_until_it_is_unlocked(held: Held) -> None:
    await held.member.locator(".control.leave").click()
    card = held.member.locator(".card").filter(has_text=TITLE)
    await expect(card).to_contain_text("已锁定")
    # Whoever was sent away does not come back by the invitation.
    await held.chair.locator(".chair-acts .button").nth(2).click()
    await expect(held.chair.locator(".bar .sign")).to_be_hidden()
    await card.locator(".go").click()
    await expect(seat(held.chair, "王强")).to_have_count(1)


async def test_handing_over_asks_once_and_gives_the_other_the_chair(held: Held) -> None:
    await row(held.chair, "王强").locator('[aria-haspopup="menu"]').click()
    await choose(held.chair, "移交主持")
    await expect(held.chair.locator("dialog[open]")).to_contain_text("王强")
    await held.chair.locator("dialog[open] .row .button").last.click()
    for page in (held.chair, held.member):
        await expect(seat(page, "王强").locator(".office")).to_have_text("主持")
    await expect(held.member.locator(".chair-acts")).to_be_visible()
    await expect(seat(held.chair, "李秀英").locator(".office")).to_be_hidden()

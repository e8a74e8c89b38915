"""A consultation as people hold it: two pages in Chromium, a real node, and what each sees of what the other does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.console.node import Node, sign_in
from tests.console.said import says_done
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

TITLE = "东河流域汛情会商"
COLOUR = """(video) => {
  if (!video.videoWidth) return [0, 0, 0];
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0);
  return [...pen.getImageData(video.videoWidth * 0.1, video.videoHeight * 0.5, 1, 1).data.slice(0, 3)];
}"""

STILL_COLOUR = """(still) => {
  const { data } = still.getContext("2d").getImageData(still.width * 0.1, still.height * 0.5, 1, 1);
  return [...data.slice(0, 3)];
}"""


@dataclass
class Two:
    """Chair and member, both in the same consultation."""

    chair: Page
    member: Page
    trouble: list[str]


async def open_page(browser: Browser, node: Node, login: str, trouble: list[str]) -> Page:
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_S * 1000)
    page = await context.new_page()
    page.on("pageerror", lambda error: trouble.append(f"{login}: {error}"))
    page.on("console", lambda said: trouble.append(said.text) if "Content Security" in said.text else None)
    await sign_in(page, node, login)
    return page


def row(page: Page, name: str) -> Locator:
    return page.locator('[data-section="present"] .person-row').filter(has_text=name)


def seat(page: Page, name: str) -> Locator:
    return page.locator(".seat").filter(has=page.locator(f'.name[title="{name}"]'))


async def choose(page: Page, words: str) -> None:
    await page.locator('[role="menuitem"]').filter(has_text=words).first.click()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def two(browser: Browser, node: Node) -> AsyncIterator[Two]:
    trouble: list[str] = []
    chair = await open_page(browser, node, "chair", trouble)
    member = await open_page(browser, node, "member", trouble)
    yield Two(chair, member, trouble)
    for page in (chair, member):
        await page.context.close()
    assert trouble == []


async def test_consultation_is_made_and_its_maker_is_in_it(two: Two) -> None:
    await two.chair.locator(".create-button").click()
    await expect(two.chair.locator("dialog[open] select option")).not_to_have_count(0)
    await two.chair.locator("dialog[open] input[type=text]").fill(TITLE)
    await two.chair.keyboard.press("Enter")
    await expect(two.chair.locator(".where")).to_have_text(TITLE)
    await expect(row(two.chair, "李秀英")).to_contain_text("主持")
    await expect(two.chair.locator(".alone")).to_contain_text("现在只有您一人")


async def test_person_of_the_tree_is_invited_by_menu_and_joins(two: Two) -> None:
    tree = two.chair.locator(".left .tree-row").filter(has_text="王强")
    await tree.click()
    await choose(two.chair, "邀请进本会商")
    card = two.member.locator(".card").filter(has_text=TITLE)
    await expect(card).to_contain_text("邀请了您")
    await card.locator(".go").click()
    await expect(two.member.locator(".seat")).to_have_count(2)
    await expect(row(two.chair, "王强")).to_have_count(1)
    await expect(seat(two.chair, "王强")).to_have_attribute("data-state", "noCamera")


async def test_each_sees_the_others_camera(two: Two) -> None:
    for page in (two.chair, two.member):
        await page.locator(".control.camera").click()
    for page, other in ((two.chair, "王强"), (two.member, "李秀英")):
        await expect(seat(page, other)).to_have_attribute("data-state", "live")
        video = seat(page, other).locator("video")
        # Chromium's fake camera is green.
        await until(
            "the picture is green",
            partial(video.evaluate, COLOUR),
            lambda colour: colour[1] > colour[0] + 60 and colour[1] > colour[2] + 60,
        )


async def test_who_chose_stills_sees_a_still_of_the_others_camera_by_being_in_it_together(two: Two) -> None:
    chair = seat(two.member, "李秀英")
    await two.member.locator(".acts .mode").click()
    await two.member.locator('[role="menuitemradio"]').filter(has_text="静态画面").last.click()
    await expect(chair).to_have_attribute("data-state", "stills")
    await expect(chair.locator(".state .title")).to_contain_text(":")
    colour = await chair.locator("canvas.still").evaluate(STILL_COLOUR)
    assert colour[1] > colour[0] + 60 and colour[1] > colour[2] + 60
    await two.member.locator(".acts .mode").click()
    await two.member.locator('[role="menuitemradio"]').first.click()
    await expect(chair).to_have_attribute("data-state", "live")


async def test_still_is_had_by_who_may_take_the_picture_just_now(two: Two, node: Node) -> None:
    async with two.chair.expect_request(lambda request: "/still?" in request.url) as asking:
        await two.chair.locator(".acts .mode").click()
        await two.chair.locator('[role="menuitemradio"]').filter(has_text="静态画面").last.click()
    asked = await asking.value
    headers = {"Authorization": await asked.header_value("Authorization") or ""}
    context = parse_qs(urlsplit(asked.url).query)["context"][0]
    consultation = f"{node.url}/api/v1/consultations/{context.removeprefix('consultation:')}/participants"

    async def still(address: str = asked.url) -> tuple[int, str]:
        answer = await two.chair.request.get(address, headers=headers)
        return answer.status, "" if answer.ok else (await answer.json())["code"]

    async def cut(off: bool) -> None:
        people = (await (await two.chair.request.get(consultation, headers=headers)).json())["items"]
        (member,) = (one["id"] for one in people if one["name"] == "王强")
        answer = await two.chair.request.post(f"{consultation}/{member}/mute", headers=headers, data={"picture": off})
        assert answer.ok, await answer.text()

    assert await still() == (200, "")
    assert await still(asked.url.replace(context.partition(":")[2], "elsewhere")) == (403, "forbidden")
    await cut(True)
    assert await still() == (409, "picture-off")
    await expect(seat(two.chair, "王强")).to_have_attribute("data-state", "cutOff")
    await cut(False)
    assert await still() == (200, "")
    await expect(seat(two.chair, "王强")).to_have_attribute("data-state", "stills")
    await two.chair.locator(".acts .mode").click()
    await two.chair.locator('[role="menuitemradio"]').first.click()
    await expect(seat(two.chair, "王强")).to_have_attribute("data-state", "live")


async def test_chair_cuts_a_sound_off_and_both_are_told(two: Two) -> None:
    await two.member.locator(".control.microphone").click()
    quick = row(two.chair, "王强").locator(".quick")
    await expect(quick).to_have_class("button bare quick heard")
    async with says_done(row(two.chair, "王强").locator(".note"), "已完成"):
        await quick.click()
    await expect(two.member.locator(".cut-off")).to_contain_text("您的话筒被主持人静音")
    await expect(seat(two.chair, "王强").locator(".seat-sign.cut")).to_be_visible()


async def test_raised_hand_is_seen_and_the_word_opens_the_sound_again(two: Two) -> None:
    await two.member.locator(".control.hand").click()
    asking = two.chair.locator('[data-section="hands"] .person-row')
    await expect(asking).to_contain_text("王强")
    # On a phone, and where the side is folded, it is said on what opens the side; to whom it concerns.
    await expect(two.chair.locator(".thumb-sheet .badge").last).to_have_text("1")
    await expect(two.member.locator(".thumb-sheet .badge").last).to_have_text("0")
    await expect(two.chair.locator(".top .right .badge")).to_be_hidden()
    await two.chair.locator(".top .right").click()
    await expect(two.chair.locator(".top .right .badge")).to_have_text("1")
    await two.chair.locator(".top .right").click()
    await asking.locator('[aria-haspopup="menu"]').click()
    await choose(two.chair, "让其发言")
    await expect(asking).to_be_hidden()
    await expect(two.member.locator(".cut-off")).to_be_hidden()


async def test_member_is_told_why_the_chairs_acts_are_not_for_it(two: Two) -> None:
    await row(two.member, "李秀英").locator('[aria-haspopup="menu"]').click()
    item = two.member.locator('[role="menuitem"][aria-disabled="true"]')
    await expect(item).to_contain_text("只有主持人、副主持人可以")
    await two.member.keyboard.press("Escape")
    await expect(two.member.locator(".chair-acts")).to_be_hidden()


async def test_text_is_read_by_the_other_and_never_run(two: Two) -> None:
    words = "<img src=x onerror=\"document.title='hacked'\">水位 3.42 米"
    await two.member.locator(".tab").nth(1).click()
    await two.member.locator(".write textarea").fill(words)
    await two.member.keyboard.press("Enter")
    await expect(two.chair.locator(".tab").nth(1).locator(".badge")).to_have_text("1")
    await two.chair.locator(".tab").nth(1).click()
    await expect(two.chair.locator(".message p")).to_have_text(words)
    assert await two.chair.title() == "会商"
    for page in (two.chair, two.member):
        await page.locator(".tab").first.click()


async def test_text_that_is_sent_twice_before_the_answer_is_said_once(two: Two) -> None:
    await two.member.locator(".tab").nth(1).click()
    await two.member.locator(".write textarea").fill("收到")
    press = "(area) => [1, 2].map(() => area.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'})))"
    await two.member.locator(".write textarea").evaluate(press)
    await expect(two.member.locator(".write textarea")).to_have_value("")
    # What is said later comes later, so both of the first would be there.
    await two.member.locator(".write textarea").fill("完毕")
    await two.member.keyboard.press("Enter")
    said = two.chair.locator(".message p")
    await expect(said.last).to_have_text("完毕")
    assert (await said.all_inner_texts())[1:] == ["收到", "完毕"]
    await two.member.locator(".tab").first.click()


async def test_who_leaves_the_page_before_being_let_in_is_not_left_inside(two: Two) -> None:
    """The answer to joining is held up, as by a slow line, until the page shows something else."""
    await two.member.locator(".control.leave").click()
    await expect(row(two.chair, "王强")).to_have_count(0)
    await two.member.locator(".card").filter(has_text=TITLE).locator(".go").wait_for()
    hold = """() => {
      const send = WebSocket.prototype.send;
      WebSocket.prototype.send = function (data) {
        const held = this.onmessage;
        if (data.includes('"consultation.join"')) {
          const told = [];
          this.onmessage = (event) => told.push(event);
          window.letGo = () => { this.onmessage = held; told.forEach(held); };
          WebSocket.prototype.send = send;
        }
        return send.call(this, data);
      };
    }"""
    await two.member.evaluate(hold)
    await two.member.locator(".card").filter(has_text=TITLE).locator(".go").click()
    await expect(row(two.chair, "王强")).to_have_count(1)
    await two.member.locator(".brand").click()
    await expect(two.member.locator(".overview")).to_be_visible()
    await two.member.evaluate("window.letGo()")
    await expect(row(two.chair, "王强")).to_have_count(0)
    await two.member.locator(".card").filter(has_text=TITLE).locator(".go").click()
    await expect(row(two.chair, "王强")).to_have_count(1)
    for part in ("camera", "microphone"):
        await two.member.locator(f".control.{part}").click()


async def test_roll_is_called_and_answered(two: Two) -> None:
    await two.chair.locator(".chair-acts .button").nth(1).click()
    await two.member.locator('[data-prompt="roll"] .main').click()
    await expect(two.chair.locator('[data-prompt="roll"]')).to_be_hidden()
    await expect(two.chair.locator(".roll")).to_contain_text("2/2 已应答")
    await two.chair.locator(".chair-acts .button").nth(1).click()
    await expect(two.chair.locator(".roll")).to_contain_text("点名已结束")


async def test_announcement_stands_above_everybodys_pictures_until_taken_back(two: Two) -> None:
    await two.chair.locator(".chair-acts").get_by_role("button", name="公告").click()
    await two.chair.locator("dialog[open] textarea").fill("九点整听取水利部门汇报")
    await two.chair.locator("dialog[open] .main").click()
    await expect(two.member.locator(".announcement")).to_contain_text("九点整听取水利部门汇报")
    await two.chair.locator(".chair-acts").get_by_role("button", name="公告").click()
    await two.chair.locator("dialog[open] .row > .button").first.click()
    await expect(two.member.locator(".announcement")).to_be_hidden()


async def test_overview_leaves_one_in_the_consultation_and_back_leads_into_it(two: Two) -> None:
    await two.member.locator(".brand").click()
    await expect(two.member.locator(".onair")).to_contain_text("会商中")
    await expect(row(two.chair, "王强")).to_have_count(1)
    await two.member.go_back()
    await expect(seat(two.member, "李秀英")).to_have_attribute("data-state", "live")


async def test_restart_of_the_node_is_survived_without_a_reload(two: Two, node: Node) -> None:
    for page in (two.chair, two.member):
        await page.evaluate("() => { window.stayed = true; }")
    await node.stop()
    await expect(two.chair.locator(".link")).to_have_attribute("data-link", "lost")
    since = re.compile(r"\d\d:\d\d:\d\d 起")
    await expect(two.chair.locator(".link")).to_contain_text(since)
    await expect(seat(two.chair, "王强").locator(".state .why")).to_contain_text(since)
    await two.chair.locator(".control.hand").click()
    await expect(two.chair.locator(".controls > .note")).to_contain_text("没有连上服务器")
    await node.start()
    for page, other in ((two.chair, "王强"), (two.member, "李秀英")):
        await expect(page.locator(".link")).to_have_attribute("data-link", "up")
        await expect(seat(page, other)).to_have_attribute("data-state", "live")
        assert await page.evaluate("() => window.stayed")


async def test_signing_out_of_a_consultation_asks_once(two: Two) -> None:
    await two.member.locator(".signOut").click()
    await expect(two.member.locator("dialog[open]")).to_contain_text(f"您将离开“{TITLE}”")
    await two.member.keyboard.press("Escape")
    await expect(seat(two.member, "李秀英")).to_have_attribute("data-state", "live")


async def test_sent_away_after_one_question_one_can_ask_again_and_is_let_in(two: Two) -> None:
    await row(two.chair, "王强").locator('[aria-haspopup="menu"]').click()
    await choose(two.chair, "请出会商")
    await expect(two.chair.locator("dialog[open]")).to_contain_text("王强 将立即离开")
    await expect(two.chair.locator("dialog[open] .row .button").first).to_be_focused()
    await two.chair.locator("dialog[open] .danger").click()
    await expect(two.member.locator(".lobby-words")).to_contain_text("主持人已请您离开")
    await two.member.locator(".lobby .main").click()
    await expect(two.member.locator(".lobby-words")).to_contain_text("等主持人同意")
    await two.chair.locator('[data-section="waiting"] .quick').click()
    await expect(seat(two.member, "李秀英")).to_have_count(1)


async def test_end_asks_once_and_is_said_to_everybody(two: Two) -> None:
    await two.chair.locator(".chair-acts .danger").click()
    await expect(two.chair.locator("dialog[open]")).to_contain_text("对所有人结束")
    await two.chair.locator("dialog[open] .danger").click()
    for page in (two.chair, two.member):
        await expect(page.locator(".lobby-words")).to_contain_text("会商已结束")

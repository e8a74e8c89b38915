"""What was done is read in words in both languages, found by filters, paged, and missed in words while it cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

import dispatch
from tests.console.office import field, go, pick, save, speak
from tests.console.seat import Seat

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: Names of acts that make entries under other verbs.
ACTS_ONLY = {
    "consultation.bring", "consultation.contribute", "consultation.join", "consultation.leave", "consultation.mute-all",
    "directory.import", "login.end-all", "login.refused", "login.rehash", "participant.spotlight",
}  # fmt: skip
VERB = re.compile(
    r'"((?:directory|unit|person|endpoint|login|welcome|grant|consultation|participant|message|policy|emergency)\.[a-z]+(?:-[a-z]+)*)"'
)


@pytest_asyncio.fixture(loop_scope="package")
async def chief(chief: Seat) -> Seat:
    """The chief's page, loaded anew: nothing that the last test chose on it is left."""
    await chief.page.goto("about:blank")
    await chief.page.goto(f"{chief.county.url}/")
    await chief.page.get_by_text("已连接").first.wait_for()
    return chief


def entries(page: Page) -> Locator:
    return page.locator(".entries > li .entry-words")


async def look(page: Page) -> None:
    """Ask anew."""
    await page.locator(".filter-acts .main").click()


async def see(page: Page, words: str) -> Locator:
    """Look until there is an entry with these words: the database comes a moment behind the acts."""
    found = entries(page).filter(has_text=words).first
    async with page.expect_response(lambda answer: "/api/v1/timeline" in answer.url):
        await look(page)
    while not await found.is_visible():
        async with page.expect_response(lambda answer: "/api/v1/timeline" in answer.url):
            await look(page)
    return found


async def test_act_just_done_is_a_sentence_in_both_languages(chief: Seat) -> None:
    page = await go(chief, f"directory/person:{chief.county.known.people['east']}")
    await field(page, "title").fill("信息员")
    await save(page)
    await go(chief, "timeline")
    found = await see(page, "陈明修改了人员“杨芳”，职务：信息员")
    await expect(found.locator("xpath=../..")).to_contain_text("127.0.0.1")
    await speak(chief, "en")
    await expect(entries(page).first).to_have_text("陈明 changed the person “杨芳”: Title: 信息员")
    await speak(chief, "zh")


async def test_what_is_removed_is_called_by_the_name_it_had(chief: Seat) -> None:
    made = await chief.do("POST", "/people", {"unit": chief.county.known.units["E"], "name": "周小川", "login": "zhou"})
    await chief.do("DELETE", f"/people/{made}")
    page = await go(chief, "timeline")
    await see(page, "陈明删除了人员“周小川（已删除）”")


async def test_filters_find_by_person_thing_kind_and_time(chief: Seat) -> None:
    units = chief.county.known.units
    await chief.do("PATCH", f"/units/{units['E']}", {"name_en": "Zhuyuan"})
    await chief.do("PATCH", f"/units/{units['W']}", {"name_en": "Shazhou"})
    page = await go(chief, "timeline")
    await see(page, "Shazhou")
    await page.locator(".picker").nth(1).click()
    await pick(page, "四川省应急管理厅", "青川县应急管理局", "竹园镇人民政府")
    await expect(entries(page)).to_have_text(
        ["陈明修改了单位“竹园镇人民政府”，英文名称：Zhuyuan", re.compile("服务器新建了单位“竹园镇人民政府”")]
    )
    await page.get_by_role("button", name="清除条件").click()
    await page.locator(".filters select").nth(1).select_option("unit.change")
    await expect(entries(page)).to_have_count(2)
    await page.locator(".picker").nth(0).click()
    await pick(page, "四川省应急管理厅", "陈明")
    await expect(entries(page)).to_have_count(2)
    await page.get_by_label("从（北京时间）").fill("2099-01-01T00:00")
    await expect(page.locator(".audit-state")).to_contain_text("没有符合条件的记录")


async def test_consultation_of_an_entry_is_a_filter(chief: Seat) -> None:
    unit = chief.county.known.units["P"]
    one, _ = [
        await chief.do("POST", "/consultations", {"title": title, "unit": unit}) for title in ("汛情会商", "地震会商")
    ]
    await chief.do("POST", f"/consultations/{one}/end")
    page = await go(chief, "timeline")
    found = await see(page, "陈明结束了会商“汛情会商”")
    await found.locator("xpath=..").get_by_role("button", name="汛情会商").click()
    await expect(entries(page).filter(has_text="地震会商")).to_have_count(0)
    await expect(entries(page).filter(has_text="陈明发起了会商“汛情会商”")).to_have_count(1)


async def test_older_entries_come_page_by_page(chief: Seat) -> None:
    camera = chief.county.known.camera
    for number in range(60):
        await chief.do("PATCH", f"/endpoints/{camera}", {"name_en": f"Dike {number + 1:02}"})
    page = await go(chief, "timeline")
    await page.locator(".filters select").nth(1).select_option("endpoint.change")
    await see(page, "英文名称：Dike 60")
    await expect(entries(page)).to_have_count(50)
    await page.get_by_role("button", name="再看更多").click()
    await expect(entries(page)).to_have_count(60)
    await expect(entries(page).last).to_contain_text("英文名称：Dike 01")
    await expect(page.get_by_role("button", name="再看更多")).to_be_hidden()


async def test_while_the_database_is_gone_it_is_told_since_when_and_acts_go_on(chief: Seat) -> None:
    # The last test of this node, whose database does not come back.
    unit = f"/units/{chief.county.known.units['E']}"
    await chief.do("PATCH", unit, {"name_en": "before it is gone"})
    page = await go(chief, "timeline")
    await see(page, "before it is gone")
    for path in chief.county.folder.glob("*.db*"):
        with path.open("r+b") as file:
            file.write(b"\xff" * path.stat().st_size)
    await chief.do("PATCH", unit, {"name_en": "while it is gone"})
    state = page.locator(".audit-state")
    while "数据库自" not in await state.inner_text():
        async with page.expect_response(lambda answer: "/api/v1/timeline" in answer.url):
            await look(page)
        await expect(state).not_to_have_text("正在取记录。")
    await expect(state).to_contain_text(re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 起不可用"))


async def test_every_verb_has_its_sentence_and_a_newer_nodes_is_told_by_its_code(blank: Page) -> None:
    source = "".join(path.read_text() for path in Path(next(iter(dispatch.__path__))).rglob("*.py"))
    verbs = sorted(set(VERB.findall(source)) - ACTS_ONLY)
    assert "participant.absent" in verbs and "grant.end" in verbs
    said = await blank.evaluate(
        """async (verbs) => {
          const { sentenceOf } = await import("./js/admin/sentence.js");
          const { setLanguage } = await import("./js/i18n.js");
          const names = { of: (target) => target && "N" };
          const entry = { actor: "01A", object: "unit:01B", hlc: [0, 0], params: {} };
          const found = {};
          for (const language of ["zh", "en"]) {
            setLanguage(language);
            found[language] = verbs.map((verb) => sentenceOf({ ...entry, verb }, names));
          }
          return found;
        }""",
        [*verbs, "unit.teleport"],
    )
    for language in ("zh", "en"):
        *known, newer = said[language]
        assert "unit.teleport" in newer and "unit:01B" in newer
        for verb, sentence in zip(verbs, known, strict=True):
            assert sentence and verb not in sentence and "undefined" not in sentence, (verb, sentence)

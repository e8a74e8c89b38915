"""Names wherever a page shows them: a script in one is text, and one written from the right turns no words round it."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from console import STATIC
from tests.console.county import County
from tests.console.office import go
from tests.console.seat import Seat
from tests.console.test_meeting import row
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")
SCRIPT = "<img src=x onerror=window.hit=1>"
OTHER = '"><svg onload=window.hit=2>'
FROM_THE_RIGHT = "مركز"


async def is_harmless(page: Page) -> None:
    """No script has run, and none of it has become an element."""
    assert await page.evaluate("window.hit") is None
    assert await page.locator("img, svg[onload], script:not([src])").count() == 0


async def test_script_in_a_name_is_text_in_tree_search_consultation_and_timeline(
    browser: Browser, own_county: County
) -> None:
    chief, east = [await Seat.take(browser, own_county, login) for login in ("chief", "east")]
    known = own_county.known
    await chief.do("PATCH", f"/people/{known.people['east']}", {"name": SCRIPT, "title": OTHER})
    await chief.do("PATCH", f"/units/{known.units['E']}", {"name_zh": OTHER})
    page = chief.page
    await page.locator(".left .search input").fill("onerror")
    await expect(page.locator(".left .tree-row").filter(has_text=SCRIPT)).to_contain_text(OTHER)
    await page.locator(".left .tree-row").filter(has_text=SCRIPT).click()
    await expect(page.locator(".left .tree-row.current")).to_contain_text(SCRIPT)
    await page.keyboard.press("Escape")
    made = {"title": SCRIPT, "unit": known.units["C"], "admission": "ask", "invite": [f"person:{known.people['east']}"]}
    consultation = await chief.do("POST", "/consultations", made)
    card = east.page.locator(".card").filter(has_text=SCRIPT)
    await expect(card).to_contain_text("邀请了您")
    await chief.join(consultation, sound=False, picture=False)
    await card.locator(".go").click()
    waiting = page.locator('[data-section="waiting"] .person-row')
    await expect(waiting.locator(".name")).to_have_text(SCRIPT)
    await expect(waiting.locator(".row-unit")).to_have_text(OTHER)
    await waiting.locator(".quick").click()
    for one in (chief, east):
        await expect(one.page.locator(".where")).to_have_text(SCRIPT)
        await expect(one.page.locator(".seat").filter(has=one.page.locator(f".name[title='{SCRIPT}']"))).to_be_visible()
    await row(page, SCRIPT).locator('[aria-haspopup="menu"]').click()
    await page.locator('[role="menuitem"]').filter(has_text="请出会商").click()
    await expect(page.locator("dialog[open]")).to_contain_text(f"{SCRIPT} 将立即离开")
    await page.locator("dialog[open] .danger").click()
    await expect(east.page.locator(".lobby-words")).to_contain_text("主持人已请您离开")
    await east.page.locator(".lobby .main").click()
    await expect(east.page.locator(".lobby-words")).to_contain_text("等主持人同意")
    await go(chief, "timeline")
    await expect(page.locator(".entry-words").filter(has_text=f"“{SCRIPT}”").first).to_be_visible()
    for one in (chief, east):
        await is_harmless(one.page)
        await one.close()


#: Fills every text of a table with a name, one place after the other, digits in the others; gives the texts whose
#: other characters do not stand from left to right in their order.
TURNED = """async ([name, paths]) => {
  const { setLanguage, t } = await import("/js/i18n.js");
  const line = document.body.appendChild(document.createElement("div"));
  line.style.cssText = "position: absolute; top: 0; left: 0; white-space: nowrap";
  const lefts = (from, to) => {
    const found = [];
    for (let at = from; at < to; at += 1) {
      const range = document.createRange();
      range.setStart(line.firstChild, at);
      range.setEnd(line.firstChild, at + 1);
      const { left, width } = range.getBoundingClientRect();
      if (width > 0) found.push(left);
    }
    return found;
  };
  const turned = [];
  let tried = 0;
  for (const path of paths) {
    setLanguage(path.split("/")[2]);
    for (const table of Object.values(await import(path))) {
      for (const [key, text] of Object.entries(table)) {
        const places = [...new Set([...text.matchAll(/\\{(\\w+)\\}/gu)].map(([, place]) => place))];
        for (const place of places) {
          const values = Object.fromEntries(places.map((one) => [one, one === place ? name : "60"]));
          line.textContent = t(key, values);
          const said = line.textContent;
          const at = said.indexOf(name);
          const shown = [...lefts(0, at), ...lefts(at + name.length, said.length)];
          tried += 1;
          if (shown.some((left, index) => index > 0 && left < shown[index - 1])) turned.push(`${key}: ${said}`);
        }
      }
    }
  }
  line.remove();
  return { tried, turned };
}"""


async def test_name_from_the_right_turns_none_of_the_words_around_it(browser: Browser, files: str) -> None:
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.goto(f"{files}/index.html")
    paths = [f"/{path.relative_to(STATIC)}" for path in sorted((STATIC / "js" / "i18n").rglob("*.js"))]
    found = await page.evaluate(TURNED, [FROM_THE_RIGHT, paths])
    assert found["tried"] > 100
    assert found["turned"] == []
    await page.close()

"""Search in the tree: what the server finds is shown with its place, and leads there, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.console.county import CAMERA, County
from tests.console.seat import Seat

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def page(browser: Browser, county: County) -> AsyncIterator[Page]:
    """The page of the county's duty officer."""
    officer = await Seat.take(browser, county, "officer")
    yield officer.page
    await officer.close()


def box(page: Page) -> Locator:
    return page.locator(".left .search input")


def rows(page: Page) -> Locator:
    return page.locator(".left .tree-row")


@pytest.mark.parametrize(
    ("words", "found", "beside"),
    [
        ("szz", "沙州镇人民政府", "青川县应急管理局"),
        ("yangfang", "杨芳", "竹园镇人民政府"),
        ("河堤", CAMERA, "沙州镇人民政府"),
    ],
)
async def test_found_by_name_or_pinyin_and_shown_with_where_it_belongs(
    page: Page, words: str, found: str, beside: str
) -> None:
    await box(page).fill(words)
    row = rows(page).filter(has_text=found).first
    await expect(row).to_contain_text(beside)
    await expect(rows(page).filter(has_text="陈明")).to_have_count(0)


async def test_click_leads_to_its_place_in_the_tree(page: Page) -> None:
    await box(page).fill("hdyh")
    await rows(page).filter(has_text=CAMERA).click()
    await expect(box(page)).to_have_value("")
    current = page.locator(".left .tree-row.current")
    await expect(current).to_contain_text(CAMERA)
    assert int(await current.get_attribute("aria-level") or 0) > 1, "below its units, not in a list"
    await expect(rows(page).filter(has_text="沙州镇人民政府")).to_have_attribute("aria-expanded", "true")


async def test_enter_takes_the_best_even_before_the_answer_and_the_keys_go_on_from_there(page: Page) -> None:
    await page.keyboard.press("/")
    await expect(box(page)).to_be_focused()
    await page.keyboard.type("yangfang")
    await page.keyboard.press("Enter")
    current = page.locator(".left .tree-row.current")
    await expect(current).to_contain_text("杨芳")
    await expect(page.locator(".left [role=tree]")).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(current).to_contain_text("竹园镇人民政府")
    await page.keyboard.press("Enter")
    await expect(page.locator('[role="menu"]')).to_contain_text("竹园镇人民政府")
    await page.keyboard.press("Escape")


async def test_escape_ends_the_search_and_nothing_found_is_said(page: Page) -> None:
    await box(page).fill("没有这样的名称")
    await expect(page.locator(".left .tree-empty")).to_be_visible()
    await box(page).press("Escape")
    await expect(rows(page).filter(has_text="青川县应急管理局")).to_be_visible()

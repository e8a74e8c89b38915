"""Files come into the directory by the page: first the report of what would be, then that; and go out again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.console.county import CAMERA, UNITS
from tests.console.office import go, speak
from tests.console.seat import Seat

pytestmark = pytest.mark.asyncio(loop_scope="package")

PROVINCE, COUNTY = UNITS["P"][2], UNITS["C"][2]
GOOD = ("乔庄镇", "乡镇", f"{PROVINCE}/{COUNTY}", "510822100")
FILE = "\r\n".join(
    ",".join(row)
    for row in (
        ("名称", "级别", "上级单位", "行政区划代码"),
        GOOD,
        ("坏级别", "王国", PROVINCE, ""),
        ("<b>孤儿</b>", "村", "不存在的单位", ""),
        ("坏代码", "县", PROVINCE, "5.1E+11"),
    )
).encode("gb18030")


async def bring(page: Page, name: str, data: bytes) -> None:
    file = {"name": name, "mimeType": "text/csv", "buffer": data}
    await page.locator(".file-pick input").set_input_files(file)  # type: ignore[arg-type]
    await expect(page.locator(".import-state")).to_contain_text("将新建")


async def children(seat: Seat) -> set[str]:
    """The names below the county."""
    _, answer = await seat.api("GET", f"/units?parent={seat.county.known.units['C']}")
    return {unit["name_zh"] for unit in answer["items"]}


async def test_spreadsheets_file_is_checked_row_by_row_before_anything_is_written(chief: Seat) -> None:
    page = await go(chief, "files")
    before = await children(chief)
    await bring(page, "单位.csv", FILE)
    await expect(page.locator(".import-state")).to_have_text("将新建 1 项，修改 0 项；0 项没有变化，3 行不能导入。")
    reports = page.locator(".report:visible")
    planned = reports.nth(0).locator("tbody tr")
    assert await planned.all_inner_texts() == ["新建\t单位\t乔庄镇\t乡镇 · 510822100"]
    refused = [text.split("\t") for text in await reports.nth(1).locator("tbody tr").all_inner_texts()]
    assert [(row[0], row[1], row[3], row[4]) for row in refused] == [
        ("单位.csv", "3", "级别", "王国"),
        ("单位.csv", "4", "上级单位", "不存在的单位"),
        ("单位.csv", "5", "行政区划代码", "5.1E+11"),
    ]
    assert all(row[5] and "代码 " not in row[5] for row in refused), "reasons in words"
    assert await page.locator(".report b").count() == 0
    assert await children(chief) == before, "nothing was written yet"
    await page.get_by_role("button", name="写入 1 项").click()
    await expect(page.locator(".import-state")).to_have_attribute("data-said", "done")
    assert await children(chief) == before | {GOOD[0]}
    await bring(page, "单位.csv", FILE)
    await expect(page.locator(".import-state")).to_contain_text("1 项没有变化")
    await expect(page.get_by_role("button", name="写入 0 项")).to_have_attribute("aria-disabled", "true")


async def test_check_that_is_cancelled_leaves_nothing(chief: Seat) -> None:
    page = await go(chief, "files")
    await bring(page, "more.csv", "名称,级别,上级单位\n青溪镇,乡镇,510822\n".encode())
    await page.get_by_role("button", name="取消").click()
    await expect(page.locator(".report:visible")).to_have_count(0)
    assert "青溪镇" not in await children(chief)


async def test_many_refused_rows_are_shown_by_pages(chief: Seat) -> None:
    page = await go(chief, "files")
    rows = "".join(f"村{number},王国,{PROVINCE}\n" for number in range(450))
    await bring(page, "many.csv", f"名称,级别,上级单位\n{rows}".encode())
    shown = page.locator(".report:visible tbody tr")
    for count in (200, 400, 450):
        await expect(shown).to_have_count(count)
        if count < 450:
            await page.locator(".report:visible").get_by_role("button").click()
    await page.get_by_role("button", name="取消").click()


async def test_what_is_no_directory_is_told_in_words_in_both_languages(chief: Seat) -> None:
    page = await go(chief, "files")
    await bring(page, "picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00")
    reason = page.locator(".report:visible td").last
    chinese = await reason.inner_text()
    await speak(chief, "en")
    await expect(reason).not_to_have_text(chinese)
    await speak(chief, "zh")


async def test_directory_goes_out_as_a_file_that_comes_in_unchanged(chief: Seat, tmp_path: Path) -> None:
    page = await go(chief, "files")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="全部（JSON）").click()
    path = tmp_path / "all.json"
    await (await download.value).save_as(path)
    told = json.loads(path.read_bytes())
    assert CAMERA in {endpoint["name_zh"] for endpoint in told["endpoints"]}
    await bring(page, "all.json", path.read_bytes())
    await expect(page.locator(".import-state")).to_contain_text("将新建 0 项，修改 0 项")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="人员（CSV）").click()
    await (await download.value).save_as(path)
    assert "登录名" in path.read_text("utf-8-sig")

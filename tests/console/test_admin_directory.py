"""The directory is administered by click, against a real node: what is done is in its tables, or refused in words."""

from __future__ import annotations

import aiohttp
import pytest
import segno
from playwright.async_api import Browser, expect

from tests.console.county import CAMERA, UNITS, County
from tests.console.office import agree, another, field, go, gone, known, pick, press, save
from tests.console.seat import Seat
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="package")

PROVINCE, COUNTY, EAST, WEST = (UNITS[key][2] for key in "PCEW")
SCRIPT = "<img src=x onerror=alert(1)>"


async def test_unit_is_made_changed_moved_and_removed(chief: Seat, county: County) -> None:
    units = county.known.units
    page = await go(chief, f"directory/unit:{units['C']}")
    await press(page, "新建下级单位")
    await field(page, "name_zh").fill("关庄镇")
    await field(page, "code").fill("51")
    await page.locator(".admin-form .main").click()
    await expect(page.locator(".admin-view h2")).to_have_text("关庄镇")
    made = page.url.rpartition("unit:")[2]
    record = await known(chief, f"/units/{made}", parent=units["C"], name_zh="关庄镇", code="51")
    assert record["level"] == "township", "what stands below a county is a township, unless somebody says otherwise"
    await field(page, "name_en").fill("Guanzhuang")
    await save(page)
    await known(chief, f"/units/{made}", name_en="Guanzhuang", name_zh="关庄镇")
    await press(page, "移动到")
    await pick(page, PROVINCE)
    await known(chief, f"/units/{made}", parent=units["P"])
    await press(page, "删除")
    await expect(page.locator("dialog[open]")).to_contain_text("关庄镇")
    await page.keyboard.press("Escape")
    await known(chief, f"/units/{made}", parent=units["P"])
    await press(page, "删除")
    await agree(page)
    await gone(chief, f"/units/{made}")
    await expect(page.locator(".admin-view > .none")).to_contain_text("已被删除")


async def test_refusal_is_said_at_the_thing_with_what_to_do(chief: Seat, county: County) -> None:
    page = await go(chief, f"directory/unit:{county.known.units['C']}")
    await press(page, "删除")
    await agree(page)
    note = page.locator(".admin-view > div > .note")
    await expect(note).to_have_attribute("data-said", "refused")
    await expect(note).to_contain_text("先移走或删除")
    await press(page, "新建人员")
    await field(page, "name").fill("王强")
    await field(page, "login").fill("chief")
    await page.locator(".admin-form .main").click()
    await expect(page.locator(".admin-form .note")).to_contain_text("已有人使用")
    await expect(field(page, "login")).to_be_focused()
    await expect(field(page, "login")).to_have_attribute("aria-invalid", "true")


async def test_person_is_made_given_a_role_disabled_enabled_and_removed(chief: Seat, county: County) -> None:
    units = county.known.units
    page = await go(chief, f"directory/new-person/{units['E']}")
    await field(page, "name").fill("赵敏")
    await field(page, "login").fill("zhaomin")
    await page.locator(".admin-form .main").click()
    await expect(page.locator(".admin-view h2")).to_have_text("赵敏")
    path = f"/people/{page.url.rpartition('person:')[2]}"
    await known(chief, path, login="zhaomin", unit=units["E"], roles=[])
    await page.locator(".admin-section select").first.select_option("operator")
    await press(page, "授予")
    await pick(page, PROVINCE, COUNTY)
    await known(chief, path, roles=[{"name": "operator", "scope": units["C"]}])
    role = page.locator(".role-rows li")
    await expect(role).to_have_text(f"操作员（{COUNTY}）")
    await role.get_by_role("button").click()
    await agree(page)
    await known(chief, path, roles=[])
    await press(page, "停用")
    await agree(page)
    await known(chief, path, disabled=True)
    await expect(page.locator(".admin-head")).to_contain_text("已停用")
    await press(page, "启用")
    await known(chief, path, disabled=False)
    await press(page, "移动到")
    await pick(page, PROVINCE, COUNTY, WEST)
    await known(chief, path, unit=units["W"])
    await press(page, "删除")
    await agree(page)
    await gone(chief, path)


async def test_one_time_link_is_shown_once_as_text_and_code_and_signs_in(
    chief: Seat, county: County, browser: Browser
) -> None:
    page = await go(chief, f"directory/person:{county.known.people['west']}")
    await press(page, "生成一次性登录链接")
    await page.locator(".secret .qr").wait_for()
    link = await page.locator(".secret .copied").input_value()
    assert link.startswith(f"{county.url}/#welcome=")
    drawn = await page.locator(".secret .qr path").get_attribute("d")
    matrix = segno.make_qr(link, error="l", boost_error=True, encoding="utf-8").matrix
    dark = {(x + 4, y + 4) for y, row in enumerate(matrix) for x, module in enumerate(row) if module}
    assert modules(drawn or "") == dark
    guest = await Seat.take(browser, county, "west", link)
    await expect(guest.page.locator(".me")).to_contain_text("刘洋")
    await guest.close()
    await go(chief, f"directory/person:{county.known.people['east']}")
    await go(chief, f"directory/person:{county.known.people['west']}")
    await expect(page.locator(".admin-view h2")).to_have_text("刘洋")
    await expect(page.locator(".secret")).to_be_hidden()
    assert link not in await page.content()


def modules(path: str) -> set[tuple[int, int]]:
    """The places that a path of runs (`Mx yhNv1h-Nz`) covers."""
    found = set()
    for run in path.split("M")[1:]:
        place, _, rest = run.partition("h")
        x, y = map(int, place.split())
        found |= {(x + step, y) for step in range(int(rest.partition("v")[0]))}
    return found


async def test_password_that_is_set_signs_in_and_the_old_sign_ins_end(
    chief: Seat, county: County, browser: Browser
) -> None:
    guest = await another(browser, county, chief, "sunli", "member", county.known.units["E"])
    status, found = await guest.api("GET", "/search?q=sunli")
    assert status == 200
    page = await go(chief, f"directory/person:{found['results'][0]['id']}")
    password = page.locator(".admin-section input[type=password]")
    await password.fill("short")
    await press(page, "设定密码")
    await agree(page)
    await expect(page.locator(".admin-section .note[data-said=refused]")).to_contain_text("密码")
    await password.fill("correct horse battery 9")
    await press(page, "设定密码")
    await agree(page)
    await expect(password).to_have_value("")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
        form = {"login": "sunli", "password": "correct horse battery 9"}
        async with http.post(f"{county.url}/api/v1/session", json=form) as answer:
            assert answer.status == 200
    await expect(guest.page.locator(".signin")).to_be_visible()
    await guest.close()


async def test_endpoint_is_made_and_its_credential_opens_the_address_shown(chief: Seat, county: County) -> None:
    page = await go(chief, f"directory/new-endpoint/{county.known.units['W']}")
    await field(page, "name_zh").fill("二号无人机")
    await field(page, "kind").select_option("drone")
    await field(page, "gb_id").fill("51082200001320000001")
    await page.locator(".admin-form .main").click()
    await expect(page.locator(".admin-view h2")).to_have_text("二号无人机")
    path = f"/endpoints/{page.url.rpartition('endpoint:')[2]}"
    await known(chief, path, kind="drone", gb_id="51082200001320000001")
    await press(page, "生成新凭据")
    await agree(page)
    await page.locator(".secret .qr").wait_for()
    address = await page.get_by_label("WHIP 推流地址", exact=True).input_value()
    token = await page.get_by_label("凭据（Bearer Token）", exact=True).input_value()
    assert address in await page.get_by_label("GStreamer 测试命令", exact=True).input_value()
    assert await offered(address, token) == 400, "it may; what it sent is no offer"
    await press(page, "生成新凭据")
    await agree(page)
    fresh = page.get_by_label("凭据（Bearer Token）", exact=True)
    await expect(fresh).not_to_have_value(token)
    assert await offered(address, token) == 401, "the one before is void"
    await press(page, "停用")
    await agree(page)
    await known(chief, path, disabled=True)
    assert await offered(address, await fresh.input_value()) in (401, 403)
    await press(page, "删除")
    await agree(page)
    await gone(chief, path)


async def offered(address: str, token: str) -> int:
    """The status that something which is no offer is answered with."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http,
        http.post(address, data=b"no offer", headers=headers) as answer,
    ):
        return answer.status


async def test_row_that_is_dragged_onto_a_unit_moves_there(chief: Seat, county: County) -> None:
    units, camera = county.known.units, county.known.camera
    page = await go(chief, "directory")
    rows = page.locator(".admin-tree .tree-row")
    for name in (COUNTY, WEST):
        row = rows.filter(has_text=name)
        if await row.get_attribute("aria-expanded") == "false":
            await row.locator(".arrow").click()
    await rows.filter(has_text=CAMERA).drag_to(rows.filter(has_text=EAST))
    await expect(page.locator("dialog[open]")).to_contain_text(EAST)
    await agree(page)
    await known(chief, f"/endpoints/{camera}", unit=units["E"])
    await chief.do("PUT", f"/endpoints/{camera}/unit", {"unit": units["W"]})


async def test_tree_and_form_are_used_by_keyboard_alone(chief: Seat, county: County) -> None:
    page = await go(chief, "directory")
    await page.locator(".admin-tree [role=tree]").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(".admin-view h2")).to_have_text(PROVINCE)
    await field(page, "name_en").focus()
    await page.keyboard.type("Sichuan")
    await page.keyboard.press("Enter")
    await known(chief, f"/units/{county.known.units['P']}", name_en="Sichuan")


async def test_script_in_a_name_is_text_everywhere(chief: Seat, county: County) -> None:
    made = await chief.do("POST", "/people", {"unit": county.known.units["E"], "name": SCRIPT, "login": "script"})
    page = await go(chief, f"directory/person:{made}")
    await expect(page.locator(".admin-view h2")).to_have_text(SCRIPT)
    await press(page, "删除")
    await expect(page.locator("dialog[open] .trouble")).to_contain_text(SCRIPT)
    await page.keyboard.press("Escape")
    await go(chief, "timeline")
    await expect(page.locator(".entry-words").filter(has_text=SCRIPT).first).to_be_visible()
    assert await page.locator("img").count() == 0
    await chief.do("DELETE", f"/people/{made}")


async def test_member_is_shown_no_way_in_and_gets_none_by_the_address(
    chief: Seat, county: County, browser: Browser
) -> None:
    member = await Seat.take(browser, county, "east")
    await until("the page knows", lambda: member.page.locator(".me").inner_text(), lambda text: EAST in text)
    await expect(member.page.locator(".top .admin")).to_be_hidden()
    for section in ("directory", "files", "timeline", "grants"):
        page = await go(member, section)
        await expect(page.locator(".admin-body > .none")).to_be_visible()
        await expect(page.locator(".admin-body > div")).to_be_hidden()
    status, _ = await member.api("POST", "/people", {"unit": county.known.units["E"], "name": "x", "login": "xx"})
    assert status == 403
    await member.close()


async def test_what_an_officer_may_not_is_there_with_its_reason(county: County, browser: Browser) -> None:
    officer = await Seat.take(browser, county, "officer")
    await officer.page.locator(".top .admin").click()
    page = await go(officer, f"directory/person:{county.known.people['west']}")
    make = page.get_by_role("button", name="生成一次性登录链接")
    await expect(make).to_have_attribute("aria-disabled", "true")
    await expect(make).to_have_attribute("title", "这里需要管理员角色，您没有")
    await expect(field(page, "title")).to_be_enabled()
    await go(officer, f"directory/unit:{county.known.units['P']}")
    await expect(page.locator(".admin-view h2")).to_have_text(PROVINCE)
    await expect(field(page, "name_zh")).to_be_disabled()
    await expect(field(page, "name_zh")).to_have_attribute("title", "您没有管理这个单位的权限")
    await officer.close()


async def test_two_administrators_at_once_keep_each_others_work(chief: Seat, county: County, browser: Browser) -> None:
    units = county.known.units
    other = await another(browser, county, chief, "deputy", "administrator", units["P"])
    made = await chief.do("POST", "/people", {"unit": units["W"], "name": "钱进", "login": "qianjin"})
    one, two = [await go(seat, f"directory/person:{made}") for seat in (chief, other)]
    await field(one, "name").fill("钱进步")
    await field(two, "title").fill("值班长")
    await save(two)
    await expect(field(one, "title")).to_have_value("值班长")
    await expect(field(one, "name")).to_have_value("钱进步")
    await field(two, "name").fill("钱来")
    await save(two)
    await expect(one.locator(".admin-form .hint").first).to_contain_text("钱来")
    await save(one)
    await known(chief, f"/people/{made}", name="钱进步", title="值班长")
    await other.do("DELETE", f"/people/{made}")
    await expect(one.locator(".admin-view > .none")).to_contain_text("已被删除")
    await other.close()

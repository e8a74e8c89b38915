"""Administration as its tests do it: pages of people signed in to a county, gone to by address, acted on by click."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, Locator, Page, expect

from tests.console.county import County
from tests.console.said import says_done
from tests.console.seat import Seat
from tests.patience import until


async def go(seat: Seat, address: str) -> Page:
    """Go to a page of administration, `address` behind `#/admin/`."""
    await seat.page.evaluate("(hash) => { location.hash = hash; }", f"#/admin/{address}")
    await expect(seat.page.locator(".admin-page")).to_be_visible()
    return seat.page


async def speak(seat: Seat, language: str) -> None:
    """Switch the page's language."""
    await seat.page.evaluate("async (name) => (await import('/js/i18n.js')).setLanguage(name)", language)


async def another(browser: Browser, county: County, chief: Seat, login: str, role: str, unit: str) -> Seat:
    """Make somebody with a role in a unit, and open the page for them."""
    roles = [{"name": role, "scope": unit}]
    person = await chief.do("POST", "/people", {"unit": unit, "name": login, "login": login, "roles": roles})
    status, made = await chief.api("POST", "/welcomes", {"person": person})
    assert status == 201
    return await Seat.take(browser, county, login, f"{county.url}/#welcome={made['welcome']}")


async def known(seat: Seat, path: str, **wanted: Any) -> dict[str, Any]:
    """Wait until a record is as wanted, as the interface tells it; return it."""

    def is_so(answer: tuple[int, Any]) -> bool:
        status, record = answer
        return status == 200 and all(record[name] == value for name, value in wanted.items())

    _, record = await until(f"{path} is as wanted", lambda: seat.api("GET", path), is_so)
    return dict(record)


async def gone(seat: Seat, path: str) -> None:
    """Wait until there is no such record."""
    await until(f"{path} is gone", lambda: seat.api("GET", path), lambda answer: answer[0] == 404)


def field(page: Page, name: str) -> Locator:
    """The input of a form's field."""
    return page.locator(f'.admin-form [name="{name}"]')


async def press(page: Page, words: str) -> None:
    """Press the button with these words beside the tree."""
    await page.locator(".admin-place").get_by_role("button", name=words).first.click()


async def save(page: Page) -> None:
    """Send the form, and wait for its being done to be said at it."""
    async with says_done(page.locator(".admin-form .note")):
        await page.locator(".admin-form .main").click()


async def agree(page: Page) -> None:
    """Say yes to the one question before what does harm."""
    await page.locator("dialog[open] .danger").click()


async def pick(page: Page, *names: str) -> None:
    """Choose the last of these in the dialog's tree, having opened those before it."""
    rows = page.locator("dialog[open] .tree-row")
    for name in names[:-1]:
        row = rows.filter(has_text=name)
        await expect(row).to_be_visible()
        if await row.get_attribute("aria-expanded") == "false":
            await row.locator(".arrow").click()
    await rows.filter(has_text=names[-1]).click()
    await page.locator("dialog[open] .main").click()

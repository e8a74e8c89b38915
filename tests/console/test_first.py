"""What a visitor meets before choosing anything: the server's language, the system's light."""

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from console import STATIC
from tests.console.node import Node

pytestmark = pytest.mark.asyncio(loop_scope="package")

DEFAULT = '<html lang="zh-CN">'


async def open_served_as(context: BrowserContext, files: str, lang: str) -> Page:
    """Open the page as a server with that language serves it."""

    async def serve(route: Route) -> None:
        html = (STATIC / "index.html").read_text()
        assert html.count(DEFAULT) == 1
        await route.fulfill(content_type="text/html", body=html.replace(DEFAULT, f'<html lang="{lang}">'))

    page = await context.new_page()
    await page.route(f"{files}/index.html", serve)
    await page.goto(f"{files}/index.html")
    return page


@pytest.mark.parametrize(
    ("lang", "brand"), [("en", "Huishang"), ("EN-gb", "Huishang"), ("zh-CN", "会商"), ("fr", "会商"), ("", "会商")]
)
async def test_language_is_the_servers(context: BrowserContext, files: str, lang: str, brand: str) -> None:
    page = await open_served_as(context, files, lang)
    await expect(page.locator(".brand")).to_have_text(brand)
    await expect(page.locator("html")).to_have_attribute("lang", "en" if brand == "Huishang" else "zh-CN")


async def test_language_somebody_chose_is_before_the_servers(context: BrowserContext, files: str) -> None:
    page = await open_served_as(context, files, "en")
    await expect(page.locator(".brand")).to_have_text("Huishang")
    await page.evaluate("async () => (await import('./js/i18n.js')).setLanguage('zh')")
    page = await open_served_as(context, files, "en")
    await expect(page.locator(".brand")).to_have_text("会商")


async def test_page_is_not_dark_before_its_scripts_run_where_the_system_is_light(browser: Browser, files: str) -> None:
    context = await browser.new_context(color_scheme="light", java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{files}/index.html")
    scheme = "() => [document.documentElement, document.querySelector('.top')].map((one) => getComputedStyle(one))"
    grounds = await page.evaluate(f"() => ({scheme})().map((style) => style.backgroundColor)")
    await context.close()
    assert set(grounds) == {"rgba(0, 0, 0, 0)"}


async def test_link_that_does_not_sign_in_says_so_and_nothing_is_waited_for(
    context: BrowserContext, node: Node
) -> None:
    page = await context.new_page()
    await page.goto(f"{node.url}/#welcome=used.before")
    await expect(page.locator(".signin h1")).to_have_text("这个链接不能登录")
    await expect(page.locator(".signin .trouble")).to_contain_text("welcome-unknown")
    await expect(page.locator(".link")).to_be_hidden()
    await page.get_by_role("button", name="改用账号和密码登录").click()
    await expect(page.locator(".signin h1")).to_have_text("登录")
    await page.close()

"""The way in: whatever is typed or pressed, the page goes on asking until the server takes a token."""

from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.console.node import PUBLISHER, TOKEN, WATCHER, Node
from tests.console.test_logic import run

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = "**/api/v1/sources"


async def give(page: Page, token: str) -> None:
    await page.locator("dialog[open] input").fill(token)
    await page.keyboard.press("Enter")


async def test_every_wrong_token_is_answered_with_the_question_again(context: BrowserContext, node: Node) -> None:
    page = await context.new_page()
    await page.goto(f"{node.url}/#token=wrong-at-first-1234")
    for wrong in ("wrong-the-second-time", "wrong-the-third-time"):
        await expect(page.locator("dialog[open]")).to_contain_text("服务器不接受这个令牌")
        async with page.expect_response(LIST) as refused:
            await give(page, wrong)
        assert (await refused.value).status == 401
    await expect(page.locator("dialog[open] input")).to_be_focused()
    await give(page, TOKEN)
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")
    await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_escape_does_not_close_the_only_way_in(context: BrowserContext, node: Node) -> None:
    page = await context.new_page()
    await page.goto(f"{node.url}/")
    await expect(page.locator("dialog[open]")).to_contain_text("令牌")
    for _ in range(4):
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog[open] input")).to_be_focused()
    await give(page, TOKEN)
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")


async def test_token_in_the_address_answers_the_question_too(context: BrowserContext, node: Node) -> None:
    page = await context.new_page()
    await page.goto(f"{node.url}/")
    await expect(page.locator("dialog[open]")).to_contain_text("令牌")
    await page.goto(f"{node.url}/#token={TOKEN}")
    await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_token_given_while_an_old_one_is_being_refused_is_tried(context: BrowserContext, node: Node) -> None:
    """The refusal of the old one arrives after the new one was given, and is not taken for its own."""
    page = await context.new_page()
    held: list[Route] = []

    async def hold(route: Route) -> None:
        if held:
            await route.continue_()
        else:
            held.append(route)

    await page.route(LIST, hold)
    async with page.expect_request(LIST):
        await page.goto(f"{node.url}/#token=wrong-at-first-1234")
    await page.evaluate("(token) => { location.hash = `token=${token}`; }", TOKEN)
    await expect(page).to_have_url(f"{node.url}/")
    await held[0].continue_()
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")
    await expect(page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize(
    ("token", "code"), [("no-such-token-12345678", "unauthorized"), (PUBLISHER, "forbidden"), (WATCHER, "")]
)
async def test_wrong_token_and_token_without_the_right_are_told_apart(
    context: BrowserContext, node: Node, token: str, code: str
) -> None:
    page = await context.new_page()
    await page.goto(f"{node.url}/icons.svg")
    offer = """m.setToken(a), await m.offerSession("/whep/nothing", "v=0").catch((error) => error.code)"""
    got = await run(page, "api", offer, token)
    assert got == code if code else got not in ("unauthorized", "forbidden")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(403, "<h1>Forbidden</h1>", "forbidden"), (401, "null", "unauthorized"), (502, "", "http-502")],
)
async def test_refusal_of_a_proxy_has_a_code_too(blank: Page, status: int, body: str, code: str) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(status=status, body=body)

    await blank.route("**/whep/x", answer)
    got: Any = await run(blank, "api", "await m.offerSession('/whep/x', '').catch((error) => error.code)")
    await blank.unroute("**/whep/x")
    assert got == code


async def look_away_and_back(page: Page) -> None:
    await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")


async def test_looking_away_before_the_first_token_asks_nothing_and_keeps_what_is_typed(
    context: BrowserContext, node: Node
) -> None:
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
    await page.goto(f"{node.url}/")
    field = page.locator("dialog[open] input")
    await field.fill("half-typed-tok")
    await look_away_and_back(page)
    # A request made after it has been answered: the question would have come before.
    await page.evaluate("() => fetch('icons.svg').then((answer) => answer.text())")
    assert asked == []
    await expect(page.locator("dialog[open]")).to_contain_text("服务器只让持有令牌的人观看")
    await expect(field).to_have_value("half-typed-tok")


async def test_second_refusal_of_the_old_token_keeps_what_is_typed(context: BrowserContext, node: Node) -> None:
    page = await context.new_page()
    await page.goto(f"{node.url}/#token=wrong-at-first-1234")
    await expect(page.locator("dialog[open]")).to_contain_text("服务器不接受这个令牌")
    field = page.locator("dialog[open] input")
    await expect(field).to_have_value("")
    await field.fill("half-typed-tok")
    async with page.expect_response(LIST) as refused:
        await look_away_and_back(page)
    await (await refused.value).finished()
    await page.evaluate("() => fetch('icons.svg').then((answer) => answer.text())")
    await expect(field).to_have_value("half-typed-tok")
    # Once given it is gone, and asked for again.
    await page.keyboard.press("Enter")
    await expect(field).to_have_value("")
    await expect(field).to_be_focused()


async def test_blanks_are_not_taken_for_a_token(context: BrowserContext, node: Node) -> None:
    page = await context.new_page()
    await page.goto(f"{node.url}/")
    await give(page, "   ")
    await expect(page.locator("dialog[open] input:invalid")).to_be_focused()
    await give(page, TOKEN)
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")

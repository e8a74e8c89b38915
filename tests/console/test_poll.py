"""The page goes on asking the server, whatever it is answered and whatever its own parts make of that."""

import json
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.console.node import TOKEN, Node

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = "**/api/v1/sources"
GOOD = {
    "id": "good",
    "name": "竹园镇会议室",
    "state": "offline",
    "since": "2026-11-21T03:12:44Z",
    "viewers": 0,
    "tracks": [],
}


class Answers:
    """Answers the page's questions with `bodies` in turn, the last one for ever; counts the questions."""

    def __init__(self, *bodies: Any) -> None:
        self.bodies = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        self.asked = 0

    async def __call__(self, route: Route) -> None:
        body = self.bodies[min(self.asked, len(self.bodies) - 1)]
        self.asked += 1
        await route.fulfill(status=200, content_type="application/json", body=body)


async def open_with(context: BrowserContext, node: Node, answers: Answers) -> Page:
    page = await context.new_page()
    await page.route(LIST, answers)
    await page.goto(f"{node.url}/#token={TOKEN}")
    return page


@pytest.mark.parametrize("odd", ["{}", "null", "7", "<html>sign in to this network</html>", '{"sources": {}}'])
async def test_answer_of_another_shape_is_said_and_the_next_one_taken(
    context: BrowserContext, node: Node, odd: str
) -> None:
    page = await open_with(context, node, Answers(odd, odd, {"now": "", "sources": [GOOD]}))
    await expect(page.locator(".link")).to_have_attribute("data-link", "lost")
    await expect(page.locator(".tile")).to_have_count(1)
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")


async def test_source_that_cannot_be_drawn_leaves_the_others_theirs(context: BrowserContext, node: Node) -> None:
    odd = {**GOOD, "id": "odd", "tracks": 7}
    renamed = {**GOOD, "name": "改了名的会议室"}
    first = {"now": "", "sources": [None, 7, {"id": 7}, odd, GOOD]}
    answers = Answers(first, first, {"now": "", "sources": [odd, renamed]})
    page = await open_with(context, node, answers)
    name = page.locator('.tile[data-id="good"] .name')
    await expect(name).to_have_attribute("title", "改了名的会议室")
    await expect(page.locator(".tile")).to_have_count(2)
    asked = answers.asked
    async with page.expect_response(LIST), page.expect_response(LIST):
        pass
    assert answers.asked > asked
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")


async def test_hidden_page_asks_less_often_and_at_once_when_it_is_seen(context: BrowserContext, node: Node) -> None:
    page = await context.new_page()
    # Only the page's own clock runs, so that pauses are told apart without waiting for them.
    await page.clock.install()
    answers = Answers({"now": "", "sources": []})
    await page.route(LIST, answers)
    await page.goto(f"{node.url}/#token={TOKEN}")
    await expect(page.locator(".link")).to_have_attribute("data-link", "up")

    async def hide(hidden: bool) -> None:
        await page.evaluate(
            """(hidden) => {
              Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
              Object.defineProperty(document, "visibilityState",
                { value: hidden ? "hidden" : "visible", configurable: true });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            hidden,
        )

    await hide(True)
    async with page.expect_response(LIST):
        await page.clock.run_for(1500)
    before = answers.asked
    await page.clock.run_for(3000)
    assert answers.asked == before
    async with page.expect_response(LIST):
        await page.clock.run_for(3000)
    async with page.expect_response(LIST):
        await hide(False)

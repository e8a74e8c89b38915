"""What the bar says of the link to the server, and what a screen reader makes of it."""

import pytest
from playwright.async_api import BrowserContext, expect

from tests.console.node import Node, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_seconds_that_count_down_are_not_read_out(context: BrowserContext, node: Node) -> None:
    page = await context.new_page()
    await sign_in(page, node)
    await page.evaluate(
        """() => {
          window.said = [];
          const heard = (list) => {
            for (const { target } of list) {
              const element = target instanceof Element ? target : target.parentElement;
              const live = element?.closest("[role=status], [aria-live]");
              if (live) window.said.push(live.textContent);
            }
          };
          new MutationObserver(heard).observe(document.querySelector(".link"),
            { subtree: true, childList: true, characterData: true });
        }"""
    )
    await node.stop()
    link = page.locator(".link")
    await expect(link).to_contain_text("失去联系")
    for _ in range(3):
        # The seconds go down, and start again with the next try.
        now = await link.inner_text()
        await expect(link).not_to_have_text(now, use_inner_text=True)
    assert len(await page.evaluate("() => window.said")) == 1
    await node.start()
    await expect(link).to_have_attribute("data-link", "up")


@pytest.mark.parametrize("width", [390, 1440])
async def test_clock_says_its_zone(context: BrowserContext, node: Node, width: int) -> None:
    page = await context.new_page()
    await page.set_viewport_size({"width": width, "height": 844})
    await sign_in(page, node)
    await expect(page.locator(".now")).to_contain_text("北京时间")
    await expect(page.locator(".now").get_by_text("北京时间", exact=True)).to_be_visible()

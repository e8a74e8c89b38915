"""Who spoke in a recorded consultation, from the relay's levels to the page that goes from turn to turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from huishang.demo.units import by_id
from tests.console.node import LiveUnit
from tests.console.node import sign_in as sign_in_page
from tests.console.test_recording_killed import SEEN
from tests.huishang.recording.office import UNIT, Office, office
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

OTHER = by_id("drone-1")
CLOCK = """async (us) => {
  const { timeOfDay } = await import("/js/clock.js");
  return timeOfDay(us / 1000);
}"""


async def turns(node: Office, recording: str) -> list[dict[str, Any]]:
    """What the timeline tells of who spoke, by when that was."""
    told = await node.ask("GET", f"/recordings/{recording}/events")
    found = [entry["params"] for entry in told["items"] if entry["verb"] == "participant.spoke"]
    return sorted(found, key=lambda params: int(params["from_us"]))


def heard(told: list[dict[str, Any]]) -> set[str]:
    return {str(each["heard"]) for each in told}


async def test_page_goes_to_whoever_spoke_next(browser: Browser, tmp_path: Path) -> None:
    async with office(tmp_path) as node, LiveUnit(OTHER, node.node, held={1}):
        await node.node.wait(lambda sources: sources.get(OTHER.id, {}).get("state") == "live")
        unit = (await node.ask("GET", "/units"))["items"][0]["id"]
        meeting = (await node.ask("POST", "/consultations", title="防汛会商", unit=unit))["object"]
        for source in (UNIT.id, OTHER.id):
            await node.ask("POST", f"/consultations/{meeting}/sources", source=source)
        recording = await node.record(f"consultation:{meeting}")
        # The one whose sound is held is never heard; the other one's phrases have four seconds, and pauses of two.
        told = await until("two turns", lambda: turns(node, recording), lambda told: len(told) >= 2)
        await node.end(recording)
        assert heard(told) == {UNIT.id}
        told = await turns(node, recording)
        in_chain = {each["entry"]["id"]: each for each in node.contents(recording, "event")}
        spoken = [each for each in in_chain.values() if each["entry"]["verb"] == "participant.spoke"]
        for each in spoken:
            # It stands in the media's time where it began, not where it was entered.
            assert abs(each["at"] - each["entry"]["params"]["from_us"]) < 200_000
        assert {each["entry"]["params"]["from_us"] for each in spoken} >= {each["from_us"] for each in told[:2]}
        await node.indexed(recording)
        context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        context.set_default_timeout(PATIENCE_S * 1000)
        page = await context.new_page()
        await sign_in_page(page, node.node)
        begun_us = (await node.ask("GET", f"/recordings/{recording}/tracks"))["from_us"]
        await page.goto(f"{node.node.url}/#replay={recording}")
        # What happened is known; turns are no lines of it.
        await expect(page.locator(".happened-row")).to_have_count(2)
        clock = page.locator(".replay-time")
        later = [each for each in told if each["from_us"] > begun_us + 1_000_000]
        for each in later[:2]:
            await page.keyboard.press("s")
            await expect(clock).to_contain_text(await page.evaluate(CLOCK, each["from_us"] - 1_000_000))
        at_us = (later[0]["from_us"] + later[0]["to_us"]) // 2
        await page.goto(f"{node.node.url}/#replay={recording}&t={at_us / 1000}")
        await expect(page.locator(".tile.speaks")).to_have_attribute("data-id", UNIT.id)
        # A picture of each of them, out of files that the node recorded.
        row = page.locator(".strip-thumbs")
        await until("pictures along the strip", lambda: row.evaluate(SEEN.replace("video", "row")))
        await context.close()

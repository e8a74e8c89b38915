"""Who spoke in a recorded consultation, from the relay's levels to the page that goes from turn to turn."""

from __future__ import annotations

import time
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
#: Up to where the clock may be set.
END = "(strip) => Number(strip.getAttribute('aria-valuemax'))"


async def turns(node: Office, recording: str) -> list[dict[str, Any]]:
    """What the timeline tells of who spoke, by when that was."""
    told = await node.ask("GET", f"/recordings/{recording}/events")
    found = [entry["params"] for entry in told["items"] if entry["verb"] == "participant.spoke"]
    return sorted(found, key=lambda params: int(params["from_us"]))


def heard(told: list[dict[str, Any]]) -> set[str]:
    return {str(each["heard"]) for each in told}


async def speak_and_fall_silent(unit: LiveUnit, node: Office) -> None:
    """Have a unit be heard for a while, then send nothing, in the middle of its phrase."""

    def is_loud(sources: dict[str, dict[str, Any]]) -> bool:
        return any((each["audio_level_dbov"] or -127) > -40 for each in sources[unit.unit.id]["tracks"])

    unit.held.clear()
    await node.node.wait(is_loud)
    over = time.monotonic() + 1.8
    await until("enough was said", lambda: time.monotonic() >= over)
    unit.held.add(1)


async def test_page_goes_to_whoever_spoke_next(browser: Browser, tmp_path: Path) -> None:
    async with office(tmp_path) as node, LiveUnit(OTHER, node.node, held={1}) as other:
        await node.node.wait(lambda sources: sources.get(OTHER.id, {}).get("state") == "live")
        unit = (await node.ask("GET", "/units"))["items"][0]["id"]
        meeting = (await node.ask("POST", "/consultations", title="防汛会商", unit=unit))["object"]
        for source in (UNIT.id, OTHER.id):
            await node.ask("POST", f"/consultations/{meeting}/sources", source=source)
        recording = await node.record(f"consultation:{meeting}")
        # Phrases of one have four seconds, and pauses of two; of the other one nothing is heard, and its only turn ends
        # though the last level that came is loud.
        told = await until("a turn", lambda: turns(node, recording), lambda told: len(told) >= 1)
        assert heard(told) == {UNIT.id}
        await speak_and_fall_silent(other, node)
        told = await until("the other's", lambda: turns(node, recording), lambda told: OTHER.id in heard(told))
        await node.end(recording)
        told = await turns(node, recording)
        in_chain = {each["entry"]["id"]: each for each in node.contents(recording, "event")}
        spoken = [each for each in in_chain.values() if each["entry"]["verb"] == "participant.spoke"]
        for each in spoken:
            # It stands in the media's time where it began, not where it was entered.
            assert abs(each["at"] - each["entry"]["params"]["from_us"]) < 200_000
        assert {each["entry"]["params"]["from_us"] for each in spoken} >= {told[0]["from_us"]}
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
        # What has just ended may still grow: the page stays ten seconds behind.
        end = page.locator(".strip").evaluate
        await until("it may go there", lambda: end(END), lambda end_s: end_s * 1_000_000 >= told[-1]["from_us"])
        for turn in later:
            await page.keyboard.press("s")
            await expect(clock).to_contain_text(await page.evaluate(CLOCK, turn["from_us"] - 1_000_000))
        (only,) = (turn for turn in told if turn["heard"] == OTHER.id)
        at_us = (only["from_us"] + only["to_us"]) // 2
        await page.goto(f"{node.node.url}/#replay={recording}&t={at_us / 1000}")
        await expect(page.locator(f".tile.speaks[data-id='{OTHER.id}']")).to_have_count(1)
        # A picture of each of them, out of files that the node recorded.
        row = page.locator(".strip-thumbs")
        await until("pictures along the strip", lambda: row.evaluate(SEEN.replace("video", "row")))
        await context.close()

"""The longest piece of work of the console's page in one go, while people work with it: what comes meanwhile waits.

A unit with 10,000 people of its own is more than any has. Tasks are those of the renderer's main thread, by its CPU
time: on a machine that does other things too, the time until they end tells of those.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from benchmarks.chromium import launch
from benchmarks.consultation.page_cpu import DEADLINE_MS, PLAYING
from benchmarks.consultation.room import CONNECTED, CROWD, JOIN, Room
from benchmarks.report import Figure, Report

PICTURES = 9
PEOPLE = 10_000
LIMIT_MS = 50.0
WATCH_S = 10.0
# Tasks at the top of the renderer's main thread, and the names of threads.
TRACED = {"includedCategories": ["toplevel", "__metadata"], "excludedCategories": ["*"]}
TASK = "ThreadControllerImpl::RunTask"
MAIN_THREAD = "CrRendererMain"

HAS_ROWS = """
async ([rows, deadline]) => {
  const end = performance.now() + deadline;
  const scroller = document.querySelector('.left .tree-scroll');
  while (scroller.scrollHeight < 32 * rows) {
    if (performance.now() > end) throw new Error(`${scroller.scrollHeight} pixels of rows`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
"""
SCROLLED = """
async () => {
  const scroller = document.querySelector('.left .tree-scroll');
  for (let at = 0; at <= 40; at += 1) {
    scroller.scrollTop = (scroller.scrollHeight * at) / 40;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  scroller.scrollTop = 0;
}
"""


class Tracer:
    """The longest task of the page in each step, ms."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.longest: dict[str, float] = {}

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Trace while the step is taken."""
        session = await self._browser.new_browser_cdp_session()
        events: list[dict[str, Any]] = []
        over = asyncio.Event()
        session.on("Tracing.dataCollected", lambda told: events.extend(told["value"]))
        session.on("Tracing.tracingComplete", lambda _: over.set())
        await session.send("Tracing.start", {"traceConfig": TRACED, "transferMode": "ReportEvents"})
        yield
        await session.send("Tracing.end")
        await over.wait()
        await session.detach()
        self.longest[name] = longest(events)


def longest(events: list[dict[str, Any]]) -> float:
    """Return the CPU time of the longest task of any renderer's main thread, ms. Raises ValueError without any."""
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == MAIN_THREAD
    }
    tasks = [event for event in events if event["name"] == TASK and (event["pid"], event["tid"]) in main]
    if not tasks:
        raise ValueError("the trace has no task of a page")
    return float(max(event.get("tdur", 0) for event in tasks)) / 1000


async def work(room: Room, page: Page, tracer: Tracer, people: int, seconds: float) -> None:
    """Do what an officer does, a step after the other."""
    rows = page.locator(".left .tree-row")
    async with tracer.step("page loaded"):
        await page.goto(f"{room.server.url}/")
        await page.get_by_text(CONNECTED).first.wait_for()
    await rows.filter(has_text="青川县应急管理局").first.click()
    async with tracer.step(f"unit of {people:,} opened"):
        await rows.filter(has_text=CROWD).first.click()
        await page.evaluate(HAS_ROWS, [people, DEADLINE_MS])
    async with tracer.step("its rows scrolled through"):
        await page.evaluate(SCROLLED)
    async with tracer.step("searched"):
        await page.locator(".left input[type=search]").fill("wangwei")
        await page.locator(".left .tree-row").first.wait_for()
        await page.locator(".left input[type=search]").fill("")
        await page.evaluate(HAS_ROWS, [people, DEADLINE_MS])
    async with tracer.step("administration opened"):
        await page.goto(f"{room.server.url}/#/admin")
        await page.locator(".admin-page").wait_for()
    await page.goto(f"{room.server.url}/#/consultation/{room.made.consultation}")
    await page.locator(JOIN).wait_for()
    async with tracer.step(f"joined, {PICTURES} pictures"):
        await page.locator(JOIN).click()
        await page.evaluate(PLAYING, [PICTURES, DEADLINE_MS])
    async with tracer.step(f"watched for {seconds:g} s"):
        await asyncio.sleep(seconds)


async def measure(room: Room, people: int, seconds: float) -> dict[str, float]:
    """Return the longest task of each step, ms."""
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            context = await room.sign_in(browser)
            page = await context.new_page()
            await room.leave()
            tracer = Tracer(browser)
            await work(room, page, tracer, people, seconds)
        finally:
            await browser.close()
    return tracer.longest


def run(report: Report, *, people: int = PEOPLE, seconds: float = WATCH_S) -> None:
    """Measure into `report`."""
    with ExitStack() as stack:
        room = Room.open(stack, PICTURES, people)
        found = asyncio.run(measure(room, people, seconds))
    report.add(*(Figure(f"longest task: {step}", ms, "ms", limit=LIMIT_MS) for step, ms in found.items()))

"""Hours of lines that become thin and wide, lossy, long, are cut and come back leave the server as it was.

See `figures` for how long and where to.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from benchmarks.report import Figure, Report
from tests.soak.figures import GROWTH_BYTES, SECONDS, SEED, growth, sample, tell
from tests.soak.lines import SOURCE, Watcher, sending
from tests.soak.server import WatchedServer

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

WATCHERS = 5
PARTS = 5


def report(watchers: list[Watcher], visitor: Watcher, resident: list[int]) -> Report:
    """Collect the figures."""
    found = Report(f"soak of lines, {SECONDS:.0f} s")
    for name in ("changed", "cut", "given up"):
        found.add(Figure(f"lines: {name}", sum(item.counted[name] for item in watchers), "times"))
    found.add(Figure("lines: visits", visitor.counted["visits"], "times"))
    for name, counts in (
        ("pictures", [item.pictures for item in watchers]),
        ("sounds", [item.sounds for item in watchers]),
    ):
        found.add(Figure(f"lines: {name} of who saw least", min(counts) / SECONDS, "1/s"))
        found.add(Figure(f"lines: {name} of who saw most", max(counts) / SECONDS, "1/s"))
    longest = max(item.served or 0.0 for item in watchers)
    found.add(Figure("lines: longest wait for pictures on a line that is clean again", longest, "s"))
    found.add(Figure("lines: memory of the server, median", statistics.median(resident), "B"))
    name = "lines: its growth from the second fifth to the last"
    found.add(Figure(name, growth(resident, PARTS), "B", limit=GROWTH_BYTES))
    return found


async def test_lines_that_change_for_long_leave_the_server_as_it_was(server: WatchedServer) -> None:
    descriptors = server.descriptors()
    stop = asyncio.Event()
    watchers = [Watcher(server, stop, SEED + number) for number in range(WATCHERS)]
    visitor = Watcher(server, stop, SEED + WATCHERS)
    resident: list[int] = []
    async with sending(server):
        tasks = [asyncio.create_task(watcher.wander()) for watcher in watchers]
        tasks += [asyncio.create_task(visitor.come_and_go()), asyncio.create_task(sample(server, resident, stop))]
        begun = time.monotonic()
        await asyncio.wait(tasks, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        passed = time.monotonic() - begun
        stop.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    figures = report(watchers, visitor, resident)
    tell(figures)
    assert [one for one in ended if one is not None] == []
    assert passed >= SECONDS
    await asyncio.to_thread(server.stop_source, SOURCE)
    await server.becomes_empty(descriptors)
    assert server.complaints() == []
    assert [item.name for item in figures.figures if item.holds is False] == []

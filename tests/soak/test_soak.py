"""Hours of joining, leaving, crashing and coming back leave a real server as it was, and never a viewer without cause.

See `figures` for how long and where to.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from typing import Final

import pytest

from benchmarks.report import Figure, Report
from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhepSession
from tests.soak.figures import GROWTH_BYTES, SECONDS, SEED, growth, sample, tell
from tests.soak.marks import PICTURE, SOUND
from tests.soak.people import Crowd, Station, Stayer
from tests.soak.server import WatchedServer

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

SOURCES: Final = 4
CROWDS: Final = 2
#: How long a source that has a publisher may show nothing: a machine that is busy, a keyframe that has to be asked for.
MISSING_SECONDS: Final = 3.0


def report(stations: list[Station], crowds: list[Crowd], stayers: list[Stayer], resident: list[int]) -> Report:
    """Collect the figures."""
    found = Report(f"soak, {SECONDS:.0f} s")
    for name in ("published", "left", "killed", "replaced"):
        found.add(Figure(f"publishers: {name}", sum(item.counted[name] for item in stations), "times"))
    for name in ("visits", "killed", "frames"):
        found.add(Figure(f"crowds: {name}", sum(item.counted[name] for item in crowds), "times"))
    for name, kind in (("picture", PICTURE), ("sound", SOUND)):
        longest = max(item.longest[kind] for item in stayers)
        found.add(Figure(f"longest time without {name} of a source on air", longest, "s", limit=MISSING_SECONDS))
        found.add(Figure(f"frames of {name} seen by who stayed", sum(item.frames[kind] for item in stayers), "frames"))
    found.add(Figure("memory of the server, median", statistics.median(resident), "B"))
    found.add(Figure("its growth from the middle third to the last", growth(resident, 3), "B", limit=GROWTH_BYTES))
    return found


async def test_a_server_is_after_long_use_as_it_was_before(server: WatchedServer) -> None:
    descriptors = server.descriptors()
    assert not any((await server.live_objects()).values())
    stop = asyncio.Event()
    stations = [Station(server, stop, SEED + number, number) for number in range(SOURCES)]
    crowds = [Crowd(server, stop, SEED + SOURCES + number, SOURCES) for number in range(CROWDS)]
    resident: list[int] = []
    options = SessionOptions(HttpOptions(server.token, server.folder / "tls/ca.pem"))
    tasks = [asyncio.create_task(station.live()) for station in stations]
    for station in stations:
        await station.on_air.wait()
    stayers = [Stayer(station) for station in stations]
    async with contextlib.AsyncExitStack() as ends:
        sessions = [
            await ends.enter_async_context(
                WhepSession(f"{server.url}/whep/soak{number}", options=options, on_rtp=stayer.on_rtp)
            )
            for number, stayer in enumerate(stayers)
        ]
        tasks += [asyncio.create_task(crowd.live()) for crowd in crowds]
        tasks += [asyncio.create_task(sample(server, resident, stop))]
        begun = time.monotonic()
        await asyncio.wait(tasks, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for stayer in stayers:
            stayer.note(PICTURE)
            stayer.note(SOUND)
        passed = time.monotonic() - begun
        stop.set()
        await asyncio.gather(*tasks)
        assert passed >= SECONDS
        assert [session.transport.closed.done() for session in sessions] == [False] * SOURCES
    for number in range(SOURCES):
        await asyncio.to_thread(server.stop_source, f"soak{number}")
    await server.becomes_empty(descriptors)
    figures = report(stations, crowds, stayers, resident)
    tell(figures)
    assert server.complaints() == []
    assert [stayer.wrong for stayer in stayers] == [[]] * SOURCES
    assert [item.name for item in figures.figures if item.holds is False] == []

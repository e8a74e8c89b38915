"""Hours of joining, leaving, crashing and coming back leave a real server as it was, and never a viewer without cause.

SOAK_SECONDS says how long (an hour), SOAK_SEED repeats a run as far as two machines can. Figures go to SOAK_JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from benchmarks.machine import resident_bytes
from benchmarks.report import Figure, Report
from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhepSession
from tests.soak.marks import PICTURE, SOUND
from tests.soak.people import Crowd, Station, Stayer
from tests.soak.server import WatchedServer

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

SECONDS: Final = float(os.environ.get("SOAK_SECONDS", "3600"))
SEED: Final = int(os.environ.get("SOAK_SEED", "20251121"))
JSON: Final = Path(os.environ.get("SOAK_JSON", "build/soak.json"))
SOURCES: Final = 4
CROWDS: Final = 2
SAMPLE_SECONDS: Final = 1.0
#: How long a source that has a publisher may show nothing: a machine that is busy, a keyframe that has to be asked for.
MISSING_SECONDS: Final = 3.0
#: Chance makes the number of viewers differ by some, each worth less than 200 kB.
GROWTH_BYTES: Final = 4 << 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WatchedServer]:
    with WatchedServer(tmp_path) as server:
        yield server


async def sample(server: WatchedServer, resident: list[int], stop: asyncio.Event) -> None:
    """Note the server's memory every second."""
    while not stop.is_set():
        resident.append(resident_bytes(server.pid))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAMPLE_SECONDS):
                await stop.wait()


def growth(resident: list[int]) -> float:
    """Return by how much memory rose from the middle third to the last one; the first third is warming up."""
    third = len(resident) // 3
    return statistics.median(resident[2 * third :]) - statistics.median(resident[third : 2 * third])


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
    found.add(Figure("its growth from the middle third to the last", growth(resident), "B", limit=GROWTH_BYTES))
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
    figures.show()
    JSON.parent.mkdir(exist_ok=True)
    figures.write(JSON)
    assert server.complaints() == []
    assert [stayer.wrong for stayer in stayers] == [[]] * SOURCES
    assert [item.name for item in figures.figures if item.holds is False] == []

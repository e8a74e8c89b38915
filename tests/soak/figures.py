"""What every soak is told and tells: how long it lasts, the server's memory meanwhile, figures in one file.

SOAK_SECONDS says how long each lasts (an hour), SOAK_SEED repeats a run as far as two machines can, SOAK_JSON is where
the figures of all go.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
from pathlib import Path
from typing import Final

from benchmarks.machine import resident_bytes
from benchmarks.report import Report
from tests.soak.server import WatchedServer

SECONDS: Final = float(os.environ.get("SOAK_SECONDS", "3600"))
SEED: Final = int(os.environ.get("SOAK_SEED", "20251121"))
JSON: Final = Path(os.environ.get("SOAK_JSON", "build/soak.json"))
SAMPLE_SECONDS: Final = 1.0
#: Chance makes the number of viewers differ by some, each worth less than 200 kB.
GROWTH_BYTES: Final = 4 << 20

_told: Final = Report("soak")


async def sample(server: WatchedServer, resident: list[int], stop: asyncio.Event) -> None:
    """Note the server's memory every second."""
    while not stop.is_set():
        resident.append(resident_bytes(server.pid))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAMPLE_SECONDS):
                await stop.wait()


def growth(resident: list[int], parts: int) -> float:
    """Return by how much memory rose from the second of so many parts to the last one; the first is warming up."""
    part = len(resident) // parts
    return statistics.median(resident[-part:]) - statistics.median(resident[part : 2 * part])


def tell(found: Report) -> None:
    """Show the figures of one soak, and write them beside those of the soaks before it."""
    found.show()
    _told.add(*found.figures)
    JSON.parent.mkdir(exist_ok=True)
    _told.write(JSON)

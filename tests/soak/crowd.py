"""Viewers who come and go: `python -m tests.soak.crowd HTTPS_URL TOKEN CA_FILE SOURCES VIEWERS SEED`.

Each joins a source by chance, watches for a moment, leaves, and joins again, until SIGTERM or until all are killed.
Prints one JSON line per visit: which source, how many frames of it came. A frame of another source ends the program.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from pathlib import Path
from typing import Final

from media.rtp import header
from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhepSession
from signaling.dtls.certificate import Certificate
from signaling.dtls.context import DtlsContext
from tests.soak.marks import Mark

SHORTEST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 8.0


class WrongSource(Exception):
    """Frames of a source came that nobody asked for."""


async def visit(url: str, options: SessionOptions, source: int, seconds: float) -> None:
    """Join, watch for some seconds, leave, tell."""
    marks: list[Mark] = []

    def on_rtp(packet: bytes) -> None:
        mark = Mark.read(header.parse(packet).payload)
        if mark is not None:
            marks.append(mark)

    async with WhepSession(f"{url}/whep/soak{source}", options=options, on_rtp=on_rtp):
        await asyncio.sleep(seconds)
    if any(mark.source != source for mark in marks):
        raise WrongSource(f"source {source} was asked for; {marks}")
    print(json.dumps({"source": source, "frames": len(marks)}), flush=True)


async def come_and_go(url: str, options: SessionOptions, sources: int, chance: random.Random) -> None:
    """Visit after visit, until cancelled."""
    while True:
        await visit(url, options, chance.randrange(sources), chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))


async def main(url: str, token: str, ca_file: str, sources: str, viewers: str, seed: str) -> None:
    """Keep that many viewers coming and going."""
    options = SessionOptions(HttpOptions(token, Path(ca_file)), DtlsContext(Certificate.generate()))
    chance = random.Random(int(seed))
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    tasks = [
        asyncio.create_task(come_and_go(url, options, int(sources), random.Random(chance.random())))
        for _ in range(int(viewers))
    ]
    waiting = asyncio.create_task(told.wait())
    done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if waiting not in done:
        await done.pop()
    print("left", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

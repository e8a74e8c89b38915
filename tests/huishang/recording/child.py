"""A process that follows chains until it is killed: `python -m tests.huishang.recording.child ROOT JOURNAL URL`.

Its steps are small. Each line it prints is how far the first chain is in the index.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.segments import places
from huishang.recording import chainsteps
from huishang.recording.indexing import Indexer
from tests.dispatch.store.lines import LinesJournal
from tests.huishang.recording.chains import SESSION


async def run(root: Path, journal: LinesJournal, url: str) -> None:
    chainsteps.MOST_ROWS = 20
    indexer, database = Indexer(Database(url), journal, root), Database(url)
    indexer.start()
    while True:
        try:
            async with database.snapshot() as connection:
                place = (await places(connection)).get(SESSION)
        except Unavailable:  # there are no tables yet
            place = None
        print(place.position if place else 0, flush=True)
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    # A database that was busy for a moment is logged: only places come on the output.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(run(Path(sys.argv[1]), LinesJournal(Path(sys.argv[2])), sys.argv[3]))

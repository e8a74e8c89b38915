"""A process that appends acts and projects them until it is killed: `python -m tests.dispatch.store.child JOURNAL URL`.

Each line it prints says how far the journal and the projection are.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from dispatch.entry import Entry
from dispatch.store.database import Database
from dispatch.store.projector import Projector
from tests.dispatch.store.entries import entry, message, unit
from tests.dispatch.store.lines import LinesJournal


def act(number: int) -> list[Entry]:
    """Return an act: it makes something, changes what was made before, and takes away what is older."""
    made = [unit(f"u{number}", number, order=number), message(f"m{number}", "c", number)]
    if number > 3:
        made.append(entry("unit.change", f"unit:u{number - 3}", number, name_zh=f"changed in {number}"))
    if number > 10:
        made.append(entry("unit.remove", f"unit:u{number - 10}", number, gone=True))
    return made


async def run(journal: LinesJournal, url: str) -> None:
    database = Database(url)
    projector = Projector(database, journal)
    projector.start()
    while True:
        journal.add(*(act(number) for number in range(journal.position, journal.position + 7)))
        projector([], [])
        print(journal.position, projector.health.position, flush=True)
        await asyncio.sleep(0.001)  # acts come one after another


if __name__ == "__main__":
    # A database that was busy for a moment is logged: only positions come on the output.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(run(LinesJournal(Path(sys.argv[1])), sys.argv[2]))

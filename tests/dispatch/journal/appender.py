"""Appends to a journal until it is killed, and prints each answer: first position, then how many entries it had."""

import asyncio
import sys
from pathlib import Path

from dispatch.journal import Journal, Limits
from tests.dispatch.journal.journals import numbered


async def main(folder: Path) -> None:
    journal = Journal.open(folder, "n", Limits(file_bytes=100_000, ahead_bytes=16_384))
    print("open", journal.position, flush=True)

    async def act(number: int) -> None:
        while True:
            positions = await journal.append(numbered([number] * (1 + number % 3)))
            sys.stdout.write(f"{positions.start} {number}\n")
            sys.stdout.flush()

    await asyncio.gather(*(act(number) for number in range(20)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

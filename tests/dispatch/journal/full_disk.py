"""Fills a small filesystem under a journal and makes room again; prints as JSON what came of it.

Run it under `unshare --mount`; the argument is an empty folder to mount on.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from dispatch.journal import Journal, JournalError, Limits
from tests.dispatch.journal.journals import numbered, payloads

ENTRY = b"x" * 10_000


async def until_refused(journal: Journal) -> list[str]:
    """Append until there is no more; give the codes of three refusals."""
    codes: list[str] = []
    while len(codes) < 3:
        for answer in await asyncio.gather(*(journal.append([ENTRY, ENTRY]) for _ in range(4)), return_exceptions=True):
            if isinstance(answer, JournalError):
                codes.append(answer.code)
            elif isinstance(answer, BaseException):
                raise answer
    return codes[:3]


async def main(place: Path, file_bytes: int) -> dict[str, Any]:
    ballast = place / "ballast"
    ballast.write_bytes(os.urandom(1 << 20))
    folder = place / "journal"
    journal = Journal.open(folder, "n", Limits(file_bytes=file_bytes, ahead_bytes=1 << 16))
    before = numbered(range(5))
    await journal.append(before)
    codes = await until_refused(journal)
    full_at = journal.position
    readable_when_full = len(payloads(journal)) == full_at
    ballast.unlink()
    resumed_at = (await journal.append([b"room again"])).start
    codes += await until_refused(journal)
    end = journal.position
    await asyncio.to_thread(journal.close)
    anew = Journal.open(folder, "n")
    kept = payloads(anew)
    await asyncio.to_thread(anew.close)
    return {
        "codes": sorted(set(codes)),
        "grown": full_at > 5,
        "readable when full": readable_when_full,
        "resumed where it had stopped": resumed_at == full_at,
        "kept": kept[:5] == before and kept[full_at] == b"room again" and len(kept) == end == kept.count(ENTRY) + 6,
        "files": len(list(folder.glob("*.jsonl"))),
        "unfinished": len(list(folder.glob("*.new"))),
    }


if __name__ == "__main__":
    mounted = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mounted)], check=True)
    print(json.dumps(asyncio.run(main(mounted, int(sys.argv[2])))))

"""Appends to journals on a disk that fails; prints as JSON what came of it.

`failing_disk.c` is preloaded, and its path is the first argument; the second is a folder.
"""

import asyncio
import ctypes
import errno
import json
import sys
from pathlib import Path
from typing import Any

from dispatch.journal import Journal, JournalError, Limits
from tests.dispatch.journal.journals import numbered, payloads

BEFORE = numbered(range(5))


async def told(journal: Journal, entries: list[bytes]) -> Any:
    """Give the first position or the code of the refusal."""
    try:
        return (await journal.append(entries)).start
    except JournalError as error:
        return error.code


async def after_failure(library: Any, folder: Path, *errors: int) -> dict[str, Any]:
    """Append before, while and after the disk fails in these ways (of writes, of syncs, of preallocation)."""
    journal = Journal.open(folder, "n", Limits(ahead_bytes=4096))
    for payload in BEFORE:
        await journal.append([payload])
    last = folder / "00000001.jsonl"
    size = len(last.read_bytes().rstrip(b"\0"))
    library.fail(*errors)
    while_failing = await asyncio.gather(*(told(journal, [b"lost %d" % number, b"x" * 3000]) for number in range(3)))
    more_while_failing = await told(journal, [b"lost, too", b"x" * 5000])
    syncs = library.syncs_seen()
    left = len(last.read_bytes().rstrip(b"\0")) - size
    library.fail(0, 0, 0)
    later = await told(journal, [b"later"])
    readable = payloads(journal)
    await asyncio.to_thread(journal.close)
    anew = Journal.open(folder, "n")
    last_words = await told(anew, [b"anew"])
    reopened = payloads(anew)
    await asyncio.to_thread(anew.close)
    return {
        "while failing": [*while_failing, more_while_failing],
        "syncs": syncs,
        "left": left,
        "later": later,
        "readable": len(readable) if readable[: len(BEFORE)] == BEFORE else "not what was written",
        "anew": last_words,
        "reopened": [payload.decode()[:7] for payload in reopened[len(BEFORE) :]],
    }


async def main(library: Any, folder: Path) -> None:
    cases = {
        "write": (errno.EIO, 0, 0),
        "sync": (0, errno.EIO, 0),
        "sync without space": (0, errno.ENOSPC, 0),
        "no room": (0, 0, errno.ENOSPC),
        "preallocation": (0, 0, errno.EIO),
        "no preallocation": (0, 0, errno.EOPNOTSUPP),
        "no preallocation, no room": (errno.ENOSPC, 0, errno.EOPNOTSUPP),
        "no preallocation, no room, no sync": (errno.ENOSPC, errno.EIO, errno.EOPNOTSUPP),
    }
    found = {name: await after_failure(library, folder / name, *errors) for name, errors in cases.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(ctypes.CDLL(sys.argv[1]), Path(sys.argv[2])))

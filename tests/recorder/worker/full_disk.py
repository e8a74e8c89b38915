"""Records until a small filesystem is full, then makes room; prints as JSON what came of it.

Run it under `unshare --mount`; the argument is an empty folder to mount on.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from recorder.worker import wire
from tests.patience import until
from tests.recorder.worker.studio import Studio

#: Of eight megabytes all but this is taken.
ROOM = 60_000


async def main(place: Path) -> dict[str, Any]:
    ballast = place / "ballast"
    studio = Studio(place)
    await studio.start()
    await studio.ready()
    await studio.writes()
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    ballast.write_bytes(bytes(free - ROOM))
    await until("it is full", lambda: studio.alarms("disk-full"))
    ballast.unlink()
    await until("it is well", lambda: studio.alarms("disk-well"))
    await studio.close()
    gaps = {gap.why.value for each in studio.heard(wire.Closed) for gap in each.ended.gaps}
    told = sorted(each.facts.name for each in studio.heard(wire.Closed))
    return {
        "deaths": len(studio.alarms("worker-lost")),
        "gaps": "disk" in gaps,
        "whole": sorted(facts.name for track in studio.senders for facts in studio.facts(track)) == told,
        "codes": sorted({each.code for each in studio.heard(wire.Alarm)}),
    }


if __name__ == "__main__":
    mounted = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mounted)], check=True)
    print(json.dumps(asyncio.run(main(mounted))))

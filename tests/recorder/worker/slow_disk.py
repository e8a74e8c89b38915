"""Records while the disk stands still; prints as JSON what came of it.

A library that makes it stand is preloaded, and its path is the first argument; the second is a folder.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import sys
from pathlib import Path
from typing import Any

from recorder.files import Codec, facts_of
from recorder.tracks import TrackRecorder
from recorder.worker.hand import Hand
from recorder.worker.store import Store
from recorder.worker.wire import Alarm, Closed
from tests.patience import wait_until
from tests.recorder.files.frames import TRACK
from tests.recorder.tracks.recording import OFFSET_NS
from tests.recorder.tracks.sender import Sender

SECOND = 1_000_000
MOST_UNSYNCED = 50_000


def main(library: Any, folder: Path) -> dict[str, Any]:
    fd = Hand.create()
    assert os.fstat(fd).st_size == mmap.PAGESIZE
    store = Store(folder, Hand(fd), MOST_UNSYNCED)
    track, sender = TrackRecorder(TRACK, 1, {}, store, OFFSET_NS), Sender(Codec.OPUS)
    news: list[Alarm | Closed] = []

    def record(from_s: int, to_s: int) -> None:
        for at_us in range(from_s * SECOND, to_s * SECOND, sender.step_us):
            for packet in sender.next(at_us):
                track.receive(packet)
            track.tick(at_us * 1000)
            tick()

    def tick() -> None:
        store.tick()
        news.extend(store.news)
        store.news.clear()

    def codes() -> list[str]:
        tick()
        return [each.code for each in news if isinstance(each, Alarm)]

    record(1, 4)
    library.stand(1)
    record(4, 60)
    standing, written = codes(), store.bytes
    record(60, 120)
    more = store.bytes - written
    library.stand(0)
    wait_until(lambda: "disk-well" in codes(), "the disk is well")
    record(120, 124)
    track.finish(124 * SECOND * 1000)
    store.close()
    tick()
    closed = [each for each in news if isinstance(each, Closed)]
    gaps = [gap for each in closed for gap in each.ended.gaps]
    path = folder / "tracks" / TRACK
    return {
        "standing": standing,
        "more": more,
        "codes": codes(),
        "gaps": [(gap.why, (gap.t1 - OFFSET_NS // 1000) // SECOND) for gap in gaps],
        "whole": all(facts_of(path / each.facts.name) == each.facts for each in closed),
        "named": sorted(each.facts.name for each in closed) == sorted(each.name for each in path.iterdir()),
        "in time": sum(each.facts.frames for each in closed) > 7 * 50,
    }


if __name__ == "__main__":
    print(json.dumps(main(ctypes.CDLL(sys.argv[1]), Path(sys.argv[2]))))

"""Fills a small filesystem under two segments and makes room again; prints as JSON what came of it.

Run it under `unshare --mount`; the argument is an empty folder to mount on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from recorder.files import Codec, Facts, SegmentError, SegmentWriter, facts_of
from tests.recorder.files.frames import T0, decoded, frames, track

TRACKS = ("01KARR5QKB0000000000000001", "01KARR5QKB0000000000000002")


def until_refused(writers: list[SegmentWriter]) -> tuple[list[str], int]:
    """Write until both refuse, and once more; give the codes and when it was."""
    codes: list[str] = []
    turn = 0
    while len(codes) < 2 * len(writers):
        shift = turn * 3_000_000
        for frame in frames(Codec.H264):
            for writer in writers:
                try:
                    writer.write(frame.data + b"\1" * 4000, frame.pts_us + shift, frame.is_keyframe)
                except SegmentError as error:
                    codes.append(error.code)
        turn += 1
    return codes, turn


def main(place: Path) -> dict[str, Any]:
    ballast = place / "ballast"
    ballast.write_bytes(os.urandom(1 << 20))
    writers = [SegmentWriter(place, segment, 1, track(Codec.H264)) for segment in TRACKS]
    codes, _ = until_refused(writers)
    late = SegmentWriter(place, "01KARR5QKB0000000000000003", 2, track(Codec.H264))
    first = frames(Codec.H264)[0]
    late.write(first.data + b"\1" * 200_000, first.pts_us)
    try:
        late.flush()
    except SegmentError as error:
        codes.append(error.code)
    assert late.close() is None
    names = sorted(path.name for path in place.iterdir() if path != ballast)
    told = [writer.close() for writer in writers]
    ballast.unlink()
    anew = SegmentWriter(place, "01KARR5QKB0000000000000004", 2, track(Codec.H264))
    for frame in frames(Codec.H264):
        anew.write(*frame)
    told.append(anew.close())
    whole = [facts for facts in told if isinstance(facts, Facts) and facts_of(place / facts.name) == facts]
    return {
        "codes": sorted(set(codes)),
        "names": names,
        "whole": len(whole),
        "long": all(facts.t1 - T0 > 1_000_000 for facts in whole),
        "read": all(decoded(place / facts.name) == facts.frames for facts in whole),
    }


if __name__ == "__main__":
    mounted = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mounted)], check=True)
    print(json.dumps(main(mounted)))

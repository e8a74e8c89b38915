"""Records several tracks as they would come, in real time, until it is killed; prints each frame that was taken.

The argument is a folder. A new segment of each track begins every two seconds. `sparse` is a screen with a picture a
second, which nothing but `flush` brings to the disk.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from recorder.files import Codec, SegmentWriter
from tests.recorder.files.frames import T0, Frame, frames, track

SECONDS = 4.0
SEGMENT_US = 2_000_000
TRACKS = {"h264": Codec.H264, "vp8": Codec.VP8, "opus": Codec.OPUS, "g722": Codec.G722, "sparse": Codec.H264}


class Recorded:
    """One track: its frames over and over, in segments."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir(exist_ok=True)
        self.name = name
        self.codec = TRACKS[name]
        self.numbers = len(list(self.folder.iterdir()))
        given = frames(self.codec, SECONDS)
        self.frames = [frame for frame in given if frame.is_keyframe] if name == "sparse" else list(given)
        self.at = 0
        self.writer: SegmentWriter | None = None
        self.began_us = 0

    def next(self) -> Frame:
        turn, index = divmod(self.at, len(self.frames))
        frame = self.frames[index]
        return frame._replace(pts_us=frame.pts_us - T0 + turn * int(SECONDS * 1_000_000))

    def take(self, start_us: int) -> None:
        frame = self.next()
        self.at += 1
        pts_us = start_us + frame.pts_us
        if self.writer and frame.is_keyframe and pts_us - self.began_us >= SEGMENT_US:
            self.writer.close(pts_us)
            self.writer = None
        if not self.writer:
            self.numbers += 1
            identifier = f"01KARR5QKB{self.numbers:016d}"
            self.writer = SegmentWriter(self.folder, identifier, self.numbers, track(self.codec))
            self.began_us = pts_us
        self.writer.write(frame.data, pts_us, frame.is_keyframe)
        print(self.name, pts_us, flush=True)


def main(folder: Path) -> None:
    tracks = [Recorded(folder, name) for name in TRACKS]
    start_us = time.time_ns() // 1000
    print("began", start_us, flush=True)
    while True:
        now_us = time.time_ns() // 1000
        for recorded in tracks:
            while recorded.next().pts_us <= now_us - start_us:
                recorded.take(start_us)
            writer = recorded.writer
            if writer and writer.waiting_since_us is not None and now_us - writer.waiting_since_us > 600_000:
                writer.flush()
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

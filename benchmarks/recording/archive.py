"""A recording of hours, made in minutes by the product's own writer and book; there is no index of it yet.

Pictures are H.264 of 640x360 that tell which moment they are (`reel`), sound is Opus; files are as long as the recorder
makes them of such a sender. Chains, ledger and log are as the server writes them; only the disk is not waited for,
because nothing of this is to outlast a power failure.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.recording import reel
from config import Settings
from dispatch.records import Recording
from huishang.files import write_new_or_over
from huishang.recording import contents
from huishang.recording.about import with_recordings
from recorder.book import Append
from recorder.book.book import Book
from recorder.files import Codec, SegmentWriter, Track
from recorder.proof.records import RecordedKind
from recorder.tracks import Ended
from recorder.worker.ulid import ulid

S_US: Final = 1_000_000
#: What a good link's clock is known to.
ERROR_US: Final = 5_000
#: Orders of one group of the book.
GROUP: Final = 1_000
#: Processes that write.
WRITERS: Final = 2


@dataclass(frozen=True, slots=True)
class Archive:
    """What was made: a recording that is over, of tracks in step."""

    recording: str
    t0_us: int
    """UTC of the first picture of every track; that of frame n is n frames later, rounded down."""
    seconds: int
    fps: int
    sources: tuple[str, ...]
    """Of the tracks, by their numbers in the pictures."""
    segments: int
    bytes: int
    """Of all files of segments."""
    made_s: float


def make(settings: Settings, recording: Recording, sources: Sequence[str], seconds: int, fps: int, bps: int) -> Archive:
    """Write so many seconds before the recording's begin, for all sources. No node is running."""
    began = time.monotonic()
    root = settings.recordings_path
    t0_us = recording.begun_us - seconds * S_US
    orders = [
        functools.partial(_write, root, recording.id, source, kind, number, t0_us, seconds, fps, bps)
        for number, source in enumerate(sources)
        for kind in ("video", "audio")
    ]
    with ProcessPoolExecutor(WRITERS, multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(order) for order in orders]
        written = [content for each in waiting for content in each.result()]
    written.sort(key=lambda content: int(content["end"]))
    _enter(root, settings.server.node, recording, t0_us, written)
    size = sum(int(content["bytes"]) for content in written)
    took_s = time.monotonic() - began
    return Archive(recording.id, t0_us, seconds, fps, tuple(sources), len(written), size, took_s)


def forget_pages(root: Path) -> None:
    """Have the system forget what it has of the files in memory: who looks at old recordings finds them on disk."""
    os.sync()
    for path in root.glob("tracks/*/*"):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def _write(
    root: Path, recording: str, source: str, kind: str, number: int, t0_us: int, seconds: int, fps: int, bps: int
) -> list[dict[str, Any]]:
    """Write a source's picture or sound, in a process of its own; return what the chain says of each file."""
    os.fsync = os.fdatasync = lambda fd: None
    track = ulid(t0_us)
    about = {"source": source, "kind": kind, "name": f"摄像机{number + 1}"}
    in_head = with_recordings(about, track, [recording])
    folder = root / "tracks" / track
    folder.mkdir(parents=True)
    if kind == "video":
        made = Track(track, Codec.H264, reel.WIDTH, reel.HEIGHT, 1, in_head)
        files = _pictures(reel.encode(number, fps, bps), t0_us, seconds)
    else:
        made = Track(track, Codec.OPUS, about=in_head)
        files = _sounds(reel.sounds(), t0_us, seconds)
    ended = Ended(number + 1, "", 0, ERROR_US, 90_000 if kind == "video" else 48_000, (), ())
    written = []
    for count, (until_us, frames) in enumerate(files):
        writer = SegmentWriter(folder, ulid(frames[0][1]), count, made)
        for data, pts_us, is_keyframe in frames:
            writer.write(data, pts_us, is_keyframe)
        facts = writer.close(until_us)
        assert facts is not None
        written.append(contents.segment(facts, ended, 0))
    return written


Frames = list[tuple[bytes, int, bool]]
"""Data, UTC, and whether it is a keyframe."""


def _pictures(made: reel.Reel, t0_us: int, seconds: int) -> Iterator[tuple[int | None, Frames]]:
    step = made.fps * reel.GROUP_S
    for group in range(seconds // reel.GROUP_S):
        first = group * step
        frames = [
            (data, time_of(t0_us, first + place, made.fps), place == 0) for place, data in enumerate(made.group(group))
        ]
        yield time_of(t0_us, first + step, made.fps), frames


def _sounds(packets: Sequence[bytes], t0_us: int, seconds: int) -> Iterator[tuple[int | None, Frames]]:
    for first_us in range(t0_us, t0_us + seconds * S_US, reel.SOUND_S * S_US):
        yield None, [(data, first_us + place * reel.PACKET_US, True) for place, data in enumerate(packets)]


def time_of(t0_us: int, frame: int, fps: int) -> int:
    """Return the UTC of a frame."""
    return t0_us + frame * S_US // fps


def _enter(root: Path, node: str, recording: Recording, t0_us: int, written: Sequence[dict[str, Any]]) -> None:
    """Write the book: a chain that is closed."""
    orders: list[tuple[RecordedKind, dict[str, Any]]] = [("opening", contents.opening(recording, node, t0_us))]
    orders += [("segment", content) for content in written]
    orders.append(("closure", {"at": recording.ended_us, "by": recording.by}))
    write_key = functools.partial(write_new_or_over, mode=0o600)
    book = Book(root, node, write_key, recording.begun_us)
    try:
        for first in range(0, len(orders), GROUP):
            group = [Append(recording.id, kind, content) for kind, content in orders[first : first + GROUP]]
            for answer in book.commit(group, recording.ended_us):
                if isinstance(answer, Exception):
                    raise answer
    finally:
        book.close()

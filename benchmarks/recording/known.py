"""Frames that are known again: what senders note of each that they sent, and where it stands in which file.

`sending` begins the senders, a process of their own (`known_sender`). Each frame is told by a digest of what of it is
the same sent and kept; no two are alike.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from huishang.demo.units import VideoCodec
from media.rtp import h264
from recorder.files.facts import OPEN
from recorder.files.listing import listing_of

ROOT: Final = Path(__file__).parents[2]
END_S: Final = 30.0
_SLICES: Final = (1, 5)

Key = tuple[str, str]
"""A source and a kind."""


class Source(msgspec.Struct, frozen=True):
    """One that is to be sent."""

    id: str
    codec: VideoCodec = VideoCodec.H264
    ahead_ms: int = 0
    """What its clock shows less UTC, at the start."""
    ppm: int = 0
    """By how much its clock runs fast."""


class Orders(msgspec.Struct, frozen=True):
    """What the senders' process is told."""

    url: str
    token: str
    ca: str | None
    notes: str
    """The file that notes are appended to."""
    sources: list[Source]


class Note(msgspec.Struct, frozen=True, array_like=True):
    """A frame that was sent."""

    source: str
    kind: str
    digest: str
    utc_us: int
    """When it was captured, by this machine's clocks."""
    session: int
    """Which connection of the source it was."""
    mark_us: int = 0
    """When the flash was drawn that it is the first frame of, or the beep began that begins in it; else 0."""


class Place(NamedTuple):
    """Where a frame is: a file's name, and the time that the file gives it."""

    file: str
    utc_us: int


class Seen(NamedTuple):
    """A frame that was sent, and where it is: nowhere if it is lost."""

    note: Note
    kept: tuple[Place, ...]


@dataclass(slots=True)
class Senders:
    """The process while it runs."""

    process: subprocess.Popen[bytes]

    def connect_again(self) -> None:
        """Have all sources connect anew, until they succeed."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()


@contextmanager
def sending(orders: Orders, before: Sequence[str] = ()) -> Iterator[Senders]:
    """Send until the end; `before` is a command that the process is begun with. Then all is noted."""
    command = [*before, sys.executable, "-m", "benchmarks.recording.known_sender"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(msgspec.json.encode(orders) + b"\n")
            process.stdin.flush()
            yield Senders(process)
            process.stdin.close()
            if process.wait(END_S):
                raise ChildProcessError(f"the senders ended with status {process.returncode}")
        finally:
            process.kill()


def digest(data: bytes, codec: str) -> str:
    """Tell a frame by what of it is the same sent and kept: of H.264 its slices, without start codes."""
    if codec.lower() == "h264":
        data = b"".join(unit for unit in h264.split_annex_b(data) if unit[0] & 0x1F in _SLICES)
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def read(notes: Path) -> list[Note]:
    """Read the notes. Raises OSError, msgspec.DecodeError."""
    return msgspec.json.decode(b"[" + b",".join(notes.read_bytes().splitlines()) + b"]", type=list[Note])


def seen(notes: Sequence[Note], files: Sequence[Path]) -> dict[Key, list[Seen]]:
    """Find all frames again in the files, in the order of their capture. Raises OSError, SegmentDamaged."""
    kept: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for path in files:
        listing, data = listing_of(path), path.read_bytes()
        track = listing.label.track
        for frame in listing.frames:
            told = data[frame.offset : frame.offset + frame.length]
            if track.codec.value == "h264":
                told = _annex_b(told)
            name = digest(told, track.codec.value)
            kept[track.about["source"], track.about["kind"], name].append(Place(path.name, frame.pts_us))
    found: dict[Key, list[Seen]] = defaultdict(list)
    for note in sorted(notes, key=lambda note: note.utc_us):
        places = kept.get((note.source, note.kind, note.digest), [])
        found[note.source, note.kind].append(Seen(note, tuple(places)))
    return found


def files_below(root: Path) -> list[Path]:
    """Give all segment files that are closed."""
    return [path for path in sorted(root.glob("tracks/*/*")) if path.suffix != OPEN]


def _annex_b(data: bytes) -> bytes:
    """Give lengths the form of start codes again."""
    found, at = bytearray(), 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found += b"\0\0\0\1" + data[at + 4 : at + 4 + length]
        at += 4 + length
    return bytes(found)

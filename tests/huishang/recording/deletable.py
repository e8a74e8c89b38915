"""A root of recordings that have ended, with real files and chains, and what a node has that deletes some of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from config.settings import Recording as RecordingSettings
from dispatch.desk.coordinator import Coordinator
from dispatch.desk.ports import Keeper
from dispatch.hlc import HybridClock
from dispatch.keeping import DAY_US
from dispatch.records import BRIEF, Recording
from dispatch.tables import Tables
from huishang.recording import contents
from huishang.recording.about import with_recordings
from huishang.recording.keeping import Keeping
from huishang.recording.proving import Proving
from huishang.recording.retention import Retention
from recorder.book import Append
from recorder.book.book import Book
from recorder.book.layout import Layout
from recorder.files import Codec, SegmentWriter, Track
from recorder.proof import lines, records
from recorder.proof.records import RecordedLine
from recorder.utc import UtcLine
from recorder.utc.reading import read_clocks
from tests.recorder.book.books import HastyDisk, write_key
from tests.recorder.files.frames import frames

MIB: Final = 1 << 20


def name(letter: str) -> str:
    """Give the id of a recording that is called by a letter."""
    return "01KARR5QKB000000000000000" + letter


def track(number: int) -> str:
    return f"01KARR5QKB0000000000000T{number:02}"


def ended(
    letter: str, *, days_ago: float, retention: str = BRIEF, of: str = "consultation:c", hold: str = ""
) -> Recording:
    end_us = time.time_ns() // 1000 - int(days_ago * DAY_US)
    return Recording(
        id=name(letter),
        of=of,
        unit="C",
        title="会商",
        why="asked",
        begun_us=end_us - 3_600_000_000,
        ended_us=end_us,
        retention=retention,
        hold=hold,
    )


class Root:
    """The folder, while its recordings are made; `close` closes their chains."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now = time.time_ns() // 1000
        self._book = Book(folder, "n1", write_key, self._now, disk=HastyDisk())
        self._letters: set[str] = set()
        self._segments = 0

    def write(self, letters: str, number: int, files: int = 2, *, told: str | None = None) -> list[Path]:
        """Write files of a track that belong to some recordings, named by the chains of those in `told`."""
        made = []
        folder = Layout(self.folder).tracks / track(number)
        folder.mkdir(parents=True, exist_ok=True)
        about = with_recordings({"source": "camera", "kind": "audio"}, track(number), map(name, letters))
        for _ in range(files):
            self._segments += 1
            segment = f"01KARR5QKB000000000000{self._segments:04}"
            writer = SegmentWriter(folder, segment, 1, Track(track(number), Codec.OPUS, about=about))
            for at, frame in enumerate(frames(Codec.OPUS, 0.1)):
                writer.write(frame.data, 1_800_000_000_000_000 + at * 20_000, frame.is_keyframe)
            facts = writer.close()
            assert facts
            for letter in letters if told is None else told:
                self._tell(letter, Append(name(letter), "segment", contents.segment(facts, None)))
            made.append(folder / facts.name)
        return made

    def close(self) -> None:
        for letter in sorted(self._letters):
            self._tell(letter, Append(name(letter), "closure", {"at": self._now, "by": ""}))
        self._book.close()

    def _tell(self, letter: str, order: Append) -> None:
        if letter not in self._letters:
            self._letters.add(letter)
            self._tell(letter, Append(name(letter), "opening", {"at": self._now}))
        (answer,) = self._book.commit([order], self._now)
        assert not isinstance(answer, Exception), answer


@contextlib.asynccontextmanager
async def deleting(
    root: Path, tables: Tables, keeper: Keeper, told: dict[str, bool], *, ordinary_days: int = 180
) -> AsyncIterator[tuple[Coordinator, Retention, Keeping]]:
    """Run what deletes, as a node does; `told` is what is wrong."""
    coordinator = Coordinator(tables, HybridClock(), keeper, "n1")
    coordinator.start()
    keeping = Keeping(root, "n1", Proving(), UtcLine(read_clocks()), tables, tuple, lambda session: None)
    keeping.start()
    retention = Retention(
        root,
        RecordingSettings(low_bytes=MIB, ordinary_days=ordinary_days),
        coordinator,
        keeping,
        tuple,
        lambda code, is_so: told.update({code: is_so}),
    )
    retention.start()
    try:
        yield coordinator, retention, keeping
    finally:
        await retention.close()
        await keeping.close()
        await coordinator.close()


def deleted(root: Path, letter: str) -> list[records.Deletion]:
    """Read what a chain says is deleted."""
    data = Layout(root).chain(name(letter)).read_bytes()
    parsed = [records.parse(line.text) for line in lines.split([data])]
    return [
        msgspec.convert(each.content, records.Deletion)
        for each in parsed
        if isinstance(each, RecordedLine) and each.record.kind == "deletion"
    ]

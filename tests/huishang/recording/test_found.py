"""What a crash left is found: files of sessions whose chains do not name them, and nothing else is read."""

from __future__ import annotations

import os
import time
from pathlib import Path

from huishang.recording import contents
from huishang.recording.about import with_recordings
from huishang.recording.found import TOLD_S, unclosed, unnamed
from recorder.book import Append
from recorder.files import Codec, Facts, SegmentWriter, Track
from tests.recorder.book.books import NOW, closure, open_book, opening
from tests.recorder.files.frames import frames

TRACK = "01KARR5QKB0000000000000001"
OTHER = "01KARR5QKB0000000000000002"


def write(root: Path, track: str, number: int, *sessions: str, closes: bool = True) -> Facts | None:
    """Write a file as the worker does."""
    folder = root / "tracks" / track
    folder.mkdir(parents=True, exist_ok=True)
    about = with_recordings({}, track, sessions)
    name = f"01KARR5QKB00000000000001{number:02}"
    writer = SegmentWriter(folder, name, number, Track(track, Codec.OPUS, about=about))
    for at, frame in enumerate(frames(Codec.OPUS, 0.2)):
        writer.write(frame.data, 1_800_000_000_000_000 + at * 20_000, frame.is_keyframe)
    if closes:
        return writer.close()
    writer.flush()
    return None


def found(root: Path, *sessions: str, telling: tuple[str, ...] = (), now_s: float = 0.0) -> list[tuple[str, str]]:
    return [(session, facts.name) for session, facts in unnamed(root, sessions, telling, now_s or time.time())]


def test_only_files_that_a_chain_lacks_are_found(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    book.commit([opening("A"), opening("B")], NOW)
    named, shared = write(tmp_path, TRACK, 1, "A"), write(tmp_path, TRACK, 2, "A", "B")
    write(tmp_path, OTHER, 3, "C")
    write(tmp_path, OTHER, 4, "B", closes=False)
    (tmp_path / "tracks" / OTHER / "01KARR5QKB0000000000000109.mp4").write_bytes(b"no file of ours")
    assert named and shared
    told = [
        Append("A", "segment", contents.segment(named, None)),
        Append("A", "segment", contents.segment(shared, None)),
    ]
    book.commit(told, NOW)
    assert found(tmp_path, "A", "B") == [("B", shared.name)]
    assert found(tmp_path, "A") == []
    assert found(tmp_path, "D") == []


def test_what_the_worker_tells_just_now_is_left_to_it(tmp_path: Path) -> None:
    open_book(tmp_path).commit([opening("A")], NOW)
    facts = write(tmp_path, TRACK, 1, "A")
    assert facts
    assert found(tmp_path, "A", telling=(TRACK,)) == []
    later_s = os.stat(tmp_path / "tracks" / TRACK / facts.name).st_mtime + TOLD_S + 1
    assert found(tmp_path, "A", telling=(TRACK,), now_s=later_s) == [("A", facts.name)]


def test_sessions_without_a_closure_are_told(tmp_path: Path) -> None:
    assert unclosed(tmp_path) == set()
    book = open_book(tmp_path)
    book.commit([opening("A"), opening("B"), opening("C")], NOW)
    book.commit([closure("A"), closure("B")], NOW)
    for _ in range(60):
        content = {"at": NOW, "policy": "retention", "records": [0]}
        assert not isinstance(book.commit([Append("B", "deletion", content)], NOW)[0], Exception)
    assert unclosed(tmp_path) == {"C"}

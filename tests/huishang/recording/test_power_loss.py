"""Power fails after every step of worker and book: what is found again is whole, only what was not synced is lost."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from huishang.recording import contents
from huishang.recording.about import with_recordings
from huishang.recording.found import unclosed, unnamed
from recorder.book import Append, Written
from recorder.book.book import Book
from recorder.book.disk import Disk
from recorder.book.evidence import files_named
from recorder.files import Codec, facts_of
from recorder.tracks import TrackRecorder
from recorder.worker import store as under_test
from recorder.worker.hand import Hand
from recorder.worker.recovery import only_worker, recovered_below
from recorder.worker.store import Store
from recorder.worker.wire import Closed, Recovered
from tests.patience import wait_until
from tests.recorder.book.books import NOW, closure, findings_at, open_book, opening
from tests.recorder.files.frames import TRACK
from tests.recorder.syscalls import Noted, Step, leave_behind, sure_of
from tests.recorder.tracks.recording import OFFSET_NS
from tests.recorder.tracks.sender import Sender

SESSION = "01HF00000000000000000000AA"
SECOND = 1_000_000
#: What nobody vouches for from outside; nothing else may be found.
EXPLAINED = {"no-witness", "key-unpinned", "older-copy", "file-beside"}


def write_key(path: Path, data: bytes) -> None:
    """As the server's own, in calls that are noted."""
    disk, beside = Disk(), path.with_name(f".{path.name}.x")
    fd = disk.open(beside)
    disk.write(fd, data, 0)
    os.fsync(fd)
    disk.close(fd)
    os.replace(beside, path)
    disk.sync_folder(path.parent)


def record(root: Path, patch: pytest.MonkeyPatch, codec: Codec) -> tuple[list[Step], list[tuple[int, str]]]:
    """Record a track in a session; give the steps, and after how many of them which files had been proved."""
    noted = Noted(root, patch)
    patch.setattr(under_test, "SYNC_EVERY_S", 0.0)
    alone = only_worker(root)
    book = Book(root, "n1", write_key, NOW)
    (answer,) = book.commit([opening(SESSION)], NOW)
    proved = [(len(noted.steps), "")]
    store = Store(root, Hand(Hand.create()))
    track = TrackRecorder(TRACK, 1, with_recordings({}, TRACK, [SESSION]), store, OFFSET_NS)
    sender = Sender(codec)

    def tick() -> None:
        store.tick()
        news, store.news = store.news, []
        for each in news:
            assert isinstance(each, Closed), each
            content = contents.segment(each.facts, each.ended)
            (answer,) = book.commit([Append(SESSION, "segment", content)], NOW)
            assert isinstance(answer, Written)
            proved.append((len(noted.steps), content["file"]))

    def is_synced() -> bool:
        tick()
        return all(not file.is_asked for file in store._open.values())

    for at_us in range(SECOND, 9 * SECOND, sender.step_us):
        for packet in sender.next(at_us):
            track.receive(packet)
        track.tick(at_us * 1000)
        tick()
        if at_us % SECOND == 0:
            wait_until(is_synced, "the disk")
    track.finish(9 * SECOND * 1000)
    store.close()
    tick()
    book.commit([closure(SESSION)], NOW)
    book.close()
    os.close(alone)
    patch.undo()
    assert isinstance(answer, Written)
    return noted.steps, proved


def start_again(root: Path) -> None:
    """Recover as worker and server do, until the session is closed."""
    alone = only_worker(root)
    told = list(recovered_below(root / "tracks"))
    os.close(alone)
    book = open_book(root)
    assert not book.damaged
    if not (root / "sessions" / SESSION / "chain.jsonl").exists():
        book.commit([opening(SESSION)], NOW)
    if unclosed(root):
        for each in told:
            if isinstance(each, Recovered):
                book.commit([Append(SESSION, "segment", contents.segment(each.facts, None))], NOW)
        for session, facts in list(unnamed(root, [SESSION], (), time.time())):
            book.commit([Append(session, "segment", contents.segment(facts, None))], NOW)
        book.commit([closure(SESSION)], NOW)
    book.close()


def check(steps: list[Step], proved: set[str], source: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        leave_behind(steps, root, source)
        start_again(root)
        found = {finding.code for finding in findings_at(root) if finding.state != "intact"}
        assert found <= EXPLAINED
        named = files_named(root, SESSION)
        assert proved <= named
        by_segment = {Path(file).name.partition(".")[0]: root / file for file in named}
        created = {step.file: step.path for step in steps if step.what == "create"}
        for number, length in sure_of(steps).items():
            path = Path(created[number])
            if path.parts[0] == "tracks" and is_named_for_sure(steps, created[number]):
                facts = facts_of(by_segment[path.name.partition(".")[0]])
                assert facts.bytes >= length, "what was synced is there"


def is_named_for_sure(steps: list[Step], path: str) -> bool:
    """Tell whether a file's folder was synced after it was created."""
    at = next(number for number, step in enumerate(steps) if (step.what, step.path) == ("create", path))
    return any((step.what, step.path) == ("sync_folder", str(Path(path).parent)) for step in steps[at:])


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
def test_every_prefix_of_the_steps_of_worker_and_book_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: Codec
) -> None:
    steps, proved = record(tmp_path / "root", monkeypatch, codec)
    assert len(proved) > 2
    source = random.Random(1)
    for length in range(len(steps) + 1):
        check(steps[:length], {file for at, file in proved if at <= length and file}, source)


UNSAFE: dict[str, Callable[[Step], bool]] = {
    "files": lambda step: step.what == "sync",
    "folders": lambda step: step.what == "sync_folder" and step.path.startswith("tracks"),
}


@pytest.mark.parametrize("what", UNSAFE)
def test_a_disk_that_forgets_a_sync_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    steps, proved = record(tmp_path / "root", monkeypatch, Codec.VP8)
    source, lost = random.Random(1), 0
    for length in range(len(steps) // 2, len(steps) + 1, 5):
        unsafe = [step for step in steps[:length] if not UNSAFE[what](step)]
        try:
            check(unsafe, {file for at, file in proved if at <= length and file}, source)
        except Exception:
            lost += 1
    assert lost > 3, "the model of the disk loses what nobody made sure of"

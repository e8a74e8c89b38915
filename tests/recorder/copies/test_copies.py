"""Copies for who plays them: made once for all who ask, by a process that may die, kept on disk within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from recorder.copies import CopyBusy, CopyUnfit, copies, process, worker
from recorder.copies.copies import Copies, Originals
from recorder.copies.plan import Plan
from recorder.copies.shelf import Shelf
from recorder.files import Codec
from tests.patience import until
from tests.recorder.copies.sounds import copied, in_turn, payloads, plan_for, speech, written


class File:
    """An open file, as whoever asks for copies hands it over."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDONLY)

    def close(self) -> None:
        os.close(self.fd)


class Made:
    """Copies, and one file of which they are made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "copies"
        self.copies = Copies(self.folder)
        self.path, facts = written(folder, Codec.PCMA, in_turn(payloads(Codec.PCMA, speech(8000, 1))))
        self.plan: Plan = plan_for(facts)
        self.copy = copied(self.path, facts)
        self.opened = 0

    def opening(self) -> Originals:
        self.opened += 1
        return Originals(File(self.path), None, None)

    async def take(self, digest: str = "a" * 64) -> bytes:
        fd = await self.copies.take(digest, self.plan, self.opening)
        try:
            return os.pread(fd, 1 << 20, 0)
        finally:
            os.close(fd)

    @property
    def lying(self) -> int:
        return len(list(self.folder.glob("*")))


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    before = set(os.listdir("/proc/self/fd"))
    made = Made(tmp_path)
    await made.copies.start()
    yield made
    await made.copies.close()
    del made.copies
    left = set(os.listdir("/proc/self/fd")) - before
    assert not [fd for fd in left if "memfd" in _target(fd) or str(tmp_path) in _target(fd)]


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


async def test_all_who_ask_wait_for_one_making_and_who_asks_later_has_it_from_disk(made: Made) -> None:
    asked = [asyncio.create_task(made.take()) for _ in range(5)]
    await until("somebody is waited for", lambda: made.opened)
    asked[0].cancel()
    assert set(await asyncio.gather(*asked[1:])) == {made.copy} and made.opened == 1
    assert await made.take() == made.copy and (made.opened, made.lying) == (1, 1)
    # Other neighbours make another copy; what was there before a start is gone after it.
    await made.take("b" * 64)
    assert (made.opened, made.lying) == (2, 2)
    # What is deleted has no copies, not even one that is being made meanwhile.
    asked = [asyncio.create_task(made.take("c" * 64))]
    await until("it is being made", lambda: made.opened == 3)
    made.copies.empty()
    assert await asked[0] == made.copy
    await until("all are gone", lambda: made.lying == 0)
    await made.take()
    await Copies(made.folder).start()
    assert not made.folder.exists()
    assert await made.take() == made.copy and made.opened == 5


async def test_copy_is_served_though_the_disk_takes_none(made: Made) -> None:
    made.folder.write_bytes(b"no folder")
    assert await made.take() == made.copy == await made.take()
    made.folder.unlink()


async def test_killed_process_is_followed_by_another_unnoticed(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    await made.take()
    first = made.copies.process.pid
    assert first
    os.kill(first, signal.SIGSTOP)
    asked = asyncio.create_task(made.take("b" * 64))
    await until("it is being made", lambda: made.opened == 2)
    os.kill(first, signal.SIGKILL)
    assert await asked == made.copy and made.copies.process.pid != first
    monkeypatch.setattr(process, "IDLE_SECONDS", 0.0)
    await made.take("c" * 64)
    await until("it rests", lambda: made.copies.process.pid is None)
    assert await made.take("d" * 64) == made.copy


async def test_what_ends_the_process_is_refused_and_left_alone_for_a_while(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = made.path.read_bytes()
    made.path.write_bytes(b"\x1a" + bytes(5000))
    for _ in range(2):
        with pytest.raises(CopyUnfit):
            await made.take()
    assert made.opened == 1
    monkeypatch.setattr(copies, "SHUNNED_SECONDS", 0.0)
    made.path.write_bytes(good)
    assert await made.take() == made.copy
    # Processes end over one copy until it is refused; whoever asks next is served by another.
    asked = asyncio.create_task(made.take("b" * 64))
    while not asked.done():
        if made.copies.process.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(made.copies.process.pid, signal.SIGKILL)
        await asyncio.sleep(0)
    assert isinstance(asked.exception(), CopyUnfit)
    assert await made.take("c" * 64) == made.copy


async def test_more_than_can_be_waited_for_are_refused(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST_WAITING", 2)
    asked = [asyncio.create_task(made.take(name * 64)) for name in "abc"]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(result == made.copy for result in results) == 2
    assert sum(isinstance(result, CopyBusy) for result in results) == 1


async def test_process_has_nothing_of_ours_and_bounds(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUISHANG_SECRET", "value")
    await made.take()
    pid = made.copies.process.pid
    assert pid
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert environment.startswith(b"PYTHONPATH=") and environment.count(b"\0") == 1
    assert resource.prlimit(pid, resource.RLIMIT_AS)[0] == worker.MEMORY_BYTES
    assert os.getpriority(os.PRIO_PROCESS, pid) >= 10
    held = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    assert not [target for target in held if str(made.path.parent) in target or "memfd" in target]


def test_shelf_lets_go_of_what_is_oldest_and_of_what_has_lain_long(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf", most_bytes=250)
    keys = [f"S{number}" for number in range(4)]
    for key in keys[:2]:
        shelf.put(key, bytes(100))
    fd = shelf.find(keys[0])
    assert fd is not None
    os.close(fd)
    shelf.put(keys[2], bytes(100))
    shelf.put(keys[3], bytes(300))
    assert sorted(path.stem for path in (tmp_path / "shelf").iterdir()) == ["S0", "S2"]
    (tmp_path / "shelf" / "S0.mp4").write_bytes(b"another")
    assert shelf.find(keys[0]) is None and shelf.find(keys[1]) is None
    hasty = Shelf(tmp_path / "hasty", most_seconds=0.0)
    hasty.put(keys[0], bytes(100))
    hasty.tidy()
    assert not list((tmp_path / "hasty").iterdir())

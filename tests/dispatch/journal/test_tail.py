"""What is refused for want of something leaves the file as it was, and the next append goes on."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from dispatch.journal import Journal, JournalBroken, JournalBusy, JournalError, JournalFull, Limits
from dispatch.journal.disk import Disk
from tests.dispatch.journal.journals import payloads

ENTRY = b"x" * 600
LIMITS = Limits(file_bytes=1000, ahead_bytes=4096)


class ShortDisk(Disk):
    """Fails one kind of call with this error, once; a preallocation fails when half of it is there."""

    failing: str | None = None
    error = 0

    def _fail(self, call: str) -> None:
        if self.failing == call:
            self.failing = None
            raise OSError(self.error, os.strerror(self.error))

    def create(self, path: Path) -> int:
        self._fail("create")
        return super().create(path)

    def rename(self, before: Path, after: Path) -> None:
        self._fail("rename")
        super().rename(before, after)

    def sync_folder(self, folder: Path) -> None:
        self._fail("sync_folder")
        super().sync_folder(folder)

    def preallocate(self, fd: int, offset: int, count: int) -> bool:
        if self.failing == "preallocate":
            super().preallocate(fd, offset, count // 2)
        self._fail("preallocate")
        return super().preallocate(fd, offset, count)


async def append_while_failing(folder: Path, call: str, error: int) -> tuple[list[JournalError], list[bytes]]:
    """Append when the call fails, and again; give the refusals and what is there after opening anew."""
    disk = ShortDisk()
    journal = Journal.open(folder, "n", LIMITS, disk)
    await journal.append([ENTRY])
    disk.failing, disk.error = call, error
    before = len(os.listdir("/proc/self/fd"))
    refusals = []
    for entry in (ENTRY + b"1", ENTRY + b"2"):
        try:
            await journal.append([entry])
        except JournalError as refusal:
            refusals.append(refusal)
            assert len(os.listdir("/proc/self/fd")) <= before
            assert payloads(journal) == [ENTRY]
            assert not max(folder.glob("*.jsonl")).read_bytes().endswith(b"\0"), "no room is kept that nobody has"
    await asyncio.to_thread(journal.close)
    anew = Journal.open(folder, "n", LIMITS)
    kept = payloads(anew)
    await asyncio.to_thread(anew.close)
    return refusals, kept


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (errno.ENOSPC, JournalFull),
        (errno.EDQUOT, JournalFull),
        (errno.EMFILE, JournalBusy),
        (errno.ENOMEM, JournalBusy),
    ],
)
@pytest.mark.parametrize("call", ["create", "rename", "preallocate"])
async def test_what_passes_refuses_one_append_only(
    tmp_path: Path, call: str, error: int, refusal: type[JournalError]
) -> None:
    refusals, kept = await append_while_failing(tmp_path, call, error)
    assert [type(one) for one in refusals] == [refusal]
    assert kept == [ENTRY, ENTRY + b"2"]


@pytest.mark.parametrize(
    ("call", "error"),
    [("create", errno.EIO), ("rename", errno.EROFS), ("sync_folder", errno.EIO), ("sync_folder", errno.ENOSPC)],
)
async def test_what_does_not_pass_ends_appending(tmp_path: Path, call: str, error: int) -> None:
    refusals, kept = await append_while_failing(tmp_path, call, error)
    assert [type(one) for one in refusals] == [JournalBroken, JournalBroken]
    assert kept == [ENTRY]


async def test_files_begun_after_a_refusal_follow_one_another(tmp_path: Path) -> None:
    _, kept = await append_while_failing(tmp_path, "rename", errno.ENOSPC)
    assert len(kept) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000001.jsonl", "00000002.jsonl"]

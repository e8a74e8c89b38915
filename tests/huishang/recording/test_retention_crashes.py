"""A deletion that ends anywhere is gone on with by the next start, and at no moment does a file lack without a word.

From some step on nothing reaches the disk any more: no write (of every second one a half still does), no sync, no cut
and no removal, of journal, chain, ledger, log and files.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from dispatch.desk.keeping import JournalKeeper
from dispatch.entry import VERSION, Entry, encode
from dispatch.fold import plain
from dispatch.journal.file import Journal
from dispatch.records import ORDINARY, Recording
from dispatch.store.database import Database
from dispatch.store.loading import load
from huishang.recording import clearing, retention
from recorder.book.layout import Layout
from tests.huishang.recording.deletable import Root, deleted, deleting, ended, name
from tests.patience import until
from tests.recorder.book.books import findings_at

_CALLS: Final = ("pwrite", "fdatasync", "fsync", "ftruncate", "unlink", "rmdir")
NOWHERE: Final = "sqlite:////nowhere/at.db"


class Power:
    """Fails at a step, for good."""

    def __init__(self, last: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_on = self.is_gone = False
        self.steps = 0
        self._last = last
        for call in _CALLS:
            monkeypatch.setattr(os, call, self._counted(getattr(os, call), call == "pwrite"))

    def _counted(self, real: Callable[..., Any], writes: bool) -> Callable[..., Any]:
        def counted(*given: Any, **more: Any) -> Any:
            self.steps += self.is_on
            if self.is_on and self.steps >= self._last:
                if writes and not self.is_gone and self._last % 2:
                    fd, data, offset = given
                    real(fd, bytes(data)[: len(data) // 2], offset)
                self.is_gone = True
                raise OSError(5, "no power")
            return real(*given, **more)

        return counted


async def make(folder: Path) -> None:
    """Make a journal and a root: A is to be deleted and shares a file with B, which is kept."""
    root = Root(folder / "recordings")
    root.write("A", 1)
    root.write("AB", 2, 1)
    root.write("A", 2, 1)
    root.close()
    journal = Journal.open(folder / "journal", "n1")
    at_us = time.time_ns() // 1000
    some = (ended("A", days_ago=31), ended("B", days_ago=31, retention=ORDINARY))
    await journal.append([encode([_entry(each, at_us)]) for each in some])
    journal.close()


def _entry(recording: Recording, at_us: int) -> Entry:
    return Entry(
        v=VERSION,
        id=recording.id,
        node="n1",
        hlc=(at_us, 0),
        verb="recording.begin",
        actor="anna",
        object=f"recording:{recording.id}",
        params=plain(recording),
    )


async def delete(folder: Path, power: Power | None = None) -> None:
    """Start, and do what is due as far as there is power."""
    journal = Journal.open(folder / "journal", "n1")
    tables = (await load(Database(NOWHERE), journal)).tables
    reserve = Layout(folder / "recordings").reserve

    def is_done() -> bool:
        recording = tables.recordings.find(name("A"))
        return reserve.exists() and (recording is None or bool(recording.cleared_us))

    async with deleting(folder / "recordings", tables, JournalKeeper(journal), {}) as (_, deleter, keeping):
        await until("the book", lambda: keeping.chains.writer)
        if power is not None:
            power.is_on = True
        deleter.soon()
        await until("the end", lambda: is_done() or (power is not None and power.is_gone))
    journal.close()


async def test_next_start_finishes_what_a_crash_at_any_step_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "DISK_S", 60.0)
    monkeypatch.setattr(clearing, "PAUSE_S", 0.0)
    await make(tmp_path / "template")
    step, work = 0, tmp_path / "work"
    while True:
        step += 1
        shutil.copytree(tmp_path / "template", work)
        with monkeypatch.context() as patched:
            power = Power(step, patched)
            await delete(work, power)
        root = work / "recordings"
        assert not [each for each in findings_at(root) if each.state in ("missing", "altered")], step
        await delete(work)
        found = findings_at(root)
        assert not [each for each in found if each.state in ("missing", "altered", "incomplete")], step
        assert sum(each.code == "file-deleted" for each in found) == 3, step
        assert len({each for deletion in deleted(root, "A") for each in deletion.records}) == 4, step
        assert len(list(root.glob("tracks/*/*"))) == 1, step
        shutil.rmtree(work)
        if not power.is_gone:
            break
    assert step > 15

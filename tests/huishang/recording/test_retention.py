"""What is deleted by policy: evidence first, then files; never what another recording still has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dispatch.acts.recordings import Hold
from dispatch.entry import Origin
from dispatch.errors import Unavailable
from dispatch.permissions import SYSTEM
from dispatch.records import LASTING, ORDINARY, Recording
from dispatch.tables import Tables
from huishang.recording import retention as under_test
from recorder.book.layout import Layout
from tests.dispatch.desk.disk import Disk
from tests.huishang.recording.deletable import MIB, Root, deleted, deleting, ended, name
from tests.patience import until
from tests.recorder.book.books import findings_at


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(under_test, "DISK_S", 0.01)
    monkeypatch.setattr(under_test, "ROUND_S", 0.02)
    yield


def tables(*recordings: Recording) -> Tables:
    return Tables.of({"recording": recordings})


async def test_what_is_past_its_time_goes_and_what_another_recording_has_stays_until_that_goes_too(
    tmp_path: Path,
) -> None:
    root = Root(tmp_path)
    only_a, shared, only_b = root.write("A", 1), root.write("AB", 1), root.write("B", 1)
    # A file that the chain of a running recording does not name yet, one whose head cannot be read, and held ones.
    untold, damaged = root.write("AR", 2, 1, told="A"), root.write("AB", 3, 1)
    damaged[0].write_bytes(b"\0" * 100)
    kept = root.write("H", 4) + root.write("L", 5) + untold
    root.close()
    running = msgspec.structs.replace(ended("R", days_ago=40), ended_us=0, of="source:camera")
    some = tables(
        ended("A", days_ago=31),
        ended("B", days_ago=31, retention=ORDINARY),
        ended("H", days_ago=400, hold="案件"),
        ended("L", days_ago=400, retention=LASTING, of="source:camera"),
        running,
    )
    told: dict[str, bool] = {}
    async with deleting(tmp_path, some, Disk(), told):
        await until("A is gone", lambda: some.recordings.get(name("A")).cleared_us)
        assert not any(path.exists() for path in only_a)
        assert all(path.exists() for path in (*shared, *only_b, *damaged, *kept))
        (said,) = deleted(tmp_path, "A")
        assert said.policy == "brief: 30 days" and len(said.records) == 6
        assert told == {"disk-low": False, "disk-low-kept": False}
    async with deleting(tmp_path, some, Disk(), told, ordinary_days=1):
        await until("B is gone", lambda: some.recordings.get(name("B")).cleared_us)
    assert not any(path.exists() for path in (*shared, *only_b, *damaged))
    assert all(path.exists() for path in kept)
    found = findings_at(tmp_path)
    assert not [each for each in found if each.state in ("altered", "missing")]
    assert {each.session for each in found if each.code == "file-deleted"} == {name("A"), name("B")}
    assert not any(some.recordings.get(name(each)).deleted_us for each in "HLR")


async def test_journal_that_refuses_keeps_everything_and_a_hold_before_the_act_wins(tmp_path: Path) -> None:
    root = Root(tmp_path)
    files = root.write("A", 1) + root.write("B", 2)
    root.close()
    some = tables(ended("A", days_ago=31), ended("B", days_ago=32))
    disk = Disk()
    disk.failing = Unavailable("journal-full", "no room")
    async with deleting(tmp_path, some, disk, {}) as (coordinator, _, _):
        await until("it was tried", lambda: disk.writes > 2)
        assert all(path.exists() for path in files) and not deleted(tmp_path, "A")
        disk.failing = None
        # Whatever was chosen by now: the acts are decided one after another.
        await coordinator.act(Hold(recording=name("A"), reason="案件"), SYSTEM, Origin())
        await until("B is gone", lambda: some.recordings.get(name("B")).cleared_us)
        assert [path.exists() for path in files] == [True, True, False, False]
        assert not some.recordings.get(name("A")).deleted_us


async def test_low_disk_takes_brief_ones_from_the_oldest_until_there_is_room_and_then_says_that_nothing_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root(tmp_path)
    files = {letter: root.write(letter, number) for number, letter in enumerate("ABCO", 1)}
    root.close()
    some = tables(
        ended("A", days_ago=1),
        ended("B", days_ago=3),
        ended("C", days_ago=2),
        ended("O", days_ago=9, retention=ORDINARY),
    )
    told: dict[str, bool] = {}
    real = os.statvfs(tmp_path)
    room = {"needed": 2}

    def statvfs(path: Path) -> os.statvfs_result:
        """A disk on which a deleted recording frees half a mebibyte."""
        gone = sum(not path.exists() for pair in files.values() for path in pair) // 2
        blocks = (MIB + (gone - room["needed"]) * MIB // 2) // real.f_frsize
        return os.statvfs_result((*real[:4], max(0, blocks), *real[5:]))

    monkeypatch.setattr(os, "statvfs", statvfs)
    async with deleting(tmp_path, some, Disk(), told):
        await until("there is room", lambda: told.get("disk-low") is False)
        gone = {letter for letter in files if not files[letter][0].exists()}
        assert "B" in gone and "O" not in gone and gone <= {"B", "C", "A"}
        assert [each.policy for each in deleted(tmp_path, "B")] == ["brief: disk-low"]
        room["needed"] = 9
        await until("nothing may go", lambda: told.get("disk-low-kept"))
        assert told["disk-low"] and files["O"][0].exists()
        assert not some.recordings.get(name("O")).deleted_us
        room["needed"] = 0
        await until("it is well", lambda: told == {"disk-low": False, "disk-low-kept": False})
        await until("room is kept", lambda: Layout(tmp_path).reserve.exists())

"""One book: sessions that share a file, keys that change, disks that refuse, what was changed between two starts."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.book.book import Book
from recorder.book.disk import Disk
from recorder.book.errors import BookDamaged, BookFailed, BookLocked
from recorder.book.evidence import files_named
from recorder.book.orders import Append, Order, Rotate, Written
from recorder.proof.digests import WITH_SM3
from recorder.proof.errors import NotARecord, NotCanonical
from recorder.proof.findings import is_sound
from tests.recorder.book.books import (
    NOW,
    HastyDisk,
    closure,
    event,
    findings_at,
    open_book,
    opening,
    segment,
    write_key,
)
from tests.recorder.book.power_loss import NotingDisk


def commit(book: Book, *orders: Order) -> list[int]:
    answers = book.commit(orders, NOW)
    return [answer.record for answer in answers if isinstance(answer, Written)]


def fill(root: Path) -> None:
    """Two sessions, one file of both and one of each; all closed."""
    book = open_book(root)
    commit(book, opening("A"), opening("B"))
    commit(book, *segment(root, "t0", 0, "A", "B"), *segment(root, "t1", 0, "A"))
    commit(book, *segment(root, "t2", 1, "B"), closure("A"), closure("B"))
    book.close()


def test_sessions_that_share_a_file_are_sound_and_each_names_its_own(tmp_path: Path) -> None:
    fill(tmp_path)
    findings = findings_at(tmp_path)
    assert is_sound(findings)
    assert sorted(f.count for f in findings if f.code == "files-intact") == [2, 2]  # type: ignore[type-var]
    assert files_named(tmp_path, "A") == {"tracks/t0/0.mp4", "tracks/t1/0.mp4"}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "proof").rglob("*") if path.is_file()} == {0o600}


def test_an_order_without_a_place_is_refused_and_the_others_are_kept(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    wrong = [event("A", 1), opening("../B"), Append("C", "opening", {"at": 1.5})]
    assert [type(answer) for answer in book.commit(wrong, NOW)] == [NotARecord, NotARecord, NotCanonical]
    assert not list((tmp_path / "sessions").iterdir())
    answers = book.commit([opening("A"), opening("A"), event("A", 1), closure("A"), event("A", 2)], NOW)
    kinds = [type(answer) for answer in answers]
    assert kinds == [Written, NotARecord, Written, Written, NotARecord]
    assert [type(answer) for answer in book.commit([event("A", 3)], NOW)] == [NotARecord]
    book.close()
    assert is_sound(findings_at(tmp_path))


def test_a_new_key_signs_in_open_chains_and_in_those_of_before(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    commit(book, opening("A"), opening("B"))
    commit(book, Rotate(), event("A", 1))
    book.close()
    book = open_book(tmp_path)
    commit(book, Rotate())
    commit(book, closure("A"), closure("B"), opening("C"), closure("C"))
    book.close()
    findings = findings_at(tmp_path)
    assert is_sound(findings)
    assert len(list((tmp_path / "proof" / "keys").iterdir())) == 3


def test_a_key_that_has_signed_for_so_long_is_followed_by_another(tmp_path: Path) -> None:
    keys = tmp_path / "proof" / "keys"

    def record(now: int, *orders: Order) -> int:
        """Commit in a book of its own; return how many keys there are then."""
        book = Book(tmp_path, "n1", write_key, now, disk=HastyDisk(), key_lasts_us=100)
        assert not [answer for answer in book.commit(orders, now) if isinstance(answer, Exception)]
        book.close()
        return len(list(keys.iterdir()))

    assert record(NOW, opening("A")) == 1
    assert record(NOW + 99, event("A", 1)) == 1
    assert record(NOW + 100) == 1, "nothing is recorded"
    assert record(NOW + 100, event("A", 2), opening("B")) == 2
    assert record(NOW + 199, event("A", 3)) == 2
    assert record(NOW - 10_000, event("A", 4)) == 2, "the clock was put back"
    assert record(NOW + 500, closure("A"), closure("B")) == 3
    assert is_sound(findings_at(tmp_path))


def test_a_chain_keeps_its_digests_whatever_the_settings_are_later(tmp_path: Path) -> None:
    book = open_book(tmp_path, algorithms=WITH_SM3)
    commit(book, opening("A"), *segment(tmp_path, "t0", 0, "A", algorithms=WITH_SM3))
    book.close()
    book = open_book(tmp_path)
    absent = segment(tmp_path, "t0", 2, "A")
    (tmp_path / "tracks/t0/2.mp4").unlink()
    commit(book, opening("B"), *segment(tmp_path, "t0", 1, "A", "B"), *absent, closure("A"), closure("B"))
    book.close()
    findings = findings_at(tmp_path)
    told = {(f.code, f.session, f.detail, f.count) for f in findings if f.state == "intact" and f.session}
    assert told == {
        ("chain-intact", "A", "SHA-256, SM3", 7),
        ("files-intact", "A", "SHA-256, SM3", 2),
        ("chain-intact", "B", "SHA-256", 4),
        ("files-intact", "B", "SHA-256", 1),
    }
    assert [f.code for f in findings if f.state == "missing"] == ["file-missing"]


def test_what_is_deleted_by_policy_is_told_so_after_the_closure_too(tmp_path: Path) -> None:
    fill(tmp_path)
    book = open_book(tmp_path)
    deletion = {"at": NOW, "policy": "30 days", "records": [2]}
    assert len(commit(book, *(Append(session, "deletion", deletion) for session in "AB"))) == 2
    book.close()
    (tmp_path / "tracks/t0/0.mp4").unlink()
    findings = findings_at(tmp_path)
    assert is_sound(findings)
    assert [(f.session, f.track) for f in findings if f.code == "file-deleted"] == [("A", "t0"), ("B", "t0")]


def test_a_group_makes_sure_once_of_each_chain_and_once_of_log_and_ledger(tmp_path: Path) -> None:
    disk = NotingDisk(tmp_path)
    book = Book(tmp_path, "n1", disk.write_key, NOW, disk=disk)
    sessions = [f"S{number}" for number in range(20)]
    commit(book, *map(opening, sessions))
    before = len(disk.steps)
    commit(book, *(event(session, number) for number in range(5) for session in sessions))
    assert sum(step[0] == "sync" for step in disk.steps[before:]) == len(sessions) + 2
    book.close()


def test_a_book_is_kept_by_one_process(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    with pytest.raises(BookLocked):
        open_book(tmp_path)
    book.close()
    open_book(tmp_path).close()


class FailingDisk(HastyDisk):
    """Fails the n-th call that writes or makes sure; the write has come half through then."""

    def __init__(self, at: int) -> None:
        self.left = at

    def _fail(self) -> bool:
        self.left -= 1
        return self.left == 0

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if self._fail():
            Disk.write(self, fd, data[: len(data) // 2], offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(fd, data, offset)

    def sync(self, fd: int) -> None:
        if self._fail():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(fd)


@pytest.mark.parametrize("at", range(1, 12))
def test_what_a_disk_refuses_is_told_and_can_be_ordered_again(tmp_path: Path, at: int) -> None:
    disk = FailingDisk(0)
    book = open_book(tmp_path, disk)
    commit(book, opening("A"))
    disk.left = at
    orders = [event("A", 1), opening("B"), event("B", 2)]
    answers = book.commit(orders, NOW)
    again = [order for order, answer in zip(orders, answers, strict=True) if isinstance(answer, BookFailed)]
    assert again or book.problem
    disk.left = 0
    commit(book, *again)
    commit(book, closure("A"), closure("B"))
    assert not book.is_behind and book.problem is None
    book.close()
    assert is_sound(findings_at(tmp_path))
    open_book(tmp_path).close()


def spoil(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def lines_changed(*drop: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        parts = data.splitlines(keepends=True)
        return b"".join(part for at, part in enumerate(parts) if at - len(parts) not in drop)

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("leaves.jsonl", lines_changed(-1)),
        ("leaves.jsonl", lambda data: data.replace(b'"n":1', b'"n":9', 1)),
        ("ledger.jsonl", lines_changed(-2)),
        ("ledger.jsonl", lambda data: b""),
    ],
)
def test_ledger_and_log_that_no_crash_explains_are_not_gone_on_with(
    tmp_path: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    fill(tmp_path)
    path = tmp_path / "proof" / name
    spoil(path, change)
    before = path.read_bytes()
    with pytest.raises(BookDamaged):
        open_book(tmp_path)
    assert path.read_bytes() == before, "what is damaged is left as it is"
    assert not is_sound(findings_at(tmp_path))


def test_a_changed_chain_is_left_as_it_is_and_the_others_go_on(tmp_path: Path) -> None:
    book = open_book(tmp_path)
    commit(book, opening("A"), opening("B"))
    commit(book, event("A", 1), event("B", 1))
    book.close()
    path = tmp_path / "sessions" / "A" / "chain.jsonl"
    spoil(path, lines_changed(-1, -2))
    before = path.read_bytes()
    book = open_book(tmp_path)
    assert list(book.damaged) == ["A"]
    answers = book.commit([event("A", 2), event("B", 2)], NOW)
    assert [type(answer) for answer in answers] == [BookDamaged, Written]
    book.close()
    assert path.read_bytes() == before
    assert {f.session for f in findings_at(tmp_path) if f.code == "records-absent"} == {"A"}


def test_nodes_are_made_anew_whatever_is_in_their_file(tmp_path: Path) -> None:
    fill(tmp_path)
    nodes = tmp_path / "proof" / "nodes.bin"
    whole = nodes.read_bytes()
    for spoiled in (b"", whole[:50], whole + b"x" * 99, bytes(len(whole))):
        nodes.write_bytes(spoiled)
        open_book(tmp_path).close()
        assert nodes.read_bytes() == whole


def test_a_lost_key_is_told(tmp_path: Path) -> None:
    fill(tmp_path)
    for path in (tmp_path / "proof" / "keys").iterdir():
        path.unlink()
    with pytest.raises(BookDamaged, match="not there"):
        Book(tmp_path, "n1", write_key, NOW)

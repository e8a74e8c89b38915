"""Power fails after every step that the book asks of its disk: all that was answered is there, and it is sound."""

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from recorder.book.book import Book
from recorder.book.evidence import NoEvidence
from recorder.book.orders import Append, KeepToken, Order, Rotate, Written
from recorder.proof import records
from recorder.proof.chain_reading import read_chain
from recorder.proof.findings import Finding
from recorder.proof.ledger_reading import read_ledger
from recorder.proof.lines import split
from recorder.proof.records import RecordedLine
from tests.dispatch.journal.power_loss import Step
from tests.recorder.book.books import NOW, closure, event, findings_at, open_book, opening
from tests.recorder.book.power_loss import NotingDisk, leave_behind

SESSIONS = ("A", "B")
# Groups; each is events of the sessions by number, a token or a new key.
GROUPS = st.lists(st.lists(st.sampled_from(["A", "B", "token", "key"]), min_size=1, max_size=4), min_size=1, max_size=5)
#: What a crash, an unfinished session and an invented token explain; nothing else may be found.
EXPLAINED = {"not-closed", "no-witness", "key-unpinned", "token-unchecked", "older-copy", "file-beside"}
Answered = list[tuple[str, int]]


def orders_of(groups: list[list[str]]) -> list[list[Order]]:
    made: list[list[Order]] = [[opening(session) for session in SESSIONS]]
    for number, group in enumerate(groups):
        orders: list[Order] = []
        for at, what in enumerate(group):
            if what == "key":
                orders.append(Rotate())
            elif what == "token":
                orders.append(KeepToken(b"", f"response {number} {at}".encode()))
            else:
                orders.append(event(what, number * 10 + at))
        made.append(orders)
    return [*made, [closure("A")]]


def record(root: Path, groups: list[list[Order]]) -> tuple[list[Step], list[tuple[int, Answered]]]:
    """Commit groups; give the steps, and after how many of them which records had been answered."""
    disk = NotingDisk(root)
    book = Book(root, "n1", disk.write_key, NOW, disk=disk)
    answered: list[tuple[int, Answered]] = []
    known: Answered = []
    for group in groups:
        stamped = book.newest.stamped if book.newest else b""
        orders = [replace(order, stamped=stamped) if isinstance(order, KeepToken) else order for order in group]
        for order, answer in zip(orders, book.commit(orders, NOW), strict=True):
            assert isinstance(answer, Written)
            if isinstance(order, Append):
                known = [*known, (order.session, answer.record)]
        answered.append((len(disk.steps), known))
    book.close()
    return disk.steps, answered


def recorded(root: Path, session: str) -> dict[int, object]:
    path = root / "sessions" / session / "chain.jsonl"
    parsed = [records.parse(line.text) for line in split([path.read_bytes()])] if path.exists() else []
    return {line.record.n: line.content for line in parsed if isinstance(line, RecordedLine)}


def unexplained(root: Path) -> list[Finding]:
    return [f for f in findings_at(root) if f.state not in ("intact",) and f.code not in EXPLAINED]


def check_recovery(steps: list[Step], answered: Answered, source: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        root.mkdir()
        leave_behind(steps, root, source)
        book = open_book(root)
        assert not book.damaged
        for session in SESSIONS:
            there = recorded(root, session)
            assert {n for of, n in answered if of == session} <= there.keys()
            if not there:
                (answer,) = book.commit([opening(session)], NOW)
                assert isinstance(answer, Written)
        book.commit([event("B", 1)], NOW)
        book.close()
        assert not unexplained(root)
        open_book(root).close()


@pytest.mark.timeout(600)
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(GROUPS, st.integers(0))
def test_every_prefix_of_the_steps_keeps_what_was_answered(groups: list[list[str]], seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        steps, answered = record(Path(name), orders_of(groups))
    source = random.Random(seed)
    for length in range(len(steps) + 1):
        known = [own for at, own in answered if at <= length]
        check_recovery(steps[:length], known[-1] if known else [], source)


def test_a_disk_that_forgets_a_sync_is_found_out() -> None:
    with tempfile.TemporaryDirectory() as name:
        steps, answered = record(Path(name), orders_of([["A", "B"], ["token"], ["A"], ["B", "key"], ["B"]]))
    source = random.Random(1)
    lost = 0
    for length in range(len(steps) + 1):
        known = [own for at, own in answered if at <= length]
        unsafe = [step for step in steps[:length] if step[0] != "sync"]
        try:
            check_recovery(unsafe, known[-1] if known else [], source)
        except Exception:
            lost += 1
    assert lost > 10, "the model of the disk loses what nobody made sure of"


def test_what_power_loss_leaves_has_keys_that_the_ledger_names(tmp_path: Path) -> None:
    with pytest.raises(NoEvidence):
        findings_at(tmp_path)
    steps, _ = record(tmp_path / "made", orders_of([["key"], ["A", "key"]]))
    assert steps
    ledger = read_ledger([(tmp_path / "made" / "proof" / "ledger.jsonl").read_bytes()])
    kept = {path.stem for path in (tmp_path / "made" / "proof" / "keys").iterdir()}
    assert kept == set(ledger.keys) and len(kept) == 3
    chain = (tmp_path / "made" / "sessions" / "A" / "chain.jsonl").read_bytes()
    assert [f.code for f in read_chain("A", [chain], ledger.keys).findings] == ["chain-intact"]

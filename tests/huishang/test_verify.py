"""`huishang verify` over a whole root with two sessions that share a track: what it prints, and with which status."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huishang.verify_report import moment, report
from huishang.verify_words import CODES, GOOD, RUNNING, STATES
from recorder.book.evidence import Found, open_evidence
from recorder.book.layout import Layout
from recorder.book.orders import KeepToken
from recorder.proof import merkle, tokens
from recorder.proof.excerpt import excerpt
from recorder.proof.findings import ORDER, Finding
from recorder.proof.merkle import Tree
from tests.huishang.test_cli import huishang
from tests.recorder.book.books import NOW, closure, event, open_book, opening, segment
from tests.recorder.proof.authority import Authority
from tests.recorder.proof.sessions import BEGIN, SECOND


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions, three tracks of four segments; `shared` is named by both; stamped by one authority."""
    folder = tmp_path_factory.mktemp("made")
    root, authority = folder / "root", Authority(folder / "tsa", "one")
    (folder / "one.pem").write_bytes(authority.root_pem)
    book = open_book(root)
    book.commit([opening("A"), opening("B")], NOW)
    for number in range(4):
        own = [*segment(root, "only-a", number, "A"), *segment(root, "only-b", number, "B")]
        book.commit([*segment(root, "shared", number, "A", "B"), *own, event("A", number)], NOW)
    book.commit([closure("A"), closure("B")], NOW)
    assert book.to_stamp is not None
    stamped = book.to_stamp.stamped
    book.commit([KeepToken(stamped, authority.reply(tokens.request(stamped).as_bytes()))], NOW)
    book.close()
    return folder


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "root", tmp_path / "root"))


def verified(root: Path, *more: str) -> tuple[int, dict[str, Any]]:
    done = huishang("verify", str(root), "--json", *more, folder=root.parent)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def first_key(root: Path) -> str:
    (key,) = (root / "proof" / "keys").iterdir()
    return key.stem


def test_what_is_whole_is_sound_and_names_its_witness(root: Path, made: Path) -> None:
    more = "--root-certificate", str(made / "one.pem"), "--key", first_key(root)
    status, told = verified(root, *more)
    assert (status, told["sound"], told["state"], told["kind"], told["v"]) == (0, True, "unknown", "root", 1)
    by_code = {finding["code"]: finding for finding in told["findings"]}
    assert by_code["stamped"]["authority"] == "CN=one"
    unknown = {code for code, finding in by_code.items() if finding["state"] == "unknown"}
    assert unknown == {"before-witness", "older-copy", "file-beside"}
    done = huishang("verify", str(root), *more, folder=root.parent)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("会话")] == [
        f"会话 / session {session}: {GOOD}" for session in "AB"
    ]
    assert lines[-1].endswith("sound: nothing altered, missing or interrupted")


def test_a_bundle_of_one_session_is_sound_by_itself_and_names_no_other(root: Path, made: Path) -> None:
    layout, bundle = Layout(root), Layout(root.parent / "bundle")
    nodes = layout.nodes.read_bytes()
    tree = Tree(merkle.leaves_in(len(nodes) // 32), lambda place: nodes[place * 32 : place * 32 + 32])
    taken = excerpt(lambda: [layout.ledger.read_bytes()], [layout.leaves.read_bytes()], tree, {"A"})
    bundle.proof.mkdir(parents=True)
    bundle.ledger.write_bytes(taken.ledger)
    bundle.proofs.write_bytes(taken.proofs)
    shutil.copytree(layout.sessions / "A", bundle.sessions / "A")
    for track in ("shared", "only-a"):
        shutil.copytree(layout.tracks / track, bundle.tracks / track)
    more = "--root-certificate", str(made / "one.pem"), "--key", first_key(root)
    status, told = verified(bundle.root, *more)
    assert (status, told["kind"]) == (0, "bundle")
    assert {f["session"] for f in told["findings"] if "session" in f} == {"A"}
    flip(bundle.tracks / "only-a/2.mp4")
    assert verified(bundle.root, *more)[0] == 1


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def put_a_link(path: Path) -> None:
    path.rename(path.parents[3] / "kept")
    path.symlink_to(path.parents[3] / "kept")


DAMAGE: dict[str, tuple[Callable[[Path], None], str, set[str]]] = {
    "a changed file": (lambda root: flip(root / "tracks/shared/1.mp4"), "file-altered", {"A", "B"}),
    "a longer file": (lambda root: os.truncate(root / "tracks/only-a/1.mp4", 99_999), "file-altered", {"A"}),
    "a shorter file": (lambda root: os.truncate(root / "tracks/only-b/1.mp4", 9), "file-altered", {"B"}),
    "a missing file": (lambda root: (root / "tracks/shared/1.mp4").unlink(), "file-missing", {"A", "B"}),
    "a link instead of a file": (
        lambda root: put_a_link(root / "tracks/shared/1.mp4"),
        "file-missing",
        {"A", "B"},
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_each_damage_of_a_file_is_named_with_track_and_seconds(root: Path, what: str) -> None:
    damage, code, sessions = DAMAGE[what]
    damage(root)
    status, told = verified(root)
    found = [finding for finding in told["findings"] if finding["code"] == code]
    assert status == 1 and {finding["session"] for finding in found} == sessions
    begin = BEGIN + 5 * SECOND
    assert {(finding["start"], finding["end"]) for finding in found} == {(begin, begin + 5 * SECOND)}
    (track,) = {finding["track"] for finding in found}
    printed = huishang("verify", str(root), folder=root.parent).stdout
    assert f"轨道 / track {track}\n" in printed
    assert f"{moment(begin)} – {moment(begin + 5 * SECOND)} (5.0 s)" in printed


def test_what_nobody_recorded_and_what_was_left_open_is_told_once(root: Path) -> None:
    (root / "tracks/shared/9.mp4").write_bytes(b"x")
    (root / "tracks/shared/8.mp4.open").write_bytes(b"x")
    status, told = verified(root)
    found = [finding for finding in told["findings"] if finding["code"] in ("file-unrecorded", "file-open")]
    assert status == 1 and len(found) == 2 and not any("session" in finding for finding in found)
    assert {finding["track"] for finding in found} == {"shared"}


def cut_lines(path: Path, count: int) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-count]))


@pytest.mark.parametrize("name", ["sessions/A/chain.jsonl", "proof/leaves.jsonl", "proof/ledger.jsonl"])
def test_each_damage_of_what_proves_is_named(root: Path, name: str) -> None:
    path = root / name
    whole = path.read_bytes()
    for damage in (flip, lambda path: cut_lines(path, 1), lambda path: path.write_bytes(b""), Path.unlink):
        damage(path)
        assert verified(root)[0] == 1, damage
        path.write_bytes(whole)


def test_what_cannot_be_read_is_told_in_a_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "not.pem").write_text("no certificate")
    for arguments in (
        (str(tmp_path / "nowhere"),),
        (str(tmp_path / "empty"),),
        (str(root), "--key", "abc"),
        (str(root), "--root-certificate", str(tmp_path / "not.pem")),
        (str(root), "--root-certificate", str(tmp_path / "nowhere")),
    ):
        done = huishang("verify", *arguments, folder=tmp_path)
        assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1, arguments
    (root / "proof/ledger.jsonl").unlink()
    os.mkfifo(root / "proof/ledger.jsonl")
    assert huishang("verify", str(root), folder=tmp_path).returncode == 2


def test_another_first_key_is_named(root: Path) -> None:
    status, told = verified(root, "--key", "0" * 64)
    assert status == 1
    assert "key-not-pinned-one" in {finding["code"] for finding in told["findings"]}


def test_every_code_has_words_and_neighbours_are_told_as_one_stretch() -> None:
    from typing import get_args

    from recorder.proof.findings import Code, State

    assert set(CODES) == set(get_args(Code)) and set(STATES) == set(get_args(State)) == set(ORDER)
    full = {"count": 3, "record": 4, "line": 5, "at": NOW, "start": NOW, "authority": "CN=a\x1b[2J", "detail": "why"}
    for code in get_args(Code):
        (_, line, *_) = report([Finding(state="altered", code=code, session="S", **full)])  # type: ignore[arg-type]
        assert "\x1b" not in line and "{" not in line

    running = Finding(state="incomplete", code="not-closed", session="S")
    assert RUNNING in report([running]) and RUNNING not in report([])

    def missing(number: int) -> Finding:
        start = BEGIN + number * 5 * SECOND
        times = {"start": start, "end": start + 5 * SECOND}
        return Finding(state="missing", code="file-missing", session="S", track="t", file=f"{number}", **times)  # type: ignore[arg-type]

    lines = list(report([missing(number) for number in (3, 1, 2, 9)]))
    assert [line.count("(15.0 s)") for line in lines] == [0, 0, 1, 0, 0, 0]
    assert "3 个文件" in lines[2] and "(5.0 s)" in lines[3]


def test_progress_counts_every_byte_that_is_read(root: Path) -> None:
    from recorder.proof.stamps import Trust
    from recorder.proof.verifying import verify

    told: list[int] = []
    found: Found = open_evidence(root, told.append)
    list(verify(found.evidence, Trust(now=NOW)))
    assert sum(told) == found.bytes

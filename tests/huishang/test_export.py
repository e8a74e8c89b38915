"""`huishang export bundle`: what it makes is sound, what cannot be made is told in a line."""

from datetime import UTC, datetime
from pathlib import Path

from tests.huishang.test_cli import huishang
from tests.recorder.book.books import NOW, closure, event, open_book, opening, segment
from tests.recorder.proof.sessions import BEGIN, SECOND


def test_bundle_is_made_and_verified_and_everything_else_refused(tmp_path: Path) -> None:
    book = open_book(tmp_path / "root")
    book.commit([opening("A"), opening("B")], NOW)
    book.commit([*segment(tmp_path / "root", "t", 0, "A", "B"), *segment(tmp_path / "root", "t", 1, "A")], NOW)
    book.commit([event("A", 1), closure("A")], NOW)
    book.close()
    done = huishang("export", "bundle", "root", "A", "bundle", "--withhold", "event", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and len(done.stdout.splitlines()) == 1
    assert huishang("verify", "bundle", folder=tmp_path).returncode == 0
    end = datetime.fromtimestamp((BEGIN + 5 * SECOND) / SECOND, UTC).isoformat()
    assert huishang("export", "bundle", "root", "A", "part.zip", "--until", end, folder=tmp_path).returncode == 0
    assert b"t/0.mp4" in (tmp_path / "part.zip").read_bytes() and b"t/1.mp4" not in (tmp_path / "part.zip").read_bytes()
    for status, *arguments in (
        (2, "root", "A", "bundle"),
        (2, "root", "A", "other", "--withhold", "segment"),
        (2, "root", "A", "other", "--from", "yesterday"),
        (1, "root", "C", "other"),
        (1, "nowhere", "A", "other"),
        (1, "root", "A", "no/folder"),
    ):
        done = huishang("export", "bundle", *arguments, folder=tmp_path)
        assert done.returncode == status and done.stdout == "" and len(done.stderr.splitlines()) == 1, arguments
    assert {path.name for path in tmp_path.iterdir()} == {"root", "bundle", "part.zip"}

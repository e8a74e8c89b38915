"""A backup comes back as it was, or not at all."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huishang.backup import MANIFEST, backup, restore
from huishang.errors import StartError
from recorder.book.orders import Rotate
from tests.recorder.book.books import NOW, event, findings_at, open_book, opening, segment


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "var"
    (folder / "journal").mkdir(parents=True)
    (folder / "tls").mkdir(mode=0o700)
    (folder / "journal" / "00000001.jsonl").write_bytes(b"one\ntwo\n" + bytes(4096))
    key = folder / "tls" / "server.key"
    key.write_bytes(b"secret")
    key.chmod(0o600)
    (folder / "huishang.toml").write_text("[server]\n")
    (folder / "huishang.db").write_bytes(b"projection")
    (folder / "huishang.db-wal").write_bytes(b"projection")
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode & 0o777) for path in files}


def test_all_but_the_database_comes_back_with_its_modes(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path), tmp_path / "node.backup"
    made = backup(folder, file, "huishang", 1, quiet, database=folder / "huishang.db")
    assert file.stat().st_mode & 0o777 == 0o600
    assert restore(file, tmp_path / "new" / "var", quiet) == made
    expected = {name: item for name, item in contents(folder).items() if ".db" not in name}
    assert contents(tmp_path / "new" / "var") == expected
    assert made.files == 3


@pytest.mark.parametrize("name", ["store.sqlite", "data", "sub/huishang", "huishang.db.old", "journal.v2"])
def test_database_is_left_out_whatever_it_is_called_and_nothing_else(tmp_path: Path, name: str) -> None:
    folder, file = folder_of(tmp_path), tmp_path / "node.backup"
    expected = contents(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    for suffix in ("", "-wal", "-shm", "-journal", ".new"):
        (folder / f"{name}{suffix}").write_bytes(b"projection")
    (tmp_path / "same").symlink_to(folder)
    backup(folder, file, "huishang", 1, quiet, database=tmp_path / "same" / name)
    restore(file, tmp_path / "back", quiet)
    assert contents(tmp_path / "back") == expected


def test_all_is_copied_where_the_database_is_elsewhere(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    for number, database in enumerate((None, tmp_path / "huishang.db")):
        file = tmp_path / f"{number}.backup"
        backup(folder, file, "huishang", 1, quiet, database=database)
        restore(file, tmp_path / str(number), quiet)
        assert contents(tmp_path / str(number)) == contents(folder)


def test_file_that_goes_meanwhile_is_left_out(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path), tmp_path / "node.backup"

    def replace(done: int, total: int) -> None:
        (folder / "tls" / "server.key").unlink(missing_ok=True)

    (folder / "journal" / "position.new").write_bytes(b"half")
    made = backup(folder, file, "huishang", 1, replace, database=folder / "huishang.db")
    assert restore(file, tmp_path / "new", quiet) == made
    assert set(contents(tmp_path / "new")) == {"huishang.toml", "journal/00000001.jsonl"}


def test_link_in_the_folder_is_refused_for_what_it_leads_to_would_be_missing(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path), tmp_path / "node.backup"
    (folder / "journal").rename(tmp_path / "another-disk")
    (folder / "journal").symlink_to(tmp_path / "another-disk")
    with pytest.raises(StartError, match=r"journal: .*symbolic link"):
        backup(folder, file, "huishang", 1, quiet, database=folder / "huishang.db")
    assert not file.exists()


def test_file_that_grows_meanwhile_is_taken_as_it_was_when_it_was_opened(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path), tmp_path / "node.backup"
    journal = folder / "journal" / "00000001.jsonl"
    before = journal.read_bytes()

    def grow(done: int, total: int) -> None:
        with journal.open("ab") as more:
            more.write(b"later\n")

    backup(folder, file, "huishang", 1, grow, database=folder / "huishang.db")
    restore(file, tmp_path / "back", quiet)
    assert (tmp_path / "back" / "journal" / "00000001.jsonl").read_bytes().startswith(before)


def test_neither_a_file_nor_a_folder_is_written_over(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path), tmp_path / "node.backup"
    backup(folder, file, "huishang", 1, quiet, database=folder / "huishang.db")
    before = file.read_bytes()
    with pytest.raises(StartError):
        backup(folder, file, "huishang", 1, quiet, database=folder / "huishang.db")
    with pytest.raises(StartError):
        restore(file, folder, quiet)
    assert file.read_bytes() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_damaged_backup_is_refused_and_leaves_nothing(tmp_path: Path, data: st.DataObject) -> None:
    folder, file = tmp_path / "var", tmp_path / "node.backup"
    if not file.exists():
        backup(folder_of(tmp_path), file, "huishang", 1, quiet, database=folder / "huishang.db")
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.sampled_from(["cut", "flip"]))
    broken = tmp_path / "broken.backup"
    broken.write_bytes(whole[:at] if damage == "cut" else whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
    target = tmp_path / "back"
    try:
        restore(broken, target, quiet)
    except StartError:
        assert not target.exists() and folder.exists()
        assert not list(tmp_path.glob(".back.*"))
        return
    # Bytes of gzip's header and of the archive's padding mean nothing.
    expected = {name: content for name, (content, _) in contents(folder).items() if ".db" not in name}
    restored = {name: content for name, (content, _) in contents(target).items()}
    assert restored == expected
    for path in sorted(target.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    target.rmdir()


@pytest.mark.parametrize("name", ["../escaped", "/etc/escaped", "data/../../escaped", "escaped", "data"])
def test_archive_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "evil.backup"
    with tarfile.open(file, "w:gz") as archive:
        for inside, text in ((name, b"x"), (MANIFEST, json.dumps({"v": 1, "files": {}}).encode())):
            info = tarfile.TarInfo(inside)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    with pytest.raises(StartError):
        restore(file, tmp_path / "in" / "var", quiet)
    assert not (tmp_path / "escaped").exists() and not (tmp_path / "in" / "var").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_pipes_are_refused(tmp_path: Path, kind: bytes) -> None:
    file = tmp_path / "evil.backup"
    with tarfile.open(file, "w:gz") as archive:
        info = tarfile.TarInfo("data/link")
        info.type = kind
        info.linkname = "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(StartError):
        restore(file, tmp_path / "back", quiet)
    assert not (tmp_path / "back").exists()


def test_newer_backup_is_named_as_such(tmp_path: Path) -> None:
    file = tmp_path / "new.backup"
    with tarfile.open(file, "w:gz") as archive:
        text = json.dumps({"v": 2, "files": {}}).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    with pytest.raises(StartError, match="version 2"):
        restore(file, tmp_path / "back", quiet)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with pytest.raises(StartError, match="nowhere"):
        backup(folder, tmp_path / "nowhere" / "x.backup", "huishang", 1, quiet, database=folder / "huishang.db")


def test_recordings_are_left_out_and_what_proves_them_comes_back_fit_to_go_on(tmp_path: Path) -> None:
    folder, file = folder_of(tmp_path), tmp_path / "node.backup"
    root = folder / "recordings"
    (folder / "copies").mkdir()
    (folder / "copies" / "A.mp4").write_bytes(b"made anew")
    book = open_book(root)
    book.commit([opening("A"), *segment(root, "T", 1, "A")], NOW)

    def go_on(done: int, total: int) -> None:
        """Record more while files are copied, with one key after another."""
        for each in range(3):
            assert not isinstance(book.commit([Rotate()], NOW)[0], Exception)
            assert not isinstance(book.commit([event("A", each)], NOW)[0], Exception)

    backup(folder, file, "huishang", 1, go_on, database=None, media=root / "tracks")
    book.close()
    restore(file, tmp_path / "back", quiet)
    assert not (tmp_path / "back" / "recordings" / "tracks").exists()
    assert not (tmp_path / "back" / "copies").exists()
    keys = {path.name for path in (tmp_path / "back" / "recordings" / "proof" / "keys").iterdir()}
    assert len(keys) > 3
    went_on = open_book(tmp_path / "back" / "recordings")
    assert not went_on.damaged
    went_on.commit([event("A", 9)], NOW)
    went_on.close()
    states = {finding.code for finding in findings_at(tmp_path / "back" / "recordings") if finding.state == "altered"}
    assert not states

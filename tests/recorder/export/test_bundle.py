"""Evidence bundles: sound by themselves, of one session only, there whole or not at all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from recorder.book.layout import Layout
from recorder.book.orders import Append, KeepToken
from recorder.export import ExportCancelled, ExportFailed, ExportRefused
from recorder.export.archive import write_folder, write_zip, zipped
from recorder.export.bundle import bundle_of
from recorder.export.disclosure import WITHHOLDABLE, Disclosure
from recorder.proof import tokens
from recorder.proof.findings import Finding, is_sound
from tests.recorder.book.books import NOW, closure, findings_at, open_book, opening, segment
from tests.recorder.proof.authority import Authority
from tests.recorder.proof.sessions import BEGIN, SECOND

OURS, OTHER, RUNNING = "01HF00000000000000000000AA", "01HF00000000000000000000BB", "01HF00000000000000000000CC"
SHARED, OWN, THEIRS = "01HF0000000000000000000TSH", "01HF0000000000000000000TAA", "01HF0000000000000000000TBB"
SECONDS = 5


def said(session: str, number: int) -> Append:
    return Append(session, "event", {"at": BEGIN + number * 5 * SECOND, "verb": f"secret-of-{session}-{number}"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sessions, one still running; a track is shared by two; stamped in the middle and at the end."""
    folder = tmp_path_factory.mktemp("made")
    root, authority = folder / "root", Authority(folder / "tsa", "one")
    book = open_book(root)
    book.commit([opening(session) for session in (OURS, OTHER, RUNNING)], NOW)
    for number in range(4):
        own = [*segment(root, OWN, number, OURS), *segment(root, THEIRS, number, OTHER)]
        book.commit([*segment(root, SHARED, number, OURS, OTHER), *own, said(OURS, number), said(OTHER, number)], NOW)
        if number == 2:
            stamp(book, authority)
    book.commit([said(RUNNING, 0), closure(OURS)], NOW)
    stamp(book, authority)
    book.close()
    certificates = Layout(root).certificates
    certificates.mkdir()
    (certificates / "one.pem").write_bytes(authority.root_pem)
    return folder


def stamp(book: object, authority: Authority) -> None:
    stamped = book.to_stamp.stamped  # type: ignore[attr-defined]
    reply = authority.reply(tokens.request(stamped).as_bytes())
    book.commit([KeepToken(stamped, reply)], NOW)  # type: ignore[attr-defined]


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}


def test_bundle_is_verified_on_its_own_and_by_its_own_readme(made: Path, tmp_path: Path) -> None:
    place = tmp_path / "bundle"
    bundle = bundle_of(made / "root", OURS)
    assert bundle.absent == ()
    write_folder(bundle, place)
    found = findings_at(place)
    assert is_sound(found) and {finding.session for finding in found} == {"", OURS}
    assert codes(found) >= {"chain-intact", "files-intact", "authority-unpinned"} and "not-closed" not in codes(found)
    verify = subprocess.run([sys.executable, "-m", "huishang", "verify", str(place), "--json"], capture_output=True)
    assert verify.returncode == 0 and json.loads(verify.stdout)["kind"] == "bundle"
    text = (place / "README.txt").read_text("utf-8-sig")
    commands = [line.strip() for line in text.splitlines() if re.match("    (sha256sum|cat|openssl)", line)]
    assert len(commands) >= 4
    script = "set -e\n" + "\n".join(commands)
    done = subprocess.run(["sh", "-c", script], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0 and "Verification: OK" in done.stdout + done.stderr, done
    with next((place / "tracks" / OWN).iterdir()).open("r+b") as file:
        file.write(b"!")
    assert not is_sound(findings_at(place))
    assert subprocess.run(["sh", "-c", script], cwd=place, capture_output=True).returncode != 0


def hashes_in(value: object) -> set[str]:
    """Give digests, salts and signatures."""
    if isinstance(value, dict):
        return {found for member in value.values() for found in hashes_in(member)}
    return {value} if isinstance(value, str) and re.fullmatch("([0-9a-f]{64}){1,2}", value) else set()


def test_nothing_of_another_session_is_in_any_byte(made: Path) -> None:
    root = made / "root"
    whole = b"".join(zipped(bundle_of(root, OURS)))
    assert OURS.encode() in whole and f"secret-of-{OURS}".encode() in whole
    theirs = {OTHER, RUNNING, THEIRS, "secret-of-" + OTHER}
    for line in Layout(root).chain(OTHER).read_text().splitlines():
        theirs |= hashes_in(json.loads(line))
    theirs -= {
        value for line in Layout(root).chain(OURS).read_text().splitlines() for value in hashes_in(json.loads(line))
    }
    assert len(theirs) > 40
    for value in theirs:
        assert value.encode() not in whole, value
    for file in (root / "tracks" / THEIRS).iterdir():
        assert file.read_bytes()[:100] not in whole
    assert b"PRIVATE" not in whole


def test_archive_is_the_same_each_time_and_opens_into_a_sound_folder(made: Path, tmp_path: Path) -> None:
    bundle = bundle_of(made / "root", OURS)
    (tmp_path / "given.zip").write_bytes(b"".join(zipped(bundle)))
    write_zip(bundle, tmp_path / "written.zip")
    assert (tmp_path / "given.zip").read_bytes() == b"".join(zipped(bundle_of(made / "root", OURS)))
    for name in ("given", "written"):
        unzip = subprocess.run(["unzip", "-q", f"{name}.zip", "-d", name], cwd=tmp_path, capture_output=True)
        assert unzip.returncode == 0, unzip.stderr
        assert is_sound(findings_at(tmp_path / name / OURS))
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [f"{OURS}/{entry.name}" for entry in bundle.entries]
            assert [about.file_size for about in archive.infolist()] == [entry.length for entry in bundle.entries]
            # What was written has its lengths where every program looks for them.
            assert any(about.flag_bits & 8 for about in archive.infolist()) is (name == "given")
    write_zip(bundle, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "written.zip").read_bytes()


def test_what_is_withheld_is_not_there_and_the_rest_is_proved(made: Path, tmp_path: Path) -> None:
    bundle = bundle_of(made / "root", OURS, Disclosure(withhold=frozenset({"event"})))
    write_folder(bundle, tmp_path / "bundle")
    assert all(b"secret" not in path.read_bytes() for path in (tmp_path / "bundle").rglob("*") if path.is_file())
    found = findings_at(tmp_path / "bundle")
    assert is_sound(found) and [finding.count for finding in found if finding.code == "withheld"] == [4]
    everything = bundle_of(made / "root", OURS, Disclosure(withhold=WITHHOLDABLE))
    write_folder(everything, tmp_path / "more")
    assert is_sound(findings_at(tmp_path / "more"))
    with pytest.raises(ExportRefused, match="kind"):
        Disclosure(withhold=frozenset({"segment"}))


def test_stretch_of_time_has_its_files_only_and_is_sound(made: Path, tmp_path: Path) -> None:
    stretch = Disclosure(begin=BEGIN + 5 * SECOND, until=BEGIN + 10 * SECOND)
    write_folder(bundle_of(made / "root", OURS, stretch), tmp_path / "bundle")
    files = {path.name for path in (tmp_path / "bundle" / "tracks").rglob("*") if path.is_file()}
    assert files == {"1.mp4"}
    chain = (tmp_path / "bundle" / "sessions" / OURS / "chain.jsonl").read_text()
    assert {number for number in range(4) if f"secret-of-{OURS}-{number}" in chain} == {1}
    found = findings_at(tmp_path / "bundle")
    assert is_sound(found) and {"withheld", "files-intact"} <= codes(found)


def test_running_session_is_bundled_up_to_its_last_head(made: Path, tmp_path: Path) -> None:
    root, bundle = made / "root", tmp_path / "bundle"
    chain = Layout(root).chain(RUNNING)
    before = chain.read_bytes()
    with chain.open("ab") as file:
        file.write(before.splitlines(keepends=True)[2] + b'{"content":{"at"')
    try:
        write_folder(bundle_of(root, RUNNING), bundle)
    finally:
        chain.write_bytes(before)
    assert (bundle / "sessions" / RUNNING / "chain.jsonl").read_bytes() == before
    assert {finding.code for finding in findings_at(bundle) if finding.state not in ("intact", "unknown")} == {
        "not-closed"
    }
    assert "not closed yet" in (bundle / "README.txt").read_text("utf-8-sig")


def test_bundles_made_while_the_book_is_written_are_sound(tmp_path: Path) -> None:
    root, authority = tmp_path / "root", Authority(tmp_path / "tsa", "one")
    book = open_book(root)
    book.commit([opening(OURS), opening(OTHER)], NOW)
    stamp(book, authority)

    def write() -> None:
        for number in range(150):
            book.commit([*segment(root, SHARED, number, OURS, OTHER), said(OURS, number), said(OTHER, number)], NOW)
            if number % 50 == 25:
                stamp(book, authority)

    writer = threading.Thread(target=write)
    writer.start()
    lengths: list[int] = []
    while not lengths or writer.is_alive():
        place = tmp_path / str(len(lengths))
        bundle = bundle_of(root, OURS, Disclosure(withhold=frozenset({"event"})))
        write_folder(bundle, place)
        lengths.append(bundle.length)
        found = {finding.code for finding in findings_at(place) if finding.state not in ("intact", "unknown")}
        assert found == {"not-closed"} and not bundle.absent
    book.close()
    assert lengths == sorted(lengths) and bundle_of(root, OURS).length > lengths[0]


def test_file_that_is_gone_is_told(made: Path, tmp_path: Path) -> None:
    gone = made / "root" / "tracks" / OWN / "3.mp4"
    data = gone.read_bytes()
    gone.unlink()
    try:
        bundle = bundle_of(made / "root", OURS)
    finally:
        gone.write_bytes(data)
    assert bundle.absent == (f"tracks/{OWN}/3.mp4",)
    write_folder(bundle, tmp_path / "bundle")
    assert bundle.absent[0] in (tmp_path / "bundle" / "README.txt").read_text("utf-8-sig")
    assert [finding.file for finding in findings_at(tmp_path / "bundle") if finding.code == "file-missing"] == [
        *bundle.absent
    ]


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_what_ends_early_leaves_nothing(write: object, made: Path, tmp_path: Path) -> None:
    bundle = bundle_of(made / "root", OURS)
    told: list[tuple[int, int]] = []
    write(bundle, tmp_path / "whole", lambda done, total: told.append((done, total)))  # type: ignore[operator]
    assert told == sorted(told) and told[-1] == (bundle.length, bundle.length)

    def cancel(done: int, total: int) -> None:
        if done > total // 2:
            raise ExportCancelled

    with pytest.raises(ExportCancelled):
        write(bundle, tmp_path / "out", cancel)  # type: ignore[operator]
    changed = made / "root" / "tracks" / OWN / "3.mp4"
    data = changed.read_bytes()
    changed.write_bytes(data[:100])
    try:
        with pytest.raises(ExportFailed, match="shorter"):
            write(bundle, tmp_path / "out")  # type: ignore[operator]
    finally:
        changed.write_bytes(data)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_full_disk_is_told_and_nothing_stays(made: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    command = [sys.executable, "-m", "tests.recorder.export.full_disk", str(small), str(made / "root"), OURS]
    done = subprocess.run(["unshare", "--mount", *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"codes": ["export-full"] * 3, "left": []}


@pytest.mark.parametrize("session", ["../x", "01HF00000000000000000000ZZ", ""])
def test_what_is_no_session_is_refused(session: str, made: Path) -> None:
    with pytest.raises(ExportRefused):
        bundle_of(made / "root", session)

"""What is opened for verification: plain files below the root, whatever somebody put there."""

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from recorder.book.evidence import NoEvidence, is_closed, open_evidence, segments_named
from recorder.book.orders import Append
from recorder.proof.findings import is_sound
from tests.recorder.book.books import NOW, closure, findings_at, open_book, opening, segment
from tests.recorder.proof.authority import Authority


def fill(root: Path) -> None:
    book = open_book(root)
    book.commit([opening("A"), *segment(root, "t", 0, "A"), closure("A")], NOW)
    book.close()


def test_what_is_no_recording_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(NoEvidence):
            open_evidence(path, lambda _: None)


@pytest.mark.parametrize("behind", [(), (3,), (10_000,), (10_000, 10_000, 2)])
def test_closed_chain_is_known_whatever_was_deleted_since(tmp_path: Path, behind: tuple[int, ...]) -> None:
    book = open_book(tmp_path)
    for order in [opening("A"), *segment(tmp_path, "t", 0, "A")]:
        book.commit([order], NOW)
    assert not is_closed(tmp_path, "A")
    book.commit([closure("A")], NOW)
    named = [Append("A", "deletion", {"at": NOW, "policy": "p", "records": list(range(count))}) for count in behind]
    if named:
        answers = book.commit(named, NOW)
        assert not [each for each in answers if isinstance(each, Exception)]
    book.close()
    assert is_closed(tmp_path, "A") and not is_closed(tmp_path, "B")
    segments = [each for each in segments_named(tmp_path, "A") if isinstance(each, tuple)]
    assert segments == [(2, "tracks/t/0.mp4")]


def test_links_and_pipes_are_told_and_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    fill(root)
    (root / "tracks" / "t").rename(outside)
    (root / "tracks" / "t").symlink_to(outside)
    os.mkfifo(root / "tracks" / "pipe")
    (root / "sessions" / "no name").mkdir()
    found = {(finding.code, finding.file) for finding in findings_at(root) if finding.state in ("altered", "missing")}
    assert found == {("file-missing", "tracks/t/0.mp4"), ("file-unrecorded", "tracks/pipe")}


def test_certificates_that_came_along_are_read_as_far_as_they_can_be(tmp_path: Path) -> None:
    root, authority = tmp_path / "root", Authority(tmp_path / "tsa", "one")
    fill(root)
    folder = root / "proof" / "certificates"
    folder.mkdir()
    der = authority.root.public_bytes(Encoding.DER)
    (folder / "0.pem").write_bytes(b"no certificate")
    (folder / "1.pem").mkdir()
    for at in range(0, len(der), 17):
        changed = base64.encodebytes(der[:at] + bytes([der[at] ^ 0x40]) + der[at + 1 :])
        text = b"-----BEGIN CERTIFICATE-----\n" + changed + b"-----END CERTIFICATE-----\n"
        (folder / f"changed-{at}.pem").write_bytes(text)
    (folder / "2.pem").write_bytes(authority.root_pem)
    assert authority.root in open_evidence(root, lambda _: None).carried
    assert is_sound(findings_at(root))

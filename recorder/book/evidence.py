"""Opens the files of a recordings' root, or of a bundle, for verification.

Shell, reading only. The files may be anybody's: links are not followed, what is no plain file is not read, and a chain
can name only what was found below `tracks` before it was read.
"""

import hashlib
import os
import re
import ssl
import stat
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from recorder.book.layout import Layout
from recorder.proof import records
from recorder.proof.errors import NotARecord, ProofError, TokenRefused
from recorder.proof.findings import Finding
from recorder.proof.lines import split
from recorder.proof.records import RecordedKind, RecordedLine
from recorder.proof.tokens import read_certificates
from recorder.proof.verifying import Evidence

PIECE_BYTES = 1 << 18
"""Larger ones leave the processor's cache before they are hashed."""
MAX_CERTIFICATES = 64
MAX_CERTIFICATE_BYTES = 1 << 16
MAX_BESIDE = 100
"""Files told of that nothing vouches for."""
NAMED_BY_DIGEST = re.compile(r"[0-9a-f]{64}\.pem")
_END_BYTES = 1 << 14
"""Of a chain: a closure, a head and what came before."""
_MOST_END_BYTES = 1 << 20
_SIGNED = ("head", "rotation")
Progress = Callable[[int], None]
"""Is told of every piece how many bytes it had."""


class NoEvidence(Exception):
    """There is nothing that could be verified."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is at a path."""

    evidence: Evidence
    bytes: int
    """Of all files that verification may read."""
    is_bundle: bool
    carried: tuple[x509.Certificate, ...]
    """Certificates that came with the files."""


def open_evidence(root: Path, progress: Progress) -> Found:
    """Look what there is below `root`. Raises NoEvidence, OSError where the folder itself cannot be read."""
    layout = Layout(root)
    if not layout.ledger.exists() and not layout.sessions.is_dir():
        raise NoEvidence(f"{root}: neither {layout.ledger.relative_to(root)} nor {layout.sessions.name}")
    sizes = dict(_files_below(layout.tracks, root))
    chains = {session: layout.chain(session) for session in _sessions(layout)}
    is_bundle = not layout.leaves.exists()
    log = layout.proofs if is_bundle else layout.leaves
    unusable: list[Finding] = []
    carried = tuple(_certificates(layout, unusable.append))

    def read_file(name: str) -> Iterator[bytes] | None:
        return _opened(root / name, progress) if name in sizes else None

    def opener(path: Path) -> Callable[[], Iterator[bytes]]:
        return lambda: _opened(path, progress)

    evidence = Evidence(
        chains={session: opener(path) for session, path in chains.items()},
        ledger=_there(layout.ledger, progress),
        leaves=None if is_bundle else _there(log, progress),
        proofs=_there(log, progress) if is_bundle else (),
        read_file=read_file,
        present=sizes.keys(),
        beside=(*unusable, *_beside(layout, {layout.ledger, log, *chains.values()})),
    )
    lines = [path.stat().st_size for path in (layout.ledger, log, *chains.values()) if path.exists()]
    return Found(evidence, sum(sizes.values()) + sum(lines), is_bundle, carried)


def certificates_below(root: Path) -> list[x509.Certificate]:
    """Give the certificates of time stamp authorities that lie below a root. Blocks."""
    return list(_certificates(Layout(root), lambda _: None))


def files_named(root: Path, session: str) -> set[str]:
    """Give the files that a session's chain names, so that a start finds which are not recorded yet.

    Nothing is verified. Raises OSError where there is no chain.
    """
    return {str(content.get("file")) for _, content in contents_of(root, session, "segment")}


def contents_of(root: Path, session: str, kind: RecordedKind) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give what a session's chain says of a kind, with the records' n. Nothing is verified. Raises OSError."""
    for line in split(_opened(Layout(root).chain(session), lambda _: None)):
        parsed = _parsed(line.text)
        if isinstance(parsed, RecordedLine) and parsed.record.kind == kind and isinstance(parsed.content, dict):
            yield parsed.record.n, parsed.content


def sessions_below(root: Path) -> list[str]:
    """Give the sessions that have a chain below a root."""
    return list(_sessions(Layout(root)))


def segments_named(root: Path, session: str) -> Iterator[tuple[int, str] | list[int]]:
    """Give the n and the file of each segment that a session's chain names, and the records that its deletions name.

    Nothing is verified. Raises OSError where there is no chain.
    """
    for line in split(_opened(Layout(root).chain(session), lambda _: None)):
        parsed = _parsed(line.text)
        if not isinstance(parsed, RecordedLine) or not isinstance(parsed.content, dict):
            continue
        if parsed.record.kind == "segment":
            yield parsed.record.n, str(parsed.content.get("file"))
        elif parsed.record.kind == "deletion" and isinstance(named := parsed.content.get("records"), list):
            yield named


def is_closed(root: Path, session: str) -> bool:
    """Tell whether a session's chain ends as one that was closed; nothing is verified. Raises OSError."""
    path = Layout(root).chain(session)
    if not path.exists():
        return False
    end = _END_BYTES
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        while True:
            file.seek(max(0, size - end))
            last = file.read().split(b"\n")
            kinds = {parsed.record.kind for text in last if (parsed := _parsed(text)) is not None}
            # Heads and rotations say nothing, and a deletion of many records is longer than most ends.
            if kinds - set(_SIGNED) or not kinds or end >= size or end >= _MOST_END_BYTES:
                break
            end *= 8
    # Behind a closure there are only deletions, each with a head: as many as fill the end say that it is closed.
    return "closure" in kinds or (kinds <= set(records.AFTER_CLOSURE) and "deletion" in kinds)


def _parsed(text: bytes) -> records.RecordedLine | records.SignedLine | None:
    try:
        return records.parse(text)
    except ProofError:
        return None


def _files_below(folder: Path, root: Path) -> Iterator[tuple[str, int]]:
    """Give everything that is no folder, links too, by path below the root; and its size."""
    for place, _, names in os.walk(folder, onerror=_raise_unless_gone):
        for name in names:
            path = Path(place, name)
            # A file may be closed and get its last name meanwhile; it is told as it was found.
            size = path.lstat().st_size if os.path.lexists(path) else 0
            yield path.relative_to(root).as_posix(), size


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _sessions(layout: Layout) -> Iterator[str]:
    if not layout.sessions.is_dir():
        return
    for folder in layout.sessions.iterdir():
        try:
            records.check_session(folder.name)
        except NotARecord:
            continue
        if layout.chain(folder.name).exists():
            yield folder.name


def _there(path: Path, progress: Progress) -> Iterator[bytes]:
    return _opened(path, progress) if path.exists() else iter(())


def _opened(path: Path, progress: Progress) -> Iterator[bytes]:
    """Give a plain file in pieces. Raises OSError, of which opening is the first piece's."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(None, "not a plain file")
        while piece := os.read(fd, PIECE_BYTES):
            progress(len(piece))
            yield piece
    finally:
        os.close(fd)


def _certificates(layout: Layout, tell: Callable[[Finding], None]) -> Iterator[x509.Certificate]:
    """Give the certificates that lie there; of files that are of no use, `tell` hears."""
    for path in _certificate_files(layout):
        try:
            pem = next(_opened(path, lambda _: None), b"")
            found = [each for each in read_certificates(pem) if _is_known_to_openssl(each)]
            if len(pem) > MAX_CERTIFICATE_BYTES or not found:
                raise TokenRefused("too long, or of a kind that OpenSSL does not know")
            if NAMED_BY_DIGEST.fullmatch(path.name) and [certificate_name(each) for each in found] != [path.name]:
                raise TokenRefused("not the certificate of its name")
        except (OSError, TokenRefused) as error:
            name = path.relative_to(layout.root).as_posix()
            tell(Finding(state="unknown", code="certificate-unusable", place="files", file=name, detail=str(error)))
        else:
            yield from found


def certificate_name(certificate: x509.Certificate) -> str:
    """Name the file of a certificate: SHA-256 of it in DER."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest() + ".pem"


def _certificate_files(layout: Layout) -> list[Path]:
    if not layout.certificates.is_dir():
        return []
    return sorted(layout.certificates.glob("*.pem"))[:MAX_CERTIFICATES]


def _beside(layout: Layout, read: Container[Path]) -> Iterator[Finding]:
    """Tell of files that verification does not read: what can be made anew, what is secret, what somebody put there."""
    certificates = frozenset(_certificate_files(layout))
    found = 0
    for place, folders, names in os.walk(layout.root):
        if layout.tracks.parent == Path(place):
            folders[:] = [name for name in folders if name != layout.tracks.name]
        folders.sort()
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in sorted((*names, *links)):
            path = Path(place, name)
            if path in read or path in certificates:
                continue
            if (found := found + 1) > MAX_BESIDE:
                return
            told = path.relative_to(layout.root).as_posix()[:256]
            yield Finding(state="unknown", code="file-beside", place="files", file=told)


def _is_known_to_openssl(certificate: x509.Certificate) -> bool:
    """Tell whether OpenSSL reads it too: what checks tokens gives it to OpenSSL, and falls over where it does not."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate.public_bytes(Encoding.DER))
    except (ssl.SSLError, ValueError):
        return False
    return True

"""The evidence bundle of one session: a recordings' root with only its own parts (`recorder.book.layout`).

Shell, reading the root and writing what it makes. A root that is being written may be read: the ledger is looked at
first, then log, then chain, each as far as it went then, so that what the later ones hold covers what the earlier ones
say. The chain ends with its last head. Beside what verification reads there is a README, SHA256SUMS (what the chain
says of the files that are here) and the newest time stamps as files for `openssl ts`.

The same root gives the same bytes. Nothing of another session is in it but hashes on the way to signed roots, which
tell nothing (`recorder.proof.merkle`).
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET

from recorder.book.layout import Layout
from recorder.export import originals
from recorder.export.disclosure import EVERYTHING, Disclosure
from recorder.export.errors import ExportFailed, ExportRefused
from recorder.export.readme import Told, readme
from recorder.export.stamps import TOKEN, stamps
from recorder.proof import lines, merkle, records
from recorder.proof.errors import ProofError
from recorder.proof.excerpt import Excerpt, excerpt
from recorder.proof.merkle import HASH_BYTES, Tree
from recorder.proof.records import RecordedLine, Segment, SignedLine
from recorder.proof.segments import TRACKS, is_plain_path

MAX_CERTIFICATES: Final = 64
MAX_CERTIFICATE_BYTES: Final = 1 << 16


class Entry(NamedTuple):
    """One file of a bundle: its path in it with slashes, its length, and what gives its content."""

    name: str
    length: int
    pieces: Callable[[], Iterator[bytes]]


class Bundle(NamedTuple):
    """What a bundle will hold; nothing is made yet."""

    session: str
    entries: tuple[Entry, ...]
    absent: tuple[str, ...]
    """Files that the chain names, which should be here and are not."""

    @property
    def length(self) -> int:
        """Of all files, in bytes."""
        return sum(entry.length for entry in self.entries)


class _Chain(NamedTuple):
    """A chain as it will be shown."""

    path: Path
    length: int
    """Of the original, up to its last head."""
    digest: str
    """SHA-256 of those bytes of the original."""
    shown_bytes: int
    segments: tuple[Segment, ...]
    withheld: int
    is_closed: bool


def bundle_of(root: Path, session: str, disclosure: Disclosure = EVERYTHING) -> Bundle:
    """Look what the bundle of a session holds.

    Raises ExportRefused where there is no such session, nothing of it is signed yet, or what proves it is damaged;
    ExportFailed where the disk fails.
    """
    layout = Layout(root)
    try:
        records.check_session(session)
        if not (layout.chain(session).exists() and layout.leaves.exists() and layout.ledger.exists()):
            raise ExportRefused("session", f"no session {session} is recorded here")
        taken = _excerpt(layout, session)
        chain = _read(layout.chain(session), disclosure)
        certificates = list(_certificates(layout))
    except ProofError as error:
        raise ExportRefused("damaged", str(error)) from error
    except OSError as error:
        raise ExportFailed(f"{error.filename or session}: {error.strerror}") from error
    files, absent = _files(root, chain.segments)
    stamped = stamps(taken.ledger)
    present = {entry.name for entry in files}
    sm3_sums = _sm3_sums(chain.segments, present)
    told = Told(
        session=session,
        files=len(files),
        absent=tuple(absent),
        withheld=chain.withheld,
        is_part=disclosure.has_times,
        is_closed=chain.is_closed,
        stamps=tuple(name for name, _ in stamped if name.endswith(TOKEN)),
        has_certificates=bool(certificates),
        has_sm3=bool(sm3_sums),
    )
    made = [
        _made("README.txt", readme(told)),
        _made("SHA256SUMS", _sums(chain.segments, present)),
        *([_made("SM3SUMS", sm3_sums)] if sm3_sums else []),
        _made("proof/ledger.jsonl", taken.ledger),
        _made("proof/proofs.jsonl", taken.proofs),
        *(_made(f"proof/certificates/{name}", data) for name, data in certificates),
        *(_made(f"proof/stamps/{name}", data) for name, data in stamped),
        Entry(f"sessions/{session}/chain.jsonl", chain.shown_bytes, lambda: _shown(chain, disclosure)),
    ]
    return Bundle(session, (*made, *files), tuple(absent))


def _made(name: str, data: bytes) -> Entry:
    return Entry(name, len(data), lambda: iter((data,)))


def _excerpt(layout: Layout, session: str) -> Excerpt:
    ledger_bytes = originals.whole_lines(layout.ledger)
    leaves_bytes = originals.whole_lines(layout.leaves)
    fd = originals.opened(layout.nodes)
    try:
        tree = Tree(
            merkle.leaves_in(os.fstat(fd).st_size // HASH_BYTES),
            lambda place: os.pread(fd, HASH_BYTES, place * HASH_BYTES),
        )
        leaves = originals.pieces(layout.leaves, leaves_bytes)
        return excerpt(lambda: originals.pieces(layout.ledger, ledger_bytes), leaves, tree, {session})
    finally:
        os.close(fd)


def _read(path: Path, disclosure: Disclosure) -> _Chain:
    """Read a chain as it will be shown. What stands behind its last head does not count."""
    length = shown = withheld = waiting_bytes = waiting_withheld = 0
    segments: list[Segment] = []
    waiting: list[Segment] = []
    is_closed = is_closing = False
    for line in lines.split(originals.pieces(path, originals.whole_lines(path))):
        text, said = disclosure.shown(line.text)
        waiting_bytes += len(text) + 1
        if isinstance(said, RecordedLine):
            is_closing = is_closing or said.record.kind == "closure"
            waiting_withheld += said.content is UNSET
            if said.record.kind == "segment" and said.content is not UNSET:
                waiting += _segment(said.content)
        elif isinstance(said, SignedLine):
            length, shown, withheld, is_closed = (
                line.end,
                shown + waiting_bytes,
                withheld + waiting_withheld,
                is_closing,
            )
            segments += waiting
            waiting_bytes, waiting_withheld = 0, 0
            waiting.clear()
    if not length:
        raise ExportRefused("unsigned", "nothing of this session is signed yet")
    digest = hashlib.sha256()
    for piece in originals.pieces(path, length):
        digest.update(piece)
    return _Chain(path, length, digest.hexdigest(), shown, tuple(segments), withheld, is_closed)


def _segment(content: dict[str, Any]) -> list[Segment]:
    """Give what a content says of a file; verification tells what is wrong with one that says nothing."""
    try:
        return [msgspec.convert(content, Segment)]
    except msgspec.ValidationError:
        return []


def _shown(chain: _Chain, disclosure: Disclosure) -> Iterator[bytes]:
    digest = hashlib.sha256()

    def read() -> Iterator[bytes]:
        for piece in originals.pieces(chain.path, chain.length):
            digest.update(piece)
            yield piece

    for line in lines.split(read()):
        yield disclosure.shown(line.text)[0] + b"\n"
    if digest.hexdigest() != chain.digest:
        raise ExportFailed("the chain is not what it was a moment ago")


def _files(root: Path, segments: Iterable[Segment]) -> tuple[list[Entry], list[str]]:
    """Give the files that are there, each once, and the names of those that are not."""
    files: dict[str, Entry] = {}
    absent: dict[str, None] = {}
    for segment in segments:
        name = segment.file
        if name in files or not (is_plain_path(name) and name.startswith(f"{TRACKS}/")):
            continue
        length = originals.plain_bytes(root / name)
        if length is None:
            absent[name] = None
        else:
            files[name] = Entry(name, length, functools.partial(originals.pieces, root / name, length))
    return list(files.values()), list(absent)


def _sums(segments: Iterable[Segment], present: Container[str]) -> bytes:
    """Give what the chain says of the files that are here, as `sha256sum -c` reads it."""
    sums = {segment.file: segment.digest.sha256 for segment in segments if segment.file in present}
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode()


def _sm3_sums(segments: Iterable[Segment], present: Container[str]) -> bytes:
    """Give the same by SM3, of those that have it, as `cksum -c` reads it."""
    sums = {each.file: each.digest.sm3 for each in segments if each.file in present and each.digest.sm3 is not UNSET}
    return "".join(f"SM3 ({name}) = {digest}\n" for name, digest in sums.items()).encode()


def _certificates(layout: Layout) -> Iterator[tuple[str, bytes]]:
    if not layout.certificates.is_dir():
        return
    for path in sorted(layout.certificates.glob("*.pem"))[:MAX_CERTIFICATES]:
        length = originals.plain_bytes(path)
        if length is not None and length <= MAX_CERTIFICATE_BYTES:
            yield path.name, b"".join(originals.pieces(path, length))

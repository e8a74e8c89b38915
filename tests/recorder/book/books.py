"""What the tests of the book share: a book at a root, orders, and what verification says of the root."""

import functools
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from huishang.files import write_new_or_over
from recorder.book.book import Book
from recorder.book.disk import Disk
from recorder.book.evidence import open_evidence
from recorder.book.orders import Append
from recorder.proof import openssl
from recorder.proof.digests import SHA256_ONLY, Algorithm
from recorder.proof.findings import Finding
from recorder.proof.stamps import Trust
from recorder.proof.verifying import verify
from tests.recorder.proof.sessions import BEGIN, SECOND, file_digest

write_key = functools.partial(write_new_or_over, mode=0o600)
NOW = BEGIN + 100 * SECOND


class HastyDisk(Disk):
    """Returns from `sync` at once."""

    def sync(self, fd: int) -> None:
        pass

    def sync_folder(self, folder: Path) -> None:
        pass


def open_book(
    root: Path, disk: Disk | None = None, algorithms: tuple[Algorithm, ...] = SHA256_ONLY, now: int = NOW
) -> Book:
    return Book(root, "n1", write_key, now, disk=disk or HastyDisk(), algorithms=algorithms)


def opening(session: str) -> Append:
    return Append(session, "opening", {"at": BEGIN})


def event(session: str, number: int) -> Append:
    return Append(session, "event", {"at": BEGIN, "number": number, "text": "x" * (number * 97 % 700)})


def closure(session: str) -> Append:
    return Append(session, "closure", {"at": NOW})


def segment(
    root: Path, track: str, number: int, *sessions: str, algorithms: tuple[Algorithm, ...] = SHA256_ONLY
) -> list[Append]:
    """Write a file of five seconds and give the orders that record it in each session."""
    file = f"tracks/{track}/{number}.mp4"
    data = f"{track} {number} ".encode() * 1_000
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_bytes(data)
    start = BEGIN + number * 5 * SECOND
    content = {"track": track, "file": file, "start": start, "end": start + 5 * SECOND, "bytes": len(data)}
    return [Append(session, "segment", content | {"digest": file_digest(data, algorithms)}) for session in sessions]


def findings_at(
    root: Path, roots: Iterable[x509.Certificate] = (), now: int = NOW, seen: tuple[str, ...] = ()
) -> list[Finding]:
    found = open_evidence(root, lambda _: None)
    trust = Trust(now=now, roots=tuple(roots), carried=found.carried, seen=seen, other_check=openssl.check)
    return list(verify(found.evidence, trust))

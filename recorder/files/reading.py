"""What is in a segment file, from the file alone: so the index can be rebuilt, and a file that was cut off recovered.

Touches one file, which it only reads, a fragment at a time. What comes in is hostile: bounded, every size checked
against what is there. A file ends `WHOLE`, or `TORN` where the last thing in it is not all there, as a crash leaves it,
or `DAMAGED`.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from recorder.files import matroska, matroskareading, mp4, mp4reading
from recorder.files.ebml import Scanner
from recorder.files.errors import SegmentDamaged
from recorder.files.facts import VERSION, Facts, Fragment, Label, is_recovered
from recorder.files.mp4reading import BOX_HEAD

#: The most bytes of a head; a label, and what a container needs.
_MAX_HEAD_BYTES: Final = 1 << 17
_MAX_CLUSTER_BYTES: Final = 32 << 20
#: Identifier and size of an element at most.
_ELEMENT_HEAD_BYTES: Final = 12
_PIECE_BYTES: Final = 1 << 20
_MARKER_BYTES: Final = 32


class End(Enum):
    WHOLE = "whole"
    TORN = "torn"
    DAMAGED = "damaged"


@dataclass(slots=True)
class Walk:
    """What was found: `bytes` and `sha256` are those of head and whole fragments, `end` is what follows them."""

    label: Label | None = None
    head_bytes: int = 0
    fragments: list[Fragment] = field(default_factory=list)
    bytes: int = 0
    sha256: str = hashlib.sha256().hexdigest()
    end: End = End.WHOLE
    reason: str = ""


class _TornError(Exception):
    """Something begins at the end of the file and is not all there."""


class _Source:
    """The file, read forward; remembers nothing but a digest of what was whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._read: list[bytes] = []
        self._digest = hashlib.sha256()
        self.at = 0

    @property
    def is_done(self) -> bool:
        return self.at >= self._size

    def take(self, count: int) -> bytes:
        data = self._file.read(count) if count <= self._size - self.at else b""
        if len(data) < count:
            raise _TornError
        self.at += count
        self._read.append(data)
        return data

    def accept(self) -> str:
        """Count what was taken as whole; give the digest up to here."""
        for data in self._read:
            self._digest.update(data)
        self._read.clear()
        return self._digest.hexdigest()

    def peek(self, count: int) -> bytes:
        data = self._file.read(min(count, self._size - self.at))
        self._file.seek(self.at)
        return data

    def holds_from(self, offset: int, pattern: re.Pattern[bytes]) -> bool:
        """Tell whether something is found behind a byte; it is shorter than `_MARKER_BYTES`."""
        self._file.seek(offset)
        before = b""
        while data := self._file.read(_PIECE_BYTES):
            if pattern.search(before + data):
                return True
            before = data[-_MARKER_BYTES:]
        return False

    def is_zero_from(self, offset: int) -> bool:
        """Tell whether nothing but zeros follows: a power failure leaves such where the size was on disk first."""
        self._file.seek(offset)
        while data := self._file.read(_PIECE_BYTES):
            if data.count(0) != len(data):
                return False
        return True


class _Container(Protocol):
    @property
    def marker(self) -> re.Pattern[bytes]:
        """What is at the beginning of every fragment, within `_MARKER_BYTES`, and nowhere else but by chance."""

    def head(self, source: _Source) -> Label: ...
    def fragment(self, source: _Source, label: Label) -> Fragment: ...


class _Mp4:
    marker = re.compile(re.escape(mp4.FRAGMENT_ID))

    def head(self, source: _Source) -> Label:
        return mp4reading.label_of(_boxes(source, mp4reading.HEAD))

    def fragment(self, source: _Source, label: Label) -> Fragment:
        offset = source.at
        return mp4reading.fragment_of(label, offset, _boxes(source, mp4reading.FRAGMENT))


class _Matroska:
    #: A cluster, its size of up to four bytes, and its sum.
    marker = re.compile(
        rb"\x1f\x43\xb6\x75(?:[\x80-\xff]|[\x40-\x7f].|[\x20-\x3f]..|[\x10-\x1f]...)\xbf\x84", re.DOTALL
    )

    def head(self, source: _Source) -> Label:
        for expected in (matroska.EBML, matroska.SEGMENT, matroska.INFO, matroska.TRACKS, matroska.TAGS):
            size = _element(source, expected)
            if (size is None) is not (expected == matroska.SEGMENT) or (size or 0) > _MAX_HEAD_BYTES:
                raise ValueError("a size that is not ours")
            content = source.take(size or 0)
        return matroskareading.label_of(content)

    def fragment(self, source: _Source, label: Label) -> Fragment:
        offset = source.at
        size = _element(source, matroska.CLUSTER)
        if size is None or size > _MAX_CLUSTER_BYTES:
            raise ValueError("a cluster without a size, or too large")
        header_bytes = source.at - offset
        return matroskareading.fragment_of(label, offset, header_bytes, source.take(size))


def _boxes(source: _Source, expected: tuple[tuple[bytes, int], ...]) -> list[bytes]:
    boxes = []
    for name, most in expected:
        header = source.take(BOX_HEAD.size)
        size, found = BOX_HEAD.unpack(header)
        if found != name or not BOX_HEAD.size <= size <= most:
            raise ValueError(f"no box {name.decode()}")
        boxes.append(header + source.take(size - BOX_HEAD.size))
    return boxes


def _element(source: _Source, expected: int) -> int | None:
    """Take the head of an element; give the size of its content."""
    ahead = source.peek(_ELEMENT_HEAD_BYTES)
    scanner = Scanner(ahead)
    name = expected.to_bytes(4, "big")
    if not ahead.startswith(name):
        raise _TornError if len(ahead) < 4 and name.startswith(ahead) else ValueError("another element than ours")
    try:
        _, size = scanner.header()
    except ValueError:
        if len(ahead) < _ELEMENT_HEAD_BYTES:
            raise _TornError from None
        raise
    source.take(scanner.at)
    return size


def walk(file: BinaryIO) -> Walk:
    """Read a file, open at its beginning, to the end of its last whole fragment. Raises OSError."""
    found = Walk()
    source = _Source(file)
    container: _Container = _Matroska() if source.peek(1) == b"\x1a" else _Mp4()
    try:
        while not source.is_done:
            if found.label is None:
                found.label = container.head(source)
                if found.label.v != VERSION:
                    raise ValueError(f"a file of version {found.label.v}")
                found.head_bytes = source.at
            else:
                found.fragments.append(container.fragment(source, found.label))
            found.sha256, found.bytes = source.accept(), source.at
    except _TornError:
        # A size that is damaged may reach beyond the end of the file too.
        torn = not source.holds_from(found.bytes + _MARKER_BYTES, container.marker)
        found.end, found.reason = (End.TORN if torn else End.DAMAGED), "something is not all there"
    except ValueError as error:
        torn = source.is_zero_from(found.bytes)
        found.end, found.reason = (End.TORN, "zeros at the end") if torn else (End.DAMAGED, str(error))
    return found


def label_of(path: Path) -> Label:
    """Tell what a file says of itself in its head; the rest is not read. Raises SegmentDamaged, OSError."""
    with path.open("rb", buffering=0) as file:
        source = _Source(file)
        container: _Container = _Matroska() if source.peek(1) == b"\x1a" else _Mp4()
        try:
            return container.head(source)
        except (_TornError, ValueError) as error:
            raise SegmentDamaged(0, str(error) or "its head is not all there") from error


def facts_of(path: Path) -> Facts:
    """Tell what is in a file that was closed or recovered: the same that its writer told.

    Raises SegmentDamaged when it is not whole, OSError when it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        found = walk(file)
    if found.end is not End.WHOLE or not found.fragments:
        raise SegmentDamaged(found.bytes, found.reason or "nothing is in it")
    return facts(found, path)


def facts(found: Walk, path: Path) -> Facts:
    """Give a walk's findings, of which there are some, as facts of the file at a path."""
    assert found.label is not None
    return Facts(
        found.label,
        path.name,
        found.head_bytes,
        found.bytes,
        found.sha256,
        tuple(found.fragments),
        is_recovered(path),
    )

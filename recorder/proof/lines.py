"""Append-only files of one canonical JSON object a line, each line ended by LF. Core: no I/O.

Only the last line may be torn: bytes without their LF, no longer than a line can be. Everything else that is not as it
was written has been altered.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from recorder.proof import canonical
from recorder.proof.errors import NotARecord

MAX_LINE_BYTES = canonical.MAX_BYTES
#: A line's object is a record and what stands beside it, each bounded by what a line may have.
_TOO_LONG = MAX_LINE_BYTES + 1


class Line(NamedTuple):
    """`text` without LF, cut short (and still too long) where it exceeds `MAX_LINE_BYTES`; `number` from 1."""

    number: int
    text: bytes
    torn: bool
    end: int
    """The offset in the file behind its LF."""


def split(pieces: Iterable[bytes]) -> Iterator[Line]:
    """Cut a file, read in pieces of any size, into lines. Holds no more than a line and a piece."""
    number, at, rest, dropped = 1, 0, b"", 0
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for text in whole:
            at += dropped + len(text) + 1
            yield Line(number, text[:_TOO_LONG], False, at)
            number, dropped = number + 1, 0
        if len(rest) > _TOO_LONG:
            dropped += len(rest) - _TOO_LONG
            rest = rest[:_TOO_LONG]
    if rest:
        yield Line(number, rest, len(rest) <= MAX_LINE_BYTES, at + dropped + len(rest))


def fields(text: bytes) -> dict[str, Any]:
    """Give the object of a line. Raises NotCanonical, NotARecord."""
    value = canonical.decode(text)
    if not isinstance(value, dict):
        raise NotARecord("not an object")
    return value


def line(value: dict[str, Any]) -> bytes:
    """Give the line of an object, with its LF. Raises NotCanonical."""
    return canonical.encode(value) + b"\n"

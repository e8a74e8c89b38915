"""Elements of EBML (RFC 8794): what a Matroska file is made of. Core."""

from __future__ import annotations

from typing import Final

#: Of a size that is not known: the element lasts as long as the file.
UNKNOWN_SIZE: Final = b"\x01" + b"\xff" * 7


def element(identifier: int, *parts: bytes) -> bytes:
    """One element."""
    body = b"".join(parts)
    return _identifier(identifier) + size(len(body)) + body


def size(count: int) -> bytes:
    """A size (section 4) in as few bytes as may be, at most eight."""
    length = max(1, -(-(count + 1).bit_length() // 7))
    return (count | 1 << 7 * length).to_bytes(length, "big")


def unsigned(identifier: int, value: int) -> bytes:
    """An element that is a number from 0 on."""
    return element(identifier, value.to_bytes(max(1, -(-value.bit_length() // 8)), "big"))


def text(identifier: int, value: str) -> bytes:
    """An element that is a text."""
    return element(identifier, value.encode())


def unending(identifier: int) -> bytes:
    """The beginning of an element whose size is not known."""
    return _identifier(identifier) + UNKNOWN_SIZE


def _identifier(identifier: int) -> bytes:
    return identifier.to_bytes(-(-identifier.bit_length() // 8), "big")


class Scanner:
    """Reads elements one after another from bytes that are all there. Raises ValueError for what is none."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.data)

    def header(self) -> tuple[int, int | None]:
        """Give an identifier and the size of what follows, None when it is unknown."""
        identifier = self._number(4, keep_marker=True)
        before = self.at
        count = self._number(8, keep_marker=False)
        if count + 1 == 1 << 7 * (self.at - before):
            return identifier, None
        return identifier, count

    def next(self) -> tuple[int, bytes]:
        """Give an identifier and what is in the element."""
        identifier, count = self.header()
        if count is None or count > len(self.data) - self.at:
            raise ValueError("an element that is longer than what it is in")
        self.at += count
        return identifier, self.data[self.at - count : self.at]

    def _number(self, most: int, *, keep_marker: bool) -> int:
        first = self.data[self.at] if self.at < len(self.data) else 0
        length = 9 - first.bit_length()
        if length > most or self.at + length > len(self.data):
            raise ValueError("not an element")
        value = int.from_bytes(self.data[self.at : self.at + length], "big")
        self.at += length
        return value if keep_marker else value & (1 << 7 * length) - 1

"""The lines of a journal file. Core: no I/O.

    line = checksum mark payload LF

`checksum` is the CRC-32 (zlib's) of mark and payload, eight hexadecimal digits. `mark` is one character that tells
how the line came to disk:

    space   begins a write, ends an append          (   begins a write, its append goes on
    +       same write as before, ends an append    ,   same write as before, its append goes on

A write begins only after all before it is on disk for good. So whole lines behind a bad one prove damage only if one
of them begins a write; otherwise they are what a disk without power kept of the last write, in whatever order. An
append without its last line never happened. `cut -c 10-` shows the payloads.
"""

import re
from collections.abc import Iterator, Sequence
from zlib import crc32

from dispatch.journal.errors import JournalInvalid

MAX_PAYLOAD_BYTES = 1 << 20
"""Far above any entry; what is longer is a mistake, and recovery need not hold more than this."""
CHECKSUM_BYTES = 8
OVERHEAD_BYTES = CHECKSUM_BYTES + 2
"""Of a line beside its payload: checksum, mark, line feed."""
MAX_LINE_BYTES = MAX_PAYLOAD_BYTES + OVERHEAD_BYTES
MARK = slice(CHECKSUM_BYTES, CHECKSUM_BYTES + 1)
PAYLOAD = slice(CHECKSUM_BYTES + 1, None)

_BEGINS_WRITE = b" ("
_ENDS_APPEND = b" +"
_MARKS = b" +(,"
_LINE_THAT_BEGINS = re.compile(rb"(?=[0-9a-f]{8}[ (])")
# What a line may hold is a user's text: without a bound, looking for lines inside it could take minutes.
_MAX_PLACES = 1000


def check(payload: bytes) -> None:
    """Raise JournalInvalid where a payload cannot be one line."""
    if not payload or len(payload) > MAX_PAYLOAD_BYTES:
        raise JournalInvalid(f"an entry of {len(payload)} bytes; 1 to {MAX_PAYLOAD_BYTES} can be kept")
    if b"\n" in payload:
        raise JournalInvalid("an entry with a line feed")


def line(payload: bytes, mark: bytes = b" ") -> bytes:
    """Give the line of a payload that `check` has passed."""
    text = mark + payload
    return b"%08x%s\n" % (crc32(text), text)


def write_lines(appends: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Give the lines of one write, in which all these appends go to disk together."""
    lines: list[bytes] = []
    for payloads in appends:
        for payload in payloads[:-1]:
            lines.append(line(payload, b"," if lines else b"("))
        lines.append(line(payloads[-1], b"+" if lines else b" "))
    return lines


def line_bytes(payloads: Sequence[bytes]) -> int:
    """Give how many bytes an append takes in a file."""
    return sum(map(len, payloads)) + OVERHEAD_BYTES * len(payloads)


def is_whole(text: bytes) -> bool:
    """Tell whether a line, given without its line feed, is as it was written."""
    return (
        len(text) > CHECKSUM_BYTES + 1
        and text[MARK] in _MARKS
        and text[:CHECKSUM_BYTES] == b"%08x" % crc32(text[CHECKSUM_BYTES:])
    )


def begins_write(text: bytes) -> bool:
    """Tell it of a whole line."""
    return text[MARK] in _BEGINS_WRITE


def ends_append(text: bytes) -> bool:
    """Tell it of a whole line."""
    return text[MARK] in _ENDS_APPEND


def hides_beginning(text: bytes) -> bool:
    """Tell whether a bad line ends with a whole one that begins a write: the line feed between them is gone."""
    return any(begins_write(whole) for whole in _endings(text) if is_whole(whole))


def _endings(text: bytes) -> Iterator[bytes]:
    for number, place in enumerate(_LINE_THAT_BEGINS.finditer(text)):
        if number == _MAX_PLACES:
            return
        yield text[place.start() :]

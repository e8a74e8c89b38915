"""The first line of a journal file: whose it is, and what comes before it. Core: no I/O."""

import msgspec

from dispatch.journal import format
from dispatch.journal.errors import JournalDamaged, JournalForeign

VERSION = 1
MAX_HEADER_BYTES = 4096


class Closed(msgspec.Struct, frozen=True):
    """A file that is not written to any more."""

    bytes: int
    sum: int
    """CRC-32 of the whole file."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself. Unknown fields are a newer version's and ignored."""

    v: int = VERSION
    journal: str
    """Drawn when the journal was made, so that a file of another one is noticed."""
    node: str
    file: int
    """1 is the first."""
    first: int
    """Position of the file's first entry."""
    before: Closed | None = None
    """The file before this one; None of the first."""


def name_of(number: int) -> str:
    """Give the name of a file."""
    return f"{number:08}.jsonl"


def encode(header: Header) -> bytes:
    """Give the line that begins a file."""
    return format.line(msgspec.json.encode(header))


def decode(text: bytes, name: str) -> Header:
    """Read the first line, without its line feed, of the file with this name.

    Raises JournalDamaged where it is not one, JournalForeign where its version is newer.
    """
    if not format.is_whole(text):
        raise JournalDamaged(name, 0, "the header is not whole")
    try:
        header = msgspec.json.decode(text[format.PAYLOAD], type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise JournalDamaged(name, 0, f"the header cannot be read: {error}") from error
    if header.v != VERSION:
        raise JournalForeign(f"{name} is of version {header.v}, this program reads version {VERSION}")
    return header


def check_order(before: Header | None, header: Header, number: int, node: str) -> None:
    """Raise where the `number`th file cannot follow the file `before`: JournalDamaged or JournalForeign."""
    name = name_of(number)
    if header.node != node:
        raise JournalForeign(f"{name} belongs to node {header.node!r}, not to {node!r}")
    if before and header.journal != before.journal:
        raise JournalForeign(f"{name} belongs to another journal of this node")
    if header.file != number:
        raise JournalDamaged(name, 0, f"this is the journal's file {header.file}, under the name of another")
    follows = header.before is not None and header.first > before.first if before else header.first == 0
    if not follows:
        raise JournalDamaged(name, 0, "it does not follow the file before it")

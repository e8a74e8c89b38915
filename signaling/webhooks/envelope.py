"""What a receiver is sent: entries as docs/api.md has them, and the signature that proves they come from here. Core."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from dispatch.entry import Entry, decode, public

SIGNATURE_HEADER: Final = "Huishang-Signature"


@dataclass(frozen=True, slots=True)
class Lot:
    """Entries that are sent together. `following`: the journal's position after them; `entries` may be none."""

    entries: tuple[Entry, ...]
    following: int
    unreadable: tuple[int, ...] = ()
    """Positions of records that cannot be read: a newer version's, or damaged."""

    @property
    def body(self) -> bytes:
        """The body of the request."""
        return msgspec.json.encode({"entries": self.entries})


def lot(records: Sequence[tuple[int, bytes]], verbs: Sequence[str], most_bytes: int) -> Lot:
    """Return the first of these records that fit into one request, at least one, without what nobody wants.

    `records` come with their positions and are not empty. `most_bytes` bounds their size in the journal.
    """
    entries: list[Entry] = []
    unreadable: list[int] = []
    size = 0
    following = records[0][0]
    for position, record in records:
        size += len(record)
        if size > most_bytes and following > records[0][0]:
            break
        following = position + 1
        try:
            found = decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            unreadable.append(position)
            continue
        entries += [public(entry) for entry in found if wanted(entry.verb, verbs)]
    return Lot(tuple(entries), following, tuple(unreadable))


def wanted(verb: str, verbs: Sequence[str]) -> bool:
    """Tell whether a verb is among `verbs`, of which `consultation.*` means all that begin so, and none means all."""
    return not verbs or any(
        verb == item or (item.endswith(".*") and verb.startswith(item.removesuffix("*"))) for item in verbs
    )


def signature(secret: str, now_s: int, body: bytes) -> str:
    """Return the value of `Huishang-Signature`: the time and the HMAC-SHA-256 of time, dot and body."""
    digest = hmac.new(secret.encode(), b"%d." % now_s + body, hashlib.sha256).hexdigest()
    return f"t={now_s},v1={digest}"

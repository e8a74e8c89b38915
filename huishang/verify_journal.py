"""Holds a node's journal against what the chains of its recordings have of it. Shell, reading only.

The journal's own checksums find accidents: who alters it writes them anew. An entry that a chain has as an event is
proved as the chain is, so an altered journal shows there; of what no recording was concerned with, nothing proves
anything. Chains are taken as they stand here: verification says what is wrong with them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from dispatch.entry import decode, public
from dispatch.journal import format
from recorder.book.evidence import contents_of, sessions_below
from recorder.proof.findings import Code, Finding, State

MAX_FINDINGS: Final = 1_000
_Event = tuple[str, int, bytes]
"""Session, record, digest of the entry."""


def journal_findings(root: Path, folder: Path) -> Iterator[Finding]:
    """Compare the events below a root, or in a bundle, with the entries in a journal's folder. Raises OSError."""
    events: dict[str, list[_Event]] = {}
    for session in sorted(sessions_below(root)):
        for n, content in contents_of(root, session, "event"):
            entry = content.get("entry")
            if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                events.setdefault(entry["id"], []).append((session, n, _digest(entry)))
    intact: Counter[str] = Counter()
    found = 0
    for finding in _compared(folder, events, intact):
        found += 1
        if found <= MAX_FINDINGS:
            yield finding
    if found > MAX_FINDINGS:
        yield Finding(state="altered", code="more", place="journal", count=found - MAX_FINDINGS)
    for session, count in sorted(intact.items()):
        yield Finding(state="intact", code="events-intact", place="journal", session=session, count=count)


def _compared(folder: Path, events: dict[str, list[_Event]], intact: Counter[str]) -> Iterator[Finding]:
    paths = sorted(folder.glob("[0-9]*.jsonl"))
    if not paths:
        raise FileNotFoundError(2, "no journal is there", str(folder))
    for path in paths:
        with path.open("rb") as file:
            for number, text in _lines(file):
                entries = _entries(text) if number > 1 or not format.is_whole(text) else []  # the first is a header
                if entries is None:
                    yield Finding(
                        state="altered", code="journal-damaged", place="journal", line=number, file=path.name[:256]
                    )
                    continue
                for entry in entries:
                    for session, n, digest in events.pop(entry["id"], ()):
                        if _digest(entry) == digest:
                            intact[session] += 1
                        else:
                            yield _finding("altered", "event-differs", session, n, entry["id"])
    for name, lacking in sorted(events.items()):
        for session, n, _ in lacking:
            yield _finding("missing", "event-absent", session, n, name)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Give the lines. What has no end is torn, or room that is kept free: a start cuts it."""
    number = 0
    while text := file.readline(format.MAX_LINE_BYTES + 1):
        number += 1
        if not text.endswith(b"\n"):
            if len(text) > format.MAX_LINE_BYTES and text.strip(b"\0"):
                yield number, text
            return
        yield number, text[:-1]


def _entries(text: bytes) -> list[dict[str, Any]] | None:
    if not format.is_whole(text):
        return None
    try:
        return [msgspec.to_builtins(public(entry)) for entry in decode(text[format.PAYLOAD])]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _digest(entry: dict[str, Any]) -> bytes:
    return hashlib.sha256(msgspec.json.encode(entry, order="deterministic")).digest()


def _finding(state: State, code: Code, session: str, record: int, name: str) -> Finding:
    return Finding(state=state, code=code, place="journal", session=session, record=record, detail=name[:64])

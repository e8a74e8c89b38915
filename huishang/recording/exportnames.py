"""What an export's file is called: title, time, kind, as people read them and every file system takes them. Core."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from dispatch.acts.exports import Form

#: As the page tells times, and the clock in a composed picture.
ZONE: Final = timezone(timedelta(hours=8))
#: Of UTF-8, for a title or a source's name; most file systems take 255 for a whole name.
MOST_BYTES: Final = 90
WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {"clip": "片段", "composed": "合成", "bundle": "证据包", "": "录像"},
    "en": {"clip": "clip", "composed": "composed", "bundle": "evidence", "": "recording"},
}
_BETWEEN: Final = frozenset('/\\:*?"<>|')


def file_name(kind: Form, title: str, source: str, times: tuple[int, int], suffix: str, language: str) -> str:
    """Return a name without path, control characters or what a system would take for something else.

    `source`: of a clip; `times` are microseconds UTC, 0 where the whole is meant.
    """
    words = WORDS.get(language, WORDS["zh"])
    parts = [_plain(title) or words[""], *([_plain(source)] if source else []), _when(*times), words[kind]]
    return "_".join(part for part in parts if part) + suffix


def _when(from_us: int, to_us: int) -> str:
    if not from_us:
        return ""
    begin, end = (datetime.fromtimestamp(each // 1_000_000, UTC).astimezone(ZONE) for each in (from_us, to_us))
    return f"{begin:%Y%m%d-%H%M%S}-{end:%H%M%S}"


def _plain(text: str) -> str:
    """Return a text as a part of a file's name."""
    kept = "".join(
        " " if char in _BETWEEN or unicodedata.category(char)[0] in "CZ" else char
        for char in unicodedata.normalize("NFC", text)
    )
    cut = " ".join(kept.split()).encode()[:MOST_BYTES].decode(errors="ignore")
    # A dot in front hides a file, and one behind is lost on some systems.
    return cut.strip(" .").replace(" ", "_")

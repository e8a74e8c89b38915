"""Bytes to SessionDescription: tolerant of what real peers write, bounded against what hostile ones do.

Taken: any order of lines, missing o=, s= and t=, LF or CRLF or CR, trailing spaces, a byte order mark,
GB18030 text, unknown lines and attributes (kept), attributes that make no sense (kept as unknown), repeated
single attributes (the first counts). Refused with SdpMalformed: no v=0, a line that is not `letter=value`, an
m= line that cannot be read, a NUL. Refused with SdpTooLarge: anything over a bound below. Pure functions;
reads nothing but its argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from signaling.sdp import attributes as read
from signaling.sdp.errors import SdpMalformed, SdpTooLarge
from signaling.sdp.formats import FormatLines
from signaling.sdp.model import (
    DIRECTIONS,
    SETUPS,
    Bandwidth,
    Connection,
    MediaDescription,
    Origin,
    Section,
    SessionDescription,
)

T = TypeVar("T")

MAX_BYTES = 65_536
MAX_LINES = 2_000
MAX_MEDIA = 64
MAX_CODECS = 128  # per media: as many as there are payload types
MAX_CANDIDATES = 64  # per section
MAX_SSRC_LINES = 256  # per media; one stream takes up to four
MAX_SSRC_GROUPS = 64
MAX_EXTENSIONS = 64  # per section
MAX_GROUPS = 16
MAX_FINGERPRINTS = 8  # per section
MAX_TIMES = 64
MAX_BANDWIDTHS = 16

HEAD_LINES = "iuep"
"""Letters that stand before c= and b= (RFC 8866 section 5); all other unknown letters are written after them.
"""


GB_LINES = "yf"
"""Letters of GB/T 28181, which stand at the end of their section."""


@dataclass(slots=True)
class _Draft:
    """A section being read."""

    section: Section
    media: MediaDescription | None = None
    formats: FormatLines = field(default_factory=FormatLines)


def decode(data: bytes) -> str:
    """UTF-8, else GB18030 (GB/T 28181 devices), undecodable bytes replaced."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")


def parse(data: bytes | str, *, max_bytes: int = MAX_BYTES, max_lines: int = MAX_LINES) -> SessionDescription:
    """Read a session description.

    Raises:
        SdpMalformed: it is none; `line` counts from 1.
        SdpTooLarge: it breaks a bound of this module, `max_bytes` or `max_lines`.
    """
    return parse_sections(data, max_bytes=max_bytes, max_lines=max_lines, fragment=False)


def parse_sections(
    data: bytes | str, *, max_bytes: int, max_lines: int = MAX_LINES, fragment: bool
) -> SessionDescription:
    """As `parse`; a `fragment` (RFC 8840) may lack v=."""
    if len(data) > max_bytes:
        raise SdpTooLarge(0, f"{len(data)} bytes, at most {max_bytes} are taken")
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
    if len(raw) > max_bytes:
        raise SdpTooLarge(0, f"{len(raw)} bytes, at most {max_bytes} are taken")
    if b"\0" in raw:
        raise SdpMalformed(raw.count(b"\n", 0, raw.index(b"\0")) + 1, "a NUL byte")
    lines = re.split(r"\r\n|\n|\r", decode(raw))
    if len(lines) > max_lines + 1:  # the text after the last line end is empty
        raise SdpTooLarge(0, f"{len(lines) - 1} lines, at most {max_lines} are taken")

    session = SessionDescription()
    draft = _Draft(session)
    seen: set[str] = set()
    for index, text in enumerate(lines, 1):
        text = text.strip()
        if not text:
            continue
        letter, equals, value = text[0], text[1:2], text[2:].strip()
        if equals != "=":
            raise SdpMalformed(index, "not a line of the form letter=value")
        if letter == "m":
            _finish(draft)
            draft = _start_media(session, value, index)
        elif draft.media is None and letter in "vost":
            _session_line(session, letter, value, index, seen)
        else:
            _line(draft, letter, value, index)
    _finish(draft)
    if "v" not in seen and not fragment:
        raise SdpMalformed(0, "no v= line: not a session description")
    return session


def _session_line(session: SessionDescription, letter: str, value: str, line: int, seen: set[str]) -> None:
    first = letter not in seen
    seen.add(letter)
    parts = value.split()
    if letter == "v" and value != "0":
        raise SdpMalformed(line, "a version other than 0")
    if letter == "o" and first and len(parts) == 6:
        session.origin = Origin(*(read.name(part, line) for part in parts))
    elif letter == "s" and first and value:
        session.name = value
    elif letter == "t":
        start, stop = (read.number(part, 2**64 - 1) for part in [*parts, "", ""][:2])
        if start is not None and stop is not None:
            session.times = [] if first else session.times
            session.times.append((start, stop))
            _bound(session.times, MAX_TIMES, "t= lines", line)
        else:
            seen.discard("t")


def _start_media(session: SessionDescription, value: str, line: int) -> _Draft:
    """`video 9/1 UDP/TLS/RTP/SAVPF 96 97` (RFC 8866 section 5.14)."""
    parts = value.split()
    if len(parts) < 3:
        raise SdpMalformed(line, "an m= line of fewer than three words")
    port_text, slash, count_text = parts[1].partition("/")
    port = read.number(port_text, 65535)
    count = read.number(count_text, 65535) if slash else 1
    if port is None or count is None:
        raise SdpMalformed(line, "an m= line whose port is no number up to 65535")
    if len(parts) - 3 > MAX_CODECS:
        raise SdpTooLarge(line, f"{len(parts) - 3} formats, at most {MAX_CODECS} are taken")
    words = [read.name(part, line) for part in parts]
    media = MediaDescription(
        kind=words[0].lower(),
        port=port,
        port_count=count,
        profile=words[2],
        formats=list(dict.fromkeys(words[3:])),
    )
    session.media.append(media)
    _bound(session.media, MAX_MEDIA, "m= lines", line)
    return _Draft(media, media)


def _line(draft: _Draft, letter: str, value: str, line: int) -> None:
    section = draft.section
    if letter == "a":
        _attribute(draft, value, line)
        return
    if letter == "c" and section.connection is None:
        parts = value.split()
        if len(parts) == 3:
            section.connection = Connection(*(read.name(part, line) for part in reversed(parts)))
            return
    elif letter == "b":
        kind, _, amount = value.partition(":")
        parsed = read.number(amount.strip(), 2**64 - 1)
        if parsed is not None and len(section.bandwidths) < MAX_BANDWIDTHS:
            section.bandwidths.append(Bandwidth(read.name(kind.strip(), line), parsed))
            return
    elif letter == "y" and section.gb_ssrc is None and value:
        section.gb_ssrc = read.name(value, line)
        return
    elif letter == "f" and section.gb_format is None and value:
        section.gb_format = read.name(value, line)
        return
    section.lines.append((letter, value))


def _attribute(draft: _Draft, text: str, line: int) -> None:
    key, colon, value = text.partition(":")
    key, value = key.strip(), value.strip()
    lower = read.name(key, line).lower()
    handled = False
    if draft.media is not None:
        if lower in ("rtpmap", "fmtp", "rtcp-fb"):
            draft.formats.add(lower, value, line)
            return
        handled = _media_attribute(draft.media, lower, value, line)
    elif isinstance(draft.section, SessionDescription) and lower == "group":
        handled = _listed(draft.section.groups, read.group, value, MAX_GROUPS, line)
    if not handled and not _section_attribute(draft.section, lower, value, line):
        draft.section.attributes.append((key, value if colon else None))


def _section_attribute(section: Section, key: str, value: str, line: int) -> bool:
    if key in DIRECTIONS and section.direction is None and not value:
        section.direction = next(item for item in DIRECTIONS if item == key)
    elif key == "setup" and section.setup is None and value.lower() in SETUPS:
        section.setup = next(item for item in SETUPS if item == value.lower())
    elif key == "ice-ufrag" and section.ice_ufrag is None and read.ICE_TEXT.fullmatch(value):
        section.ice_ufrag = value
    elif key == "ice-pwd" and section.ice_pwd is None and read.ICE_TEXT.fullmatch(value):
        section.ice_pwd = value
    elif key == "ice-options" and not section.ice_options and value:
        options = re.split(r"[\s,]+", value)  # libdatachannel separates them by commas
        section.ice_options = tuple(read.bounded([item for item in options if item], 16, "ICE options", line))
    elif key == "ice-lite" and not value:
        section.ice_lite = True
    elif key == "end-of-candidates" and not value:
        section.end_of_candidates = True
    elif key == "extmap-allow-mixed" and not value:
        section.extmap_allow_mixed = True
    elif key == "fingerprint":
        return _listed(section.fingerprints, read.fingerprint, value, MAX_FINGERPRINTS, line)
    elif key == "candidate":
        return _listed(section.candidates, read.candidate, value, MAX_CANDIDATES, line)
    elif key == "extmap":
        return _listed(section.extensions, read.extmap, value, MAX_EXTENSIONS, line)
    else:
        return False
    return True


def _media_attribute(media: MediaDescription, key: str, value: str, line: int) -> bool:
    if key == "mid" and media.mid is None and read.TOKEN.fullmatch(value):
        media.mid = value
    elif key == "msid" and media.msid is None and value:
        media.msid = read.name(value, line)
    elif key == "rtcp-mux" and not value:
        media.rtcp_mux = True
    elif key == "rtcp-rsize" and not value:
        media.rtcp_rsize = True
    elif key == "bundle-only" and not value:
        media.bundle_only = True
    elif key == "simulcast" and media.simulcast is None:
        media.simulcast = read.simulcast(value, line)
        return media.simulcast is not None
    elif key == "rid":
        return _listed(media.rids, read.rid, value, read.MAX_RIDS, line)
    elif key == "ssrc":
        return _listed(media.ssrcs, read.ssrc, value, MAX_SSRC_LINES, line)
    elif key == "ssrc-group":
        return _listed(media.ssrc_groups, read.ssrc_group, value, MAX_SSRC_GROUPS, line)
    else:
        return False
    return True


def _listed(items: list[T], reader: Callable[[str, int], T | None], value: str, maximum: int, line: int) -> bool:
    item = reader(value, line)
    if item is None:
        return False
    items.append(item)
    _bound(items, maximum, "attributes of one kind", line)
    return True


def _bound(items: list[T], maximum: int, what: str, line: int) -> None:
    if len(items) > maximum:
        raise SdpTooLarge(line, f"more than {maximum} {what}")


def _finish(draft: _Draft) -> None:
    """End a section: build its codecs, and put kept lines into the order in which they are written."""
    draft.section.lines.sort(key=lambda item: (item[0] in GB_LINES, item[0] not in HEAD_LINES))
    if draft.media is not None:
        draft.formats.join(draft.media)

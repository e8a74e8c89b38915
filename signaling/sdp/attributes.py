"""How the values of single attributes are read; the parser decides which one and when.

Every reader answers None (or False) to a value it does not understand: the parser then keeps the line as it
came instead of refusing the peer. Bounds are the constants below and raise SdpTooLarge. No I/O; never raises anything
but SdpError.
"""

from __future__ import annotations

import re
from typing import TypeVar

from signaling.sdp.errors import SdpTooLarge
from signaling.sdp.model import (
    DIRECTIONS,
    Candidate,
    Extension,
    Fingerprint,
    Group,
    Rid,
    Simulcast,
    SimulcastRid,
    SimulcastStreams,
    SsrcAttribute,
    SsrcGroup,
)

T = TypeVar("T")

MAX_NAME = 256  # characters of an identifier or URI; RFC 8839 bounds ufrag and password by the same number
MAX_RIDS = 16
MAX_FMTP_PARAMETERS = 64
MAX_LIST = 64  # members of a group, an ssrc-group, a simulcast alternative list, candidate extensions

TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")  # RFC 8866 token, with a bound
RID = re.compile(r"[0-9A-Za-z_-]{1,32}")  # RFC 8851 section 10, with a bound
ICE_TEXT = re.compile(r"[!-~]{1,256}")  # wider than RFC 8839's ice-char: peers use base64url
HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){0,127}")

CANONICAL_ENCODINGS = {
    name.lower(): name
    for name in (
        "H264", "H265", "VP8", "VP9", "AV1", "opus", "G722", "PCMU", "PCMA", "G729", "CN", "rtx", "red",
        "ulpfec", "flexfec-03", "telephone-event", "PS", "MPEG4", "SVAC", "R2S", "L16", "MP4A-LATM",
    )
}  # fmt: skip


def number(text: str, maximum: int) -> int | None:
    """A decimal number of at most `maximum`. Not int(): that takes signs, spaces, underscores and other
    scripts' digits.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        return None
    value = int(text)
    return value if value <= maximum else None


def name(text: str, line: int) -> str:
    if len(text) > MAX_NAME:
        raise SdpTooLarge(line, f"a name of {len(text)} characters, at most {MAX_NAME} are taken")
    return text


def bounded(items: list[T], maximum: int, what: str, line: int) -> list[T]:
    if len(items) > maximum:
        raise SdpTooLarge(line, f"{len(items)} {what}, at most {maximum} are taken")
    return items


def rtpmap(value: str, line: int) -> tuple[int, str, int, int] | None:
    """`96 VP8/90000` -> payload type, encoding, clock rate, channels."""
    parts = value.split()
    if len(parts) < 2:
        return None
    payload_type = number(parts[0], 127)
    fields = parts[1].split("/")
    clock_rate = number(fields[1], 0xFFFFFFFF) if len(fields) > 1 else None
    channels = number(fields[2], 255) if len(fields) > 2 else 1
    if payload_type is None or not fields[0] or clock_rate is None:
        return None
    encoding = CANONICAL_ENCODINGS.get(fields[0].lower(), name(fields[0], line))
    return payload_type, encoding, clock_rate, channels or 1


def fmtp(text: str, into: dict[str, str], line: int) -> None:
    """Adds `key=value;key=value` to `into`; the first of equal names wins."""
    for part in bounded(text.split(";"), MAX_FMTP_PARAMETERS, "format parameters", line):
        key, _, value = part.partition("=")
        key, value = key.strip().lower(), value.strip()
        if key:
            into.setdefault(name(key, line), value)
    if len(into) > MAX_FMTP_PARAMETERS:
        raise SdpTooLarge(line, f"more than {MAX_FMTP_PARAMETERS} format parameters")


def candidate(value: str, line: int) -> Candidate | None:
    """`1 1 udp 2130706431 192.0.2.1 3478 typ host ...`."""
    parts = value.split()
    if len(parts) < 8 or parts[6].lower() != "typ":
        return None
    component, priority, port = number(parts[1], 256), number(parts[3], 0xFFFFFFFF), number(parts[5], 0xFFFF)
    if component is None or priority is None or port is None:
        return None
    known: dict[str, str] = {}
    rest: list[tuple[str, str]] = []
    for key, item in zip(parts[8::2], parts[9::2], strict=False):
        unreadable = key == "rport" and number(item, 0xFFFF) is None
        if key in ("raddr", "rport", "tcptype") and key not in known and not unreadable:
            known[key] = name(item, line)
        else:
            rest.append((name(key, line), name(item, line)))
    return Candidate(
        foundation=name(parts[0], line),
        component=component,
        transport=name(parts[2], line).lower(),
        priority=priority,
        address=name(parts[4], line),
        port=port,
        type=name(parts[7], line),
        related_address=known.get("raddr"),
        related_port=number(known.get("rport", ""), 0xFFFF),
        tcp_type=known.get("tcptype"),
        extensions=tuple(bounded(rest, MAX_LIST, "candidate extensions", line)),
    )


def fingerprint(value: str, line: int) -> Fingerprint | None:
    parts = value.split()
    if len(parts) != 2 or not HEX_PAIRS.fullmatch(parts[1]):
        return None
    return Fingerprint(name(parts[0], line).lower(), parts[1].upper())


def extmap(value: str, line: int) -> Extension | None:
    parts = value.split(None, 2)
    if len(parts) < 2:
        return None
    identifier, _, direction = parts[0].partition("/")
    id_ = number(identifier, 4095)
    if id_ is None or (direction and direction not in DIRECTIONS):
        return None
    known = next((item for item in DIRECTIONS if item == direction), None)
    return Extension(id_, name(parts[1], line), known, parts[2] if len(parts) > 2 else "")


def rid(value: str, line: int) -> Rid | None:
    parts = value.split(None, 2)
    if len(parts) < 2 or parts[1] not in ("send", "recv") or not RID.fullmatch(parts[0]):
        return None
    parameters: dict[str, str] = {}
    fmtp(parts[2] if len(parts) > 2 else "", parameters, line)
    listed = [number(item, 127) for item in parameters.pop("pt", "").split(",")]
    payload_types = tuple(bounded([item for item in listed if item is not None], 128, "payload types", line))
    return Rid(parts[0], parts[1], payload_types, tuple(parameters.items()))


def simulcast(value: str, line: int) -> Simulcast | None:
    """`send q;h,~f recv x`, and the `rid=` prefix of drafts that old Firefox writes."""
    parts = value.split()
    if len(parts) not in (2, 4) or any(word not in ("send", "recv") for word in parts[0::2]):
        return None
    lists: dict[str, SimulcastStreams] = {}
    for word, text in zip(parts[0::2], parts[1::2], strict=True):
        streams = bounded(text.removeprefix("rid=").split(";"), MAX_RIDS, "simulcast streams", line)
        read = tuple(_alternatives(stream, line) for stream in streams)
        if word in lists or not all(read):
            return None
        lists[word] = read
    return Simulcast(lists.get("send", ()), lists.get("recv", ()))


def _alternatives(stream: str, line: int) -> tuple[SimulcastRid, ...]:
    items = bounded(stream.split(","), MAX_RIDS, "simulcast alternatives", line)
    if not all(RID.fullmatch(item.removeprefix("~")) for item in items):
        return ()
    return tuple(SimulcastRid(item.removeprefix("~"), item.startswith("~")) for item in items)


def ssrc(value: str, line: int) -> SsrcAttribute | None:
    identifier, _, rest = value.partition(" ")
    parsed = number(identifier, 0xFFFFFFFF)
    key, colon, text = rest.strip().partition(":")
    if parsed is None:
        return None
    return SsrcAttribute(parsed, name(key, line), name(text.strip(), line) if colon else None)


def ssrc_group(value: str, line: int) -> SsrcGroup | None:
    parts = bounded(value.split(), MAX_LIST, "members of an ssrc-group", line)
    members = [number(item, 0xFFFFFFFF) for item in parts[1:]]
    known = tuple(item for item in members if item is not None)
    return SsrcGroup(name(parts[0], line), known) if parts and len(known) == len(members) else None


def group(value: str, line: int) -> Group | None:
    parts = bounded(value.split(), MAX_LIST + 1, "members of a group", line)
    if not parts or not all(TOKEN.fullmatch(item) for item in parts):
        return None
    return Group(parts[0], tuple(parts[1:]))

"""rtpmap, fmtp and rtcp-fb lines joined into codecs once a media section has been read whole.

They wait for the section's end because peers write them in any order. Lines that refer to no format of the m=
line stay as unknown attributes. Raises only SdpTooLarge.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from signaling.sdp import attributes as read
from signaling.sdp.errors import SdpTooLarge
from signaling.sdp.model import Codec, MediaDescription

MAX_FEEDBACK = 32  # per codec; `a=rtcp-fb:*` multiplies

STATIC_PAYLOAD_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    13: ("CN", 8000, 1),
    15: ("G728", 8000, 1),
    18: ("G729", 8000, 1),
    26: ("JPEG", 90000, 1),
    31: ("H261", 90000, 1),
    32: ("MPV", 90000, 1),
    33: ("MP2T", 90000, 1),
    34: ("H263", 90000, 1),
}
"""Formats that need no rtpmap (RFC 3551 section 6), those one still meets."""


@dataclass(slots=True)
class FormatLines:
    """The values of one section's lines, with their line numbers."""

    rtpmaps: list[tuple[str, int]] = field(default_factory=list)
    fmtps: list[tuple[str, int]] = field(default_factory=list)
    feedbacks: list[tuple[str, int]] = field(default_factory=list)

    def add(self, attribute: str, value: str, line: int) -> None:
        pending = {"rtpmap": self.rtpmaps, "fmtp": self.fmtps, "rtcp-fb": self.feedbacks}[attribute]
        pending.append((value, line))

    def join(self, media: MediaDescription) -> None:
        """Fill `media.codecs`, in the order of its formats; static payload types need no rtpmap."""
        codecs: dict[int, Codec] = {}
        numbers = [read.number(item, 127) for item in media.formats]
        listed = list(dict.fromkeys(item for item in numbers if item is not None))
        for value, line in self.rtpmaps:
            mapped = read.rtpmap(value, line)
            if mapped is None or mapped[0] not in listed or mapped[0] in codecs:
                media.attributes.append(("rtpmap", value))
            else:
                codecs[mapped[0]] = Codec(*mapped)
        if "RTP/" in media.profile.upper():
            for static in listed:
                if static not in codecs and static in STATIC_PAYLOAD_TYPES:
                    codecs[static] = Codec(static, *STATIC_PAYLOAD_TYPES[static])
        for value, line in self.fmtps:
            target, _, text = value.partition(" ")
            payload_type = read.number(target, 127)
            codec = None if payload_type is None else codecs.get(payload_type)
            if codec is None:
                media.attributes.append(("fmtp", value))
            else:
                read.fmtp(text, codec.fmtp, line)
        _apply_feedback(media, codecs, self.feedbacks)
        media.codecs = [codecs[payload_type] for payload_type in listed if payload_type in codecs]


def _apply_feedback(media: MediaDescription, codecs: dict[int, Codec], feedbacks: list[tuple[str, int]]) -> None:
    found: dict[int, dict[tuple[str, str], None]] = {payload_type: {} for payload_type in codecs}
    applied: set[str] = set()
    for value, line in feedbacks:
        if value in applied:  # a thousand wildcards times a hundred formats would take a while
            continue
        target, *words = value.split(None, 2) or [""]
        payload_type = read.number(target, 127)
        targets = list(codecs) if target == "*" else [payload_type] if payload_type in codecs else []
        if not targets or not words:
            media.attributes.append(("rtcp-fb", value))
            continue
        entry = (
            read.name(words[0], line).lower(),
            read.name(words[1], line).lower() if len(words) > 1 else "",
        )
        applied.add(value)
        for item in targets:
            assert item is not None
            found[item][entry] = None
            if len(found[item]) > MAX_FEEDBACK:
                raise SdpTooLarge(line, f"more than {MAX_FEEDBACK} kinds of feedback for one format")
    for payload_type, entries in found.items():
        if not entries:
            continue
        codecs[payload_type] = replace(codecs[payload_type], feedback=tuple(entries))

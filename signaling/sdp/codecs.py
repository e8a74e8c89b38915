"""Which codecs the relay takes, in which order, and when two descriptions of a codec mean the same packets.

The relay forwards packets untouched, so "the same" means that a decoder set up for one description plays the
other's packets. Levels and sizes are no part of it: peers play more than they declare, and a relay cannot
change what arrives. ULPFEC and telephone-event are parsed but not taken; RED and FlexFEC: see `repair`. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum

from signaling.sdp import attributes as read
from signaling.sdp.model import Codec, MediaDescription

VIDEO_PREFERENCE = ("H264", "VP8", "VP9", "AV1", "H265")
AUDIO_PREFERENCE = ("opus", "G722", "PCMU", "PCMA")
"""A publisher is answered with the first of these that it offers. H.264 leads because terminals and files
speak it.
"""

_RATES = {"opus": (48000, 2), "G722": (8000, 1), "PCMU": (8000, 1), "PCMA": (8000, 1)}
_VIDEO_RATE = (90000, 1)

ACCEPTED_FEEDBACK = (("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("transport-cc", ""), ("goog-remb", ""))
"""goog-remb only where transport-wide feedback is not to be had: a sender must not be told two things of its uplink."""


class Match(IntEnum):
    """How well a receiver's format fits a stream; larger is better."""

    NONE = 0
    PLAYABLE = 1  # another profile whose decoders must also play this one
    SAME = 2


def h264_profile(profile_level_id: str) -> str:
    """Name of the profile in an H.264 profile-level-id, by RFC 6184 section 8.1 table 5; "" when unknown.

    profile-iop carries constraint_set0..5 from the highest bit. Missing parameter means 420010, Baseline
    level 1.
    """
    try:
        value = int(profile_level_id or "420010", 16)
    except ValueError:
        return ""
    if len(profile_level_id or "420010") != 6 or value < 0:
        return ""
    profile_idc, iop = value >> 16, value >> 8 & 0xFF
    set0, set1, set3, set4, set5 = iop & 0x80, iop & 0x40, iop & 0x10, iop & 0x08, iop & 0x04
    if profile_idc == 0x42:
        return "constrained-baseline" if set1 else "baseline"
    if profile_idc == 0x4D:
        return "constrained-baseline" if set0 else "main"
    if profile_idc == 0x58:
        return "constrained-baseline" if set0 and set1 else "baseline" if set0 else "extended"
    if profile_idc == 0x64:
        return "constrained-high" if set4 and set5 else "high"
    intra = "-intra" if set3 else ""
    return {
        0x6E: f"high-10{intra}",
        0x7A: f"high-422{intra}",
        0xF4: f"high-444{intra}",
        0x2C: "cavlc-444",
    }.get(profile_idc, "")


_H264_PLAYS: dict[str, tuple[str, ...]] = {
    # Baseline goes both ways: what senders call Baseline never uses its extra tools (FMO, ASO).
    "constrained-baseline": ("baseline", "main", "constrained-high", "high"),
    "baseline": ("constrained-baseline", "main", "constrained-high", "high"),
    "main": ("high",),
    "constrained-high": ("high",),
}
"""Profile of a stream -> other profiles whose decoders play it (H.264 annex A.2)."""


def relayed(codec: Codec) -> bool:
    """Whether the relay takes this format at all: a known encoding at the clock rate and channels of its
    payload format.
    """
    if codec.encoding in VIDEO_PREFERENCE:
        return (codec.clock_rate, codec.channels) == _VIDEO_RATE
    return _RATES.get(codec.encoding) == (codec.clock_rate, codec.channels)


def match(stream: Codec, receiver: Codec) -> Match:
    """Whether a receiver that offers `receiver` plays a `stream` so described, whatever the payload types."""
    same = (stream.encoding, stream.clock_rate, stream.channels) == (
        receiver.encoding,
        receiver.clock_rate,
        receiver.channels,
    )
    if not same:
        return Match.NONE
    rule = _RULES.get(stream.encoding)
    return Match.SAME if rule is None else rule(stream.fmtp, receiver.fmtp)


def _match_h264(stream: dict[str, str], receiver: dict[str, str]) -> Match:
    # A mode 0 stream (single NAL units) is a valid mode 1 stream, not the other way (RFC 6184 section 5.4). Receivers
    # that say nothing (GStreamer's plain caps) mean 0 by the letter and take mode 1 in fact.
    packetization, receivable = stream.get("packetization-mode", "0"), receiver.get("packetization-mode")
    if receivable is not None and packetization != receivable and (packetization, receivable) != ("0", "1"):
        return Match.NONE
    sent, played = (
        h264_profile(stream.get("profile-level-id", "")),
        h264_profile(receiver.get("profile-level-id", "")),
    )
    if sent == played:
        return Match.SAME if packetization == (receivable or "0") else Match.PLAYABLE
    return Match.PLAYABLE if played in _H264_PLAYS.get(sent, ()) else Match.NONE


def _equal(*parameters: tuple[str, str]) -> Callable[[dict[str, str], dict[str, str]], Match]:
    def rule(stream: dict[str, str], receiver: dict[str, str]) -> Match:
        equal = all(stream.get(key, default) == receiver.get(key, default) for key, default in parameters)
        return Match.SAME if equal else Match.NONE

    return rule


_RULES: dict[str, Callable[[dict[str, str], dict[str, str]], Match]] = {
    "H264": _match_h264,
    "VP9": _equal(("profile-id", "0")),  # RFC 9628 section 6
    "AV1": _equal(("profile", "0")),  # AV1 RTP payload format section 7.2
    "H265": _equal(("profile-id", "1"), ("tier-flag", "0"), ("tx-mode", "SRST")),  # RFC 7798 section 7.2.2
}


def best_match(stream: Codec, offered: Iterable[Codec]) -> Codec | None:
    """The offered format that fits the stream best, the first among equals."""
    found, degree = None, Match.NONE
    for codec in offered:
        fits = match(stream, codec)
        if fits > degree:
            found, degree = codec, fits
    return found


def choose(offered: Sequence[Codec], preference: Sequence[str]) -> Codec | None:
    """The format a publisher shall send: first encoding of `preference` that it offers.

    Among H.264 formats packetization mode 1 and the Constrained Baseline profile win, because every viewer
    plays them; among VP9 and AV1 profile 0; otherwise the publisher's order.
    """
    for encoding in preference:
        candidates = [codec for codec in offered if codec.encoding == encoding and relayed(codec)]
        if candidates:
            return min(candidates, key=_reach)
    return None


def _reach(codec: Codec) -> tuple[int, int]:
    if codec.encoding == "H264":
        profile = h264_profile(codec.fmtp.get("profile-level-id", ""))
        order = ("constrained-baseline", "baseline", "main", "constrained-high", "high")
        rank = order.index(profile) if profile in order else len(order)
        return (0 if codec.fmtp.get("packetization-mode") == "1" else 1, rank)
    key = {"VP9": "profile-id", "AV1": "profile"}.get(codec.encoding)
    return (0, 0 if key is None or codec.fmtp.get(key, "0") == "0" else 1)


def rtx_formats(media: MediaDescription) -> dict[int, Codec]:
    """The line's retransmission formats by the payload type they repair, apt= (RFC 4588 section 8.6)."""
    found: dict[int, Codec] = {}
    for codec in media.codecs:
        repaired = read.number(codec.fmtp.get("apt", ""), 127) if codec.encoding == "rtx" else None
        if repaired is not None:
            found.setdefault(repaired, codec)
    return found


_ANSWERED_FMTP = {
    "H264": ("level-asymmetry-allowed", "packetization-mode", "profile-level-id"),
    "opus": ("minptime", "useinbandfec", "stereo"),
    "VP9": ("profile-id",),
    "AV1": ("profile", "level-idx", "tier"),
    "H265": ("profile-id", "tier-flag", "level-id", "tx-mode"),
}


def answered(codec: Codec, *, transport_cc: bool, remb: bool = False) -> Codec:
    """The format as an answer states it: the offer's configuration without the offerer's own stream
    properties.

    A publisher that announces stereo is asked for it. Feedback is what both sides have; transport-cc needs
    its header extension too (`transport_cc`), or the peer would wait for numbers that never come. goog-remb
    is agreed where that is not, and only with one who sends to us and tells when it sends each packet
    (`remb`): its loss alone is in the receiver reports.
    """
    keys = _ANSWERED_FMTP.get(codec.encoding, ())
    fmtp = {key: value for key, value in codec.fmtp.items() if key in keys}
    if codec.encoding == "opus" and codec.fmtp.get("sprop-stereo") == "1":
        fmtp["stereo"] = "1"
    transport_cc = transport_cc and ("transport-cc", "") in codec.feedback
    agreed = {"transport-cc": transport_cc, "goog-remb": remb and not transport_cc}
    feedback = tuple(item for item in ACCEPTED_FEEDBACK if item in codec.feedback and agreed.get(item[0], True))
    return Codec(codec.payload_type, codec.encoding, codec.clock_rate, codec.channels, fmtp, feedback)


def answered_rtx(codec: Codec, payload_type: int) -> Codec:
    fmtp = {"apt": str(payload_type)}
    if "rtx-time" in codec.fmtp:
        fmtp["rtx-time"] = codec.fmtp["rtx-time"]
    return Codec(codec.payload_type, codec.encoding, codec.clock_rate, codec.channels, fmtp)

"""Formats that make up for losses before anybody asks: RED around sound, FlexFEC beside pictures.

RED (RFC 2198) is only taken around Opus, as browsers offer it. FlexFEC is that of
draft-ietf-payload-flexible-fec-scheme-03, which browsers know as `flexfec-03`; it has an SSRC of its own. Pure
functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signaling.sdp.accepted import AcceptedCodec
from signaling.sdp.model import Codec, MediaDescription

RED = "red"
FLEXFEC = "flexfec-03"
#: What a receiver keeps to repair from, in microseconds: as browsers say it.
REPAIR_WINDOW = {"repair-window": "10000000"}


@dataclass(frozen=True, slots=True)
class Repairs:
    """What a line may carry besides its codecs and their retransmissions."""

    red: Codec | None = None
    flexfec: Codec | None = None

    @property
    def formats(self) -> list[Codec]:
        """As they stand on the line."""
        return [codec for codec in (self.red, self.flexfec) if codec is not None]


NO_REPAIRS = Repairs()


def offered_repairs(media: MediaDescription, codecs: Sequence[AcceptedCodec]) -> Repairs:
    """Find what a line offers that fits the formats we send on it."""
    opus = next((item.codec for item in codecs if item.codec.encoding == "opus"), None)
    red = flexfec = None
    for codec in media.codecs:
        if opus is not None and red is None and _is_red_around(codec, opus):
            red = Codec(codec.payload_type, codec.encoding, codec.clock_rate, codec.channels, dict(codec.fmtp))
        if media.kind == "video" and flexfec is None and _is_flexfec(codec):
            flexfec = Codec(codec.payload_type, codec.encoding, codec.clock_rate, 1, dict(REPAIR_WINDOW))
    return Repairs(red, flexfec)


def our_repairs(kind: str) -> list[Codec]:
    """Return what our own client offers beside the formats that it views."""
    if kind == "video":
        return [Codec(49, FLEXFEC, 90_000, 1, dict(REPAIR_WINDOW))]
    return [Codec(63, RED, 48_000, 2, {"111/111": ""})]


def _is_red_around(codec: Codec, opus: Codec) -> bool:
    """Tell whether a format is RED whose blocks are all this one (RFC 2198 section 5)."""
    same = (codec.encoding.lower(), codec.clock_rate, codec.channels) == (RED, opus.clock_rate, opus.channels)
    blocks = next(iter(codec.fmtp), "").split("/")
    return same and len(blocks) > 1 and all(block == str(opus.payload_type) for block in blocks)


def _is_flexfec(codec: Codec) -> bool:
    return codec.encoding.lower() == FLEXFEC and codec.clock_rate == 90_000

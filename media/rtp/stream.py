"""From the packets of one stream (one SSRC) to its frames: what a recorder reads a tap through. Core."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from media.rtp import header
from media.rtp.frames import Frame, Gap
from media.rtp.header import HEADER_BYTES, PacketError
from media.rtp.joining import JOINERS
from media.rtp.pictures import PictureAssembler
from media.rtp.reorder import HOLD_NS, Missing, Packet, ReorderBuffer
from media.rtp.sounds import CLOCK_RATES, SoundAssembler

#: What is read here, by its name in SDP.
CODECS: Final = (*JOINERS, *CLOCK_RATES)
#: Sequence, timestamp.
_NUMBERS: Final = struct.Struct("!2xHI")


class StreamFrames:
    """Orders the packets of one stream and gives its frames, and the gaps between them.

    The three ways in give what is ready then, oldest first. Call `handle_timer` at `get_timer`, `finish` at the end.
    """

    def __init__(self, codec: str, *, hold_ns: int = HOLD_NS, parameter_sets: Sequence[bytes] = ()) -> None:
        """`codec` is one of CODECS, `parameter_sets` are the NAL units that the session description tells, if any.

        Raises KeyError for another codec.
        """
        self.malformed = 0
        self._reorder = ReorderBuffer(hold_ns)
        self._assembler = (
            PictureAssembler(JOINERS[codec](parameter_sets)) if codec in JOINERS else SoundAssembler(codec)
        )
        self.reorder_counts = self._reorder.counts
        self.frame_counts = self._assembler.counts

    def receive(self, packet: bytes, arrival_ns: int) -> list[Frame | Gap]:
        """Take an RTP packet; what is none is counted as `malformed`."""
        if len(packet) >= HEADER_BYTES and packet[0] == 0x80:
            marker, payload = packet[1] > 127, packet[HEADER_BYTES:]
            sequence, timestamp = _NUMBERS.unpack_from(packet)
        else:
            try:
                parsed = header.parse(packet)
            except PacketError:
                self.malformed += 1
                return []
            marker, payload, sequence, timestamp = parsed.marker, parsed.payload, parsed.sequence, parsed.timestamp
        return self._assemble(self._reorder.receive(sequence, timestamp, marker, payload, arrival_ns))

    def get_timer(self) -> int | None:
        """When something missing will be given up, on the clock of the arrivals; None if nothing is missing."""
        return self._reorder.get_timer()

    def handle_timer(self, now_ns: int) -> list[Frame | Gap]:
        """Give up what is missing too long."""
        return self._assemble(self._reorder.handle_timer(now_ns))

    def finish(self) -> list[Frame | Gap]:
        """Give out the rest."""
        return self._assemble(self._reorder.finish()) + self._assembler.finish()

    def _assemble(self, ordered: Sequence[Packet | Missing]) -> list[Frame | Gap]:
        found: list[Frame | Gap] = []
        for item in ordered:
            found += self._assembler.miss(item) if isinstance(item, Missing) else self._assembler.take(item)
        return found

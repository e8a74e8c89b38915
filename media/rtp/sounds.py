"""Gives a stream's sound packets in order with how much sound is missing between them. Core.

Timestamps tell how long a gap is, numbers why: a sender that is silent (DTX, mute) leaves out time and no number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from media.rtp import opus
from media.rtp.frames import Frame, FrameCounts, Gap, GapKind
from media.rtp.header import PayloadError
from media.rtp.reorder import Missing, Packet
from media.rtp.timestamps import TimestampUnwrapper

#: Ticks a second. G.722 has 16,000 samples a second and a clock of 8,000 (RFC 3551 section 4.5.2).
CLOCK_RATES: Final[Mapping[str, int]] = {"opus": opus.CLOCK_RATE, "PCMU": 8000, "PCMA": 8000, "G722": 8000}
#: Ticks of a payload. G.711 has a byte a sample; G.722 a byte for two, which is one tick.
_TICKS: Final[Mapping[str, Callable[[bytes], int]]] = {
    "opus": opus.duration_samples,
    "PCMU": len,
    "PCMA": len,
    "G722": len,
}
#: Less is a sender's rounding: the shortest Opus frame lasts 2.5 ms.
_LEAST_GAP_S: Final = 0.0025
#: The longest Opus packet: a timestamp that goes back farther is a jump.
_MOST_BACK_S: Final = 0.12


class SoundAssembler:
    """Takes the packets of one stream in order and what is missing between them.

    A sound that begins before the one before it ended is given out as it is; its timestamp shows it.
    """

    def __init__(self, codec: str) -> None:
        """Raises KeyError for a codec that is none of CLOCK_RATES."""
        self.counts = FrameCounts()
        rate = CLOCK_RATES[codec]
        self._ticks_of = _TICKS[codec]
        self._least_gap = int(_LEAST_GAP_S * rate)
        self._timestamps = TimestampUnwrapper(rate, back_ticks=int(_MOST_BACK_S * rate))
        self._end: int | None = None
        self._gap: Gap | None = None

    def take(self, packet: Packet) -> list[Frame | Gap]:
        """Add the next packet; return it, after the gap that it ends."""
        if not packet.payload:
            self.counts.padding += 1
            return []
        try:
            ticks = self._ticks_of(packet.payload)
        except PayloadError:
            self.counts.refused += 1
            self._note(GapKind.REFUSED, packet.sequence, packet.sequence)
            return []
        timestamp, jumped = self._timestamps.unwrap(packet.timestamp, packet.arrival_ns)
        if jumped:
            self._note(GapKind.RESTARTED, packet.sequence, packet.sequence - 1)
        elif self._end is not None and timestamp - self._end >= self._least_gap:
            self._note(GapKind.PAUSED, packet.sequence, packet.sequence - 1)
        found: list[Frame | Gap] = [self._end_gap(timestamp)] if self._gap is not None else []
        self._end = timestamp + ticks
        self.counts.frames += 1
        number, arrival = packet.sequence, packet.arrival_ns
        found.append(Frame(timestamp, packet.payload, True, True, None, ticks, number, number, arrival, arrival))
        return found

    def miss(self, missing: Missing) -> list[Frame | Gap]:
        """Note that packets are missing here; told with the next sound, when it is known how long it was."""
        if missing.restarted:
            self._timestamps.begin_anew()
        self._note(GapKind.RESTARTED if missing.restarted else GapKind.LOST, missing.first, missing.last)
        return []

    def finish(self) -> list[Frame | Gap]:
        """Return the gap that no sound ended."""
        return [self._end_gap(None)] if self._gap is not None else []

    def _note(self, kind: GapKind, first: int, last: int) -> None:
        if self._gap is not None:
            kind, first = max(kind, self._gap.kind), self._gap.first_sequence
            last = max(last, self._gap.last_sequence)
        self._gap = Gap(kind, first, last)

    def _end_gap(self, timestamp: int | None) -> Gap:
        assert self._gap is not None
        gap, self._gap = self._gap, None
        ticks = None
        if timestamp is not None and self._end is not None and gap.kind is not GapKind.RESTARTED:
            ticks = max(0, timestamp - self._end)
        return Gap(gap.kind, gap.first_sequence, gap.last_sequence, self._end, ticks)

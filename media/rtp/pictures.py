"""Gathers a stream's packets in order to whole pictures, and marks what a decoder could not show. Core.

A picture is the packets of one timestamp. One that misses a packet is never given out. Those behind it are whole, but
may refer to it: they come with `decodable` false until the next keyframe, so that evidence may keep what a player must
not be given. Nothing is guessed about which pictures a lost one was a reference of.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple, Protocol

from media.rtp.frames import Frame, FrameCounts, Gap, GapKind
from media.rtp.header import PayloadError
from media.rtp.reorder import Missing, Packet
from media.rtp.timestamps import TimestampUnwrapper

#: The clock of every picture codec.
CLOCK_RATE: Final = 90_000
#: Of one picture: ten times a keyframe of a 4K screen.
MOST_BYTES: Final = 8 << 20
MOST_PACKETS: Final = 8192


class Picture(NamedTuple):
    """What a decoder takes; `size` in pixels where it tells."""

    data: bytes
    is_keyframe: bool
    size: tuple[int, int] | None


class Joiner(Protocol):
    """Knows the payload format of a codec."""

    def starts(self, payload: bytes) -> bool:
        """Tell whether a picture surely begins with this payload, whatever was lost before it."""

    def join(self, payloads: Sequence[bytes], *, after_gap: bool) -> Picture | None:
        """Return the picture of these payloads, which are all there and in order; None if there is none in them.

        `after_gap`: packets before the first of them are missing. Raises PayloadError.
        """


class _State(Enum):
    GATHERING = 1
    DONE = 2
    SKIPPING = 3


class PictureAssembler:
    """Takes the packets of one stream in order and what is missing between them."""

    def __init__(self, joiner: Joiner) -> None:
        self.counts = FrameCounts()
        self._joiner = joiner
        self._timestamps = TimestampUnwrapper(CLOCK_RATE, back_ticks=CLOCK_RATE)
        self._state = _State.SKIPPING
        self._stamp: int | None = None
        self._packets: list[Packet] = []
        self._bytes = 0
        self._after_gap = True
        self._began_after_gap = False
        self._decodable = False
        # Cameras that mark every slice exist; of those a picture ends where the next timestamp begins.
        self._ends_at_marker = True

    def take(self, packet: Packet) -> list[Frame | Gap]:
        """Add the next packet; return what it completes."""
        if not packet.payload:
            self.counts.padding += 1
            return []
        found: list[Frame | Gap] = []
        if packet.timestamp != self._stamp:
            found = self._close()
            self._open(packet)
        elif self._state is _State.DONE:
            found = [self._went_on(packet)]
        if self._state is _State.SKIPPING:
            # Part of what is skipped arrived, so what follows it is known to begin there.
            self._after_gap = False
            return found
        self._packets.append(packet)
        self._bytes += len(packet.payload)
        if self._bytes > MOST_BYTES or len(self._packets) > MOST_PACKETS:
            found.append(self._refuse())
            self._state = _State.SKIPPING
        elif packet.marker and self._ends_at_marker:
            found += self._close()
        return found

    def miss(self, missing: Missing) -> list[Frame | Gap]:
        """Note that packets are missing here."""
        found = self.finish()
        self._after_gap, self._decodable = True, False
        if self._state is _State.GATHERING:
            self._state = _State.SKIPPING
        if missing.restarted:
            self._timestamps.begin_anew()
            self._stamp = None
        found.append(Gap(GapKind.RESTARTED if missing.restarted else GapKind.LOST, missing.first, missing.last))
        return found

    def finish(self) -> list[Frame | Gap]:
        """End what is being gathered: whole if it has its last packet."""
        if not self._packets:
            return []
        if self._packets[-1].marker:
            return self._close()
        self.counts.broken += 1
        self._forget()
        self._state = _State.SKIPPING
        return []

    def _open(self, packet: Packet) -> None:
        self._stamp = packet.timestamp
        self._began_after_gap, self._after_gap = self._after_gap, False
        if self._began_after_gap and not self._joiner.starts(packet.payload):
            self.counts.broken += 1
            self._state = _State.SKIPPING
        else:
            self._state = _State.GATHERING

    def _went_on(self, packet: Packet) -> Gap:
        self.counts.early_markers += 1
        self._ends_at_marker = self._decodable = False
        self._state = _State.SKIPPING
        return Gap(GapKind.REFUSED, packet.sequence, packet.sequence)

    def _close(self) -> list[Frame | Gap]:
        if not self._packets:
            return []
        first, last = self._packets[0], self._packets[-1]
        try:
            picture = self._joiner.join([packet.payload for packet in self._packets], after_gap=self._began_after_gap)
        except PayloadError:
            self._state = _State.SKIPPING
            return [self._refuse()]
        self._forget()
        if picture is None:
            self.counts.empty += 1
            return []
        self._state = _State.DONE
        self._decodable = self._decodable or picture.is_keyframe
        timestamp, jumped = self._timestamps.unwrap(first.timestamp, first.arrival_ns)
        found: list[Frame | Gap] = []
        if jumped:
            found.append(Gap(GapKind.RESTARTED, first.sequence, first.sequence - 1))
        self.counts.frames += 1
        found.append(
            Frame(
                timestamp,
                picture.data,
                picture.is_keyframe,
                self._decodable,
                picture.size,
                0,
                first.sequence,
                last.sequence,
                first.arrival_ns,
                last.arrival_ns,
            )
        )
        return found

    def _refuse(self) -> Gap:
        gap = Gap(GapKind.REFUSED, self._packets[0].sequence, self._packets[-1].sequence)
        self.counts.refused += 1
        self._decodable = False
        self._forget()
        return gap

    def _forget(self) -> None:
        self._packets.clear()
        self._bytes = 0

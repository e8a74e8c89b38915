"""Puts a stream's packets back in order and tells what is missing (RFC 3550 section 5.1 and appendix A.1). Core.

A tap gives packets in the order of their arrival, repaired ones late. The buffer waits for a missing packet as long as
it may still come, then says which numbers are missing. What it holds is bounded, whatever a sender does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import msgspec

#: How long a hole may be filled: the plane asks a sender again for a second.
HOLD_NS: Final = 1_000_000_000
#: Held behind a hole: a second of a large picture's stream. More than either, and the hole is given up at once.
MOST_HELD: Final = 2048
MOST_HELD_BYTES: Final = 4 << 20
#: RFC 3550 A.1, MAX_DROPOUT: so many numbers ahead is loss. Farther ahead is another numbering, or one stray packet.
MOST_AHEAD: Final = 3000
#: So many behind is late. The plane's own window is as long.
MOST_BEHIND: Final = 2048
#: Nothing taken for so long: a number that is far off, or behind, cannot be a straggler, and begins anew by itself.
SILENCE_NS: Final = 5_000_000_000
#: In a row, another numbering is believed: far off as in RFC 3550 (MIN_SEQUENTIAL); where stragglers come, as the plane
#: does, so many as no reordering makes.
FAR_RUN: Final = 2
NEAR_RUN: Final = 32
#: Holes that are remembered, to tell a late packet from a second copy.
_REMEMBERED: Final = 64


class Packet(msgspec.Struct, frozen=True, gc=False):
    """One RTP packet in its place."""

    sequence: int
    """Unwrapped: modulo 2**16 it is the number on the wire; never repeats, not even when a sender starts anew."""
    timestamp: int
    """As on the wire, 32 bits."""
    marker: bool
    payload: bytes
    """Without padding; empty if there was nothing else."""
    arrival_ns: int


class Missing(msgspec.Struct, frozen=True, gc=False):
    """No packet for these numbers, both included.

    `restarted`: the sender began another numbering, so the numbers say nothing of how much is missing, if anything.
    """

    first: int
    last: int
    restarted: bool = False


@dataclass(slots=True)
class ReorderCounts:
    """Packets by what became of them; `missing` are numbers that were given up, restarts not counted."""

    received: int = 0
    duplicates: int = 0
    late: int = 0
    stray: int = 0
    missing: int = 0
    restarts: int = 0


class ReorderBuffer:
    """Orders the packets of one SSRC; the first one begins, and what comes before its number is late.

    Every call gives what is in order now, `Missing` in its place between packets. Times are nanoseconds of one
    monotonic clock. Call `handle_timer` at `get_timer`, and `finish` at the end of the stream.
    """

    def __init__(self, hold_ns: int = HOLD_NS) -> None:
        """Wait for a missing packet until `hold_ns` after the arrival of the first one behind it."""
        self.counts = ReorderCounts()
        self._hold_ns = hold_ns
        self._next: int | None = None
        self._taken_ns = 0
        self._held: dict[int, Packet] = {}
        self._held_bytes = 0
        self._holes: deque[Missing] = deque(maxlen=_REMEMBERED)
        self._strange: Packet | None = None
        self._run = 0

    def receive(
        self, sequence: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int
    ) -> list[Packet | Missing]:
        """Take a packet with the numbers of its header."""
        self.counts.received += 1
        if self._next is None:
            self._next = sequence
        ahead = (sequence - self._next) & 0xFFFF
        if ahead >= MOST_AHEAD:
            return self._off(Packet(sequence, timestamp, marker, payload, arrival_ns), 0x10000 - ahead)
        packet = Packet(self._next + ahead, timestamp, marker, payload, arrival_ns)
        self._run = 0
        if not ahead and not self._held:
            self._taken_ns = arrival_ns
            self._next += 1
            return [packet]
        if packet.sequence in self._held:
            self.counts.duplicates += 1
            return self.handle_timer(arrival_ns)
        self._taken_ns = arrival_ns
        self._held[packet.sequence] = packet
        self._held_bytes += len(payload)
        found: list[Packet | Missing] = []
        self._release(found)
        self._give_up(found, arrival_ns)
        return found

    def get_timer(self) -> int | None:
        """When the oldest hole is given up, or None if there is none."""
        return next(iter(self._held.values())).arrival_ns + self._hold_ns if self._held else None

    def handle_timer(self, now_ns: int) -> list[Packet | Missing]:
        """Give up the holes whose time is over."""
        found: list[Packet | Missing] = []
        self._give_up(found, now_ns)
        return found

    def finish(self) -> list[Packet | Missing]:
        """Give up all holes."""
        found: list[Packet | Missing] = []
        while self._held:
            self._skip_hole(found)
        return found

    def _give_up(self, found: list[Packet | Missing], now_ns: int) -> None:
        while self._held and (
            len(self._held) > MOST_HELD
            or self._held_bytes > MOST_HELD_BYTES
            # What is held is in the order of arrival, and all of it is behind the oldest hole.
            or now_ns - next(iter(self._held.values())).arrival_ns >= self._hold_ns
        ):
            self._skip_hole(found)

    def _skip_hole(self, found: list[Packet | Missing]) -> None:
        assert self._next is not None
        hole = Missing(self._next, min(self._held) - 1)
        self.counts.missing += hole.last + 1 - hole.first
        self._holes.append(hole)
        found.append(hole)
        self._next = hole.last + 1
        self._release(found)

    def _release(self, found: list[Packet | Missing]) -> None:
        assert self._next is not None
        while (packet := self._held.pop(self._next, None)) is not None:
            self._held_bytes -= len(packet.payload)
            self._next += 1
            found.append(packet)

    def _off(self, packet: Packet, behind: int) -> list[Packet | Missing]:
        """Late, a second copy, or another numbering: that is believed after a silence or when several fit together."""
        near = behind <= MOST_BEHIND
        previous, self._strange = self._strange, packet
        fits = self._run and previous is not None and packet.sequence == (previous.sequence + 1) & 0xFFFF
        self._run = self._run + 1 if fits else 1
        if packet.arrival_ns - self._taken_ns > SILENCE_NS:
            return self._restart([packet])
        if previous is not None and self._run >= (NEAR_RUN if near else FAR_RUN):
            return self._restart([previous, packet])
        if near:
            self._count_behind(behind)
        else:
            self.counts.stray += 1
        return self.handle_timer(packet.arrival_ns)

    def _count_behind(self, behind: int) -> None:
        assert self._next is not None
        number = self._next - behind
        if any(hole.first <= number <= hole.last for hole in self._holes):
            self.counts.late += 1
        else:
            self.counts.duplicates += 1

    def _restart(self, packets: list[Packet]) -> list[Packet | Missing]:
        """Go on with the next greater number that is the same on the wire."""
        found = self.finish()
        assert self._next is not None
        start = self._next + ((packets[0].sequence - self._next) & 0xFFFF or 0x10000)
        found.append(Missing(self._next, start - 1, restarted=True))
        found += [msgspec.structs.replace(packet, sequence=start + place) for place, packet in enumerate(packets)]
        self.counts.restarts += 1
        self._next = start + len(packets)
        self._taken_ns = packets[-1].arrival_ns
        self._holes.clear()
        self._strange, self._run = None, 0
        return found

"""Reading a tap's ring in the test's own process, and a sender whose (RTP, NTP) pairs are exact."""

from __future__ import annotations

import time
from collections.abc import Mapping

from media.plane.tapring import DROP_NEWEST, TapRingView
from media.tap import TapClock, TapKind, TapReader, TapRecord
from tests.media.plane.packets import rtp, sr, vp8
from tests.media.plane.peers import Peer

NTP_2026 = 3_992_000_000 << 32
S = 10**9


class Tapped:
    """A ring, and what was read of it so far, in order."""

    def __init__(self, capacity_bytes: int = 1 << 20, policy: int = DROP_NEWEST) -> None:
        self.ring = TapRingView(capacity_bytes, policy)
        self.records: list[TapRecord] = []
        self._reader = TapReader.from_fds(*self.ring.fds())

    def read(self) -> list[TapRecord]:
        """Read what is there; all records so far."""
        self.records += iter(self._reader.read, None)
        return self.records

    def packets(self) -> list[TapRecord]:
        return [record for record in self.read() if record.kind is TapKind.RTP]

    def clocks(self, ssrc: int | None = None) -> list[TapClock]:
        """What was told of all streams, or of one."""
        found = [record.clock for record in self.read() if record.clock is not None]
        return [clock for clock in found if ssrc in (None, clock.ssrc)]


class ExactSender:
    """One stream of a sender: what is captured now is sent now; its own time is `off_ns` off ours.

    `captured` tells by sequence when that was, on the monotonic clock.
    """

    def __init__(
        self, peer: Peer, *, ssrc: int = 77, rate: int = 90_000, off_ns: int = 0, extensions: Mapping[int, bytes] = {}
    ) -> None:
        self.peer, self.ssrc, self.rate, self.off_ns = peer, ssrc, rate, off_ns
        self.extensions = extensions
        self.began_ns = time.monotonic_ns()
        self.sequence = 65_530
        self.captured: dict[int, int] = {}

    def timestamp(self, now_ns: int) -> int:
        """It wraps after a tenth of a second."""
        return ((now_ns - self.began_ns) * self.rate // S - self.rate // 10) & 0xFFFFFFFF

    def packet(self, *, key: bool = False) -> None:
        now_ns = time.monotonic_ns()
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.captured[self.sequence] = now_ns
        picture = self.rate == 90_000
        payload = vp8(self.sequence, key=key) if picture else b"sound"
        self.peer.send(
            rtp(
                self.sequence,
                payload,
                timestamp=self.timestamp(now_ns),
                ssrc=self.ssrc,
                payload_type=96 if picture else 111,
                extensions=self.extensions,
            )
        )

    def report(self) -> tuple[int, int]:
        """Send a sender report; the pair that it tells."""
        now_ns = time.monotonic_ns()
        pair = NTP_2026 + ((now_ns + self.off_ns << 32) // S), self.timestamp(now_ns)
        self.peer.send(sr(self.ssrc, *pair))
        self.peer.stage.settle()
        return pair

    def off_ns_of(self, packet: TapRecord, clock: TapClock) -> int:
        """By how much the reader takes a packet to be captured too late."""
        return clock.capture(int.from_bytes(packet.packet[4:8]))[0] - self.captured[packet.sequence]

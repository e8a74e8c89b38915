"""When a stream was captured: what the plane tells of it in a ring (records of TapKind.CLOCK). Core.

Checked before it is used, as the rest of a ring. `media/plane/tapclock.pxd` has the layout, `docs/architecture.md`
("Time") how the times come about.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

import msgspec

from media.plane import tapclock

# In the order of TapClock's fields but for the reserved byte.
_BODY: Final = struct.Struct("=IIqqqQqIIiBBBx")
_SECOND_NS: Final = 1_000_000_000
_MAX_TIME_NS: Final = 1 << 62
_MAX_RTT_NS: Final = 10 * _SECOND_NS
_MAX_DRIFT_PPB: Final = 600_000


class ClockError(Exception):
    """A clock record says what the plane never says."""


class ClockBasis(IntEnum):
    """What a capture time rests on."""

    ARRIVAL = 1
    """No sender report fits: the packets' least delay. How long the sender took to code is in it."""
    REPORT = 2
    """The sender's reports; the same offset for all streams of one sender."""


class RoundTripSource(IntEnum):
    """How the round trip to the sender was measured, as `docs/architecture.md` tells."""

    NONE = 0
    RECEIVER_REPORT = 1
    XR = 2
    NACK = 3
    PAGE = 4
    HANDSHAKE = 5


class TapClock(msgspec.Struct, frozen=True, gc=False):
    """What the plane knows of a stream's capture times when it writes the record; times are monotonic."""

    ssrc: int
    timestamp: int
    """RTP's, of the newest packet before."""
    capture_ns: int
    """When it was captured."""
    error_ns: int
    """By how much that may be off, at most."""
    round_trip_ns: int
    """To the sender and back, half of which is taken off the least delay; 0 while there is no source."""
    report_ntp: int
    """As the last sender report told, in the sender's own time; 0 before the first one. Evidence, like the next two."""
    report_arrival_ns: int
    report_timestamp: int
    clock_rate: int
    """Ticks a second, by the codec."""
    drift_ppb: int
    """How much longer a second of the sender's clock is than one of ours."""
    basis: ClockBasis
    round_trip_source: RoundTripSource
    round_trip_stale: bool
    """It was not measured in the last minute."""

    def capture(self, timestamp: int) -> tuple[int, int]:
        """When another timestamp was captured, within 2**31 ticks, and by how much that may be off (ns)."""
        ticks = (timestamp - self.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        elapsed_ns = ticks * _SECOND_NS // self.clock_rate
        capture_ns = self.capture_ns + elapsed_ns + elapsed_ns * self.drift_ppb // _SECOND_NS
        return capture_ns, self.error_ns + abs(elapsed_ns) * _MAX_DRIFT_PPB // _SECOND_NS

    def _is_possible(self) -> bool:
        reported = self.report_ntp != 0
        return (
            self.clock_rate > 0
            and 0 <= self.capture_ns <= _MAX_TIME_NS
            and 0 <= self.error_ns <= _MAX_TIME_NS
            and 0 <= self.round_trip_ns <= (_MAX_RTT_NS if self.round_trip_source else 0)
            and abs(self.drift_ppb) <= _MAX_DRIFT_PPB
            and (0 <= self.report_arrival_ns <= _MAX_TIME_NS if reported else self.basis == ClockBasis.ARRIVAL)
        )


def read_clock(body: bytes) -> TapClock:
    """Read the body of a clock record. Raises ClockError for anything that the plane does not write."""
    if len(body) != tapclock.CLOCK_BYTES:
        raise ClockError(f"clock record of {len(body)} bytes")
    *numbers, basis, source, stale = _BODY.unpack(body)
    try:
        clock = TapClock(*(*numbers, ClockBasis(basis), RoundTripSource(source), stale != 0))
    except ValueError as error:
        raise ClockError(f"impossible clock record: {error}") from error
    if stale > 1 or not clock._is_possible():
        raise ClockError(f"impossible clock record: {clock}")
    return clock

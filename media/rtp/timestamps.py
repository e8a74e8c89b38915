"""Unwraps RTP timestamps and tells a pause of the sender from a jump of its clock. Core."""

from __future__ import annotations

from typing import Final

SECOND_NS: Final = 1_000_000_000
#: A step forward is a pause if packets arrived as far apart, give or take what a network delays by, in seconds.
DELAY_S: Final = 2


class TimestampUnwrapper:
    """Gives each timestamp of one stream 64 bits; modulo 2**32 they stay what was on the wire.

    A step forward of up to 2 s, or of up to the time between the arrivals and 2 s, is time that passed. So is a step
    back of up to `back_ticks` (pictures that are sent before those they are shown after). Any other is a jump: the
    numbers go on with the next greater one, and how long it was the timestamps do not tell.
    """

    def __init__(self, clock_rate: int, back_ticks: int) -> None:
        """`clock_rate` in ticks per second."""
        self._rate = clock_rate
        self._back = back_ticks
        self._last: int | None = None
        self._arrival_ns = 0
        self._anew = False

    def begin_anew(self) -> None:
        """Take the next timestamp, whatever it is, for one after the last: the sender started again."""
        self._anew = self._last is not None

    def unwrap(self, timestamp: int, arrival_ns: int) -> tuple[int, bool]:
        """Return the unwrapped timestamp, and whether it is a jump that nobody announced."""
        if self._last is None:
            self._last, self._arrival_ns = timestamp, arrival_ns
            return timestamp, False
        ahead = (timestamp - self._last) & 0xFFFFFFFF
        back = 0x100000000 - ahead
        between_ns = arrival_ns - self._arrival_ns
        self._arrival_ns = arrival_ns
        if back <= self._back and not self._anew:
            self._last -= back
            return self._last, False
        anew, self._anew = self._anew, False
        if anew:
            self._last += ahead or 0x100000000
            return self._last, False
        self._last += ahead
        return self._last, ahead > DELAY_S * self._rate + max(0, between_ns) * self._rate // SECOND_NS

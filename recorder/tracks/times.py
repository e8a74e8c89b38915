"""When an RTP timestamp was captured, on the server's monotonic clock. Core.

Timestamps tell how far apart captures are. When that was, the plane tells where it knows (`tell`). Until then, the
packet that came fastest tells how far behind its capture arrivals are at least; what way even that one took is not
known, which is most of the error.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple, Protocol

#: A step of less than this is never made: the line is moved slowly instead.
JUMP_NS: Final = 100_000_000
#: The longest way and queue that is thought of, as in `media/plane/senderclock`.
WAY_UNKNOWN_NS: Final = 500_000_000
#: Ten times what two crystals differ by; 200 ms of sound are stretched by 1 ms.
SLEW_DIVISOR: Final = 200
#: The least delay is that of this long.
WINDOW_NS: Final = 10_000_000_000
_BUCKET_NS: Final = 1_000_000_000
_SECOND_NS: Final = 1_000_000_000
#: What two crystals may be apart since the plane told of them.
DRIFT_PPM: Final = 600
_WRAP: Final = 0xFFFFFFFF
_HALF: Final = 0x80000000


class Moment(NamedTuple):
    """`error_ns` bounds how far the true time of capture is off."""

    capture_ns: int
    error_ns: int


class Times(Protocol):
    """The clock of one stream."""

    def note(self, timestamp: int, arrival_ns: int) -> None:
        """Take the unwrapped timestamp of a frame, and the arrival of its first packet."""

    def tell(self, timestamp: int, capture_ns: int, error_ns: int) -> None:
        """Take the plane's word for when a timestamp, 32 bits as on the wire, was captured."""

    def at(self, timestamp: int) -> Moment:
        """Tell when something was captured; one was noted before. Times follow one another as timestamps do."""

    @property
    def astray(self) -> bool:
        """What is known by now is more than 100 ms off what `at` tells."""

    def anchor(self) -> None:
        """Tell what is known by now: times may jump, so a segment has ended."""


class CaptureTimes:
    """What the plane told, or the least delay over ten seconds; either is followed by 5 ms a second."""

    def __init__(self, clock_rate: int) -> None:
        """`clock_rate` in ticks a second."""
        self._rate = clock_rate
        self._least: deque[tuple[int, int]] = deque()
        """Of each second: when it began, and the least of arrival less timestamp."""
        self._delay_ns: int | None = None
        """What is added to timestamps."""
        self._known_ns = 0
        self._told: tuple[int, int, int] | None = None
        """Timestamp, capture and error, as told last."""
        self._way_ns = WAY_UNKNOWN_NS
        """By how much `_known_ns` may be off."""
        self._latest = 0
        self._slewed_ns = 0
        """Arrival up to which the line was moved."""

    def note(self, timestamp: int, arrival_ns: int) -> None:
        delay = arrival_ns - timestamp * _SECOND_NS // self._rate
        least = self._least
        if not least or arrival_ns - least[-1][0] >= _BUCKET_NS:
            least.append((arrival_ns, delay))
            while arrival_ns - least[0][0] > WINDOW_NS:
                least.popleft()
        elif delay < least[-1][1]:
            least[-1] = (least[-1][0], delay)
        self._latest = timestamp
        self._learn(min(each for _, each in least))
        if self._delay_ns is None:
            self._delay_ns, self._slewed_ns = self._known_ns, arrival_ns
        passed = max(0, arrival_ns - self._slewed_ns)
        most = passed // SLEW_DIVISOR
        self._slewed_ns += passed
        self._delay_ns += max(-most, min(most, self._known_ns - self._delay_ns))

    def tell(self, timestamp: int, capture_ns: int, error_ns: int) -> None:
        self._told = (timestamp, capture_ns, error_ns)

    def _learn(self, least_ns: int) -> None:
        if self._told is None:
            self._known_ns = least_ns
            return
        timestamp, capture_ns, error_ns = self._told
        since = (self._latest - timestamp + _HALF & _WRAP) - _HALF
        self._known_ns = capture_ns - (self._latest - since) * _SECOND_NS // self._rate
        self._way_ns = error_ns + abs(since) * _SECOND_NS // self._rate * DRIFT_PPM // 1_000_000

    def at(self, timestamp: int) -> Moment:
        assert self._delay_ns is not None
        error = self._way_ns + abs(self._known_ns - self._delay_ns)
        return Moment(timestamp * _SECOND_NS // self._rate + self._delay_ns, error)

    @property
    def astray(self) -> bool:
        return self._delay_ns is not None and abs(self._known_ns - self._delay_ns) > JUMP_NS

    def anchor(self) -> None:
        self._delay_ns = self._known_ns

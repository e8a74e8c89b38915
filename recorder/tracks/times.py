"""When an RTP timestamp was captured, on the server's monotonic clock. Core.

Timestamps tell how far apart captures are. When that was, the plane tells where it knows (`tell`). Until then, the
packet that came fastest tells how far behind its capture arrivals are at least; what way even that one took is not
known, which is most of the error.

Where the plane knows no more than arrivals for a while, or what it tells differs much and has a greater bound (a
sender's clock was set, which seems to be another way), it is not followed at once: what it told before is reckoned on
for as long as packets take as long as before, its bound is the lesser one, and 90 s are not over.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple, Protocol

import msgspec

from media.tap.clock import ClockBasis, TapClock

#: A step of less than this is never made: the line is moved slowly instead.
JUMP_NS: Final = 100_000_000
#: But for the first one, from arrivals to what reports tell.
FIRST_JUMP_NS: Final = 10_000_000
#: Words of reports that differ by less than this follow one another; else the one with the lesser bound counts, as long
#: as packets take as long as before, which may seem another way to the plane for a minute.
DOUBT_NS: Final = 50_000_000
DOUBTED_NS: Final = 90_000_000_000
#: What the least way of a second may differ by.
STEADY_NS: Final = 20_000_000
#: The longest way and queue that is thought of, as in `media/plane/senderclock`.
WAY_UNKNOWN_NS: Final = 500_000_000
#: No capture, coding and sending takes longer, as there.
PIPELINE_NS: Final = 30_000_000_000
#: Ten times what two crystals differ by; 200 ms of sound are stretched by 1 ms.
SLEW_DIVISOR: Final = 200
#: The least delay is that of this long.
WINDOW_NS: Final = 10_000_000_000
_BUCKET_NS: Final = 1_000_000_000
_SECOND_NS: Final = 1_000_000_000
_WRAP: Final = 0xFFFFFFFF


class Moment(NamedTuple):
    """`error_ns` bounds how far the true time of capture is off."""

    capture_ns: int
    error_ns: int


class Times(Protocol):
    """The clock of one stream."""

    def note(self, timestamp: int, arrival_ns: int) -> None:
        """Take the unwrapped timestamp of a frame, and the arrival of its first packet."""

    def tell(self, clock: TapClock) -> None:
        """Take the plane's word for when the stream's timestamps were captured."""

    def at(self, timestamp: int) -> Moment:
        """Tell when something was captured; one was noted before. Times follow one another as timestamps do."""

    @property
    def told(self) -> TapClock | None:
        """What the plane told last, for evidence."""

    @property
    def astray(self) -> bool:
        """What is known by now is so far off what `at` tells that a segment is to end."""

    def anchor(self) -> None:
        """Tell what is known by now: times may jump, so a segment has ended."""


class CaptureTimes:
    """What the plane told, or the least delay over ten seconds; either is followed by 5 ms a second."""

    def __init__(self, clock_rate: int) -> None:
        """`clock_rate` in ticks a second."""
        self.told: TapClock | None = None
        self._rate = clock_rate
        self._least: deque[tuple[int, int]] = deque()
        """Of each second: when it began, and the least of arrival less timestamp."""
        self._least_ns = 0
        self._recent_ns = 0
        """Of the last two."""
        self._way_ns: int | None = None
        """By how much `_recent_ns` was more than `_known_ns` when the word came; None: no frame came since."""
        self._delay_ns: int | None = None
        """What is added to timestamps."""
        self._known_ns = 0
        self._error_ns = WAY_UNKNOWN_NS
        """By how much `_known_ns` may be off."""
        self._word: TapClock | None = None
        """What is reckoned from."""
        self._by_report = False
        """`_known_ns` is, and `_delay_ns` was once."""
        self._is_laid = False
        self._slewed_ns = 0
        """Arrival up to which the line was moved."""

    def note(self, timestamp: int, arrival_ns: int) -> None:
        delay = arrival_ns - timestamp * _SECOND_NS // self._rate
        least = self._least
        if not least or arrival_ns - least[-1][0] >= _BUCKET_NS:
            least.append((arrival_ns, delay))
            while arrival_ns - least[0][0] > WINDOW_NS:
                least.popleft()
            self._least_ns = min(each for _, each in least)
            self._recent_ns = min(each for _, each in list(least)[-2:])
        elif delay < least[-1][1]:
            least[-1] = (least[-1][0], delay)
            self._least_ns = min(self._least_ns, delay)
            self._recent_ns = min(self._recent_ns, delay)
        self._learn(timestamp)
        if self._way_ns is None:
            self._way_ns = self._recent_ns - self._known_ns
        if self._delay_ns is None:
            self._delay_ns, self._slewed_ns = self._known_ns, arrival_ns
        passed = max(0, arrival_ns - self._slewed_ns)
        most = passed // SLEW_DIVISOR
        self._slewed_ns += passed
        self._delay_ns += max(-most, min(most, self._known_ns - self._delay_ns))
        if self._by_report and self._delay_ns == self._known_ns:
            self._is_laid = True

    def tell(self, clock: TapClock) -> None:
        self.told = clock
        word = self._word
        if word is not None and word.basis is ClockBasis.REPORT and self._goes_on:
            capture_ns, error_ns = word.capture(clock.timestamp)
            off_ns = abs(capture_ns - clock.capture_ns)
            if off_ns > DOUBT_NS or clock.basis is ClockBasis.ARRIVAL:
                if error_ns <= clock.error_ns and abs(capture_ns - word.capture_ns) < DOUBTED_NS:
                    return
            elif error_ns + off_ns < clock.error_ns:
                # Both are right, so both bounds hold.
                self._word = msgspec.structs.replace(clock, error_ns=error_ns + off_ns)
                return
        self._word, self._way_ns = clock, None

    @property
    def _goes_on(self) -> bool:
        """Packets take as long as when the word came, by its reckoning."""
        return self._way_ns is not None and abs(self._recent_ns - self._known_ns - self._way_ns) < STEADY_NS

    def _learn(self, timestamp: int) -> None:
        self._by_report = False
        self._known_ns, self._error_ns = self._least_ns, WAY_UNKNOWN_NS
        for word in (self._word, self.told):
            if word is None:
                return
            capture_ns, error_ns = word.capture(timestamp & _WRAP)
            known_ns = capture_ns - timestamp * _SECOND_NS // self._rate
            # Else it is of other timestamps: the stream began anew, and the plane does not believe it yet.
            if -PIPELINE_NS <= known_ns - self._least_ns <= error_ns:
                self._word, self._by_report = word, word.basis is ClockBasis.REPORT
                self._known_ns, self._error_ns = known_ns, error_ns
                return

    def at(self, timestamp: int) -> Moment:
        assert self._delay_ns is not None
        error = self._error_ns + abs(self._known_ns - self._delay_ns)
        return Moment(timestamp * _SECOND_NS // self._rate + self._delay_ns, error)

    @property
    def astray(self) -> bool:
        most = FIRST_JUMP_NS if self._by_report and not self._is_laid else JUMP_NS
        return self._delay_ns is not None and abs(self._known_ns - self._delay_ns) > most

    def anchor(self) -> None:
        self._delay_ns = self._known_ns
        self._is_laid = self._is_laid or self._by_report

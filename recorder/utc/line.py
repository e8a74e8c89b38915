"""UTC of media as a function of the monotonic clock; the package's docstring tells the rules. Core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

#: What is farther off is a step.
STEP_NS: Final = 100_000_000
SLEW_PPM: Final = 100
#: No kernel slews by more than 500 ppm by itself, no crystal is off by as much.
PULL_PPM: Final = 1000
#: So much later what senders tell of their clocks is no longer of the time in which monotonic time was pulled at.
PULL_LASTS_NS: Final = 90_000_000_000
#: As long as a step must have been vouched for.
LASTING_NS: Final = 600_000_000_000
#: What an undisciplined clock may lose, as the kernel reckons (adjtimex(2), maxerror).
HOLDOVER_PPM: Final = 500
#: A row comes at least so often, and when the line or the server's clock has moved by so much.
ROW_APART_US: Final = 600_000_000
ROW_OFF_US: Final = 10_000
_MILLION: Final = 1_000_000


class Reading(NamedTuple):
    """The clocks at one moment."""

    monotonic_ns: int
    raw_ns: int
    """The monotonic clock that no daemon disciplines (CLOCK_MONOTONIC_RAW)."""
    utc_ns: int
    error_ns: int | None
    """The kernel's bound of the error of UTC; None: nothing disciplines the clock, as far as the kernel knows."""


class Row(msgspec.Struct, frozen=True):
    """One row of the table by which media is mapped to UTC and the server's clock to media."""

    at_us: int
    """UTC by the line. What moved was as in the row before until then, and moved within a second."""
    monotonic_us: int
    offset_us: int
    """UTC less monotonic time, by the line, from now on."""
    step_us: int
    """The server's clock is so far ahead of the line, to 10 ms."""
    error_us: int | None
    """By how much the line may be off UTC; None: nobody vouches for the server's clock."""

    def content(self) -> dict[str, Any]:
        """Give the mark for a chain, which holds no integer beyond 2**53."""
        return {
            "what": "clock",
            "at": self.at_us,
            "monotonic_us": self.monotonic_us,
            "offset_us": self.offset_us,
            "step_us": self.step_us,
            "error_us": self.error_us,
        }


class UtcLine:
    """Begins at the server's clock. Call `take` once a second; then `offset_ns` is for segments that begin now."""

    def __init__(self, reading: Reading) -> None:
        self.offset_ns = reading.utc_ns - reading.monotonic_ns
        """UTC less monotonic time."""
        self.error_ns: int | None = reading.error_ns
        """By how much UTC by the line may be off. None: nobody has vouched for it."""
        self.ahead_ns = 0
        """The server's clock less the line."""
        self._last = reading
        self._vouched: tuple[int, int] | None = None
        """When the kernel last vouched for the clock, and the bound of the line's error then."""
        self._lasting_ns: int | None = None
        """Since when it vouches for a step."""
        self._pulled_ns = self._pulled_at_ns = 0
        """By how much a daemon has pulled at monotonic time lately, and when it did last."""
        self._weigh(reading)
        self._row = self._make_row(reading)

    @property
    def row(self) -> Row:
        """The last row: a recording that begins puts it into its chain."""
        return self._row

    def media_us(self, at_us: int) -> int:
        """Tell when by the line it is, or was in the last moment, when the server's clock shows `at_us`."""
        return at_us - self.ahead_ns // 1000

    def take(self, reading: Reading, *, recorded: bool) -> Row | None:
        """Take the clocks; give a row where all chains are to have one. `recorded`: some track is open and not held."""
        before, self._last = self._last, reading
        passed_ns = max(0, reading.raw_ns - before.raw_ns)
        pulled_ns = reading.monotonic_ns - before.monotonic_ns - passed_ns
        if abs(pulled_ns) * _MILLION > PULL_PPM * passed_ns:
            self.offset_ns -= pulled_ns
            self._pulled_ns += abs(pulled_ns)
            self._pulled_at_ns = reading.raw_ns
        elif reading.raw_ns - self._pulled_at_ns > PULL_LASTS_NS:
            self._pulled_ns = 0
        ahead_ns = reading.utc_ns - reading.monotonic_ns - self.offset_ns
        if abs(ahead_ns - self.ahead_ns) > STEP_NS:
            self._lasting_ns = None
        self.ahead_ns = ahead_ns
        if not recorded:
            self._move(self.ahead_ns)
        elif abs(self.ahead_ns) <= STEP_NS or self._is_lasting(reading):
            most = passed_ns * SLEW_PPM // _MILLION
            self._move(max(-most, min(most, self.ahead_ns)))
        self._weigh(reading)
        return self._tell(before, reading)

    def _move(self, by_ns: int) -> None:
        self.offset_ns += by_ns
        self.ahead_ns -= by_ns
        if self._vouched is not None:
            then_ns, error_ns = self._vouched
            self._vouched = then_ns, error_ns + abs(by_ns)

    def _is_lasting(self, reading: Reading) -> bool:
        """The kernel has vouched for the step long enough."""
        if reading.error_ns is None or 2 * reading.error_ns >= abs(self.ahead_ns):
            self._lasting_ns = None
            return False
        if self._lasting_ns is None:
            self._lasting_ns = reading.monotonic_ns
        return reading.monotonic_ns - self._lasting_ns >= LASTING_NS

    def _weigh(self, reading: Reading) -> None:
        """Bound the line's error: by the kernel's word, or its last one and what clocks lose since."""
        if abs(self.ahead_ns) <= STEP_NS:
            self._lasting_ns = None
        if reading.error_ns is not None:
            self.error_ns = reading.error_ns + abs(self.ahead_ns)
            self._vouched = reading.monotonic_ns, self.error_ns
        elif self._vouched is not None:
            then_ns, error_ns = self._vouched
            lost_ns = (reading.monotonic_ns - then_ns) * HOLDOVER_PPM // _MILLION
            self.error_ns = max(error_ns + lost_ns, abs(self.ahead_ns))
        if self.error_ns is not None:
            self.error_ns += self._pulled_ns

    def _tell(self, before: Reading, reading: Reading) -> Row | None:
        row, told = self._row, self._make_row(before)
        if max(abs(told.offset_us - row.offset_us), abs(told.step_us - row.step_us)) < ROW_OFF_US:
            told = self._make_row(reading)
            if told.monotonic_us - row.monotonic_us < ROW_APART_US:
                return None
        self._row = told
        return told

    def _make_row(self, reading: Reading) -> Row:
        error_us = None if self.error_ns is None else -(-self.error_ns // 1000)
        at_us = (reading.monotonic_ns + self.offset_ns) // 1000
        return Row(at_us, reading.monotonic_ns // 1000, self.offset_ns // 1000, self.ahead_ns // 1000, error_us)


def media_us(rows: Sequence[Row], at_us: int) -> int:
    """Tell where in the media an event is that the server's clock stamped with `at_us`. Rows are in their order.

    It is right to the second that lies between two readings. While a clock that was set back repeats itself, stamps are
    taken for those before: most are, because the timeline's never run backwards.
    """
    step_us, offset_us = 0, rows[0].offset_us if rows else 0
    for row in rows:
        # By the line as it was then, and as it is from then on.
        if at_us - step_us < row.at_us - (row.offset_us - offset_us) or at_us - row.step_us < row.at_us:
            break
        step_us, offset_us = row.step_us, row.offset_us
    return at_us - step_us

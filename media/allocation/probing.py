"""When to try whether a link carries more, and how much. Core; time is an argument.

A link is tried for a picture that waits for room: up to what that needs, a part more than is known at a time, because
what a link does not carry stands in its queue. What failed is tried again later, but not much later: a crowded cell is
free again in seconds, and nobody wants to look at a small picture longer than need be.
"""

from __future__ import annotations

from typing import Final

#: Up to so much more than is known at a time, in hundredths.
STEP_PERCENT: Final = 140
#: So much at least (bits/s): a part of a little is nothing.
STEP_BITS: Final = 50_000
#: Beyond what is sought: a step that the link has just taken back wants more room than a new one.
BEYOND_PERCENT: Final = 125
#: A trial in which the estimate has not grown for so long has shown that there is no more.
STALL_US: Final = 1_500_000
#: Waits after trials that failed, doubling.
FIRST_WAIT_US: Final = 1_000_000
LONGEST_WAIT_US: Final = 4_000_000
#: A queue of so much belongs to a link that is full.
QUEUE_MS: Final = 40.0


class Probing:
    """The trials of one link."""

    def __init__(self) -> None:
        self._since_us: int | None = None
        self._best = 0
        self._best_us = 0
        self._next_us = 0
        self._wait_us = FIRST_WAIT_US

    def rate(self, now_us: int, estimate: int, queue_ms: float, sought_bits: int) -> int:
        """Return up to how many bits/s the link is to be filled now, 0 for not at all.

        `sought_bits` is the estimate that the next picture needs, 0: none waits. To be asked several times a second.
        """
        if sought_bits <= estimate:
            if self._since_us is not None or sought_bits == 0:
                self._wait_us = FIRST_WAIT_US
            self._since_us = None
            return 0
        if self._since_us is None:
            if now_us < self._next_us or queue_ms > QUEUE_MS:
                return 0
            self._since_us = self._best_us = now_us
            self._best = estimate
        if estimate > self._best:
            self._best, self._best_us = estimate, now_us
        if queue_ms > QUEUE_MS or estimate * 10 < self._best * 9 or now_us - self._best_us > STALL_US:
            self._since_us = None
            self._next_us = now_us + self._wait_us
            self._wait_us = min(2 * self._wait_us, LONGEST_WAIT_US)
            return 0
        return min(estimate * STEP_PERCENT // 100 + STEP_BITS, sought_bits * BEYOND_PERCENT // 100)

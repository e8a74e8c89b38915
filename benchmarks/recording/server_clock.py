"""The server's clocks in simulated time: they wander as NTP lets them, and somebody sets UTC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from recorder.utc import Reading

S: Final = 1_000_000_000
MS: Final = 1_000_000
#: Of the true time's 0.
MONOTONIC_NS: Final = 1_000 * S
UTC_NS: Final = 1_763_900_000 * S
RAW_PPM: Final = 40
"""By how much the server's crystal is off."""
WANDER_NS: Final = 4 * MS
WANDER_PERIOD_S: Final = 1200
#: As the kernel says while NTP disciplines the clock.
ERROR_NS: Final = 15 * MS


@dataclass(frozen=True, slots=True)
class Step:
    """From a share of the time on UTC is off by so much; NTP notices or does not."""

    at: float
    step_ns: int
    disciplined: bool
    pull_ppm: int = 0
    """A daemon takes the step back by pulling at all clocks, as chrony does."""


#: For a while, back and forth within seconds, by as much as two NTP servers differ, and for good.
STEPS: Final = (
    Step(0.10, 2 * S, False),
    Step(0.15, 0, True),
    Step(0.20, 8 * MS, True),
    Step(0.30, -2 * S, False),
    Step(0.40, 0, True),
    Step(0.500, 2 * S, False),
    Step(0.5001, -2 * S, False),
    Step(0.5002, 0, True),
    Step(0.70, -2 * S, False),
    Step(0.75, 2 * S, False),
)
#: Set by 2 s, and taken back in 24 s; of ten minutes.
PULLED: Final = tuple((Step(0.25, step_ns, False), Step(0.33, step_ns, True, 83_333)) for step_ns in (2 * S, -2 * S))


@dataclass(slots=True)
class ServerClock:
    """What the server's clocks show at a true time; both are nanoseconds since the start."""

    lasts_ns: int
    steps: Sequence[Step] = STEPS

    def monotonic_ns(self, true_ns: int) -> int:
        """Monotonic time, which NTP slews together with UTC."""
        turn = true_ns / S / WANDER_PERIOD_S * math.tau
        pulled_ns = sum(self._pulled_ns(step, true_ns) for step in self.steps if step.pull_ppm)
        return MONOTONIC_NS + true_ns + int(WANDER_NS * math.sin(turn)) - pulled_ns

    def _pulled_ns(self, step: Step, true_ns: int) -> int:
        since_ns = max(0, true_ns - int(step.at * self.lasts_ns))
        return min(since_ns * step.pull_ppm // 1_000_000, abs(step.step_ns)) * (1 if step.step_ns > 0 else -1)

    def read(self, true_ns: int) -> Reading:
        """All clocks."""
        now = Step(0.0, 0, True)
        for step in self.steps:
            if true_ns < step.at * self.lasts_ns:
                break
            now = step
        monotonic_ns = self.monotonic_ns(true_ns)
        utc_ns = UTC_NS - MONOTONIC_NS + monotonic_ns + now.step_ns
        raw_ns = true_ns + true_ns * RAW_PPM // 1_000_000
        return Reading(monotonic_ns, raw_ns, utc_ns, ERROR_NS if now.disciplined else None)

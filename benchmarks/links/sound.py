"""What a listener hears of one sound stream: which blocks came, and which came too late to be played.

A core: `at_ns` is CLOCK_MONOTONIC and an argument. A listener's buffer follows what delay is usual within some seconds,
so a block is late against those around it: a delay that stays is no loss, though the queue's figures tell of it.

This is more lenient than libwebrtc's NetEq in one thing: that waits as long as all but the latest of its last packets
took, so the first that is later than those is concealed there and not missed here. It is stricter in another: NetEq
stretches what it has while it waits, and plays a late block after all. What NetEq itself says is in `chromium`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

# Opus as everybody sends it: 20 ms at 48 kHz.
BLOCK_TICKS = 960
BLOCK_NS = 20_000_000
LATE_NS = 200_000_000
# 2.5 s.
AROUND = 125


@dataclass(frozen=True, slots=True)
class Heard:
    """Shares of all blocks whose turn was in the time asked for."""

    never: float
    """Did not come at all."""
    late: float
    """Came more than LATE_NS after their turn, which is the median's of the blocks AROUND before and after."""
    longest_gap_s: float
    """Longest time without a block that came in time."""

    @property
    def missed(self) -> float:
        """What the listener did not hear."""
        return self.never + self.late


class Sound:
    """Blocks as they come, in any order."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._last = 0
        self._arrivals: dict[int, int] = {}

    def note(self, timestamp: int, at_ns: int) -> None:
        """Note one packet; what came before counts."""
        if self._first is None:
            self._first = self._last = timestamp
        step = (timestamp - self._last + 0x80000000) % 0x100000000 - 0x80000000
        unwrapped = self._last + step
        self._last = max(self._last, unwrapped)
        self._arrivals.setdefault(round((unwrapped - self._first) / BLOCK_TICKS), at_ns)

    def heard(self, from_ns: int, to_ns: int) -> Heard:
        """Say what was heard of the blocks whose turn was between two moments; of a stream that never came, nothing."""
        if not self._arrivals:
            return Heard(1.0, 0.0, (to_ns - from_ns) / 1e9)
        took_ns = {block: at_ns - block * BLOCK_NS for block, at_ns in sorted(self._arrivals.items())}
        least_ns = min(took_ns.values())
        blocks = range(-((least_ns - from_ns) // BLOCK_NS), -((least_ns - to_ns) // BLOCK_NS))
        never = late = gap = longest = 0
        for block in blocks:
            came = block in took_ns
            in_time = came and took_ns[block] <= self._usual_ns(took_ns, block) + LATE_NS
            never += not came
            late += came and not in_time
            gap = 0 if in_time else gap + 1
            longest = max(longest, gap)
        return Heard(never / len(blocks), late / len(blocks), longest * BLOCK_NS / 1e9)

    def _usual_ns(self, took_ns: Mapping[int, int], block: int) -> float:
        around = range(block - AROUND, block + AROUND + 1)
        return median(took_ns[other] for other in around if other in took_ns)

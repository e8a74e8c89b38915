"""What a listener hears of one sound stream: what was concealed, and which blocks never came.

A core: `at_ns` is CLOCK_MONOTONIC and an argument. Blocks are played by a model of libwebrtc's NetEq, in our own
words: the target delay is what 95 % of the largest delays of each half second keep, above the least of the last two
seconds and with a memory of half a minute (`DelayManager`, `UnderrunOptimizer`); what waits is played a sixth faster or
slower where it is more or less than that (`DecisionLogic`). A block that is missing is concealed, and left out when one
behind it has its turn; while nothing is there at all all is concealed, and what comes then is played, later from then
on.

Not modelled: what concealing sounds like, pitch periods (time is stretched evenly), the filter of the buffer's level
and what is done about packets out of order.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

# Opus as everybody sends it: 20 ms at 48 kHz.
BLOCK_TICKS = 960
BLOCK_NS = 20_000_000
STRETCH_NS = BLOCK_NS // 6
START_NS = 80_000_000
QUANTILE, FORGET = 0.95, 0.983
RESAMPLE_NS, LEAST_OF_NS = 500_000_000, 2_000_000_000
BELOW_NS = 85_000_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in the time asked for."""

    never: float
    """Share of the blocks that did not come at all."""
    concealed: float
    """Share of the time in which nothing of the source was played."""
    longest_gap_s: float
    """Longest of these times."""


class Target:
    """How much of the sound is to wait, from how late packets were."""

    def __init__(self) -> None:
        self.wait_ns = START_NS
        self._least: deque[tuple[int, int]] = deque()
        self._weights: dict[int, float] = {}
        self._count = 0
        self._largest_ns = 0
        self._resampled_ns: int | None = None

    def note(self, took_ns: int, at_ns: int) -> None:
        """Note a packet and how long it took, by any clock that goes evenly."""
        while self._least and self._least[-1][1] >= took_ns:
            self._least.pop()
        self._least.append((at_ns, took_ns))
        while at_ns - self._least[0][0] > LEAST_OF_NS:
            self._least.popleft()
        self._largest_ns = max(self._largest_ns, took_ns - self._least[0][1])
        if self._resampled_ns is None:
            self._resampled_ns = at_ns
        elif at_ns - self._resampled_ns >= RESAMPLE_NS:
            self._resample()
            self._resampled_ns, self._largest_ns = at_ns, 0

    def _resample(self) -> None:
        self._count += 1
        # A young memory forgets faster.
        kept = min(FORGET, max(1 - 2 / (self._count + 1), 0.0))
        self._weights = {bucket: weight * kept for bucket, weight in self._weights.items()}
        bucket = self._largest_ns // BLOCK_NS
        self._weights[bucket] = self._weights.get(bucket, 0.0) + 1 - kept
        above, total = 0.0, sum(self._weights.values())
        for bucket in sorted(self._weights, reverse=True):
            above += self._weights[bucket]
            if above > (1 - QUANTILE) * total:
                self.wait_ns = (bucket + 1) * BLOCK_NS
                return


class Sound:
    """Blocks as they come, in any order."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._last = 0
        self._arrivals: dict[int, int] = {}
        self._ahead: set[int] = set()

    def note(self, timestamp: int, at_ns: int, *, is_repair: bool = False) -> None:
        """Note one sound, its own packet's or, as a repair, a later one's; what came before counts."""
        if self._first is None:
            self._first = self._last = timestamp
        step = (timestamp - self._last + 0x80000000) % 0x100000000 - 0x80000000
        unwrapped = self._last + step
        self._last = max(self._last, unwrapped)
        block = round((unwrapped - self._first) / BLOCK_TICKS)
        if is_repair and block not in self._arrivals:
            self._ahead.add(block)
        self._arrivals.setdefault(block, at_ns)

    def heard(self, from_ns: int, to_ns: int) -> Heard:
        """Say what was heard between two moments; of a stream that never came, nothing."""
        if not self._arrivals:
            return Heard(1.0, 1.0, (to_ns - from_ns) / 1e9)
        least_ns = min(at_ns - block * BLOCK_NS for block, at_ns in self._arrivals.items())
        blocks = range(-((least_ns - from_ns) // BLOCK_NS), -((least_ns - to_ns) // BLOCK_NS))
        never = sum(block not in self._arrivals for block in blocks)
        concealed = gap = longest = 0
        for at_ns, is_concealed in played(self._arrivals, to_ns, self._ahead):
            if at_ns < from_ns:
                continue
            gap = gap + BLOCK_NS if is_concealed else 0
            concealed += BLOCK_NS * is_concealed
            longest = max(longest, gap)
        return Heard(never / len(blocks), concealed / (to_ns - from_ns), longest / 1e9)


def played(arrivals: Mapping[int, int], to_ns: int, repaired: Set[int] = frozenset()) -> Iterator[tuple[int, bool]]:
    """Play what came; yield when each block's time began, and whether it was concealed, from the first on.

    How late a repair is says nothing of the link.
    """
    target = Target()
    coming = deque(sorted((at_ns, block) for block, at_ns in arrivals.items()))
    waiting: list[int] = []
    now_ns, following = coming[0]
    concealed = 0
    while now_ns < to_ns:
        while coming and coming[0][0] <= now_ns:
            at_ns, block = coming.popleft()
            if block not in repaired:
                target.note(at_ns - block * BLOCK_NS, at_ns)
            # What was left out is not played any more.
            if block >= following:
                insort(waiting, block)
        began_ns = now_ns
        # What was concealed stood for the blocks that are missing.
        if waiting and waiting[0] - following <= concealed:
            following, concealed = waiting.pop(0) + 1, 0
            now_ns += _length_ns(target.wait_ns, (waiting[-1] + 1 - following) * BLOCK_NS if waiting else 0)
            yield began_ns, False
        else:
            concealed += 1
            now_ns += BLOCK_NS
            yield began_ns, True


def _length_ns(target_ns: int, waits_ns: int) -> int:
    """How long a block is played while so much waits behind it."""
    low_ns = max(target_ns * 3 // 4, target_ns - BELOW_NS)
    if waits_ns > max(target_ns, low_ns + BLOCK_NS):
        return BLOCK_NS - STRETCH_NS
    return BLOCK_NS + STRETCH_NS if waits_ns < low_ns else BLOCK_NS

"""When to try whether a link carries more, and how. Core; time is an argument.

While a picture waits for room, a few packets of padding leave together now and then: how fast they arrive tells at
little cost whether the link may have become another one. When it seems so, and else from time to time, the link is
filled up to what is known of it, so that its estimate can grow: nothing is learned of a link that is not used.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: What is filled, in hundredths of the estimate: the estimate leads, and a queue shows soon when it is too high.
FILL_PERCENT: Final = 110
#: And so much beyond (bits/s): a part of a little is nothing.
FILL_BITS: Final = 20_000
#: Beyond what is sought: a step that the link has just taken back wants more room than a new one.
BEYOND_PERCENT: Final = 135
#: A trial in which the estimate has not grown for so long has shown that there is no more.
STALL_US: Final = 1_500_000
#: Waits after trials that failed, doubling. The first is at least so many microseconds for each kb/s of the estimate:
#: of two who share a link who has less tries sooner, and alone. Trials that fall together fail together.
FIRST_WAIT_US: Final = 1_000_000
FIRST_US_A_KBPS: Final = 2_000
LONGEST_WAIT_US: Final = 30_000_000
#: Packets that leave together arrive so much faster than the estimate (hundredths): the link may have more.
HINT_PERCENT: Final = 150
#: So little more than the estimate is sought (hundredths): such a trial costs the least.
NEAR_PERCENT: Final = 125
#: In both cases a trial waits no longer than so many times the first wait.
SOON_WAITS: Final = 2
#: As long at least when they arrive no faster than that: the link is known not to carry more, until it is another one.
DENIED_WAIT_US: Final = 10_000_000
DENIED_PERCENT: Final = 115
#: A queue of so much belongs to a link that is full.
QUEUE_MS: Final = 40.0
#: Nothing is told while nothing is sent: by then a queue that was told of has gone.
GONE_US: Final = 2_000_000
#: Packets of padding that leave together, and how often.
TRAIN_PACKETS: Final = 7
TRAIN_US: Final = 600_000


class Trial(NamedTuple):
    """Fill up to `bps` (0: not), and let so many packets leave together now."""

    bps: int
    packets: int


NO_TRIAL: Final = Trial(0, 0)


class Probing:
    """The trials of one link."""

    def __init__(self) -> None:
        self._is_filling = False
        self._best = 0
        self._best_us = 0
        self._failed_us = 0
        self._wait_us = 0
        self._train_us = 0
        self._told: tuple[int, int, float] = (0, 0, 0.0)
        self._told_us = 0

    def trial(
        self, now_us: int, estimate: int, train_bps: int, queue_ms: float, sought_bits: int, wanted_bits: int
    ) -> Trial:
        """Return what to do now; to be asked several times a second.

        `estimate` and `train_bps` are bits/s, `sought_bits` is the estimate that the next picture needs, 0: none waits,
        `wanted_bits` what all that wait need together.
        """
        # A trial that goes well goes on: what is learned now need not be tried again for the next picture.
        beyond = max(sought_bits * BEYOND_PERCENT // 100, wanted_bits if self._is_filling else 0)
        if sought_bits == 0 or beyond <= estimate:
            self._is_filling = False
            self._wait_us = 0
            return NO_TRIAL
        if self._told != (estimate, train_bps, queue_ms):
            self._told, self._told_us = (estimate, train_bps, queue_ms), now_us
        elif now_us - self._told_us >= GONE_US:
            queue_ms = 0.0
        packets = 0
        if now_us >= self._train_us and queue_ms <= QUEUE_MS:
            self._train_us = now_us + TRAIN_US
            packets = TRAIN_PACKETS
        is_near = sought_bits * 100 <= estimate * NEAR_PERCENT
        if not self._fills(now_us, estimate, train_bps, queue_ms, is_near=is_near):
            return Trial(0, packets)
        return Trial(min(estimate * FILL_PERCENT // 100 + FILL_BITS, beyond), packets)

    def _fills(self, now_us: int, estimate: int, train_bps: int, queue_ms: float, *, is_near: bool) -> bool:
        first_us = max(FIRST_WAIT_US, estimate * FIRST_US_A_KBPS // 1000)
        if not self._is_filling:
            wait_us = self._wait_us
            if 0 < train_bps * 100 < estimate * DENIED_PERCENT:
                wait_us = max(wait_us, DENIED_WAIT_US)
            elif is_near or train_bps * 100 >= estimate * HINT_PERCENT:
                wait_us = min(wait_us, SOON_WAITS * first_us)
            if queue_ms > QUEUE_MS:
                self._failed_us = now_us  # found full, without a trial
            if now_us - self._failed_us < wait_us or queue_ms > QUEUE_MS:
                return False
            self._is_filling = True
            self._best, self._best_us = estimate, now_us
        if estimate > self._best:
            self._best, self._best_us = estimate, now_us
        has_failed = queue_ms > QUEUE_MS or estimate * 10 < self._best * 9 or now_us - self._best_us > STALL_US
        if has_failed:
            self._is_filling = False
            self._failed_us = now_us
            self._wait_us = min(max(2 * self._wait_us, first_us), LONGEST_WAIT_US)
        return not has_failed

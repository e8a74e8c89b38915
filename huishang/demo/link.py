"""One direction of a bad link in virtual time: rate, delay, queue, loss in bursts, reordering, copies.

A core without I/O or clock: who sends says when, and is told when each copy arrives. The same seed and the same calls
give the same link, so that a test of the estimator and a relay of real datagrams drive one model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

NS = 1_000_000_000
# IPv4 and UDP: what a datagram takes of the link beside its own bytes.
HEADER_BYTES = 28


@dataclass(frozen=True, slots=True)
class Loss:
    """Loss in two states (Gilbert and Elliott): good, where nothing is lost, and bad, where `lost` of all is.

    `share` is the loss over all, `burst` the mean length of the bad state in packets; 1 makes losses independent.
    """

    share: float = 0.0
    burst: float = 1.0
    lost: float = 1.0

    @property
    def enters(self) -> float:
        """Chance of a packet in the good state to be the first of a bad one."""
        bad = min(self.share / self.lost, 1.0)
        # A bad state may follow at once on the one before.
        return bad / (bad + self.burst * (1.0 - bad)) if bad else 0.0

    @property
    def leaves(self) -> float:
        """Chance of a packet in the bad state to be its last."""
        return 1.0 / self.burst


@dataclass(frozen=True, slots=True)
class Shape:
    """What a link is like; times in seconds.

    `rates`: (from when on, bits a second), in order; none is a link without a bound. `queue_s`: how long a datagram may
    wait for the link at its rate before it is dropped. `jitter_s`: most that is added to the delay, without reordering.
    `reordered`: share that comes `late_s` later than its turn, `doubled`: share that comes twice.
    """

    rates: Sequence[tuple[float, float]] = ()
    delay_s: float = 0.0
    queue_s: float = 0.3
    loss: Loss = Loss()
    jitter_s: float = 0.0
    reordered: float = 0.0
    late_s: float = 0.02
    doubled: float = 0.0


class Link:
    """A link of one shape. Counts what it did: `sent`, `dropped` (no room), `lost`."""

    def __init__(self, shape: Shape, seed: int = 1, began_ns: int = 0) -> None:
        self.shape = shape
        self.sent = self.dropped = self.lost = 0
        self._random = Random(seed)
        self._began_ns = began_ns
        self._free_ns = began_ns
        self._last_ns = began_ns
        self._bad = False

    def begin(self, now_ns: int) -> None:
        """Count the times of the rates from now on; before, the first rate held if it has held from `-inf`."""
        self._began_ns = now_ns

    def rate_bps(self, now_ns: int) -> float:
        """Return what the link carries now, in bits a second; 0: without a bound."""
        passed = (now_ns - self._began_ns) / NS
        return next((rate for since, rate in reversed(self.shape.rates) if passed >= since), 0.0)

    def queued_s(self, now_ns: int) -> float:
        """Return how long a datagram of now waits before it is sent."""
        return max(self._free_ns - now_ns, 0) / NS

    def send(self, now_ns: int, size_bytes: int) -> list[int]:
        """Send a datagram; return when its copies arrive, in ns of the same clock. `now_ns` never goes back."""
        self.sent += 1
        if self.queued_s(now_ns) > self.shape.queue_s:
            self.dropped += 1
            return []
        begins_ns = max(now_ns, self._free_ns)
        rate = self.rate_bps(begins_ns)
        self._free_ns = begins_ns + (round((size_bytes + HEADER_BYTES) * 8 * NS / rate) if rate else 0)
        if self._is_lost():
            self.lost += 1
            return []
        return self._arrivals()

    def _is_lost(self) -> bool:
        loss, draw = self.shape.loss, self._random.random
        if not loss.share:
            return False
        if not self._bad:
            self._bad = draw() < loss.enters
        if not self._bad:
            return False
        self._bad = draw() >= loss.leaves
        return draw() < loss.lost

    def _arrivals(self) -> list[int]:
        shape, draw = self.shape, self._random.random
        arrives_ns = self._free_ns + round((shape.delay_s + shape.jitter_s * draw()) * NS)
        # Jitter moves packets and never swaps them: what does is asked for by itself.
        arrives_ns = self._last_ns = max(arrives_ns, self._last_ns)
        if shape.reordered and draw() < shape.reordered:
            arrives_ns += round(shape.late_s * NS)
        return [arrives_ns] * (2 if shape.doubled and draw() < shape.doubled else 1)

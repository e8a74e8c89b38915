"""What each layer of a publication costs just now, rung by rung, from counters that the plane keeps anyway.

Rates are those of the last five seconds, headers included, because an estimate counts whole packets. A layer that says
nothing any more is gone, unless it was asked to stop: then it can be had again, and costs what it cost. An upper
temporal rung is gone when nothing of it came in those five seconds. Core; time is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from typing import Final, NamedTuple

from media.allocation.demand import MAX_FRAMES, MAX_RUNGS, MAX_SIDE, Layer, Rung

#: Cameras send a keyframe each two to four seconds, which makes a second that has one half as dear again.
WINDOW_US: Final = 5_000_000
#: The first figures of a layer: its keyframe alone would make it look three times as dear as it is.
LEAST_WINDOW_US: Final = 400_000
#: Between two samples; closer ones are not kept.
SAMPLE_US: Final = 190_000
#: A layer among others that has said nothing for so long is gone: an encoder that is short of room stops it.
SILENT_US: Final = 1_200_000
#: RTP header, extensions, SRTP tag, UDP and IP; the plane's estimate counts as much.
PACKET_BITS: Final = 68 * 8


class RungCounts(NamedTuple):
    """What was counted of one temporal id."""

    packets: int
    octets: int
    frames: int


class Counts(NamedTuple):
    """What was counted of a layer since it began, by temporal id, the lowest first; one where the codec has none.

    `heard_us` is the monotonic time of its last packet.
    """

    rungs: tuple[RungCounts, ...]
    width: int
    height: int
    heard_us: int


class _Sum(NamedTuple):
    """Bits and frames of a temporal id together with those below it."""

    bits: int
    frames: int


_NONE: Final = _Sum(0, 0)


@dataclass(frozen=True, slots=True)
class _Sample:
    at_us: int
    sums: tuple[_Sum, ...]

    def up_to(self, temporal: int) -> _Sum:
        """Return the sum up to an id; nothing had come of a higher one than those there are."""
        return self.sums[min(temporal, len(self.sums) - 1)]

    def own(self) -> list[_Sum]:
        """Return what is of each id alone."""
        return [_Sum(of.bits - below.bits, of.frames - below.frames) for below, of in pairwise((_NONE, *self.sums))]

    def is_below(self, other: _Sample) -> bool:
        """Whether anything was counted back."""
        both = zip_longest(self.own(), other.own(), fillvalue=_NONE)
        return any(mine.bits < theirs.bits or mine.frames < theirs.frames for mine, theirs in both)


@dataclass(slots=True)
class _Layer:
    samples: deque[_Sample] = field(default_factory=deque)
    rungs: tuple[Rung, ...] = ()
    width: int = 0
    height: int = 0
    heard_us: int = 0


class LayerRates:
    """The layers of one publication. `note` takes the counters, `layers` tells what can be had."""

    def __init__(self) -> None:
        self._layers: list[_Layer] = []

    def note(self, now_us: int, counted: Sequence[Counts]) -> None:
        """Take the counters of the plane's layers, in order; times are monotonic."""
        while len(self._layers) < len(counted):
            self._layers.append(_Layer())
        for layer, counts in zip(self._layers, counted, strict=False):
            if not any(rung.packets for rung in counts.rungs):
                continue
            layer.heard_us = counts.heard_us
            layer.width, layer.height = min(counts.width, MAX_SIDE), min(counts.height, MAX_SIDE)
            _sample(layer, _Sample(now_us, _sums(counts.rungs)))

    @property
    def bits(self) -> int:
        """Bits/s of all layers together, 0 before anything is known."""
        return sum(layer.rungs[-1].bits for layer in self._layers if layer.rungs)

    def layers(self, now_us: int, stopped: Set[int] = frozenset()) -> tuple[Layer, ...]:
        """Return the layers that can be had, the smallest first. `stopped` were asked to send nothing."""
        known = [
            Layer(number, layer.width, layer.height, layer.rungs)
            for number, layer in enumerate(self._layers)
            if layer.rungs and (number in stopped or self._is_heard(layer, now_us))
        ]
        return tuple(sorted(known, key=lambda layer: (layer.width * layer.height, layer.rungs[-1].bits)))

    def _is_heard(self, layer: _Layer, now_us: int) -> bool:
        # The only layer is not told from a picture that stands still.
        return len(self._layers) == 1 or now_us - layer.heard_us < SILENT_US


def _sums(counted: Sequence[RungCounts]) -> tuple[_Sum, ...]:
    bits, frames = 0, 0
    sums: list[_Sum] = []
    for rung in counted[:MAX_RUNGS]:
        bits += rung.octets * 8 + rung.packets * PACKET_BITS
        frames += rung.frames
        sums.append(_Sum(bits, frames))
    return tuple(sums)


def _sample(layer: _Layer, sample: _Sample) -> None:
    samples, now_us = layer.samples, sample.at_us
    if samples and (now_us - samples[-1].at_us > WINDOW_US or sample.is_below(samples[-1])):
        samples.clear()  # not looked at for long, or counters of another publication
    if samples and now_us - samples[-1].at_us < SAMPLE_US:
        return
    if samples and now_us - layer.heard_us > SILENT_US:
        samples.clear()  # what it costs when it is there is not learned from its silence
        return
    samples.append(sample)
    while len(samples) > 2 and now_us - samples[1].at_us >= WINDOW_US:
        samples.popleft()
    if now_us - samples[0].at_us >= LEAST_WINDOW_US:
        layer.rungs = _rungs(samples[0], sample)


def _rungs(first: _Sample, last: _Sample) -> tuple[Rung, ...]:
    """Return the rungs of the time between two samples, without upper ones of which nothing came."""
    passed_us = last.at_us - first.at_us
    rungs: list[Rung] = []
    for temporal, total in enumerate(last.sums):
        before = first.up_to(temporal)
        frames = (total.frames - before.frames) * 1e6 / passed_us
        rungs.append(Rung((total.bits - before.bits) * 1_000_000 // passed_us, min(frames, MAX_FRAMES)))
    while len(rungs) > 1 and rungs[-1].bits == rungs[-2].bits:
        rungs.pop()
    return tuple(rungs)

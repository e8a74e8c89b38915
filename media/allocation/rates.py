"""What each layer of a publication costs just now, from counters that the plane keeps anyway.

Rates are those of the last five seconds, headers included, because an estimate counts whole packets. A layer that says
nothing any more is gone, unless it was asked to stop: then it can be had again, and costs what it cost. Core; time is
an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from media.allocation.demand import MAX_FRAMES, MAX_SIDE, Layer, Rung

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


class Counts(NamedTuple):
    """What was counted of a layer since it began; `heard_us` is the monotonic time of its last packet."""

    packets: int
    octets: int
    frames: int
    width: int
    height: int
    heard_us: int


@dataclass(frozen=True, slots=True)
class _Sample:
    at_us: int
    bits: int
    frames: int


@dataclass(slots=True)
class _Layer:
    samples: deque[_Sample] = field(default_factory=deque)
    rung: Rung | None = None
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
            if not counts.packets:
                continue
            layer.heard_us = counts.heard_us
            layer.width, layer.height = min(counts.width, MAX_SIDE), min(counts.height, MAX_SIDE)
            _sample(layer, now_us, counts.octets * 8 + counts.packets * PACKET_BITS, counts.frames)

    @property
    def bits(self) -> int:
        """Bits/s of all layers together, 0 before anything is known."""
        return sum(layer.rung.bits for layer in self._layers if layer.rung is not None)

    def layers(self, now_us: int, stopped: Set[int] = frozenset()) -> tuple[Layer, ...]:
        """Return the layers that can be had, the smallest first. `stopped` were asked to send nothing."""
        known = [
            Layer(number, layer.width, layer.height, (layer.rung,))
            for number, layer in enumerate(self._layers)
            if layer.rung is not None and (number in stopped or self._is_heard(layer, now_us))
        ]
        return tuple(sorted(known, key=lambda layer: (layer.width * layer.height, layer.rungs[-1].bits)))

    def _is_heard(self, layer: _Layer, now_us: int) -> bool:
        # The only layer is not told from a picture that stands still.
        return len(self._layers) == 1 or now_us - layer.heard_us < SILENT_US


def _sample(layer: _Layer, now_us: int, bits: int, frames: int) -> None:
    samples = layer.samples
    if samples and (now_us - samples[-1].at_us > WINDOW_US or bits < samples[-1].bits):
        samples.clear()  # not looked at for long, or counters of another publication
    if samples and now_us - samples[-1].at_us < SAMPLE_US:
        return
    if samples and now_us - layer.heard_us > SILENT_US:
        samples.clear()  # what it costs when it is there is not learned from its silence
        return
    samples.append(_Sample(now_us, bits, frames))
    while len(samples) > 2 and now_us - samples[1].at_us >= WINDOW_US:
        samples.popleft()
    passed_us = now_us - samples[0].at_us
    if passed_us >= LEAST_WINDOW_US:
        rate = (bits - samples[0].bits) * 1_000_000 // passed_us
        layer.rung = Rung(rate, min((frames - samples[0].frames) * 1e6 / passed_us, MAX_FRAMES))

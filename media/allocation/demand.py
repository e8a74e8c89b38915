"""What a viewer's link is asked to carry: sounds, and pictures with the layers that can be had of each.

The border of the allocator: numbers come from measurements and from pages, so each is checked here once, when the
record is made, and nowhere behind it. Core; imports nothing of ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

#: No link and no stream of ours comes near 1 Tb/s; sums of the most subscriptions stay exact whatever is claimed.
MAX_BITS: Final = 10**12
MAX_TIME_US: Final = 2**62
#: RTP payload formats and codecs give sides of at most 16 bits; pages report no larger tile.
MAX_SIDE: Final = 65_535
MAX_FRAMES: Final = 1_000.0
MAX_IMPORTANCE: Final = 1_000
#: Layers of one source, temporal rungs of one layer; the plane and the payload formats know no more.
MAX_LAYERS: Final = 8
MAX_RUNGS: Final = 8


class DemandError(ValueError):
    """A number that no measurement and no page can mean."""


def whole(name: str, value: int, greatest: int) -> None:
    """Refuse what is not an integer from 0 to `greatest`; raises DemandError."""
    if type(value) is not int or not 0 <= value <= greatest:  # a bool or a float (NaN!) is a fault of who measured
        raise DemandError(f"{name}: {value!r} is not an integer from 0 to {greatest}")


@dataclass(frozen=True, slots=True)
class Rung:
    """A temporal rung of a layer: bits/s and frames/s of it together with the rungs below it. Raises DemandError."""

    bits: int
    frames: float

    def __post_init__(self) -> None:
        whole("bits", self.bits, MAX_BITS)
        if not (math.isfinite(self.frames) and 0 <= self.frames <= MAX_FRAMES):
            raise DemandError(f"frames: {self.frames!r} is not a rate from 0 to {MAX_FRAMES}")


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that can be had: sent now, or paused because nobody took it. Raises DemandError.

    `number` is the plane's. A side of 0 is not known yet. One rung where the codec has no temporal layers, else the
    lowest first.
    """

    number: int
    width: int
    height: int
    rungs: tuple[Rung, ...]

    def __post_init__(self) -> None:
        whole("number", self.number, MAX_SIDE)
        whole("width", self.width, MAX_SIDE)
        whole("height", self.height, MAX_SIDE)
        if not 1 <= len(self.rungs) <= MAX_RUNGS:
            raise DemandError(f"rungs: {len(self.rungs)} is not from 1 to {MAX_RUNGS}")


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that is taken, with its bits/s. Raises DemandError."""

    id: str
    bits: int

    def __post_init__(self) -> None:
        whole("bits", self.bits, MAX_BITS)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is asked for, with its layers, lowest first; none while its source sends nothing.

    `width` x `height` is what the page shows of it in pixels of the screen (CSS pixels times pixel ratio); 0 is not
    seen. Greater `importance` comes first. Raises DemandError.
    """

    id: str
    source: str
    importance: int
    width: int
    height: int
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        whole("importance", self.importance, MAX_IMPORTANCE)
        whole("width", self.width, MAX_SIDE)
        whole("height", self.height, MAX_SIDE)
        if len(self.layers) > MAX_LAYERS:
            raise DemandError(f"layers: {len(self.layers)} are more than {MAX_LAYERS}")
        if len({layer.number for layer in self.layers}) != len(self.layers):
            raise DemandError("layers: a number is given twice")

    @property
    def is_seen(self) -> bool:
        """Whether anything of it is on the page."""
        return self.width > 0 and self.height > 0

"""One route to a viewer and the two that order it: the rules whether it may flow, the link how much of it.

Neither undoes the other's word: what a chair has cut stays cut when the link has room again. Runs on one event loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.allocation.repair import NOTHING, Repair
from media.plane.objects import TEMPORAL_ALL, PlaneRoute


@dataclass(frozen=True, slots=True)
class Sight:
    """What a viewer shows of a picture: pixels of its screen (0 by 0: nothing), and how it ranks, the greater first.

    `slow`: the lowest frame rate will do.
    """

    width: int
    height: int
    rank: int = 0
    slow: bool = False


#: Of viewers that do not tell: players, and pages in the moment before they do. No larger layer is sent anyway.
UNTOLD: Final = Sight(1920, 1080)


class Taking:
    """A kind of a source that a viewer takes. `layer` and `temporal` are as last ordered; `held`: no room for it.

    `converses`: its viewer talks with who is seen, so that no delay is to be added.
    """

    def __init__(
        self, source: str, kind: str, route: PlaneRoute, *, allowed: bool = True, converses: bool = False
    ) -> None:
        self.source = source
        self.kind = kind
        self.route = route
        self.allowed = allowed
        self.converses = converses
        self.sight = UNTOLD
        self.layer = 0
        self.held = False
        self.shown = True
        self.temporal = TEMPORAL_ALL
        self.repair = NOTHING

    def allow(self, allowed: bool) -> None:
        """Let it flow or not, as the rules say. Raises PlaneError."""
        if allowed != self.allowed:
            self.allowed = allowed
            self._order()

    @property
    def thinned(self) -> bool:
        """Whether the link has it with fewer frames than there are; not where its viewer wants no more."""
        return self.kind == "video" and self.temporal != TEMPORAL_ALL and not self.sight.slow and not self.held

    def share(self, layer: int, temporal: int, *, held: bool, shown: bool) -> None:
        """Send this layer up to this temporal id, or nothing while the link has no room or nobody looks.

        Raises PlaneError.
        """
        if (layer, temporal, held, shown) != (self.layer, self.temporal, self.held, self.shown):
            self.layer, self.temporal, self.held, self.shown = layer, temporal, held, shown
            self._order()

    def make_up(self, repair: Repair) -> None:
        """Make up for losses like this, as far as the viewer has agreed to it. Raises PlaneError."""
        if self.kind == "audio":
            repair = Repair(repair.redundancy if self.route.has_red else 0, 0, 0)
        else:
            percent = repair.percent if self.route.has_flexfec else 0
            # Browsers keep the sound with its picture: who talks has the picture falter rather than wait for an answer.
            repair = Repair(0, percent, 0 if self.converses else repair.wait_ms)
        if repair != self.repair:
            self.repair = repair
            self.route.repair(*repair)

    def _order(self) -> None:
        paused = not self.allowed or self.held or not self.shown
        self.route.set(paused=paused, layer=self.layer, temporal=self.temporal)

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
    """A kind of a source that a viewer takes. `layer` and `slow` are as last ordered; `held`: no room for it.

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
        self.slow = False
        self.repair = NOTHING

    def allow(self, allowed: bool) -> None:
        """Let it flow or not, as the rules say. Raises PlaneError."""
        if allowed != self.allowed:
            self.allowed = allowed
            self._order()

    def share(self, layer: int, *, held: bool, shown: bool) -> None:
        """Send this layer, or nothing while the link has no room or nobody looks. Raises PlaneError.

        How slow it may be is ordered along with it, as it is told by then.
        """
        slow = self.sight.slow
        if (layer, held, shown, slow) != (self.layer, self.held, self.shown, self.slow):
            self.layer, self.held, self.shown, self.slow = layer, held, shown, slow
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
        self.route.set(paused=paused, layer=self.layer, temporal=0 if self.slow else TEMPORAL_ALL)

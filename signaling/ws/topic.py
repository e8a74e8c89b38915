"""A topic's audiences, what of it waits to be looked at for them, and when its time has come. Core.

News and figures wait apart from each other. Figures move all the time: those of a hundred who join in a second go to
thousands of pages as one message, and never make what a chair does wait.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from signaling.ws.stream import Key, Stream

#: Between two changes of a topic.
INTERVAL_S = 0.05
#: The same where thousands watch.
WIDE_INTERVAL_S = 0.15
WIDE = frozenset({"overview", "places"})
#: Between two refreshes of a topic's figures: each is written to every page that has them.
FIGURES_INTERVAL_S = 1.0


@dataclass(slots=True)
class Topic:
    """What audiences hold of a topic, what of it is to be looked at for them, and when."""

    name: str
    streams: dict[Hashable, Stream] = field(default_factory=dict)
    #: Records to look at for every audience, or for those only that hold them, and those with figures that moved.
    marked: set[Key] = field(default_factory=set)
    held: set[Key] = field(default_factory=set)
    figures: set[Key] = field(default_factory=set)
    #: Audiences with records of their own to look at; and those whose time has come.
    touched: dict[Stream, None] = field(default_factory=dict)
    in_hand: dict[Stream, None] = field(default_factory=dict)
    news_at: float = float("-inf")
    figures_at: float = float("-inf")

    @property
    def due(self) -> float | None:
        """When something of it wants to be sent, None when nothing does."""
        if self.in_hand:
            return float("-inf")
        whens = (self.news_due, self.figures_due)
        return min((when for when in whens if when is not None), default=None)

    @property
    def news_due(self) -> float | None:
        if not (self.marked or self.held or self.touched):
            return None
        return self.news_at + (WIDE_INTERVAL_S if self.name in WIDE else INTERVAL_S)

    @property
    def figures_due(self) -> float | None:
        return self.figures_at + FIGURES_INTERVAL_S if self.figures else None

    def hand_out(self, now: float) -> None:
        """Give every audience what is due for it to be looked at."""
        if (due := self.news_due) is not None and due <= now:
            if self.marked or self.held:
                for stream in self.streams.values():
                    stream.dirty |= self.marked
                    stream.dirty |= stream.records.keys() & self.held
                    if stream.dirty:
                        self.in_hand[stream] = None
                self.marked, self.held = set(), set()
            self.in_hand |= self.touched
            self.touched = {}
        if (due := self.figures_due) is not None and due <= now:
            for stream in self.streams.values():
                if moved := stream.records.keys() & self.figures:
                    stream.moved |= moved
                    self.in_hand[stream] = None
            self.figures, self.figures_at = set(), now

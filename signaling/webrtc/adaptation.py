"""What each viewer's link carries of what it takes: the plane's estimate, the allocator's word, the routes' orders.

The plane measures and paces by itself; what is decided here may come a moment later without harm. Viewers that tell
nothing of what arrives get what they ask for. Runs on one event loop; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from media.allocation.allocator import Allocator
from media.allocation.demand import MAX_BITS, Layer, Picture, Sound
from media.allocation.losses import Losses
from media.allocation.plan import Allocation, Pause, Share
from media.allocation.probing import Probing
from media.allocation.repair import NOTHING, Repair, Repairing, Room
from media.plane.objects import TEMPORAL_ALL
from media.plane.transport import PlaneTransport
from signaling.webrtc.linkfacts import LinkFacts, link_facts
from signaling.webrtc.measured import MEASURE_US, Measured
from signaling.webrtc.taking import Taking

_log = structlog.get_logger(__name__)

#: How often links are looked at: a feedback comes each 50 to 100 ms.
LOOK_SECONDS: Final = 0.1
#: Links of which nothing new is to be expected are looked at so often.
_ALL_US: Final = 1_000_000
#: A link is allocated anew so often although nothing has happened: layers change, and steps wait for time to pass.
_EACH_US: Final = 1_000_000
#: The same where nothing waits.
_EACH_CALM_US: Final = 3_000_000
#: The same where the link was never full besides: it has all that it wants, and that it is full is told.
_EACH_RESTING_US: Final = 10_000_000
#: The same where only receiver reports tell of the link, every few seconds.
_EACH_UNTOLD_US: Final = 5_000_000
#: A picture is held only when there was no room for its lowest layer for so long; the plane leaves out frames before.
_LACK_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class LinkReport:
    """A viewer's link; `bps` None where nothing is known. `is_short`: it was found full, and more is wanted. `repair`:
    how losses are made up for.
    """

    bps: int | None
    queue_ms: float
    loss: float
    is_short: bool
    repair: Repair


@dataclass(slots=True)
class _Link:
    transport: PlaneTransport
    taking: Callable[[], Mapping[str, Taking]]
    allocator: Allocator = field(default_factory=Allocator)
    probing: Probing = field(default_factory=Probing)
    repairing: Repairing = field(default_factory=Repairing)
    losses: Losses = field(default_factory=Losses)
    due_us: int = 0
    version: int = -1  # of what was measured when it was allocated
    floor_bits: int = MAX_BITS  # a full link that carries less is looked at at once
    drains: bool = False  # as last looked at; once its queue has gone there may be room for more
    sought_bits: tuple[int, int] = (0, 0)  # for the next picture, and for all
    probed: bool = False
    lacking: dict[str, int] = field(default_factory=dict)
    repair: Repair = NOTHING
    taken: frozenset[tuple[str, int]] = frozenset()

    @property
    def is_tried(self) -> bool:
        """Whether the link is filled with padding, or may be at the next look."""
        return self.sought_bits[0] > 0 or self.probed

    def is_calm(self, now_us: int, version: int) -> bool:
        """Whether nothing can have happened that asks for another word."""
        if now_us >= self.due_us or version != self.version or self.is_tried or self.transport.drains != self.drains:
            return False
        return not 0 <= self.transport.full_bps < self.floor_bits

    def may_rest(self) -> bool:
        """Whether nothing can happen that is not told: the link is not tried, and was never full."""
        return not self.is_tried and self.transport.full_bps < 0


class Adaptation:
    """All viewers' links. `look` ten times a second; `filled` tells how many links the plane has found full so far."""

    def __init__(self, measured: Measured, filled: Callable[[], int]) -> None:
        self.measured = measured
        self._filled = filled
        self._had = (0, -1)  # links found full, and the version of what was measured, when all were looked at
        self._links: dict[str, _Link] = {}
        # Of hundreds of links all but a few rest: they must cost next to nothing.
        self._awake: dict[str, _Link] = {}
        self._taken: set[tuple[str, int]] | None = set()  # by all; None: to be collected
        self._kept: frozenset[tuple[str, int]] = frozenset()  # by who has no link
        self._all_us = 0
        self._measured_us = 0

    def add(self, viewer: str, transport: PlaneTransport, taking: Callable[[], Mapping[str, Taking]]) -> None:
        """Look after a viewer's link from now on; `taking` tells what it takes, by names that are its own."""
        self._links[viewer] = self._awake[viewer] = _Link(transport, taking)

    def remove(self, viewer: str) -> None:
        """Forget a viewer, known or not."""
        self._links.pop(viewer, None)
        self._awake.pop(viewer, None)
        self._taken = None

    def look(self, now_us: int) -> None:
        """Look at every link of which there may be news; `now_us` is monotonic and never goes back."""
        if now_us >= self._measured_us:
            self._measured_us = now_us + MEASURE_US
            if self._taken is None:
                self._taken = {key for link in self._links.values() for key in link.taken} | self._kept
            self.measured.measure(now_us, self._taken)
        news = (self._filled(), self.measured.version)
        if now_us >= self._all_us or news != self._had:
            self._all_us, self._had = now_us + _ALL_US, news
            self._awake = dict(self._links)
        for viewer, link in list(self._awake.items()):
            try:
                if not link.is_calm(now_us, self.measured.version):
                    self._look_at(link, now_us)
                if link.may_rest():
                    del self._awake[viewer]
            except Exception:  # so broad, because the links behind it are other viewers'
                _log.exception("link_not_adapted", viewer=viewer)

    def keep(self, kept: frozenset[tuple[str, int]]) -> None:
        """Have layers of sources needed whatever viewers take: a recorder takes them."""
        if kept != self._kept:
            self._kept, self._taken = kept, None

    def soon(self, viewer: str) -> None:
        """What a viewer takes, or how it shows it, has changed: the next look allocates its link."""
        link = self._links.get(viewer)
        if link is not None:
            link.due_us = 0
            self._awake[viewer] = link

    def report(self, viewer: str) -> LinkReport:
        """Return how the link of a viewer is."""
        link = self._links.get(viewer)
        facts = link.transport.estimate if link is not None else None
        if facts is None or link is None:
            return LinkReport(None, 0.0, 0.0, is_short=False, repair=NOTHING)
        is_short = link.sought_bits[0] > 0 and facts["was_full"]
        return LinkReport(facts["bps"], facts["queue_ms"], facts["loss"], is_short, link.repair)

    def _look_at(self, link: _Link, now_us: int) -> None:
        asked = {name: item for name, item in link.taking().items() if item.allowed}
        facts = link_facts(now_us, link.transport, asked.values(), link.losses)
        is_short = facts.was_full and facts.settled_bps < link.floor_bits
        is_drained = link.drains and not facts.drains
        link.drains = facts.drains
        if now_us >= link.due_us or link.version != self.measured.version or is_short or is_drained:
            link.version = self.measured.version
            allocation = self._allocate(link, now_us, facts, asked)
            self._make_up(link, now_us, facts, allocation, asked.values())
            link.due_us = now_us + _pause_us(link, facts)
        self._probe(link, now_us, facts)

    def _allocate(self, link: _Link, now_us: int, facts: LinkFacts, taken: Mapping[str, Taking]) -> Allocation:
        sounds = [self._sound(name, item) for name, item in taken.items() if item.kind == "audio"]
        pictures = [self._picture(name, item, now_us) for name, item in taken.items() if item.kind == "video"]
        room = facts.room
        if not facts.was_full:
            room = max(room, _least(sounds, pictures) * 11 // 10 + 1)
        allocation = link.allocator.allocate(now_us, room, sounds, pictures)
        link.floor_bits = int(allocation.planned_bits / (1.0 - facts.loss)) if facts.was_full else MAX_BITS
        # Repairs of what is lost take their part.
        link.sought_bits = (
            int(allocation.sought_bits / (1.0 - facts.loss)),
            int(allocation.wanted_bits / (1.0 - facts.loss)),
        )
        layers = {picture.id: picture.layers for picture in pictures}
        for share in allocation.shares:
            self._share(link, now_us, facts, share, taken[share.id], layers[share.id])
        had = link.taken
        link.taken = frozenset((item.source, item.layer) for item in taken.values() if not item.held and item.shown)
        if link.taken != had:
            self._taken = None
        return allocation

    def _make_up(
        self, link: _Link, now_us: int, facts: LinkFacts, allocation: Allocation, taken: Iterable[Taking]
    ) -> None:
        """Choose how losses are made up for, within what the pictures leave."""
        sound = sum(self.measured.sound_bits(item.source) for item in taken if item.kind == "audio")
        pictures = allocation.planned_bits - allocation.sound_bits
        # While a queue is to go, what it goes by is not to spare.
        now_bits = facts.room if facts.bps is None else min(facts.room, facts.bps)
        spare = now_bits - allocation.planned_bits if facts.was_full else MAX_BITS
        link.repair = link.repairing.choose(now_us, facts.rtt_ms, facts.loss, Room(sound, pictures, spare))
        for item in taken:
            item.make_up(link.repair)

    def _share(
        self, link: _Link, now_us: int, facts: LinkFacts, share: Share, item: Taking, layers: Sequence[Layer]
    ) -> None:
        if share.pause is not Pause.NO_ROOM:
            link.lacking.pop(share.id, None)
        if share.pause is None:
            layer = next(layer for layer in layers if layer.number == share.layer)
            item.share(layer.number, _temporal(facts, item, layer, share.temporal), held=False, shown=True)
        elif share.pause is Pause.NOT_SEEN:
            item.share(item.layer, item.temporal, held=False, shown=False)
        elif share.pause is Pause.NO_ROOM:
            since = link.lacking.setdefault(share.id, now_us)
            held = now_us - since >= _LACK_US
            if held and not item.held:
                _log.info("picture_held", source=item.source, needs=layers[0].rungs[0].bits, room=facts.room)
            item.share(layers[0].number, _temporal(facts, item, layers[0], 0), held=held, shown=True)

    def _probe(self, link: _Link, now_us: int, facts: LinkFacts) -> None:
        if facts.bps is None:
            return
        trial = link.probing.trial(now_us, facts.bps, facts.train_bps, facts.queue_ms, *link.sought_bits)
        if trial.bps or trial.packets or link.probed:
            link.transport.probe(trial.bps, trial.packets)
        link.probed = trial.bps > 0

    def _sound(self, name: str, item: Taking) -> Sound:
        # Once more at least where sound gets lost; the rest is what pictures leave.
        return Sound(name, self.measured.sound_bits(item.source) * (2 if item.repair.redundancy else 1))

    def _picture(self, name: str, item: Taking, now_us: int) -> Picture:
        sight = item.sight
        layers = self.measured.layers(item.source, now_us)
        if sight.slow:
            layers = _slowed(layers)
        return Picture(name, item.source, sight.rank, sight.width, sight.height, layers)


def _pause_us(link: _Link, facts: LinkFacts) -> int:
    """Return for how long a link that was just allocated may stay so when nothing happens."""
    if link.sought_bits[0] > 0 or link.lacking:
        return _EACH_US
    if not link.transport.is_estimated:
        return _EACH_UNTOLD_US
    return _EACH_CALM_US if facts.was_full else _EACH_RESTING_US


def _least(sounds: Sequence[Sound], pictures: Sequence[Picture]) -> int:
    """Return the bits/s of all sounds and of every picture's smallest layer, with all of its frames."""
    smallest = [picture.layers[0].rungs[-1].bits for picture in pictures if picture.layers and picture.is_seen]
    return sum(sound.bits for sound in sounds) + sum(smallest)


def _slowed(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return what stands for a low frame rate: the lowest rungs, or where there are none, the smallest layer."""
    stepped = tuple(replace(layer, rungs=layer.rungs[:1]) for layer in layers if len(layer.rungs) > 1)
    return stepped or tuple(layers[:1])


def _temporal(facts: LinkFacts, item: Taking, layer: Layer, temporal: int) -> int:
    """Return the temporal id to order for a rung: all of them for the highest, and while the link was never full."""
    if item.sight.slow:
        return 0
    return temporal if facts.was_full and temporal < len(layer.rungs) - 1 else TEMPORAL_ALL

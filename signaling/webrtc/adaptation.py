"""What each viewer's link carries of what it takes: the plane's estimate, the allocator's word, the routes' orders.

The plane measures and paces by itself; what is decided here may come a moment later without harm. Viewers that tell
nothing of what arrives get what they ask for. Runs on one event loop; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from media.allocation.allocator import START_BITS, Allocator
from media.allocation.demand import Layer, Picture, Sound
from media.allocation.plan import Pause, Share
from media.allocation.probing import Probing
from media.allocation.rates import Counts, LayerRates
from media.plane.objects import PlanePublication
from media.plane.transport import PlaneTransport
from signaling.webrtc.records import SourceMedia
from signaling.webrtc.taking import Taking

_log = structlog.get_logger(__name__)

#: How often links are looked at: a feedback comes each 50 to 100 ms.
LOOK_SECONDS: Final = 0.1
#: A link is allocated anew so often although nothing has happened: layers change, and steps wait for time to pass.
_EACH_US: Final = 1_000_000
#: How often the counters of publications are read.
_MEASURE_US: Final = 200_000
#: Carried by a link of which nothing is told.
_UNTOLD_BITS: Final = 50_000_000
#: Of a sound that has not been measured yet.
_SOUND_BITS: Final = 64_000
#: More is not taken for loss that repairs make good.
_MOST_LOSS: Final = 0.25
#: A picture is held only when there was no room for its lowest layer for so long; the plane leaves out frames before.
_LACK_US: Final = 1_000_000
#: A layer that nobody has taken for so long is not needed.
_UNUSED_US: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class LinkReport:
    """A viewer's link; `bps` None where nothing is known. `is_short`: it was found full, and more is wanted."""

    bps: int | None
    queue_ms: float
    loss: float
    is_short: bool


@dataclass(slots=True)
class _Link:
    allocator: Allocator = field(default_factory=Allocator)
    probing: Probing = field(default_factory=Probing)
    due_us: int = 0
    planned_bits: int = 0
    sought_bits: tuple[int, int] = (0, 0)  # for the next picture, and for all
    probed: bool = False
    lacking: dict[str, int] = field(default_factory=dict)
    taken: frozenset[tuple[str, int]] = frozenset()
    asked: frozenset[str] = frozenset()


#: A viewer: its identifier, its transport, and what it takes, by names that are its own.
Viewer = tuple[str, PlaneTransport, Mapping[str, Taking]]


class Adaptation:
    """All viewers' links. `look` ten times a second."""

    def __init__(self, media: Mapping[str, SourceMedia], viewers: Callable[[], Iterable[Viewer]]) -> None:
        self._media = media
        self._viewers = viewers
        self._rates: dict[int, LayerRates] = {}  # by the publication's id
        self._links: dict[str, _Link] = {}
        self._measured_us = 0
        self._used_us: dict[tuple[int, int], int] = {}  # by publication and layer: when somebody last took it
        #: By source: the layers of it that nobody needs.
        self.unneeded: dict[str, frozenset[int]] = {}

    def look(self, now_us: int) -> None:
        """Look at every link; `now_us` is monotonic and never goes back."""
        self._measure(now_us)
        seen: set[str] = set()
        for identifier, transport, taken in self._viewers():
            seen.add(identifier)
            try:
                self._look_at(self._links.setdefault(identifier, _Link()), now_us, transport, taken)
            except Exception:  # so broad, because the links behind it are other viewers'
                _log.exception("link_not_adapted", viewer=identifier)
        for gone in self._links.keys() - seen:
            del self._links[gone]
        self._find_unneeded(now_us)

    def report(self, viewer: str, transport: PlaneTransport) -> LinkReport:
        """Return how the link of a viewer is."""
        facts, link = transport.estimate, self._links.get(viewer)
        if facts is None or link is None:
            return LinkReport(None, 0.0, 0.0, is_short=False)
        is_short = link.sought_bits[0] > 0 and facts["was_full"]
        return LinkReport(facts["bps"], facts["queue_ms"], facts["loss"], is_short)

    def layers(self, source: str, now_us: int) -> tuple[Layer, ...]:
        """Return the layers of a source's picture that can be had, the smallest first."""
        media = self._media.get(source)
        publication = media.publications.get("video") if media is not None else None
        rates = self._rates.get(publication.id) if publication is not None else None
        return rates.layers(now_us, self.unneeded.get(source, frozenset())) if rates is not None else ()

    def _measure(self, now_us: int) -> None:
        if now_us < self._measured_us:
            return
        self._measured_us = now_us + _MEASURE_US
        current: set[int] = set()
        for media in self._media.values():
            for publication in media.publications.values():
                current.add(publication.id)
                self._rates.setdefault(publication.id, LayerRates()).note(now_us, _counts(publication))
        for gone in self._rates.keys() - current:
            del self._rates[gone]

    def _look_at(self, link: _Link, now_us: int, transport: PlaneTransport, taken: Mapping[str, Taking]) -> None:
        facts = _facts(transport)
        asked = frozenset(name for name, item in taken.items() if item.allowed)
        if now_us >= link.due_us or facts.room < link.planned_bits or asked != link.asked:
            link.due_us, link.asked = now_us + _EACH_US, asked
            self._allocate(link, now_us, facts, {name: taken[name] for name in asked})
        self._probe(link, now_us, transport, facts)

    def _allocate(self, link: _Link, now_us: int, facts: _Facts, taken: Mapping[str, Taking]) -> None:
        sounds = [Sound(name, self._sound_bits(item.source)) for name, item in taken.items() if item.kind == "audio"]
        pictures = [self._picture(name, item, now_us) for name, item in taken.items() if item.kind == "video"]
        room = facts.room
        if not facts.was_full:
            room = max(room, _least(sounds, pictures) * 11 // 10 + 1)
        allocation = link.allocator.allocate(now_us, room, sounds, pictures)
        link.planned_bits = allocation.planned_bits if facts.was_full else 0
        # Repairs of what is lost take their part.
        link.sought_bits = (
            int(allocation.sought_bits / (1.0 - facts.loss)),
            int(allocation.wanted_bits / (1.0 - facts.loss)),
        )
        layers = {picture.id: picture.layers for picture in pictures}
        for share in allocation.shares:
            self._share(link, now_us, facts, share, taken[share.id], layers[share.id])
        link.taken = frozenset((item.source, item.layer) for item in taken.values() if not item.held and item.shown)

    def _share(
        self, link: _Link, now_us: int, facts: _Facts, share: Share, item: Taking, layers: Sequence[Layer]
    ) -> None:
        if share.pause is not Pause.NO_ROOM:
            link.lacking.pop(share.id, None)
        if share.pause is None:
            item.share(share.layer, held=False, shown=True)
        elif share.pause is Pause.NOT_SEEN:
            item.share(item.layer, held=False, shown=False)
        elif share.pause is Pause.NO_ROOM:
            since = link.lacking.setdefault(share.id, now_us)
            held = now_us - since >= _LACK_US
            if held and not item.held:
                _log.info("picture_held", source=item.source, needs=layers[0].rungs[0].bits, room=facts.room)
            item.share(layers[0].number, held=held, shown=True)

    def _probe(self, link: _Link, now_us: int, transport: PlaneTransport, facts: _Facts) -> None:
        if facts.bps is None:
            return
        trial = link.probing.trial(now_us, facts.bps, facts.train_bps, facts.queue_ms, *link.sought_bits)
        if trial.bps or trial.packets or link.probed:
            transport.probe(trial.bps, trial.packets)
        link.probed = trial.bps > 0

    def _picture(self, name: str, item: Taking, now_us: int) -> Picture:
        sight = item.sight
        return Picture(name, item.source, sight.rank, sight.width, sight.height, self.layers(item.source, now_us))

    def _sound_bits(self, source: str) -> int:
        media = self._media.get(source)
        publication = media.publications.get("audio") if media is not None else None
        rates = self._rates.get(publication.id) if publication is not None else None
        return rates.bits if rates is not None and rates.bits else _SOUND_BITS

    def _find_unneeded(self, now_us: int) -> None:
        """Note which layers nobody has taken for a while; who needs one again has it needed at once.

        The smallest is always needed: by who comes next, and as the sign that the source lives.
        """
        taken = {key for link in self._links.values() for key in link.taken}
        unneeded: dict[str, frozenset[int]] = {}
        used: dict[tuple[int, int], int] = {}
        for source, media in self._media.items():
            publication = media.publications.get("video")
            if publication is None or publication.layer_count < 2:
                continue
            for layer in range(publication.layer_count):
                key = (publication.id, layer)
                used[key] = now_us if (source, layer) in taken else self._used_us.get(key, now_us)
            idle = {at for at in range(publication.layer_count) if now_us - used[publication.id, at] > _UNUSED_US}
            idle -= {layer.number for layer in self.layers(source, now_us)[:1]} or {0}
            if idle:
                unneeded[source] = frozenset(idle)
        self._used_us, self.unneeded = used, unneeded


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a link. `room` is what may be planned with; before it was found full, no more than was tried."""

    bps: int | None
    room: int
    train_bps: int
    queue_ms: float
    loss: float
    was_full: bool


def _facts(transport: PlaneTransport) -> _Facts:
    if not transport.is_estimated:
        return _Facts(None, _UNTOLD_BITS, 0, 0.0, 0.0, was_full=False)
    told = transport.estimate
    if told is None:
        return _Facts(None, START_BITS, 0, 0.0, 0.0, was_full=False)
    # What is lost is sent again, and takes room again.
    loss = min(told["loss"], _MOST_LOSS)
    room = int(told["settled_bps"] * (1.0 - loss))
    return _Facts(told["bps"], room, told["train_bps"], told["queue_ms"], loss, told["was_full"])


def _least(sounds: Sequence[Sound], pictures: Sequence[Picture]) -> int:
    """Return the bits/s of all sounds and of every picture's smallest layer."""
    smallest = [picture.layers[0].rungs[0].bits for picture in pictures if picture.layers and picture.is_seen]
    return sum(sound.bits for sound in sounds) + sum(smallest)


def _counts(publication: PlanePublication) -> list[Counts]:
    return [
        Counts(
            packets=layer["packets"],
            octets=layer["octets"],
            frames=layer["frames"],
            width=layer["width"],
            height=layer["height"],
            heard_us=layer["heard_ns"] // 1000,
        )
        for layer in publication.stats()
    ]

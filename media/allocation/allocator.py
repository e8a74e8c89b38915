"""What one viewer's link carries: sound always, then the beginning of the line of steps that fits (see `ladder`).

Never is more planned than the estimate, but for sound: what no longer fits ends at once, and a layer that has grown is
the same as an estimate that has fallen. Upwards it is slow (see `patience`): a new step needs room and `MARGIN_PERCENT`
more, for a while. Three things are quicker, unless the link has just taken them back:

- what is within the sum that is carried already: a new speaker has at once what the last one gives up;
- the lowest place of a picture needs room, but no time: nobody looks at black;
- an estimate's past counts, not a step's: a tile that is made large on a link with room is sharp at once.

Upgrades stop at the first that does not fit; smaller ones behind it are not tried. Otherwise they would go again when
it does fit, and a better link would look worse. Lowest places are tried one by one, so that one camera of 4 Mb/s does
not leave a page black; when the link has room for it, upgrades and less important pictures give way. So more room
lowers something only where a picture begins that was paused; and when nothing waits any more, a picture is paused while
a less important one is above its lowest place only where it would not fit if that one had its lowest place, or none.

Core: mutate by `allocate` only; time is its argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from media.allocation.demand import MAX_BITS, MAX_TIME_US, DemandError, Picture, Sound, whole
from media.allocation.ladder import Place, Step, steps_in_order, too_large
from media.allocation.patience import HOLD_US, EstimateHistory, Setbacks
from media.allocation.plan import Allocation, Pause, Share

#: Room that a new step needs beyond its cost: an estimate is within some percent, a keyframe is a burst.
MARGIN_PERCENT: Final = 5
#: A link that carries so much of what a step needs is another one than that which took the step back.
ANOTHER_PERCENT: Final = 130
#: What a link is taken to carry while nothing is known of it, sound and lowest places together.
START_BITS: Final = 300_000
#: Sounds, and pictures, of one viewer.
MAX_SUBSCRIPTIONS: Final = 2_000


@dataclass(slots=True)
class _Climb:
    """A picture's ladder as far as the line has been walked."""

    places: list[Place]
    held: int
    """Height of the place it had before, on the ladder of now; -1 if none."""
    reached: int = -1
    bits: int = 0

    def taken(self) -> frozenset[Place]:
        return frozenset(self.places[: self.reached + 1])


class Allocator:
    """One viewer's link. `start_bits` is what it may carry before the first estimate."""

    def __init__(self, start_bits: int = START_BITS) -> None:
        whole("start_bits", start_bits, MAX_BITS)
        self._start_bits = start_bits
        self._now_us = 0
        self._held: dict[str, frozenset[Place]] = {}
        self._history = EstimateHistory()
        self._setbacks = Setbacks()

    def allocate(
        self, now_us: int, estimate: int | None, sounds: Sequence[Sound], pictures: Sequence[Picture]
    ) -> Allocation:
        """Say what every subscription gets from now on, for the estimate of the link in bits/s (None: not known).

        To be asked with every estimate and whenever a subscription or a layer changes, and at least once a second while
        `sought_bits` is not 0, because steps wait for time to pass. Raises DemandError, and then nothing has changed.
        """
        whole("now_us", now_us, MAX_TIME_US)
        _check(estimate, sounds, pictures)
        now_us = self._now_us = max(self._now_us, now_us)
        if estimate is None:
            self._history.forget()
        else:
            self._history.note(now_us, estimate)
        self._setbacks.prune(now_us, {picture.id for picture in pictures})
        steps = steps_in_order(pictures)
        sound_bits = sum(sound.bits for sound in sounds)
        walk = _Walk(self._history, self._setbacks, now_us, sound_bits, self._climbs(steps))
        if estimate is None:
            walk.start(steps, self._start_bits)
        else:
            walk.go(steps, estimate)
            self._note_setbacks(pictures, walk.climbs)
        self._held = {key: climb.taken() for key, climb in walk.climbs.items() if climb.reached >= 0}
        shares = tuple(_share(picture, walk.climbs) for picture in sorted(pictures, key=lambda picture: picture.id))
        wanted = _with_margin(sound_bits + sum(step.cost for step in steps))
        return Allocation(shares, sound_bits, walk.total, walk.sought, wanted)

    def _climbs(self, steps: Iterable[Step]) -> dict[str, _Climb]:
        climbs: dict[str, _Climb] = {}
        for step in steps:
            held = self._held.get(step.picture)
            # A picture that is on the page stays there when its layers are replaced: it has at least its lowest place.
            climb = climbs.setdefault(step.picture, _Climb([], -1 if held is None else 0))
            climb.places.append(step.place)
            if held is not None and step.place in held:
                climb.held = step.height
        return climbs

    def _note_setbacks(self, pictures: Iterable[Picture], climbs: dict[str, _Climb]) -> None:
        """Remember what was taken back by the link or by the publisher, whose own link may be the one that wavers."""
        for picture in pictures:
            held = self._held.get(picture.id)
            climb = climbs.get(picture.id)
            if held is None or climb is None or climb.places[0] not in held:
                continue  # not seen, not sent or sent anew with other layers: a new beginning, which need not wait
            spared = too_large(picture)
            for place in held - climb.taken():
                if place[0] not in spared:
                    self._setbacks.note(picture.id, place, self._now_us)


class _Walk:
    """One walk along the line of steps."""

    def __init__(
        self, history: EstimateHistory, setbacks: Setbacks, now_us: int, sound_bits: int, climbs: dict[str, _Climb]
    ) -> None:
        self.climbs = climbs
        self.total = sound_bits
        self.sought = 0
        self._history = history
        self._setbacks = setbacks
        self._now_us = now_us
        self._carried = sound_bits
        self._reserved = 0

    def start(self, steps: Iterable[Step], room: int) -> None:
        """Take the lowest places that fit into the allowance."""
        for step in steps:
            if step.is_base and self.total + step.cost <= room:
                self._take(step)
            elif self.climbs[step.picture].reached == step.height - 1:
                self._seek(step)

    def go(self, steps: Sequence[Step], estimate: int) -> None:
        """Take what was held and fits, and what is new as far as room and patience allow."""
        self._carried += sum(step.cost for step in steps if step.height <= self.climbs[step.picture].held)
        stopped = False
        for step in steps:
            climb = self.climbs[step.picture]
            if climb.reached != step.height - 1:
                continue  # it did not get the step below
            is_new = step.height > climb.held
            need = self.total + self._reserved + step.cost
            is_proven = need <= min(self._carried, estimate)
            has_room = is_proven or _with_margin(need) <= estimate
            if is_new:
                is_had = has_room and not stopped and self._has_waited(step, need, is_proven)
            else:
                is_had = self.total + step.cost <= estimate
            if is_had:
                self._take(step)
            else:
                self._seek(step)
                if step.is_base:
                    # With room it begins soon: nobody new takes that till then.
                    self._reserved += step.cost if has_room else 0
                elif is_new:
                    stopped = True
                else:
                    break

    def _take(self, step: Step) -> None:
        climb = self.climbs[step.picture]
        climb.reached = step.height
        climb.bits += step.cost
        self.total += step.cost

    def _has_waited(self, step: Step, need: int, is_proven: bool) -> bool:
        """Tell whether a step for which there is room has waited for as long as it must."""
        setback = self._setbacks.wait_of(step.picture, step.place)
        since, wait = setback or (0, 0 if is_proven or step.is_base else HOLD_US)
        if setback and self._is_another(need, setback[0]):
            return True
        if wait and not is_proven:
            carried_since = self._history.since(_with_margin(need))
            assert carried_since is not None  # the newest estimate carries it
            since = max(since, carried_since)
        return not wait or self._now_us - since >= wait

    def _is_another(self, need: int, taken_back_us: int) -> bool:
        """Tell whether the link has come to carry far more than a step needs, and so is not what took the step back."""
        since = self._history.since(-(-need * ANOTHER_PERCENT // 100))
        return since is not None and since > taken_back_us and self._now_us - since >= HOLD_US

    def _seek(self, step: Step) -> None:
        if not self.sought:
            self.sought = _with_margin(self.total + self._reserved + step.cost)


def _with_margin(bits: int) -> int:
    """Round up, so that equality is enough."""
    return -(-bits * (100 + MARGIN_PERCENT) // 100)


def _share(picture: Picture, climbs: dict[str, _Climb]) -> Share:
    climb = climbs.get(picture.id)
    if climb is not None and climb.reached >= 0:
        layer, temporal = climb.places[climb.reached]
        return Share(picture.id, picture.source, layer, temporal, climb.bits)
    pause = Pause.NOT_SENT if not picture.layers else Pause.NO_ROOM if picture.is_seen else Pause.NOT_SEEN
    return Share(picture.id, picture.source, -1, -1, 0, pause)


def _check(estimate: int | None, sounds: Sequence[Sound], pictures: Sequence[Picture]) -> None:
    if estimate is not None:
        whole("estimate", estimate, MAX_BITS)
    if len(sounds) > MAX_SUBSCRIPTIONS or len(pictures) > MAX_SUBSCRIPTIONS:
        raise DemandError(f"more than {MAX_SUBSCRIPTIONS} sounds or pictures")
    if len({picture.id for picture in pictures}) != len(pictures) or len({sound.id for sound in sounds}) != len(sounds):
        raise DemandError("an id is given twice")

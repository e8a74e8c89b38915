"""The order in which pictures get better: each has a ladder of places, and all their steps stand in one line.

The line does not depend on the link. What a link carries is the beginning of it, so more room only ever adds:

1. The lowest place of everything seen, the most important and then the largest on the page first.
2. The lowest layers' frames, up to `SMOOTH_FRAMES`: a small picture that moves comes before a large one that stutters.
3. Sizes, in rounds: everybody's second layer before anybody's third, so a good picture for all comes before a
   splendid one for some. In a round the more important first (chair and speaker before any tile), then where most
   pixels are gained on the page.
4. The remaining frames of the layer that is large enough.

So a link that becomes thinner takes the frames that are hardly missed, then size, and motion last: what people and
flames do is seen in a small picture that moves, and not in a large one that stutters. Before a picture is held, it is
there with its lowest rung: a few frames a second still tell who is there and what happens.

Frames above `SMOOTH_FRAMES` of a layer that is not yet large enough go with the round of the next size, as smaller
steps towards it: a link between two layers is used. No layer is on a ladder that is larger than the page needs, or that
has fewer frames than `SMOOTH_FRAMES` and clearly fewer than the layers below it: the top layer of a starved encoder is
a slide show. Core.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from media.allocation.demand import Layer, Picture, Rung

#: Frames/s, as measured, from which a picture of people and places is seen as moving: half of 30, 25 or 24 however
#: that is measured, not a third.
SMOOTH_FRAMES: Final = 11.0
#: A larger layer stutters with fewer than so much of the frames of those below it; less would be noise of measuring.
_STUTTER_PERCENT: Final = 75
#: A layer is large enough when it is stretched by no more than a tenth: pages report 324 pixels for a tile of 320.
STRETCH_PERCENT: Final = 110
#: No place costs less (bits/s): a screen that stands still measures nothing, and fills its layer with the next page.
LEAST_BITS: Final = 20_000

_BASE: Final = 0
_SMOOTH: Final = 1
_LAST: Final = 1_000

#: A place's name: (layer's number, temporal rung). It stays the same while the layers around it come and go.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one picture: to `place`, the `height`th of its ladder, for `cost` bits/s more than the one below."""

    picture: str
    height: int
    place: Place
    cost: int
    is_base: bool


def steps_in_order(pictures: Iterable[Picture]) -> list[Step]:
    """Return all steps of all pictures that are seen, the worthiest first; a picture's own in the order of climbing."""
    keyed = [entry for picture in pictures if picture.is_seen for entry in _steps(picture)]
    keyed.sort(key=lambda entry: entry[0])
    return [step for _, step in keyed]


def _steps(picture: Picture) -> list[tuple[tuple[int, int, int, str, int], Step]]:
    kept = _worth_having(picture)
    steps: list[tuple[tuple[int, int, int, str, int], Step]] = []
    below = 0
    for level, (layer, rungs) in enumerate(kept):
        smooth = level > 0  # a higher layer's first rung is as smooth as it gets without the rest
        for first, (temporal, rung) in enumerate(rungs):
            if first == 0:
                round_ = level + 1 if level else _BASE
            elif not smooth:
                round_ = _SMOOTH
            else:
                round_ = level + 2 if level + 1 < len(kept) else _LAST
            smooth = smooth or rung.frames >= SMOOTH_FRAMES
            # A rung measured below the one under it is a measurement of two moments: it costs as much.
            bits = max(below, rung.bits, LEAST_BITS)
            step = Step(picture.id, len(steps), (layer.number, temporal), bits - below, round_ == _BASE)
            steps.append(((round_, -picture.importance, -_gain(picture, kept, round_), picture.id, len(steps)), step))
            below = bits
    return steps


def too_large(picture: Picture) -> frozenset[int]:
    """Return the numbers of the layers that the page has no use for, as it shows the picture now."""
    return frozenset(layer.number for layer in picture.layers[_needed(picture) :])


def _needed(picture: Picture) -> int:
    """Count the layers up to the first that is large enough."""
    enough = (index for index, layer in enumerate(picture.layers, 1) if _is_enough(layer, picture))
    return next(enough, len(picture.layers))


def _is_enough(layer: Layer, picture: Picture) -> bool:
    """Tell whether a layer fills its place on the page; a picture keeps its shape, so one side is enough."""
    wide = layer.width * STRETCH_PERCENT >= picture.width * 100
    high = layer.height * STRETCH_PERCENT >= picture.height * 100
    return layer.width > 0 and layer.height > 0 and (wide or high)


def _worth_having(picture: Picture) -> list[tuple[Layer, list[tuple[int, Rung]]]]:
    """Give the layers that the page needs, each with those rungs that do not stutter."""
    kept: list[tuple[Layer, list[tuple[int, Rung]]]] = []
    frames = 0.0
    for layer in picture.layers[: _needed(picture)]:
        wanted = min(frames * _STUTTER_PERCENT / 100, SMOOTH_FRAMES)
        rungs = [(index, rung) for index, rung in enumerate(layer.rungs) if not kept or rung.frames >= wanted]
        if rungs:
            kept.append((layer, rungs))
            frames = max(frames, *(rung.frames for _, rung in rungs))
    return kept


def _gain(picture: Picture, kept: list[tuple[Layer, list[tuple[int, Rung]]]], round_: int) -> int:
    """Give the pixels on the page that a round wins for a picture, or that it is about where none are won."""
    if round_ in (_BASE, _SMOOTH, _LAST):
        return picture.width * picture.height
    level = round_ - 1
    return _shown(kept[level][0], picture) - _shown(kept[level - 1][0], picture)


def _shown(layer: Layer, picture: Picture) -> int:
    return min(layer.width * layer.height, picture.width * picture.height)

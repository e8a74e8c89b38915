"""Pictures and links to try the allocator with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from media.allocation.allocator import Allocator
from media.allocation.demand import Layer, Picture, Rung, Sound
from media.allocation.ladder import LEAST_BITS, steps_in_order
from media.allocation.plan import Allocation, Share

SECOND = 1_000_000
#: Longer than anything waits.
LONG = 100 * SECOND
VOICE = Sound("voice", 40_000)


def plain(number: int, width: int, height: int, bits: int, frames: float = 30.0) -> Layer:
    """A layer without temporal rungs, as of H.264."""
    return Layer(number, width, height, (Rung(bits, frames),))


def threefold(number: int, width: int, height: int, bits: int) -> Layer:
    """A layer of VP8 in three temporal rungs."""
    rungs = (Rung(bits * 4 // 10, 7.5), Rung(bits * 6 // 10, 15.0), Rung(bits, 30.0))
    return Layer(number, width, height, rungs)


H264 = (plain(0, 320, 180, 150_000), plain(1, 640, 360, 500_000), plain(2, 1280, 720, 1_300_000))
VP8 = (threefold(0, 320, 180, 150_000), threefold(1, 640, 360, 500_000), threefold(2, 1280, 720, 1_300_000))


def shown(
    name: str, layers: tuple[Layer, ...] = H264, importance: int = 0, width: int = 1280, height: int = 720
) -> Picture:
    """A picture of a source of the same name, filling a large page."""
    return Picture(name, name, importance, width, height, layers)


def tile(name: str, layers: tuple[Layer, ...] = H264, importance: int = 0) -> Picture:
    """A picture for which the second layer is large enough."""
    return shown(name, layers, importance, 480, 270)


def settle(
    allocator: Allocator, estimate: int, pictures: Sequence[Picture], sounds: Sequence[Sound] = (), now_us: int = 0
) -> Allocation:
    """Hold everything as it is until nothing waits any more."""
    for turn in range(5):
        allocation = allocator.allocate(now_us + turn * LONG, estimate, sounds, pictures)
    return allocation


def fresh(estimate: int, pictures: Sequence[Picture], sounds: Sequence[Sound] = ()) -> dict[str, Share]:
    """What a viewer gets in the end who has just come."""
    return by_id(settle(Allocator(), estimate, pictures, sounds))


def by_id(allocation: Allocation) -> dict[str, Share]:
    """The shares by the ids of their pictures."""
    return {share.id: share for share in allocation.shares}


def lowest_bits(picture: Picture) -> int:
    """What a picture costs at least."""
    return max(LEAST_BITS, picture.layers[0].rungs[0].bits)


def heights(allocation: Allocation, pictures: Sequence[Picture]) -> dict[str, int]:
    """How high on its ladder each picture stands; -1 is paused."""
    place = {(step.picture, step.place): step.height for step in steps_in_order(pictures)}
    return {share.id: place.get((share.id, (share.layer, share.temporal)), -1) for share in allocation.shares}


def _layers(sides: Sequence[tuple[int, int]], bits: Sequence[int], rungs: int, frames: float) -> tuple[Layer, ...]:
    return tuple(
        Layer(
            number,
            *side,
            tuple(Rung(rate * (rung + 1) // rungs, frames * 2 ** (rung + 1 - rungs)) for rung in range(rungs)),
        )
        for number, (side, rate) in enumerate(zip(sides, bits, strict=False))
    )


SIDES = ((320, 180), (640, 360), (1280, 720))
ordinary_layers = st.builds(
    lambda count, bits, rungs, frames: _layers(SIDES[:count], sorted(bits), rungs, frames),
    st.integers(0, 3),
    st.lists(st.integers(0, 3_000_000), min_size=3, max_size=3),
    st.integers(1, 3),
    st.sampled_from([5.0, 14.9, 25.0, 30.0]),
)
#: Anything that a measurement can say: falling rates, falling sizes, no frames, nothing known.
hostile_layers = st.lists(
    st.builds(
        lambda width, height, rungs: (width, height, tuple(rungs)),
        st.sampled_from([0, 1, 320, 1280, 65_535]),
        st.sampled_from([0, 1, 180, 720, 65_535]),
        st.lists(
            st.builds(Rung, st.integers(0, 10**12) | st.integers(0, 2_000_000), st.floats(0, 1000)),
            min_size=1,
            max_size=3,
        ),
    ),
    max_size=4,
).map(lambda drawn: tuple(Layer(7 - number, *fields) for number, fields in enumerate(drawn)))


def pictures(
    most: int = 8, layers: st.SearchStrategy[tuple[Layer, ...]] = ordinary_layers | hostile_layers
) -> st.SearchStrategy[list[Picture]]:
    """Pictures of different importance, size and layers, some of them unseen or without layers."""
    each = st.tuples(
        st.integers(0, 3),
        st.sampled_from([(0, 0), (160, 90), (330, 186), (640, 360), (1280, 720), (1920, 1080)]),
        layers,
    )
    return st.lists(each, max_size=most).map(
        lambda drawn: [
            Picture(f"p{index}", f"s{index}", importance, *size, its)
            for index, (importance, size, its) in enumerate(drawn)
        ]
    )


#: A full page: everything seen and sent, of different importance and cost, so that a link of 2 Mb/s must choose.
crowds = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([1, 2, 3, 8]), st.booleans(), st.booleans()), min_size=2, max_size=5
).map(
    lambda drawn: [
        replace(
            (shown if large else tile)(f"p{index}", importance=importance),
            layers=tuple(
                (threefold if temporal else plain)(number, *side, bits * times)
                for number, (side, bits) in enumerate(zip(SIDES, (60_000, 150_000, 400_000), strict=True))
            ),
        )
        for index, (importance, times, large, temporal) in enumerate(drawn)
    ]
)

sounds = st.lists(st.integers(0, 120_000), max_size=4).map(
    lambda drawn: [Sound(f"a{index}", bits) for index, bits in enumerate(drawn)]
)
estimates = st.integers(0, 8_000_000) | st.integers(0, 2_000_000)

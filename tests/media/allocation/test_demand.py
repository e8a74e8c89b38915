"""The border: what no measurement can mean is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from media.allocation.demand import MAX_BITS, MAX_LAYERS, MAX_RUNGS, DemandError, Layer, Picture, Rung, Sound, whole

RUNG = Rung(100_000, 30.0)


@pytest.mark.parametrize("value", [-1, MAX_BITS + 1, math.nan, math.inf, 1.0, True, "1", None])
def test_bits_are_integers_that_a_link_can_have(value: Any) -> None:
    for made in (lambda: Sound("a", value), lambda: Rung(value, 30.0)):
        with pytest.raises(DemandError, match="bits"):
            made()


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, -math.inf, 1000.1])
def test_frames_are_a_rate(value: float) -> None:
    with pytest.raises(DemandError, match="frames"):
        Rung(1, value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Layer(-1, 1, 1, (RUNG,)),
        lambda: Layer(0, 65_536, 1, (RUNG,)),
        lambda: Layer(0, 1, -1, (RUNG,)),
        lambda: Layer(0, 1, 1, ()),
        lambda: Layer(0, 1, 1, (RUNG,) * (MAX_RUNGS + 1)),
        lambda: Picture("a", "a", -1, 1, 1, ()),
        lambda: Picture("a", "a", 0, -1, 1, ()),
        lambda: Picture("a", "a", 0, 1, 65_536, ()),
        lambda: Picture("a", "a", 0, 1, 1, tuple(Layer(n, 1, 1, (RUNG,)) for n in range(MAX_LAYERS + 1))),
        lambda: Picture("a", "a", 0, 1, 1, (Layer(0, 1, 1, (RUNG,)), Layer(0, 2, 2, (RUNG,)))),
    ],
)
def test_what_no_plane_and_no_page_can_mean_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(DemandError):
        make()


def test_the_bounds_themselves_are_taken() -> None:
    whole("edge", 0, 5)
    whole("edge", 5, 5)
    assert Rung(MAX_BITS, 1000.0).bits == MAX_BITS and Rung(0, 0.0).frames == 0
    assert not Picture("a", "a", 0, 0, 720, ()).is_seen and Picture("a", "a", 0, 1, 1, ()).is_seen

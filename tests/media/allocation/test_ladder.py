"""The line of steps: which picture gets better when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given

from media.allocation.demand import Layer, Picture, Rung
from media.allocation.ladder import LEAST_BITS, steps_in_order, too_large
from tests.media.allocation.scenes import H264, VP8, pictures, plain, shown, threefold, tile


def line(*page: Picture) -> list[tuple[str, int, int]]:
    return [(step.picture, *step.place) for step in steps_in_order(page)]


def places(picture: Picture) -> list[tuple[int, int]]:
    return [step.place for step in steps_in_order([picture])]


def test_lowest_for_all_then_frames_then_sizes_then_the_rest_of_the_frames() -> None:
    assert line(shown("big", VP8, 1), replace(tile("small", VP8), width=320, height=180)) == [
        ("big", 0, 0),
        ("small", 0, 0),
        ("big", 0, 1),
        ("small", 0, 1),
        ("big", 0, 2),  # on its way to the next size
        ("big", 1, 1),  # not (1, 0): 7.5 frames of the larger layer would stutter
        ("big", 1, 2),
        ("big", 2, 1),
        ("big", 2, 2),
        ("small", 0, 2),  # large enough; the rest of its frames comes last
    ]


def test_the_important_come_first_in_each_round_and_rounds_go_by_size() -> None:
    assert line(tile("a"), shown("b"), shown("chair", importance=3)) == [
        ("chair", 0, 0),
        ("b", 0, 0),  # larger on the page
        ("a", 0, 0),
        ("chair", 1, 0),
        ("b", 1, 0),
        ("a", 1, 0),
        ("chair", 2, 0),
        ("b", 2, 0),
    ]


def test_among_equals_goes_first_who_gains_more_pixels_on_the_page() -> None:
    known = replace(shown("z"), layers=(plain(0, 160, 90, 100_000), *H264[1:]))
    assert line(shown("a"), known)[2:4] == [("z", 1, 0), ("a", 1, 0)]


def test_no_layer_is_larger_than_the_page_needs() -> None:
    assert too_large(tile("a")) == {2} and places(tile("a")) == [(0, 0), (1, 0)]
    nearly = replace(tile("a"), width=340, height=192)
    assert places(nearly) == [(0, 0)] and too_large(nearly) == {1, 2}
    upright = replace(tile("a"), width=180, height=320)  # letter-boxed: its width decides
    assert places(upright) == [(0, 0)]
    assert places(replace(tile("a"), width=3840, height=2160)) == [(0, 0), (1, 0), (2, 0)]
    unknown = tuple(replace(layer, width=0, height=0) for layer in H264)
    assert places(replace(tile("a"), layers=unknown)) == [(0, 0), (1, 0), (2, 0)]


def test_a_slide_show_is_no_better_than_a_small_picture_that_moves() -> None:
    assert places(shown("a", (*H264[:2], plain(2, 1280, 720, 300_000, frames=3.0)))) == [(0, 0), (1, 0)]
    dark = tuple(plain(layer.number, layer.width, layer.height, layer.rungs[0].bits, 8.0) for layer in H264)
    assert places(shown("a", dark)) == [(0, 0), (1, 0), (2, 0)]
    noisy = (plain(0, 320, 180, 150_000, 15.1), plain(1, 640, 360, 500_000, 14.6))
    assert places(shown("a", noisy)) == [(0, 0), (1, 0)]
    # The middle layer stutters: the one above it is the next size.
    gap = (VP8[0], plain(1, 640, 360, 400_000, 2.0), VP8[2])
    assert places(shown("a", gap)) == [(0, 0), (0, 1), (0, 2), (2, 1), (2, 2)]


def test_a_larger_layer_measured_cheaper_costs_as_much_as_the_one_below() -> None:
    odd = (plain(0, 320, 180, 150_000), plain(1, 640, 360, 90_000), plain(2, 1280, 720, 160_000))
    assert [step.cost for step in steps_in_order([shown("a", odd)])] == [150_000, 0, 10_000]
    still = (plain(0, 1920, 1080, 0, frames=0.0),)
    assert [step.cost for step in steps_in_order([shown("screen", still)])] == [LEAST_BITS]


def test_unseen_and_unsent_pictures_have_no_steps() -> None:
    assert line(replace(tile("a"), height=0), tile("b", ())) == []


def test_a_lowest_layer_that_never_gets_smooth_is_filled_before_sizes() -> None:
    slow = Layer(0, 320, 180, (Rung(50_000, 2.0), Rung(60_000, 4.0), Rung(70_000, 8.0)))
    assert places(shown("a", (slow, threefold(1, 640, 360, 500_000)))) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
        (1, 2),
    ]


@given(pictures())
def test_each_picture_climbs_in_order_and_pays_for_what_it_has(page: Sequence[Picture]) -> None:
    steps = steps_in_order(page)
    for picture in page:
        layers = {layer.number: layer for layer in picture.layers}
        own = [step for step in steps if step.picture == picture.id]
        assert [step.height for step in own] == list(range(len(own)))
        assert [step.is_base for step in own] == [index == 0 for index in range(len(own))]
        assert len({step.place for step in own}) == len(own)
        paid = 0
        for step in own:
            assert step.cost >= 0
            paid += step.cost
            assert paid >= layers[step.place[0]].rungs[step.place[1]].bits

"""One viewer's link: the cases that people see."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from media.allocation.allocator import MARGIN_PERCENT, MAX_SUBSCRIPTIONS, START_BITS, Allocator
from media.allocation.demand import MAX_BITS, DemandError, Sound
from media.allocation.ladder import steps_in_order
from media.allocation.patience import HOLD_US, LONGEST_WAIT_US, MEMORY_US
from media.allocation.plan import Pause
from tests.media.allocation.scenes import (
    H264,
    LONG,
    SECOND,
    VOICE,
    VP8,
    by_id,
    fresh,
    heights,
    plain,
    settle,
    shown,
    threefold,
    tile,
)

CAMERA_4M = (plain(0, 1920, 1080, 4_000_000),)


def test_a_throttled_viewer_keeps_sound_gets_a_smaller_picture_and_the_large_one_again() -> None:
    allocator, page = Allocator(), [shown("cam")]
    layers = []
    for tenth in range(300):
        estimate = 1_500_000 if not 100 <= tenth < 200 else 400_000
        said = allocator.allocate(tenth * 100_000, estimate, [VOICE], page)
        assert said.sound_bits == 40_000
        layers.append(said.shares[0].layer)
    assert layers[:15] == [0] * 15 and layers[15:100] == [2] * 85
    assert layers[100:200] == [0] * 100
    # The link has far more room than the middle layer needs: that need not wait for having been taken back.
    hold = HOLD_US // 100_000
    assert layers[200:] == [0] * hold + [1] * hold + [2] * (100 - 2 * hold)
    assert said.planned_bits == 1_340_000


def test_before_the_first_estimate_only_lowest_places_within_the_allowance() -> None:
    page = [shown("a", VP8, 1), tile("b", VP8), shown("c", CAMERA_4M, 2), replace(tile("d"), width=0)]
    allocator = Allocator()
    for turn in range(3):
        said = allocator.allocate(turn * LONG, None, [VOICE], page)
        assert heights(said, page) == {"a": 0, "b": 0, "c": -1, "d": -1}
        assert said.planned_bits == 40_000 + 2 * 60_000
    assert said.sought_bits > START_BITS
    poor = Allocator(start_bits=100_000)
    assert heights(poor.allocate(0, None, [VOICE], page), page) == {"a": 0, "b": -1, "c": -1, "d": -1}


def test_when_the_estimate_is_lost_the_link_begins_anew() -> None:
    allocator, page = Allocator(), [shown("a")]
    assert heights(settle(allocator, 3_000_000, page), page) == {"a": 2}
    now = 10 * LONG
    assert heights(allocator.allocate(now, None, (), page), page) == {"a": 0}
    assert heights(allocator.allocate(now + 1, 3_000_000, (), page), page) == {"a": 0}
    assert heights(allocator.allocate(now + 1 + HOLD_US, 3_000_000, (), page), page) == {"a": 2}


def test_reasons_follow_from_what_is_asked_for_now() -> None:
    allocator = Allocator()
    page = [
        shown("sent", CAMERA_4M),
        shown("silent", ()),
        replace(shown("hidden"), width=0),
        replace(tile("both", ()), width=0),
    ]
    shares = by_id(allocator.allocate(0, 100_000, [VOICE], page))
    assert {key: share.pause for key, share in shares.items()} == {
        "sent": Pause.NO_ROOM,
        "silent": Pause.NOT_SENT,
        "hidden": Pause.NOT_SEEN,
        "both": Pause.NOT_SENT,
    }
    turned = [replace(page[0], height=0), *page[1:]]
    assert by_id(allocator.allocate(1, 100_000, [VOICE], turned))["sent"].pause is Pause.NOT_SEEN
    assert by_id(allocator.allocate(2, 100_000, [VOICE], page))["sent"].pause is Pause.NO_ROOM


def test_sound_stays_whatever_the_estimate_and_pictures_go_before_it() -> None:
    sounds = [Sound(f"a{index}", 40_000) for index in range(5)]
    said = settle(Allocator(), 0, [shown("a")], sounds)
    assert (said.sound_bits, said.planned_bits, said.shares[0].pause) == (200_000, 200_000, Pause.NO_ROOM)


def test_the_least_important_are_paused_first_then_the_smallest() -> None:
    page = [shown("chair", importance=3), shown("large"), tile("small"), tile("other")]
    seen = [
        [key for key, share in fresh(bits, page).items() if share.pause is None] for bits in (200_000, 340_000, 600_000)
    ]
    assert seen == [["chair"], ["chair", "large"], ["chair", "large", "other"]]


def test_one_dear_camera_does_not_leave_the_page_black_and_comes_when_there_is_room() -> None:
    page = [shown("drone", CAMERA_4M, importance=3), tile("a"), tile("b")]
    allocator = Allocator()
    assert heights(settle(allocator, 2_000_000, page), page) == {"drone": -1, "a": 1, "b": 1}
    # Not yet with the margin: nobody is kept waiting for it.
    assert heights(settle(allocator, 4_100_000, page, now_us=1000 * SECOND), page) == {"drone": -1, "a": 1, "b": 1}
    assert heights(settle(allocator, 4_500_000, page, now_us=2000 * SECOND), page) == {"drone": 0, "a": 0, "b": 0}


def test_a_good_picture_for_all_before_a_splendid_one_for_some_but_the_speaker_first() -> None:
    page = [shown("speaker", importance=2), *(tile(f"t{index}") for index in range(3))]
    said = [
        list(heights(settle(Allocator(), bits, page), page).values()) for bits in range(700_000, 3_500_000, 400_000)
    ]
    assert said == [
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
        [2, 1, 1, 1],
    ]


DEAR = (plain(0, 320, 180, 100_000), plain(1, 640, 360, 2_000_000))


def test_a_small_step_does_not_overtake_a_dear_one_so_that_a_better_link_never_looks_worse() -> None:
    page = [shown("chair", DEAR, 1), tile("t")]
    # With 1.5 Mb/s the tile's second layer would fit; with 2.4 Mb/s it would have to go again for the chair's.
    assert heights(settle(Allocator(), 1_500_000, page), page) == {"chair": 0, "t": 0}
    assert heights(settle(Allocator(), 2_400_000, page), page) == {"chair": 1, "t": 0}
    allocator = Allocator()
    assert heights(settle(allocator, 3_000_000, page), page) == {"chair": 1, "t": 1}
    assert heights(allocator.allocate(10 * LONG, 1_500_000, (), page), page) == {"chair": 0, "t": 0}


def test_who_is_there_does_not_go_for_an_important_step_that_does_not_fit() -> None:
    allocator, page = Allocator(), [shown("a", importance=1), shown("b", DEAR)]
    assert heights(settle(allocator, 1_000_000, page), page) == {"a": 1, "b": 0}
    turned = [page[0], replace(page[1], importance=2)]
    assert heights(settle(allocator, 1_000_000, turned, now_us=10 * LONG), turned) == {"a": 1, "b": 0}


def test_nobody_new_takes_the_room_of_a_picture_that_waits_to_come_back() -> None:
    allocator, page = Allocator(), [shown("a", importance=1)]
    settle(allocator, 200_000, page)
    now = 10 * LONG
    allocator.allocate(now, 100_000, (), page)
    both = [*page, tile("b")]
    assert heights(allocator.allocate(now + 1, 200_000, (), both), both) == {"a": -1, "b": -1}
    assert heights(allocator.allocate(now + 1 + 2 * HOLD_US, 200_000, (), both), both) == {"a": 0, "b": -1}
    # Where there is room for both, it does not wait with the other.
    allocator.allocate(2 * now, 100_000, (), page)
    assert heights(allocator.allocate(2 * now + 1, 400_000, (), both), both) == {"a": -1, "b": 0}


def test_a_new_speaker_has_at_once_what_the_last_one_gives_up_though_the_link_is_full() -> None:
    page = [shown("a", importance=2), shown("b")]
    allocator = Allocator()
    settle(allocator, 2_000_000, page)
    now = 1000 * SECOND
    assert heights(allocator.allocate(now, 1_810_000, (), page), page) == {"a": 2, "b": 1}  # full: 1,800,000
    turned = [replace(page[0], importance=0), replace(page[1], importance=2)]
    assert heights(allocator.allocate(now + 1, 1_810_000, (), turned), page) == {"a": 1, "b": 2}


def test_a_tile_made_large_is_sharp_at_once_on_a_link_with_room() -> None:
    allocator = Allocator()
    settle(allocator, 3_000_000, [tile("a")])
    large = [shown("a")]
    assert heights(allocator.allocate(10 * LONG, 3_000_000, (), large), large) == {"a": 2}
    small = [tile("a")]
    assert heights(allocator.allocate(10 * LONG + 1, 3_000_000, (), small), small) == {"a": 1}
    assert heights(allocator.allocate(10 * LONG + 2, 3_000_000, (), large), large) == {"a": 2}


def test_a_layer_that_grows_past_its_place_is_like_a_fallen_estimate() -> None:
    allocator, page = Allocator(), [shown("a")]
    settle(allocator, 1_500_000, page)
    grown = [shown("a", (*H264[:2], plain(2, 1280, 720, 1_600_000)))]
    now = 10 * LONG
    assert heights(allocator.allocate(now, 1_500_000, (), grown), grown) == {"a": 1}
    assert heights(allocator.allocate(now + 2 * HOLD_US - 1, 1_500_000, (), page), page) == {"a": 1}
    assert heights(allocator.allocate(now + 2 * HOLD_US, 1_500_000, (), page), page) == {"a": 2}


def test_the_same_step_waits_twice_as_long_after_each_time_it_is_taken_back() -> None:
    allocator, page, now, waits = Allocator(), [shown("a")], 0, []
    settle(allocator, 1_500_000, page)
    now = 10 * LONG
    for _ in range(7):
        allocator.allocate(now, 1_000_000, (), page)
        fallen = now
        while heights(allocator.allocate(now, 1_500_000, (), page), page)["a"] < 2:
            now += SECOND // 2
        waits.append((now - fallen) / HOLD_US)
    assert waits == [2, 4, 8, 16, LONGEST_WAIT_US / HOLD_US, LONGEST_WAIT_US / HOLD_US, LONGEST_WAIT_US / HOLD_US]
    allocator.allocate(now + MEMORY_US, 1_000_000, (), page)
    assert heights(allocator.allocate(now + 2 * MEMORY_US, 1_500_000, (), page), page) == {"a": 1}
    assert heights(allocator.allocate(now + 2 * MEMORY_US + HOLD_US, 1_500_000, (), page), page) == {"a": 2}


def test_a_layer_its_publisher_takes_away_and_brings_back_waits_too() -> None:
    allocator, page, without = Allocator(), [shown("a")], [shown("a", H264[:2])]
    settle(allocator, 3_000_000, page)
    now = 10 * LONG
    assert allocator.allocate(now, 3_000_000, (), without).shares[0].layer == 1
    assert allocator.allocate(now + 1, 3_000_000, (), page).shares[0].layer == 1
    assert allocator.allocate(now + 2 * HOLD_US, 3_000_000, (), page).shares[0].layer == 2


def test_a_picture_goes_on_when_its_layers_are_replaced_and_one_that_comes_again_need_not_wait() -> None:
    allocator, page = Allocator(), [shown("a")]
    settle(allocator, 170_000, page)
    now = 10 * LONG
    others = [shown("a", (plain(5, 320, 180, 160_000),))]  # more than with the margin, but on the link already
    assert allocator.allocate(now, 170_000, (), others).shares[0].layer == 5
    allocator.allocate(now + 1, 170_000, (), [shown("a", ())])
    assert allocator.allocate(now + 2, 170_000, (), page).shares[0].pause is None


def test_a_small_picture_that_moves_comes_before_a_large_one_that_stutters() -> None:
    page = [shown("a", VP8)]
    had = [fresh(bits, page)["a"] for bits in (70_000, 110_000, 170_000, 340_000, 560_000, 880_000, 1_500_000)]
    assert [(share.layer, share.temporal) for share in had] == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]


def test_what_is_sought_is_the_estimate_with_which_the_next_step_comes() -> None:
    page, sounds = [shown("a"), tile("b")], [Sound("odd", 40_001)]
    bits = 100_000
    seen = []
    while True:
        said = settle(Allocator(), bits, page, sounds)
        seen.append(heights(said, page))
        assert said.planned_bits == said.sound_bits or said.planned_bits * (100 + MARGIN_PERCENT) <= bits * 100
        if not said.sought_bits:
            break
        assert heights(settle(Allocator(), said.sought_bits - 1, page, sounds), page) == seen[-1]
        bits = said.sought_bits
    assert [sum(each.values()) for each in seen] == [-2, -1, 0, 1, 2, 3]


@pytest.mark.parametrize("estimate", [-1, math.nan, math.inf, 1e6, True, MAX_BITS + 1, "1"])
def test_an_estimate_that_is_none_is_refused_and_changes_nothing(estimate: Any) -> None:
    allocator, page = Allocator(), [shown("a")]
    before = settle(allocator, 3_000_000, page)
    with pytest.raises(DemandError):
        allocator.allocate(10 * LONG, estimate, (), page)
    assert settle(allocator, 3_000_000, page, now_us=10 * LONG) == before


def test_what_is_named_twice_or_too_often_is_refused() -> None:
    allocator = Allocator()
    for sounds, pictures in [
        ([VOICE, VOICE], []),
        ([], [tile("a"), tile("a")]),
        ([], [tile(str(index)) for index in range(MAX_SUBSCRIPTIONS + 1)]),
        ([Sound(str(index), 1) for index in range(MAX_SUBSCRIPTIONS + 1)], []),
    ]:
        with pytest.raises(DemandError):
            allocator.allocate(0, 1_000_000, sounds, pictures)


def test_a_clock_that_goes_back_stands_still() -> None:
    allocator, page = Allocator(), [shown("a")]
    allocator.allocate(LONG, 200_000, (), page)
    for now, height in [(0, 0), (HOLD_US, 0), (LONG + HOLD_US - 1, 0), (LONG + HOLD_US, 2)]:
        assert heights(allocator.allocate(now, 3_000_000, (), page), page) == {"a": height}


def test_absurd_rates_and_hundreds_of_pictures_leave_the_others_alone() -> None:
    absurd = [shown(f"x{index:03}", (plain(0, 1, 1, MAX_BITS),), 9) for index in range(200)]
    page = [*absurd, *(tile(f"t{index:03}") for index in range(300))]
    shares = fresh(300 * 150_000 * 11 // 10, page)
    assert all((share.pause is None) == key.startswith("t") for key, share in shares.items())


def lines_run(count: int) -> int:
    """Count the lines of the allocator that run for so many pictures of three layers, in the second of two calls."""
    ran = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal ran
        if "/media/allocation/" not in frame.f_code.co_filename:
            return None
        ran += event == "line"
        return trace

    allocator = Allocator()
    page = [
        shown(
            f"p{index}", tuple(threefold(layer.number, layer.width, layer.height, 90_000) for layer in H264), index % 4
        )
        for index in range(count)
    ]
    before = sys.gettrace()
    allocator.allocate(0, count * 60_000, (), page)
    sys.settrace(trace)
    try:
        allocator.allocate(SECOND, count * 50_000, (), page)
    finally:
        sys.settrace(before)
    return ran


def test_work_grows_as_the_number_of_steps() -> None:
    few, many = lines_run(50), lines_run(400)
    steps = len(steps_in_order([shown(f"p{index}", VP8) for index in range(50)]))
    assert 0 < few < 50 * steps
    assert many < 9 * few  # eight times the pictures; the sort by C compares keys that are made once

"""What holds for every link and every page."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from media.allocation.allocator import MARGIN_PERCENT, START_BITS, Allocator
from media.allocation.demand import Picture, Sound
from media.allocation.ladder import too_large
from media.allocation.patience import HOLD_US, LONGEST_WAIT_US
from media.allocation.plan import Pause
from tests.media.allocation.scenes import (
    SECOND,
    crowds,
    estimates,
    fresh,
    heights,
    lowest_bits,
    ordinary_layers,
    pictures,
    settle,
    sounds,
)

# Times between calls, estimates (None: not known) and which of the two pages is looked at.
histories = st.lists(
    st.tuples(st.integers(0, 20 * SECOND), st.none() | estimates, st.booleans()), min_size=1, max_size=12
)


@given(sounds, pictures(), pictures(), histories)
def test_never_more_is_planned_than_the_estimate_but_for_sound_which_is_always_on(
    heard: list[Sound], one: list[Picture], other: list[Picture], history: list[tuple[int, int | None, bool]]
) -> None:
    allocator, now = Allocator(), 0
    sound = sum(each.bits for each in heard)
    for after, estimate, turned in history:
        now += after
        page = other if turned else one
        said = allocator.allocate(now, estimate, heard, page)
        assert said.sound_bits == sound
        assert said.planned_bits == sound + sum(share.bits for share in said.shares)
        assert said.planned_bits <= max(sound, START_BITS if estimate is None else estimate)
        for picture, share in zip(sorted(page, key=lambda each: each.id), said.shares, strict=True):
            assert share.id == picture.id and share.source == picture.source
            layers = {layer.number: layer for layer in picture.layers}
            if share.pause is None:
                assert share.layer not in too_large(picture)
                assert share.bits >= layers[share.layer].rungs[share.temporal].bits
            else:
                assert (share.layer, share.temporal, share.bits) == (-1, -1, 0)
                expected = Pause.NOT_SENT if not layers else Pause.NO_ROOM if picture.is_seen else Pause.NOT_SEEN
                assert share.pause is expected


@given(sounds, pictures() | crowds, estimates)
def test_who_has_just_come_keeps_the_margin_free(heard: list[Sound], page: list[Picture], estimate: int) -> None:
    allocator = Allocator()
    said = settle(allocator, estimate, page, heard)
    assert said.planned_bits == said.sound_bits or said.planned_bits * (100 + MARGIN_PERCENT) <= estimate * 100
    # Nothing waits for nothing: what is sought is more than there is.
    assert said.sought_bits == 0 or said.sought_bits > estimate


@given(
    sounds,
    pictures() | crowds,
    st.lists(estimates, max_size=5),
    st.lists(estimates, min_size=2, max_size=5).map(sorted),
)
def test_a_better_link_lowers_nobody_unless_a_paused_picture_begins(
    heard: list[Sound], page: list[Picture], before: list[int], rising: list[int]
) -> None:
    allocator = Allocator()
    for turn, estimate in enumerate(before):
        allocator.allocate(turn * SECOND, estimate, heard, page)
    last = None
    for turn, estimate in enumerate(rising):
        said = heights(settle(allocator, estimate, page, heard, (turn + 1) * 1000 * SECOND), page)
        if last is not None and not any(said[key] >= 0 > last[key] for key in said):
            assert all(said[key] >= last[key] for key in said)
        last = said


@given(sounds, pictures() | crowds, estimates, st.data())
def test_more_importance_never_gets_less(
    heard: list[Sound], page: list[Picture], estimate: int, data: st.DataObject
) -> None:
    if not page:
        return
    index = data.draw(st.integers(0, len(page) - 1))
    raised = replace(page[index], importance=page[index].importance + data.draw(st.integers(1, 4)))
    before = fresh(estimate, page, heard)[raised.id]
    after = fresh(estimate, [*page[:index], raised, *page[index + 1 :]], heard)[raised.id]
    assert after.bits >= before.bits


@given(sounds, pictures() | crowds, estimates)
def test_a_picture_is_paused_only_where_lowest_places_before_it_leave_no_room(
    heard: list[Sound], page: list[Picture], estimate: int
) -> None:
    shares = fresh(estimate, page, heard)
    taken = sum(sound.bits for sound in heard)
    for picture in sorted(page, key=lambda each: (-each.importance, -each.width * each.height, each.id)):
        if not picture.is_seen or not picture.layers:
            continue
        if shares[picture.id].pause is None:
            taken += lowest_bits(picture)
        else:
            assert (taken + lowest_bits(picture)) * (100 + MARGIN_PERCENT) > estimate * 100


@given(pictures(layers=ordinary_layers) | crowds, estimates)
def test_the_more_important_have_their_next_size_before_others_have_theirs(page: list[Picture], estimate: int) -> None:
    shares = fresh(estimate, page)
    for first in page:
        top = max((layer.number for layer in first.layers if layer.number not in too_large(first)), default=-1)
        mine = shares[first.id].layer
        if mine in (-1, top):
            continue
        assert all(shares[each.id].layer <= mine for each in page if each.importance < first.importance)


@given(sounds, pictures(), pictures(), histories, st.randoms(use_true_random=False))
def test_equal_histories_give_equal_answers_in_whatever_order_things_are_named(
    heard: list[Sound],
    page: list[Picture],
    another: list[Picture],
    history: list[tuple[int, int | None, bool]],
    shuffler: random.Random,
) -> None:
    one, other, now = Allocator(), Allocator(), 0
    for after, estimate, turned in history:
        now += after
        seen = another if turned else page
        mixed = seen.copy()
        shuffler.shuffle(mixed)
        assert other.allocate(now, estimate, heard[::-1], mixed) == one.allocate(now, estimate, heard, seen)


@given(sounds, pictures(), st.lists(estimates, max_size=5), estimates)
def test_nothing_changes_any_more_while_nothing_changes(
    heard: list[Sound], page: list[Picture], before: list[int], estimate: int
) -> None:
    allocator = Allocator()
    for turn, earlier in enumerate(before):
        allocator.allocate(turn * SECOND, earlier, heard, page)
    said = settle(allocator, estimate, page, heard, 1000 * SECOND)
    assert settle(allocator, estimate, page, heard, 2000 * SECOND) == said


@settings(max_examples=40)  # each is minutes of a link
@given(
    pictures(5, ordinary_layers) | crowds,
    st.integers(100_000, 4_000_000),
    # More than this is not noise, but another link each time.
    st.lists(st.integers(-13, 13), min_size=20, max_size=120),
    st.sampled_from([200_000, 500_000, 1_000_000]),
)
def test_a_noisy_estimate_switches_a_picture_a_bounded_number_of_times(
    page: list[Picture], middle: int, noise: list[int], pause: int
) -> None:
    allocator = Allocator()
    length = 60 * SECOND
    ups: dict[tuple[str, int], int] = {}
    last = {picture.id: -1 for picture in page}
    for turn in range(length // pause):
        estimate = middle * (100 + noise[turn % len(noise)]) // 100
        said = heights(allocator.allocate(turn * pause, estimate, (), page), page)
        for key, height in said.items():
            for step in range(last[key] + 1, height + 1):
                ups[key, step] = ups.get((key, step), 0) + 1
        last = said
    # Once, and after waits of 2, 4, 8, 16 times the hold; then the longest wait is longer than what is left.
    waits = [min(HOLD_US * 2**times, LONGEST_WAIT_US) for times in range(1, 9)]
    most = 1 + sum(sum(waits[:count]) < length for count in range(1, 9))
    assert most == 5 and all(count <= most for count in ups.values())


@settings(max_examples=40)  # each is minutes of a link
@given(
    pictures(5, ordinary_layers) | crowds,
    st.integers(100_000, 4_000_000),
    st.lists(st.integers(100, 100 + MARGIN_PERCENT), min_size=10, max_size=60),
)
def test_noise_within_the_margin_takes_nothing_back(page: list[Picture], least: int, noise: list[int]) -> None:
    allocator = Allocator()
    # Settled first; still a dear picture may begin on a peak, and then less important ones give way in the next dip.
    last = heights(settle(allocator, least, page), page)
    now, begun = 1000 * SECOND, False
    for turn in range(200):
        estimate = least * noise[turn % len(noise)] // 100
        said = heights(allocator.allocate(now + turn * 200_000, estimate, (), page), page)
        begun = begun or any(said[key] >= 0 > last[key] for key in said)
        assert begun or all(said[key] >= last[key] for key in said)
        last = said

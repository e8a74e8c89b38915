"""When a link is tried, and up to what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.allocation.probing import (
    BEYOND_PERCENT,
    DENIED_WAIT_US,
    FILL_BITS,
    FILL_PERCENT,
    FIRST_US_A_KBPS,
    FIRST_WAIT_US,
    GONE_US,
    LONGEST_WAIT_US,
    NEAR_PERCENT,
    SOON_WAITS,
    STALL_US,
    TRAIN_PACKETS,
    TRAIN_US,
    Probing,
)

TENTH = 100_000
SOUGHT, WANTED = 900_000, 1_400_000


def test_a_trial_that_goes_well_goes_on_until_all_that_is_wanted_has_room() -> None:
    probing, estimate, filled = Probing(), 400_000, []
    for turn in range(100):
        bps, _ = probing.trial(turn * TENTH, estimate, 0, 0.0, SOUGHT, WANTED)
        filled.append(bps)
        if bps:
            estimate = min(estimate + estimate // 20, bps)
    assert estimate >= WANTED and filled[-1] == 0


def test_nothing_is_tried_when_nothing_waits_or_while_a_queue_stands() -> None:
    probing = Probing()
    assert probing.trial(0, 400_000, 0, 0.0, 0, 0) == (0, 0)
    assert probing.trial(TENTH, 400_000, 0, 0.0, 290_000, 290_000) == (0, 0)
    assert probing.trial(2 * TENTH, 400_000, 0, 80.0, SOUGHT, WANTED) == (0, 0)
    assert probing.trial(3 * TENTH, 400_000, 0, 0.0, SOUGHT, WANTED).bps > 400_000


def test_a_link_that_was_just_full_and_whose_trains_come_no_faster_is_left_alone_for_a_while() -> None:
    for train_bps, waits_us in ((400_000, DENIED_WAIT_US), (700_000, 0), (0, 0)):
        probing = Probing()
        assert probing.trial(0, 400_000, train_bps, 80.0, SOUGHT, WANTED) == (0, 0)
        tried = [probing.trial(turn * TENTH, 400_000, train_bps, 0.0, SOUGHT, WANTED).bps > 0 for turn in range(1, 200)]
        assert (tried.index(True) + 1) * TENTH == max(waits_us, TENTH)


def test_who_is_sent_nothing_and_so_tells_nothing_is_tried_when_its_queue_must_have_gone() -> None:
    probing = Probing()
    tried = [probing.trial(turn * TENTH, 60_000, 0, 140.0, SOUGHT, WANTED).bps > 0 for turn in range(40)]
    assert tried.index(True) * TENTH == GONE_US


def test_a_queue_that_is_told_of_again_and_again_stands() -> None:
    probing = Probing()
    for turn in range(100):
        assert probing.trial(turn * TENTH, 60_000, 0, 140.0 + turn % 2, SOUGHT, WANTED) == (0, 0)


def test_a_full_link_is_filled_ever_more_seldom_but_soon_when_trains_come_fast_or_little_is_missing() -> None:
    near = 400_000 * NEAR_PERCENT // 100
    for train_bps, sought, longest_us in (
        (400_000, SOUGHT, LONGEST_WAIT_US),
        (400_000, near, LONGEST_WAIT_US),  # trains deny it
        (500_000, SOUGHT, LONGEST_WAIT_US),
        (500_000, near, SOON_WAITS * FIRST_WAIT_US),
        (1_500_000, SOUGHT, SOON_WAITS * FIRST_WAIT_US),
    ):
        probing, bps, idle, pauses, packets = Probing(), 0, 0, [], 0
        for turn in range(3000):
            # Whatever is filled stands in the queue at the next look.
            bps, together = probing.trial(turn * TENTH, 400_000, train_bps, 120.0 if bps else 0.0, sought, WANTED)
            packets += together
            idle = 0 if bps else idle + 1
            pauses.append(idle)
        assert longest_us - TENTH <= max(pauses) * TENTH <= longest_us + TENTH
        # Some packets together are sent all the while, or nothing would be learned of a link that has become another.
        assert 0.8 < packets / (TRAIN_PACKETS * 3000 * TENTH / TRAIN_US) <= 1.01


def test_who_has_more_waits_longer_after_a_trial_that_failed() -> None:
    for estimate, waits_us in ((400_000, FIRST_WAIT_US), (1_500_000, 1_500 * FIRST_US_A_KBPS)):
        probing, tried = Probing(), []
        for turn in range(60):
            tried.append(probing.trial(turn * TENTH, estimate, 0, 80.0 if turn == 1 else 0.0, 2 * estimate, WANTED).bps)
        assert tried[0] and not any(tried[1 : 1 + waits_us // TENTH]) and tried[1 + waits_us // TENTH]


def test_a_link_that_does_not_grow_is_given_up_for_a_while() -> None:
    probing = Probing()
    filled = [probing.trial(turn * TENTH, 400_000, 0, 0.0, SOUGHT, WANTED).bps for turn in range(30)]
    assert all(filled[: STALL_US // TENTH]) and not any(filled[STALL_US // TENTH + 1 : STALL_US // TENTH + 8])


rates = st.integers(0, 10**9)


@given(st.lists(st.tuples(st.integers(0, 10**7), rates, rates, st.floats(0, 5000), rates, rates)))
def test_never_more_is_filled_than_a_part_beyond_what_is_known_and_what_is_wanted(
    looks: list[tuple[int, int, int, float, int, int]],
) -> None:
    probing, now = Probing(), 0
    for passed, estimate, train_bps, queue_ms, sought, wanted in looks:
        now += passed
        bps, packets = probing.trial(now, estimate, train_bps, queue_ms, sought, wanted)
        assert 0 <= bps <= estimate * FILL_PERCENT // 100 + FILL_BITS
        assert bps <= max(sought * BEYOND_PERCENT // 100, wanted)
        assert packets in (0, TRAIN_PACKETS)
        assert sought or (bps, packets) == (0, 0)

"""When a link is tried, and up to what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.allocation.probing import BEYOND_PERCENT, LONGEST_WAIT_US, STALL_US, STEP_BITS, STEP_PERCENT, Probing

TENTH = 100_000


def test_a_link_that_carries_more_is_tried_until_the_next_picture_has_room() -> None:
    probing, estimate = Probing(), 400_000
    rates = []
    for turn in range(100):
        rate = probing.rate(turn * TENTH, estimate, 0.0, 1_200_000)
        rates.append(rate)
        if rate:
            estimate = min(estimate + estimate // 20, rate)
    assert estimate >= 1_200_000 and rates[-1] == 0
    assert all(rate <= 1_200_000 * BEYOND_PERCENT // 100 for rate in rates)


def test_nothing_is_tried_when_nothing_waits_or_while_a_queue_stands() -> None:
    probing = Probing()
    assert probing.rate(0, 400_000, 0.0, 0) == 0
    assert probing.rate(TENTH, 400_000, 0.0, 300_000) == 0
    assert probing.rate(2 * TENTH, 400_000, 80.0, 800_000) == 0
    assert probing.rate(3 * TENTH, 400_000, 0.0, 800_000) > 400_000


def test_a_full_link_is_tried_for_a_small_part_of_the_time_and_again_within_seconds() -> None:
    probing, rate, tried, longest, idle = Probing(), 0, 0, 0, 0
    for turn in range(1200):
        # Whatever is tried stands in the queue at the next look.
        rate = probing.rate(turn * TENTH, 400_000, 120.0 if rate else 0.0, 900_000)
        tried += rate > 0
        idle = 0 if rate else idle + 1
        longest = max(longest, idle)
    assert 0 < tried < 60
    assert longest * TENTH <= LONGEST_WAIT_US + TENTH


def test_a_link_that_does_not_grow_is_given_up_for_a_while() -> None:
    probing = Probing()
    rates = [probing.rate(turn * TENTH, 400_000, 0.0, 900_000) for turn in range(30)]
    assert all(rates[: STALL_US // TENTH]) and not any(rates[STALL_US // TENTH + 1 : STALL_US // TENTH + 8])


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**9), st.floats(0, 5000), st.integers(0, 10**9))))
def test_never_more_is_tried_than_a_part_beyond_what_is_known_or_sought(
    looks: list[tuple[int, int, float, int]],
) -> None:
    probing, now = Probing(), 0
    for passed, estimate, queue_ms, sought in looks:
        now += passed
        rate = probing.rate(now, estimate, queue_ms, sought)
        assert 0 <= rate <= min(estimate * STEP_PERCENT // 100 + STEP_BITS, sought * BEYOND_PERCENT // 100)
        assert rate == 0 or sought > estimate

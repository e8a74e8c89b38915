"""How long a step waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.allocation.patience import HOLD_US, LONGEST_WAIT_US, MEMORY_US, EstimateHistory, Setbacks

HERE = (0, 0)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 50)), min_size=1, max_size=60), st.integers(0, 51))
def test_since_is_the_time_of_the_first_estimate_after_the_last_lower_one(
    calls: list[tuple[int, int]], bits: int
) -> None:
    history, now, noted = EstimateHistory(), 0, []
    for after, estimate in calls:
        now += after
        history.note(now, estimate)
        noted.append((now, estimate))
    expected = None
    for time, estimate in reversed(noted):
        if estimate < bits:
            break
        expected = time
    assert history.since(bits) == expected


def test_a_history_that_rises_for_ever_is_bounded_and_only_makes_wait_longer() -> None:
    history = EstimateHistory()
    for turn in range(10_000):
        history.note(turn, turn)
    assert history.since(9_999) == 9_999
    since = history.since(5)
    assert since is not None and since > 5
    for turn in range(1_000):
        history.note(10_000 + turn, 20_000)
    assert history.since(20_000) == 10_000  # what stays the same takes no room
    history.forget()
    assert history.since(0) is None


def test_each_setback_within_a_minute_doubles_the_wait_up_to_the_longest() -> None:
    setbacks = Setbacks()
    assert setbacks.wait_of("a", HERE) is None
    waits = []
    for turn in range(1, 400):
        setbacks.note("a", HERE, turn)
        said = setbacks.wait_of("a", HERE)
        assert said is not None and said[0] == turn
        waits.append(said[1])
    assert waits[:4] == [2 * HOLD_US, 4 * HOLD_US, 8 * HOLD_US, 16 * HOLD_US]
    assert set(waits[4:]) == {LONGEST_WAIT_US}
    assert setbacks.wait_of("a", (0, 1)) is None and setbacks.wait_of("b", HERE) is None


def test_a_setback_is_forgotten_after_a_minute_or_with_its_picture() -> None:
    setbacks = Setbacks()
    setbacks.note("a", HERE, 0)
    setbacks.note("gone", HERE, 10)
    setbacks.prune(MEMORY_US - 1, {"a"})
    assert setbacks.wait_of("a", HERE) is not None and setbacks.wait_of("gone", HERE) is None
    setbacks.prune(MEMORY_US, {"a"})
    assert len(setbacks) == 0

"""The token bucket never gives more than it may, whatever the clock does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling.bucket import Bucket

times = st.floats(-10, 100, allow_nan=False)


@given(st.lists(st.tuples(times, st.floats(0.1, 20)), max_size=50))
def test_no_more_is_taken_than_size_and_rate_allow(asked: list[tuple[float, float]]) -> None:
    bucket, latest, taken = Bucket(20, 5, 0), 0.0, 0.0
    for now, units in asked:
        latest = max(latest, now)
        if bucket.take(units, now):
            taken += units
        assert taken <= 20 + 5 * latest + 1e-6


def test_it_fills_again_up_to_its_size() -> None:
    bucket = Bucket(10, 2, 100)
    assert bucket.take(10, 100) and not bucket.take(0.5, 100)
    assert bucket.take(2, 101) and not bucket.take(0.5, 101)
    assert bucket.take(10, 1000) and not bucket.take(0.5, 1000)


def test_it_is_full_until_something_is_taken_and_when_that_is_filled_again() -> None:
    bucket = Bucket(10, 2, 100)
    assert bucket.is_full(100)
    bucket.take(4, 100)
    assert not bucket.is_full(100) and not bucket.is_full(101.9) and bucket.is_full(102)
    assert bucket.is_full(90), "a clock that goes back takes nothing away"

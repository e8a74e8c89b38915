"""The token bucket: exact at every rate, bounded at the first moment and across strange clocks."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.ratelimit import BucketView

SECOND_NS = 1_000_000_000
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


class ExactBucket:
    """The same rule in fractions."""

    def __init__(self, rate_per_s: int, burst: int) -> None:
        self.rate_per_s, self.burst = rate_per_s, burst
        self.tokens = Fraction(burst)
        self.last_ns: int | None = None

    def take_many(self, now_ns: int, tokens: int) -> bool:
        passed_ns = 0 if self.last_ns is None else max(0, now_ns - self.last_ns)
        self.last_ns = now_ns
        self.tokens = min(Fraction(self.burst), self.tokens + Fraction(passed_ns * self.rate_per_s, SECOND_NS))
        if tokens > self.tokens:
            return False
        self.tokens -= tokens
        return True


@settings(max_examples=200, deadline=None)
@given(
    rate_per_s=st.one_of(st.integers(0, 10), st.integers(0, 10**9)),
    burst=st.one_of(st.integers(0, 10), st.integers(0, 10**9)),
    start_ns=st.sampled_from([0, 1, -5, INT64_MIN, INT64_MAX - 10**12]),
    takes=st.lists(
        st.tuples(st.one_of(st.integers(0, 10**12 // 100), st.integers(-(10**9), 10**9)), st.integers(0, 5)),
        max_size=60,
    ),
)
def test_bucket_grants_exactly_what_the_rule_in_fractions_grants(
    rate_per_s: int, burst: int, start_ns: int, takes: list[tuple[int, int]]
) -> None:
    bucket, exact = BucketView(rate_per_s, burst), ExactBucket(rate_per_s, burst)
    now_ns = start_ns
    for step_ns, tokens in takes:
        now_ns = min(INT64_MAX, max(INT64_MIN, now_ns + step_ns))
        assert bucket.take_many(now_ns, tokens) is exact.take_many(now_ns, tokens)


def test_burst_is_there_at_once_and_not_one_more() -> None:
    bucket = BucketView(10, 3)
    assert [bucket.take(123) for _ in range(5)] == [True, True, True, False, False]


def test_a_token_comes_back_exactly_when_it_is_due() -> None:
    bucket = BucketView(3, 1)  # a third of a second: no whole number of nanoseconds
    assert bucket.take(0)
    assert not bucket.take(333_333_333)
    assert bucket.take(333_333_334)


def test_no_rounding_gathers_over_many_takes() -> None:
    bucket = BucketView(7, 2)  # room for the fraction left when a token is taken
    step_ns = 1_000_003
    granted = sum(bucket.take(n * step_ns) for n in range(300_000))
    assert granted == 2 + 299_999 * step_ns * 7 // SECOND_NS


def test_the_longest_pause_refills_to_the_burst_only() -> None:
    bucket = BucketView(10**9, 2)
    assert bucket.take(INT64_MIN)
    assert bucket.take(INT64_MIN)
    assert [bucket.take(INT64_MAX) for _ in range(3)] == [True, True, False]


def test_a_clock_that_steps_back_refills_nothing_and_is_followed() -> None:
    bucket = BucketView(1, 1)
    assert bucket.take(100 * SECOND_NS)
    assert not bucket.take(50 * SECOND_NS)
    assert not bucket.take(51 * SECOND_NS - 1)
    assert bucket.take(51 * SECOND_NS)


def test_rate_zero_gives_the_burst_and_never_more() -> None:
    bucket = BucketView(0, 1)
    assert bucket.take(0)
    assert not bucket.take(INT64_MAX)


def test_rates_and_bursts_out_of_range_are_held_to_the_range() -> None:
    assert not BucketView(-5, -5).take(0)
    assert BucketView(2**62, 2**62).take_many(0, 10**9)
    assert not BucketView(2**62, 2**62).take_many(0, 10**9 + 1)


def test_all_or_nothing_is_taken() -> None:
    bucket = BucketView(1, 5)
    assert not bucket.take_many(0, 6)
    assert not bucket.take_many(0, -1)
    assert not bucket.take_many(0, INT64_MAX)
    assert bucket.take_many(0, 5)

"""SSRCs as ranges: the same answers as a set, in a room that does not grow with what follows one another."""

from hypothesis import given
from hypothesis import strategies as st

from media.plane.ranges import SsrcRanges


@given(st.lists(st.integers(0, 40), max_size=60))
def test_ranges_answer_as_a_set_does_and_never_touch(added: list[int]) -> None:
    ranges, plain = SsrcRanges(), set[int]()
    for ssrc in added:
        ranges.add(ssrc)
        plain.add(ssrc)
        assert [number in ranges for number in range(42)] == [number in plain for number in range(42)]
        assert ranges.range_count == sum(number - 1 not in plain for number in plain)
    ranges.clear()
    assert ranges.range_count == 0 and not any(number in ranges for number in range(42))


def test_a_hundred_thousand_that_follow_one_another_take_one_range() -> None:
    ranges = SsrcRanges()
    for ssrc in range(7_000_000, 7_100_000):
        ranges.add(ssrc)
    assert ranges.range_count == 1
    assert 7_000_000 in ranges and 7_099_999 in ranges
    assert 6_999_999 not in ranges and 7_100_000 not in ranges

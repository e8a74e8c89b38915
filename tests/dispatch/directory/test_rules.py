"""What a division code tells of the levels it names."""

from hypothesis import given
from hypothesis import strategies as st

from dispatch.directory import rules


@given(st.from_regex(r"[1-9][0-9]{1,11}", fullmatch=True))
def test_the_significant_part_of_a_code_is_a_prefix_that_loses_only_zeros(code: str) -> None:
    part = rules.significant(code)
    assert code.startswith(part) and not code[len(part) :].strip("0")


def test_the_significant_part_ends_where_a_level_ends() -> None:
    assert [
        rules.significant(code) for code in ("320000", "320100", "320101000000", "32", "320110", "320101001002")
    ] == [
        "32",
        "3201",
        "320101",
        "32",
        "320110",
        "320101001002",
    ]

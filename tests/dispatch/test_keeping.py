"""What may be deleted: never what runs, is held or is not due; the first to have ended goes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch.keeping import DAY_US, over, spare
from dispatch.records import BRIEF, RETENTIONS, Recording

NOW_US = 1_800_000_000_000_000
DAYS = st.fixed_dictionaries({each: st.sampled_from((0, 1, 30, 36_500)) for each in RETENTIONS})
WHEN = st.one_of(st.just(0), st.integers(-40, 2).map(lambda days: NOW_US + days * DAY_US))


@st.composite
def recordings(draw: st.DrawFn) -> list[Recording]:
    return [
        Recording(
            id=f"R{number:02}",
            of="source:camera",
            unit="",
            title="",
            why="asked",
            begun_us=1,
            ended_us=draw(WHEN),
            retention=draw(st.sampled_from((*RETENTIONS, "a newer program's"))),
            hold=draw(st.sampled_from(("", "案件"))),
            deleted_us=draw(st.sampled_from((0, 0, 5))),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


@given(recordings(), DAYS)
def test_only_what_is_over_goes_and_all_of_it_the_first_to_have_ended_first(
    some: list[Recording], days: dict[str, int]
) -> None:
    gone = over(some, days, NOW_US)
    for each in gone:
        assert each.ended_us and not each.hold and not each.deleted_us
        assert days[each.retention] and NOW_US - each.ended_us >= days[each.retention] * DAY_US
    assert gone == sorted(gone, key=lambda each: (each.ended_us, each.id))
    for each in some:
        if each not in gone and each.ended_us and not each.hold and not each.deleted_us:
            term = days.get(each.retention, 0)
            assert not term or NOW_US - each.ended_us < term * DAY_US


@given(recordings())
def test_a_low_disk_takes_brief_ones_only_the_first_to_have_ended_first(some: list[Recording]) -> None:
    gone = spare(some)
    assert all(each.retention == BRIEF and each.ended_us and not each.hold and not each.deleted_us for each in gone)
    assert gone == sorted(gone, key=lambda each: (each.ended_us, each.id))
    rest = [each for each in some if each not in gone]
    assert all(each.retention != BRIEF or not each.ended_us or each.hold or each.deleted_us for each in rest)

"""Turns of speaking, in virtual time: who was heard, from when to when, and that no timeline is flooded."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from dispatch.speaker import Heard
from dispatch.turns import HOLD_US, LEAST_US, MINUTE_US, MOST_A_MINUTE, PART_US, Turn, Turns

STEP_US: Final = 200_000
SECOND_US: Final = 1_000_000
LOUD: Final = -20.0
QUIET: Final = -90.0


def heard(**levels: float) -> dict[str, Heard]:
    return {who: Heard(level, f"{who}.tab") for who, level in levels.items()}


def played(*stretches: tuple[float, dict[str, Heard]]) -> list[tuple[str, float, float]]:
    """Play levels for so many seconds each, then end; return turns in seconds."""
    turns, now_us, ended = Turns(), 0, []
    for seconds, levels in stretches:
        for _ in range(round(seconds * SECOND_US / STEP_US)):
            ended += turns.take(levels, now_us)
            now_us += STEP_US
    ended += turns.end(now_us)
    return [(turn.who, turn.from_us / 1e6, turn.to_us / 1e6) for turn in ended]


def test_turn_is_from_the_first_word_to_the_last_through_pauses_for_breath() -> None:
    said = played(
        (3, heard(a=QUIET)), (2, heard(a=LOUD)), (1.2, heard(a=QUIET)), (2, heard(a=LOUD)), (3, heard(a=QUIET))
    )
    assert said == [("a", 3.0, 8.0)]


def test_longer_pause_parts_two_turns() -> None:
    said = played((2, heard(a=LOUD)), (2, heard(a=QUIET)), (2, heard(a=LOUD)))
    assert said == [("a", 0.0, 1.8), ("a", 4.0, 5.8)]


def test_cough_and_single_words_are_no_turns() -> None:
    cough = ((0.4, heard(a=LOUD)), (0.2, heard(a=QUIET)))
    assert played(*cough * 10) == []
    assert played((1.2, heard(a=LOUD)), (3, heard(a=QUIET))) == []


def test_several_speak_at_once_and_who_leaves_or_is_muted_ends() -> None:
    said = played((2, heard(a=LOUD, b=QUIET)), (2, heard(a=LOUD, b=LOUD)), (4, heard(b=LOUD)))
    assert said == [("a", 0.0, 3.8), ("b", 2.0, 7.8)]


def test_long_speech_comes_in_parts_without_a_hole() -> None:
    said = played((150, heard(a=LOUD)))
    assert said == [("a", 0.0, 60.0), ("a", 60.0, 120.0), ("a", 120.0, 149.8)]


def test_ears_that_were_shut_for_long_know_of_no_speech_meanwhile() -> None:
    turns = Turns()
    ended = [*turns.take(heard(a=LOUD), 0), *turns.take(heard(a=LOUD), 500_000), *turns.take(heard(a=LOUD), 1_200_000)]
    ended += turns.take(heard(a=LOUD), 20 * SECOND_US)
    assert ended == [Turn("a", "a.tab", 0, 1_200_000)]


def test_of_many_short_turns_the_long_ones_are_told() -> None:
    exchange = ((1.6, heard(a=LOUD, b=QUIET)), (1.6, heard(a=QUIET, b=LOUD)))
    # Pauses of 1.6 s end a turn: twice 18 in a minute.
    said = played(*exchange * 36, (20, heard(a=LOUD, b=QUIET)))
    assert ("a", 115.2, 135.0) in said
    assert sum(first < 60 for _, first, _ in said) <= 22


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3_000_000),
            st.dictionaries(st.sampled_from("abc"), st.sampled_from([LOUD, QUIET]), max_size=3),
        ),
        max_size=400,
    )
)
def test_turns_are_of_who_was_heard_never_overlap_and_are_bounded(steps: list[tuple[int, dict[str, float]]]) -> None:
    turns, now_us, ended = Turns(), 0, list[tuple[int, Turn]]()
    loud: dict[str, list[int]] = {}
    for apart_us, levels in steps:
        now_us += apart_us
        for who in (who for who, level in levels.items() if level == LOUD):
            loud.setdefault(who, []).append(now_us)
        ended += [(now_us, turn) for turn in turns.take(heard(**levels), now_us)]
    ended += [(now_us, turn) for turn in turns.end(now_us)]
    assert turns.end(now_us) == []
    for who, times in loud.items():
        own = [turn for _, turn in ended if turn.who == who]
        for turn in own:
            assert LEAST_US < turn.to_us - turn.from_us < PART_US + HOLD_US
            inside = [time for time in times if turn.from_us <= time <= turn.to_us]
            assert inside[0] == turn.from_us and inside[-1] == turn.to_us
            assert all(after - before <= HOLD_US for before, after in pairwise(inside))
        assert all(one.to_us <= other.from_us for one, other in pairwise(own))
    assert {turn.who for _, turn in ended} <= loud.keys()
    for at_us, _ in ended:
        assert sum(at_us - MINUTE_US < each <= at_us for each, _ in ended) <= MOST_A_MINUTE


def test_hall_in_which_all_talk_at_once_does_not_flood_the_timeline() -> None:
    crowd = {f"p{number}": Heard(LOUD, "x") for number in range(400)}
    turns = Turns()
    told = [at for at in range(0, 5 * MINUTE_US, STEP_US) for _ in turns.take(crowd, at)]
    for begin in range(0, 5 * MINUTE_US, MINUTE_US):
        assert sum(begin <= at < begin + MINUTE_US for at in told) <= MOST_A_MINUTE

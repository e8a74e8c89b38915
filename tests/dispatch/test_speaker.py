"""Who speaks, in virtual time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch.speaker import HOLD_SECONDS, SPEECH_DBOV, TAKE_SECONDS, ActiveSpeaker

STEP = 0.1


def played(*stretches: tuple[float, dict[str, float]]) -> list[str]:
    """Play levels for so many seconds each; return who was named at the end of each."""
    speaker, now, named = ActiveSpeaker(), 0.0, []
    for seconds, levels in stretches:
        for _ in range(round(seconds / STEP)):
            now += STEP
            speaker.update(levels, now)
        named.append(speaker.current)
    return named


def test_first_voice_is_named_at_once_and_silence_after_a_while() -> None:
    assert played((0.1, {"a": -30, "b": -127})) == ["a"]
    assert played((1, {"a": -30}), (HOLD_SECONDS - 0.2, {"a": -127}), (0.5, {"a": -127})) == ["a", "a", ""]


def test_cough_takes_nothing_over_and_a_louder_voice_does() -> None:
    both = {"a": -30.0, "b": -20.0}
    assert played((1, {"a": -30, "b": -127}), (TAKE_SECONDS - 0.2, both), (1, {"a": -30, "b": -127})) == ["a"] * 3
    assert played((1, {"a": -30, "b": -127}), (TAKE_SECONDS + 0.2, both)) == ["a", "b"]


def test_two_alike_do_not_alternate() -> None:
    levels = [{"a": -30.0, "b": -29.0}, {"a": -29.0, "b": -30.0}] * 20
    assert set(played(*[(0.2, level) for level in levels])) == {played((0.2, levels[0]))[0]}


def test_who_answers_when_the_speaker_is_silent_takes_over_though_not_louder() -> None:
    assert played((1, {"a": -20, "b": -127}), (TAKE_SECONDS + 0.2, {"a": -127, "b": -40})) == ["a", "b"]


def test_noise_is_no_speech() -> None:
    assert played((2, {"a": SPEECH_DBOV, "b": SPEECH_DBOV - 5})) == [""]


def test_who_is_gone_or_cut_off_speaks_no_more() -> None:
    assert played((1, {"a": -20, "b": -40}), (0.1, {"b": -40})) == ["a", "b"]
    assert played((1, {"a": -20}), (0.1, {})) == ["a", ""]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(-127, 0)), max_size=40))
def test_named_is_always_one_of_those_who_may_speak_or_nobody(levels: list[dict[str, float]]) -> None:
    speaker = ActiveSpeaker()
    for step, level in enumerate(levels):
        before = speaker.current
        changed = speaker.update(level, step * STEP)
        assert speaker.current == "" or speaker.current in level
        assert changed is (speaker.current != before)

"""Pauses grow, end with a success, and one silence is called gone once. In virtual time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling.webhooks.pauses import FIRST_S, GONE_S, LONGEST_S, Pauses

CHANCES = st.floats(0, 1)


@given(st.lists(CHANCES, min_size=1, max_size=40), st.floats(0, 1e6))
def test_pauses_double_up_to_five_minutes(chances: list[float], now: float) -> None:
    pauses = Pauses()
    assert pauses.get_timer() <= now
    for tries, chance in enumerate(chances):
        pauses.failed(now, chance)
        pause = pauses.get_timer() - now
        whole = min(FIRST_S * 2**tries, LONGEST_S)
        assert 0.74 * whole <= pause <= whole + 1e-6
        now = pauses.get_timer()
    assert LONGEST_S == 300


@given(st.lists(CHANCES, min_size=1, max_size=10))
def test_success_begins_anew(chances: list[float]) -> None:
    pauses = Pauses()
    for chance in chances:
        pauses.failed(10.0, chance)
    since = pauses.failing_since
    assert since == 10.0
    assert not pauses.succeeded()
    assert pauses.get_timer() == 0 and pauses.failing_since is None
    pauses.failed(20.0, 0.0)
    assert pauses.get_timer() == 20.0 + FIRST_S


@given(st.integers(1, 5), CHANCES)
def test_each_silence_is_called_gone_once_and_its_end_is_known(silences: int, chance: float) -> None:
    pauses = Pauses()
    now = 0.0
    for _ in range(silences):
        told = 0
        began = now
        for _ in range(60):
            told += pauses.failed(now, chance)
            assert pauses.is_gone(now) == (now - began >= GONE_S)
            now = pauses.get_timer()
        assert told == 1
        assert pauses.succeeded() and not pauses.is_gone(now)

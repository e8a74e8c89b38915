"""Nobody asks for more acts than one WebSocket would take, and nobody is held up by another."""

from __future__ import annotations

import pytest

from signaling.http import pace
from signaling.http.pace import A_SECOND, AT_ONCE, Pace


def test_burst_is_taken_then_a_steady_pace() -> None:
    kept = Pace()
    assert [kept.allows("li", 10.0) for _ in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]
    assert kept.allows("wang", 10.0)
    assert [kept.allows("li", 11.0) for _ in range(A_SECOND + 1)] == [True] * A_SECOND + [False]


def test_memory_is_bounded_and_the_busy_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MAX_KEPT", 3)
    kept = Pace()
    for number in range(AT_ONCE):
        assert kept.allows("li", 10.0)
        kept.allows(f"other{number}", 10.0)
    assert not kept.allows("li", 10.0) and len(kept._kept) == 3

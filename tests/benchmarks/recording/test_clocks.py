"""The simulation of senders' and server's clocks, minutes of it: limits hold, and a wrong line would show."""

from dataclasses import replace

import pytest

from benchmarks.recording import clocks
from benchmarks.recording.clocks import LIMIT_MS, SENDERS
from benchmarks.recording.senders import Sender
from benchmarks.recording.server_clock import MS, S, Step
from recorder.utc import Reading, UtcLine

SECONDS = 200


@pytest.mark.parametrize("sender", SENDERS, ids=["office", "mobile", "satellite"])
def test_times_hold_the_limits_while_all_clocks_are_off_and_set(sender: Sender) -> None:
    found = clocks.measure(sender, SECONDS)
    assert found.off_ms <= LIMIT_MS
    assert found.apart_ms <= LIMIT_MS
    assert found.within == 1
    assert found.first_off_ms <= 60
    # Every frame but what loss took: 50 sounds and 30 pictures a second.
    assert found.frames >= SECONDS * 80 * 0.97


def test_sound_and_picture_stay_together_while_the_line_moves_and_keyframes_are_rare() -> None:
    """The greatest step that is followed at once, by a sender that gives a keyframe every five minutes."""
    sender = replace(SENDERS[0], keyframes_ns=300 * S)
    found = clocks.measure(sender, 600, [Step(0.01, 95 * MS, True)])
    assert found.segments < 130, "pictures were not cut"
    assert 10 < found.apart_ms <= LIMIT_MS


@pytest.mark.parametrize("step_ns", [-2 * S, 2 * S])
def test_while_a_daemon_pulls_at_all_clocks_times_are_within_their_bound(step_ns: int) -> None:
    steps = [Step(0.25, step_ns, False), Step(0.3, step_ns, True, 83_333)]
    found = clocks.measure(SENDERS[1], 200, steps)
    assert found.within == 1
    assert found.off_ms <= 1000


def test_a_line_that_followed_steps_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(self: object, reading: Reading, *, recorded: bool) -> None:
        self.offset_ns = reading.utc_ns - reading.monotonic_ns  # type: ignore[attr-defined]

    monkeypatch.setattr(UtcLine, "take", follow)
    assert clocks.measure(SENDERS[0], SECONDS).off_ms > 1900

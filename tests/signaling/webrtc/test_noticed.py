"""How soon a publisher that vanished is noticed, by what the product's own numbers add up to."""

from __future__ import annotations

from config.settings import Limits
from signaling.webrtc.exchange import CHECK_SECONDS

#: What the node promises: within 5 s a source says that nothing comes any more.
PROMISED_SECONDS = 5.0


def test_silence_is_told_in_time_by_default() -> None:
    assert Limits().silent_after_s + CHECK_SECONDS < PROMISED_SECONDS

"""A mobile unit and a viewer whose network changes: their address is gone, and they keep their place."""

from __future__ import annotations

from tests.media.plane.namespace import run_alone


def test_who_loses_its_address_goes_on_from_another_in_its_place() -> None:
    before, *after = run_alone("moved", package="tests.signaling.webrtc")
    assert len(before["sessions"]) == 2 and before["stream"]
    assert after == [before, before]

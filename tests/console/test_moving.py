"""A mobile unit whose network goes, and whose address changes: its page goes on in its place in the consultation."""

from pathlib import Path

import pytest

from tests.media.plane.namespace import run_alone

#: Starts a server and two browsers; an address that is gone is noticed within seconds, each time.
SECONDS = 170


@pytest.mark.timeout(SECONDS + 30)
def test_unit_that_changes_networks_and_addresses_keeps_its_place(tmp_path: Path) -> None:
    """After each change it sees and is seen, hears and is heard, is told and tells, or the program says what not."""
    found = run_alone("moving", str(tmp_path), package="tests.console", seconds=SECONDS)
    before, *after = found["places"]
    assert before["attendance"] == "present" and len(before["sources"]) == 1
    assert after == [before] * 2
    assert found["stayed"] == [True, True]
    # Of who was there the timeline tells no coming and going.
    assert found["timeline"].count("participant.join") == 1
    assert {"participant.leave", "participant.absent"}.isdisjoint(found["timeline"])

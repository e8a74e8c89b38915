"""What was told a moment ago is known, what was told long ago or is deleted is not, and it stays bounded."""

import pytest

from signaling.http import told
from signaling.http.told import LASTS_S, Told
from tests.dispatch.store.test_segments import row


def test_told_segments_are_known_for_a_while() -> None:
    known, one = Told(), row(1, "a", 0, 4)
    known.keep([one, row(2, "a", 4, 8, deleted_us=5)], 100.0)
    assert known.find("s", one.segment, 100.0 + LASTS_S) == one
    assert known.find("s", one.segment, 101.0 + LASTS_S) is None
    assert known.find("t", one.segment, 100.0) is None and known.find("s", "segment-00002", 100.0) is None
    known.keep([row(1, "a", 0, 4, deleted_us=7)], 101.0)
    assert known.find("s", one.segment, 101.0) is None


def test_those_told_longest_ago_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "MOST", 3)
    known = Told()
    for record in (1, 2, 3, 1, 4):
        known.keep([row(record, "a", 0, 4)], 0.0)
    assert len(known) == 3
    assert [record for record in range(1, 5) if known.find("s", f"segment-{record:05}", 0.0)] == [1, 3, 4]

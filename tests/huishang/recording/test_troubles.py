"""What is wrong is told as long as it is, and what was lost for a minute."""

from __future__ import annotations

from huishang.recording.troubles import TOLD_S, Troubles
from recorder.worker.wire import Alarm


def test_trouble_with_the_disk_is_told_until_the_disk_is_well() -> None:
    troubles = Troubles()
    assert troubles.worst(0.0) is None
    troubles.hear(Alarm("disk-slow", 5), 1.0)
    troubles.hear(Alarm("disk-full"), 2.0)
    assert troubles.worst(1e6) == ("disk-full", 2.0)
    troubles.hear(Alarm("disk-well"), 3.0)
    assert troubles.worst(3.0) is None


def test_what_was_lost_is_told_for_a_minute_from_the_last_loss() -> None:
    troubles = Troubles()
    troubles.hear(Alarm("ring-lost", 5), 1.0)
    troubles.hear(Alarm("ring-lost", 5), 50.0)
    assert troubles.worst(50.0 + TOLD_S) == ("ring-lost", 1.0)
    assert troubles.worst(50.1 + TOLD_S) is None
    troubles.set("book-damaged", True, 200.0)
    troubles.hear(Alarm("ring-lost", 5), 201.0)
    assert troubles.worst(201.0) == ("book-damaged", 200.0)
    troubles.set("book-damaged", False, 202.0)
    assert troubles.worst(202.0) == ("ring-lost", 201.0)

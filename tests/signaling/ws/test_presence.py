"""Presence from pages: a person is there while any of its pages is."""

from __future__ import annotations

from signaling.ws.presence import PagePresence


def test_a_person_is_there_from_the_first_page_to_the_last() -> None:
    presence = PagePresence()
    told: list[tuple[str, bool]] = []
    unlisten = presence.listen(lambda person: told.append((person, presence.is_online(person))))
    assert (presence.is_online("li"), presence.since_us("li"), presence.devices("li")) == (False, 0, ())
    presence.connect("li", "a", "desk", 5)
    presence.connect("li", "b", "phone", 6)
    presence.connect("li", "c", "desk", 7)
    assert presence.devices("li") == ("desk", "phone") and presence.since_us("li") == 5
    presence.disconnect("li", "a", 8)
    presence.disconnect("li", "a", 8)
    presence.disconnect("li", "b", 8)
    assert told == [("li", True)]
    presence.disconnect("li", "c", 9)
    assert told == [("li", True), ("li", False)] and presence.since_us("li") == 9
    unlisten()
    presence.connect("li", "d", "", 10)
    assert len(told) == 2

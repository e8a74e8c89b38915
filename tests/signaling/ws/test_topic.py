"""A topic's paces: news soon, figures once a second, neither waiting for the other."""

from __future__ import annotations

import msgspec

from dispatch.records import Attendance, Invitation, Participant
from signaling.ws.topic import FIGURES_INTERVAL_S, INTERVAL_S, WIDE_INTERVAL_S
from tests.signaling.ws.town import Town


def test_the_first_change_goes_at_once_and_the_next_together_after_the_interval() -> None:
    town = Town()
    record = town.consultation("c")
    town.settle()
    pages = town.watch("li", "consultation:c")
    town.now += 1
    town.put(("consultation", msgspec.structs.replace(record, locked=True)))
    timer = town.topics.get_timer()
    assert timer is not None and timer <= town.now
    town.topics.handle_timer(town.now, town.now_us)
    assert town.deliver() == 1 and pages.record("consultation:c", "consultation", "c")["locked"]
    begun = town.now
    for announcement in ("一", "二", "三"):
        town.put(("consultation", msgspec.structs.replace(record, announcement=announcement)))
    town.topics.handle_timer(town.now, town.now_us)
    assert town.deliver() == 0
    assert town.topics.get_timer() == begun + INTERVAL_S
    assert town.settle() == 1
    assert pages.record("consultation:c", "consultation", "c")["announcement"] == "三"


def test_the_overview_waits_longer() -> None:
    town = Town()
    record = town.consultation("c")
    town.watch("wang", "overview")
    town.settle()
    town.now += 1
    for locked in (True, False):
        town.put(("consultation", msgspec.structs.replace(record, locked=locked)))
        timer = town.topics.get_timer()
        assert timer is not None
        town.topics.handle_timer(max(timer, town.now), town.now_us)
        town.now = max(timer, town.now)
        assert town.deliver() == 1
    town.put(("consultation", record), ("consultation", msgspec.structs.replace(record, locked=True)))
    assert town.topics.get_timer() == town.now + WIDE_INTERVAL_S


def present(consultation: str, person: str) -> tuple[str, Participant]:
    record = Participant(
        id=f"{consultation}-{person}",
        consultation=consultation,
        unit="town",
        name=person,
        person=person,
        attendance=Attendance.PRESENT,
    )
    return "participant", record


def test_counts_come_together_once_a_second_and_what_the_chair_does_does_not_wait_for_them() -> None:
    town = Town()
    record = town.consultation("c")
    pages = town.watch("wang", "overview")
    town.settle()
    town.now += 1
    begun = town.now
    counted = []
    for number in range(40):
        town.put(present("c", f"guest-{number}"))
        if number == 10:
            town.put(("consultation", msgspec.structs.replace(record, locked=True)))
        town.topics.handle_timer(town.now, town.now_us)
        town.deliver()
        shown = pages.record("overview", "consultation", "c")
        assert shown["locked"] == (number >= 10)
        counted.append(shown["present"])
        town.now += 0.02
    # The first goes at once; the chair's act takes along what the record is then.
    assert counted == [1] * 10 + [11] * 30
    assert town.topics.get_timer() == begun + FIGURES_INTERVAL_S
    assert town.settle() == 1 and pages.record("overview", "consultation", "c")["present"] == 40


def test_who_sees_a_consultation_by_its_place_alone_is_sent_its_counts_as_the_overview_is() -> None:
    town = Town()
    town.consultation("c", invitations=(Invitation("unit:town", "li", 1),))
    pages = town.watch("sun", "places")
    town.settle()
    town.now += 1
    frames = 0
    for number in range(40):
        town.put(present("c", f"guest-{number}"))
        town.topics.handle_timer(town.now, town.now_us)
        frames += town.deliver()
        town.now += 0.01
    assert frames + town.settle() == 2 and pages.record("places", "consultation", "c")["present"] == 40


def test_those_below_a_unit_are_counted_together_once_a_second() -> None:
    town = Town()
    pages = town.watch("wang", "unit:root")
    town.settle()
    town.now += 1
    frames = 0
    for person in ("zhao", "sun", "li", "qian"):
        town.presence.connect(person, "x", town.now_us)
        town.topics.handle_timer(town.now, town.now_us)
        frames += town.deliver()
        town.now += 0.2
    assert frames + town.settle() == 2 and pages.record("unit:root", "unit", "province")["present"] == 4

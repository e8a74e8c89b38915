"""Presence in virtual time: a lost line is forgiven for a while, a revoked one is not."""

import pytest

from dispatch.acts import endpoints, people
from dispatch.presence import GRACE_US, Event, Here, PersonCame, PersonWent, Presence, SourceBegan, SourceEnded
from tests.dispatch.directory.office import Province


class Room:
    """A province and its presence."""

    def __init__(self) -> None:
        self.office = Province()
        self.office.tables.commit()
        self.presence = Presence(self.office.tables)
        self.person = self.office.member

    def events(self) -> list[Event]:
        found = []
        while (event := self.presence.next_event()) is not None:
            found.append(event)
        return found


def test_a_person_is_present_from_the_first_connection_and_counted_once() -> None:
    room = Room()
    room.presence.connect(room.person, "a", 1)
    room.presence.connect(room.person, "b", 2)
    assert room.events() == [PersonCame(room.person, 1)]
    assert room.presence.since_us(room.person) == 1 and room.presence.connections(room.person) == {"a", "b"}
    for unit in (room.office.county, room.office.city, room.office.province):
        assert room.presence.here(unit) == Here(1, 0)
    assert room.presence.here(room.office.other) == Here(0, 0)


def test_a_person_goes_when_the_last_connection_was_lost_long_enough_ago() -> None:
    room = Room()
    room.presence.connect(room.person, "a", 0)
    room.presence.connect(room.person, "b", 0)
    room.presence.disconnect(room.person, "a", 5)
    assert room.presence.get_timer() is None
    room.presence.disconnect(room.person, "b", 7)
    assert room.presence.get_timer() == 7 + GRACE_US
    room.presence.handle_timer(6 + GRACE_US)
    assert room.presence.is_online(room.person)
    room.presence.handle_timer(7 + GRACE_US)
    assert not room.presence.is_online(room.person) and room.presence.get_timer() is None
    assert room.events() == [PersonCame(room.person, 0), PersonWent(room.person, 7)]
    assert room.presence.here(room.office.province) == Here(0, 0)


def test_who_comes_back_in_time_was_never_away() -> None:
    room = Room()
    room.presence.connect(room.person, "a", 1)
    room.presence.disconnect(room.person, "a", 2)
    room.presence.connect(room.person, "b", 1 + GRACE_US)
    room.presence.handle_timer(10 * GRACE_US)
    assert room.events() == [PersonCame(room.person, 1)] and room.presence.since_us(room.person) == 1


def test_people_go_in_the_order_in_which_they_were_lost() -> None:
    room = Room()
    everybody = (room.office.chief, room.office.duty, room.office.member)
    for person in everybody:
        room.presence.connect(person, person, 0)
    for at_us, person in enumerate(reversed(everybody)):
        room.presence.disconnect(person, person, at_us)
    room.events()
    room.presence.handle_timer(GRACE_US + 1)
    assert room.events() == [PersonWent(room.office.member, 0), PersonWent(room.office.duty, 1)]
    assert room.presence.is_online(room.office.chief)


def test_a_strange_connection_and_a_strange_person_change_nothing() -> None:
    room = Room()
    room.presence.connect("nobody", "a", 0)
    room.presence.disconnect(room.person, "a", 0)
    room.presence.leave(room.person, 0)
    room.presence.connect(room.person, "a", 0)
    room.presence.disconnect(room.person, "b", 1)
    assert room.presence.get_timer() is None
    assert room.events() == [PersonCame(room.person, 0)]


@pytest.mark.parametrize("act", [people.Disable, people.Remove])
def test_who_may_come_in_no_more_is_gone_at_once(act: type[people.OnPerson]) -> None:
    room = Room()
    room.presence.connect(room.person, "a", 0)
    room.office.act(act(person=room.person))
    room.presence.follow(room.office.tables.commit(), 9)
    assert room.events() == [PersonCame(room.person, 0), PersonWent(room.person, 9)]
    room.presence.connect(room.person, "a", 10)
    assert not room.presence.is_online(room.person)


def test_sources_count_where_their_endpoint_or_person_belongs() -> None:
    room = Room()
    camera = room.office.camera("球机", room.office.other)
    room.presence.follow(room.office.tables.commit(), 0)
    for source in (camera, f"{room.person}.tab", "stranger"):
        room.presence.begin(source, 1)
        room.presence.begin(source, 2)
    assert room.events() == [SourceBegan(source, 1) for source in (camera, f"{room.person}.tab", "stranger")]
    assert room.presence.here(room.office.city) == Here(0, 2) and room.presence.here(room.office.other) == Here(0, 1)
    room.office.act(endpoints.Move(endpoint=camera, unit=room.office.province))
    room.office.act(people.Move(person=room.person, unit=room.office.other))
    room.presence.follow(room.office.tables.commit(), 3)
    assert room.presence.here(room.office.city) == Here(0, 1) and room.presence.here(room.office.county) == Here(0, 0)
    room.presence.end(camera, 4)
    room.presence.end(camera, 5)
    assert room.events() == [SourceEnded(camera, 4)] and not room.presence.is_live(camera)
    assert room.presence.here(room.office.province) == Here(0, 1)

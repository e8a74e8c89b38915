"""Grants: lent by who holds the right for good, for at most a year, and never lent on."""

import pytest

from dispatch.acts import consultation, grants
from dispatch.acts.chair import Depute
from dispatch.errors import Forbidden, Full, Invalid, Refused, Unknown
from dispatch.ids import ulid
from dispatch.permissions import Actor, Right
from dispatch.records import Grant, Recording
from tests.dispatch.directory.office import Province

DAY_US = 86_400_000_000


def give(office: Province, right: Right, target: str, to: str, by: str, days: int = 1) -> str:
    until = office.now_us + days * DAY_US
    return office.act(grants.Give(verb=right, object=target, to=to, until_us=until), by)


def may(office: Province, person: str, right: Right, target: str, in_us: int = 0) -> bool:
    return office.permissions.may(Actor(person), right, target, office.now_us + in_us)


def test_a_duty_officer_lends_a_camera_for_a_day() -> None:
    office = Province()
    camera = f"endpoint:{office.camera('球机', office.county)}"
    guest = office.person("guest", office.other)
    assert not may(office, guest, Right.VIEW, camera)
    give(office, Right.VIEW, camera, f"unit:{office.other}", office.duty)
    assert may(office, guest, Right.VIEW, camera) and not may(office, guest, Right.VIEW, camera, DAY_US)
    assert not may(office, guest, Right.TALK, camera)


@pytest.mark.parametrize("right", sorted(set(Right) - grants.LENT_BY_CHAIR))
def test_lasting_rights_are_an_administrators_to_lend(right: Right) -> None:
    office = Province()
    with pytest.raises(Forbidden):
        give(office, right, f"unit:{office.county}", f"person:{office.member}", office.duty)
    give(office, right, f"unit:{office.county}", f"person:{office.member}", office.local)
    assert may(office, office.member, right, f"unit:{office.county}")


def test_of_one_recording_looking_and_taking_away_can_be_given_by_its_administrator() -> None:
    office = Province()
    office.tables.recordings.put(
        Recording(id="r", of="source:cam", unit=office.county, title="机", why="asked", begun_us=1)
    )
    guest = office.person("guest", office.other)
    for right in (Right.REPLAY, Right.EXPORT):
        with pytest.raises(Forbidden):
            give(office, right, "recording:r", f"person:{guest}", office.duty)
        give(office, right, "recording:r", f"person:{guest}", office.local)
        assert may(office, guest, right, "recording:r") and not may(office, guest, right, f"unit:{office.county}")
    with pytest.raises(Invalid):
        give(office, Right.SEE, "recording:r", f"person:{guest}", office.local)


def test_what_was_lent_is_not_lent_on() -> None:
    office = Province()
    there = f"unit:{office.other}"
    for right in (Right.VIEW, Right.CHAIR, Right.ADMIN):
        give(office, right, there, f"person:{office.duty}", office.chief)
    with pytest.raises(Forbidden) as caught:
        give(office, Right.VIEW, there, f"person:{office.member}", office.duty)
    assert caught.value.code == "not-yours-to-give"


def test_nobody_lends_what_lies_above_him() -> None:
    office = Province()
    for target in (office.city, office.other):
        with pytest.raises(Forbidden):
            give(office, Right.VIEW, f"unit:{target}", f"person:{office.member}", office.local)


def test_chair_and_deputy_lend_the_rights_of_their_consultation() -> None:
    office = Province()
    held = office.meeting()
    for person in (office.duty, office.member):
        office.act(consultation.Join(consultation=held), person)
    target, guest = f"consultation:{held}", office.person("guest", office.other)
    with pytest.raises(Forbidden):
        give(office, Right.VIEW, target, f"person:{guest}", office.member)
    office.act(Depute(consultation=held, person=office.member, deputy=True), office.duty)
    give(office, Right.VIEW, target, f"person:{guest}", office.member)
    assert may(office, guest, Right.VIEW, target)
    with pytest.raises(Forbidden):
        give(office, Right.RECORD, target, f"person:{guest}", office.member)


@pytest.mark.parametrize(
    ("begins", "ends", "code"),
    [(0, -1, "out-of-range"), (0, 0, "out-of-range"), (DAY_US, DAY_US, "out-of-range"), (0, 367 * DAY_US, "too-long")],
)
def test_times_are_in_order_and_within_a_year(begins: int, ends: int, code: str) -> None:
    office = Province()
    now = office.now_us + 1_000_000
    target = f"unit:{office.county}"
    act = grants.Give(verb=Right.VIEW, object=target, to=target, from_us=now + begins, until_us=now + ends)
    with pytest.raises(Invalid) as caught:
        office.act(act, office.local)
    assert (caught.value.code, caught.value.field) == (code, "until_us")


def test_a_grant_may_begin_later() -> None:
    office = Province()
    target, now = f"unit:{office.county}", office.now_us
    act = grants.Give(
        verb=Right.VIEW, object=target, to=f"person:{office.member}", from_us=now + DAY_US, until_us=now + 2 * DAY_US
    )
    office.act(act, office.local)
    assert not may(office, office.member, Right.VIEW, target)
    assert may(office, office.member, Right.VIEW, target, DAY_US)


@pytest.mark.parametrize("target", ["", "node", "unit:", "unit:X", "source:X", "login:X", "unit"])
def test_what_is_not_there_is_neither_lent_nor_lent_to(target: str) -> None:
    office = Province()
    known = f"unit:{office.county}"
    for about, to in ((target, known), (known, target)):
        with pytest.raises((Invalid, Unknown)):
            give(office, Right.VIEW, about, to, office.chief)


def test_a_grant_is_taken_back_by_its_giver_or_an_administrator() -> None:
    office = Province()
    target = f"unit:{office.county}"
    first = give(office, Right.VIEW, target, f"person:{office.member}", office.duty)
    with pytest.raises(Forbidden):
        office.act(grants.Revoke(grant=first), office.member)
    office.act(grants.Revoke(grant=first), office.duty)
    second = give(office, Right.VIEW, target, f"person:{office.member}", office.duty)
    office.act(grants.Revoke(grant=second), office.local)
    assert not may(office, office.member, Right.VIEW, target)
    with pytest.raises(Unknown):
        office.act(grants.Revoke(grant=second), office.local)


def test_what_one_holds_is_bounded_and_what_is_over_is_cleared_away() -> None:
    office = Province()
    target, to = f"unit:{office.county}", f"person:{office.member}"
    for _ in range(grants.MAX_HELD):
        give(office, Right.VIEW, target, to, office.local)
    with pytest.raises(Refused) as caught:
        give(office, Right.VIEW, target, to, office.local)
    assert isinstance(caught.value, Full)
    office.now_us += 2 * DAY_US
    give(office, Right.VIEW, target, to, office.local)
    assert len(office.tables.grants) == 1


def test_what_is_lent_about_one_object_is_bounded_and_what_is_over_is_cleared_away() -> None:
    office = Province()
    target, to = f"unit:{office.county}", f"person:{office.member}"
    for number in range(grants.MAX_ABOUT):
        record = Grant(
            id=ulid(1, number.to_bytes(10)),
            verb=Right.VIEW,
            object=target,
            to=f"unit:{number}",
            from_us=0,
            until_us=office.now_us + DAY_US,
            by=office.local,
        )
        office.tables.grants.put(record)
    office.tables.commit()
    with pytest.raises(Refused) as caught:
        give(office, Right.VIEW, target, to, office.local)
    assert caught.value.code == "grant-limit"
    give(office, Right.VIEW, f"unit:{office.other}", to, office.chief)
    office.now_us += DAY_US
    give(office, Right.VIEW, target, to, office.local)
    assert len(office.tables.grants) == 1

"""Roles, passwords and doors: nobody reaches above himself, and who is cut off is gone from everywhere."""

import pytest

from dispatch.acts import consultation, grants, people
from dispatch.acts.base import Act, decide
from dispatch.acts.chair import Depute
from dispatch.entry import SECRET
from dispatch.errors import Conflict, Forbidden, Full, Invalid, Refused
from dispatch.permissions import ROLES, Right
from dispatch.records import Attendance, Login, Role, Welcome
from tests.dispatch.directory.office import Office, Province

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b0ouinWTVhwchSWsaMcBTwLvEA"


def refused(office: Office, act: Act, by: str) -> str:
    """Do what must be refused; return its code."""
    before = office.tables.rows()
    with pytest.raises(Refused) as caught:
        office.act(act, by)
    assert office.tables.rows() == before
    return caught.value.code


def sign_in(office: Office, person: str) -> str:
    login = Login(id=office.new_id(), person=person, begun_us=office.now_us, until_us=office.now_us * 2)
    office.tables.logins.put(login)
    return login.id


@pytest.mark.parametrize("login", ["", "a", "张伟", "a b", "a@b", "-ab", "a" * 33, "a\x00b", "ad\u0131m", "../x"])
def test_logins_are_plain(login: str) -> None:
    office = Province()
    make = people.Create(unit=office.county, name="张伟", login=login)
    assert refused(office, make, office.chief) == "invalid-login"


def test_logins_are_one_persons_whatever_their_case() -> None:
    office = Province()
    made = office.person("Zhang.Wei", office.county, by=office.duty)
    assert office.tables.people.get(made).login == "zhang.wei"
    make = people.Create(unit=office.county, name="张伟", login="ZHANG.WEI")
    assert refused(office, make, office.duty) == "login-taken"
    assert refused(office, people.Change(person=office.member, login="zhang.wei"), office.duty) == "login-taken"


def test_two_people_may_have_one_name() -> None:
    office = Province()
    for login in ("first", "second"):
        office.act(people.Create(unit=office.county, name="王伟", login=login), office.duty)
    assert [item.name for item in office.tables.people].count("王伟") == 2


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_given_by_administrators_of_its_scope_only(role: str) -> None:
    office = Province()
    new = office.person("new", office.county)
    here, above = (Role(role, office.county),), (Role(role, office.city),)
    assert refused(office, people.SetRoles(person=new, roles=here), office.duty) == "forbidden"
    assert refused(office, people.SetRoles(person=new, roles=above), office.local) == "forbidden"
    office.act(people.SetRoles(person=new, roles=here), office.local)
    assert office.tables.people.get(new).roles == here


def test_a_role_is_not_given_with_rights_that_were_only_lent() -> None:
    office = Province()
    until = office.now_us + 10**10
    lent = grants.Give(verb=Right.ADMIN, object=f"unit:{office.county}", to=f"person:{office.duty}", until_us=until)
    office.act(lent, office.local)
    chief = (Role("administrator", office.county),)
    assert refused(office, people.SetRoles(person=office.member, roles=chief), office.duty) == "above-you"
    operator = (Role("operator", office.county),)
    office.act(people.SetRoles(person=office.member, roles=operator), office.duty)
    assert office.tables.people.get(office.member).roles == operator


def test_a_person_is_not_made_with_roles_that_could_not_be_given() -> None:
    office = Province()
    make = people.Create(unit=office.county, name="张伟", login="zw", roles=(Role("member", office.county),))
    assert refused(office, make, office.duty) == "forbidden"
    assert office.tables.people.get(office.act(make, office.local)).roles == make.roles


def test_roles_that_stay_need_no_right_and_unknown_ones_are_refused() -> None:
    office = Province()
    both = (Role("observer", office.city), Role("member", office.county))
    office.act(people.SetRoles(person=office.member, roles=both), office.chief)
    office.act(people.SetRoles(person=office.member, roles=both[:1]), office.local)
    assert office.tables.people.get(office.member).roles == both[:1]
    for role, code in ((Role("god", office.county), "role-unknown"), (Role("member", "X"), "unit-unknown")):
        assert refused(office, people.SetRoles(person=office.member, roles=(role,)), office.chief) == code
    many = tuple(Role("member", office.unit(f"村{n}", office.county)) for n in range(people.MAX_ROLES + 1))
    with pytest.raises(Full):
        office.act(people.SetRoles(person=office.member, roles=many), office.chief)


@pytest.mark.parametrize("act", [people.Disable, people.Remove, people.Enable])
def test_nobody_has_power_over_who_can_do_more(act: type[people.OnPerson]) -> None:
    office = Province()
    guest = office.person("guest", office.county, ("duty-officer", office.city))
    assert refused(office, act(person=guest), office.duty) == "above-you"
    assert refused(office, act(person=guest), office.local) == "above-you"
    assert refused(office, people.Change(person=guest, login="mine"), office.local) == "above-you"
    assert refused(office, people.Password(person=guest, secret=HASH), office.local) == "above-you"
    office.act(act(person=guest), office.chief)


def test_a_password_is_not_set_by_who_lacks_what_was_lent_to_the_person() -> None:
    office = Province()
    until = office.now_us + 10**10
    lent = grants.Give(verb=Right.VIEW, object=f"unit:{office.other}", to=f"person:{office.member}", until_us=until)
    given = office.act(lent, office.chief)
    assert refused(office, people.Password(person=office.member, secret=HASH), office.local) == "above-you"
    office.act(grants.Revoke(grant=given), office.chief)
    office.act(people.Password(person=office.member, secret=HASH), office.local)
    assert office.tables.credentials.get(office.member).secret == HASH


def test_a_password_is_ones_own_or_an_administrators_and_ends_the_other_sign_ins() -> None:
    office = Province()
    here, there = sign_in(office, office.member), sign_in(office, office.member)
    assert refused(office, people.Password(person=office.member, secret=HASH), office.duty) == "forbidden"
    office.act(people.Password(person=office.member, secret=HASH), office.member, here)
    assert here in office.tables.logins and there not in office.tables.logins
    office.act(people.Password(person=office.member, secret=HASH), office.local)
    assert not len(office.tables.logins)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "hunter2",
        HASH.replace("m=65536", "m=99999999"),
        HASH.replace("t=3", "t=99"),
        HASH.replace("2id", "2i"),
        HASH + "\n",
    ],
)
def test_a_password_is_kept_as_a_hash_that_can_be_checked_cheaply(secret: str) -> None:
    office = Province()
    assert refused(office, people.Password(person=office.member, secret=secret), office.member) == "invalid-secret"


def test_a_hash_stands_where_it_is_kept_from_everybody() -> None:
    office = Province()
    desk = office.desk()
    decide(desk, people.Password(person=office.member, secret=HASH))
    assert [draft.params[SECRET] for draft in desk.drafts] == [HASH]


@pytest.mark.parametrize("act", [people.Disable, people.Remove])
def test_who_is_cut_off_is_gone_from_everywhere(act: type[people.OnPerson]) -> None:
    office = Province()
    for login in (sign_in(office, office.duty), sign_in(office, office.duty)):
        assert login in office.tables.logins
    office.tables.welcomes.put(Welcome(id=office.new_id(), person=office.duty, until_us=office.now_us * 2))
    held = office.meeting()
    for person in (office.duty, office.local):
        office.act(consultation.Join(consultation=held), person)
    office.act(Depute(consultation=held, person=office.local, deputy=True), office.duty)
    office.act(act(person=office.duty), office.local)
    assert not len(office.tables.logins) and not len(office.tables.welcomes)
    place = office.tables.participants.get(office.tables.participants_as.ids(office.duty)[0])  # type: ignore[index]
    assert place.attendance is Attendance.LEFT and place.left_us == office.now_us
    record = office.tables.consultations.get(held)
    assert (record.chair, record.deputies) == (office.local, ())


def test_a_removed_person_leaves_neither_credential_nor_grants() -> None:
    office = Province()
    office.act(people.Password(person=office.member, secret=HASH))
    until = office.now_us + 10**10
    for to, about in ((office.member, office.duty), (office.duty, office.member)):
        lent = grants.Give(verb=Right.VIEW, object=f"person:{about}", to=f"person:{to}", until_us=until)
        office.act(lent)
    office.act(people.Remove(person=office.member), office.duty)
    assert office.member not in office.tables.credentials and not len(office.tables.grants)


def test_a_chair_without_deputies_stays_named_and_a_deputy_goes() -> None:
    office = Province()
    held = office.meeting()
    for person in (office.duty, office.member):
        office.act(consultation.Join(consultation=held), person)
    office.act(Depute(consultation=held, person=office.member, deputy=True), office.duty)
    office.act(people.Disable(person=office.member), office.local)
    assert office.tables.consultations.get(held).deputies == ()
    office.act(people.Disable(person=office.duty), office.local)
    assert office.tables.consultations.get(held).chair == office.duty


def test_nobody_locks_himself_or_the_node_out() -> None:
    office = Province()
    second = office.person("second", office.province, ("administrator", office.province))
    assert refused(office, people.Disable(person=second), second) == "not-yourself"
    assert refused(office, people.Remove(person=second), second) == "not-yourself"
    office.act(people.Disable(person=office.chief), second)
    assert refused(office, people.SetRoles(person=second, roles=()), second) == "last-administrator"
    assert refused(office, people.Disable(person=second), "") == "last-administrator"
    assert refused(office, people.Remove(person=second), "") == "last-administrator"
    office.act(people.Enable(person=office.chief), second)
    office.act(people.Remove(person=second), office.chief)
    assert second not in office.tables.people


def test_a_move_needs_the_right_at_both_places_and_keeps_the_roles() -> None:
    office = Province()
    for unit in (office.other, office.province):
        with pytest.raises(Forbidden):
            office.act(people.Move(person=office.member, unit=unit), office.duty)
    office.act(people.Move(person=office.member, unit=office.other), office.chief)
    moved = office.tables.people.get(office.member)
    assert moved.unit == office.other and moved.roles == (Role("member", office.county),)
    assert office.verbs == ["person.move"]


def test_disabling_twice_changes_nothing() -> None:
    office = Province()
    office.act(people.Disable(person=office.member), office.duty)
    office.act(people.Disable(person=office.member), office.duty)
    assert office.verbs == []
    with pytest.raises(Invalid):
        office.act(people.Change(person=office.member, name=""), office.duty)
    with pytest.raises(Conflict):
        office.act(people.Change(person=office.member, login="duty"), office.duty)

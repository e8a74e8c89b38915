"""One-time links: good once and for a time, for whom they were made; the first administrator."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.acts import consultation, people, signin, welcome
from dispatch.codes import digest
from dispatch.ids import ulid
from dispatch.permissions import SYSTEM, Actor, Permissions, Right
from dispatch.records import Welcome
from dispatch.tables import Tables
from tests.dispatch.acts.state import CHIEF, CLERK, COUNTY, LOCAL, NOW_US, OFFICER, State, peopled, with_password

HOUR_US = 3_600_000_000
CODE = "the-code"


def made(state: State, person: str = OFFICER, actor: Actor = SYSTEM, consultation: str = "") -> str:
    act = welcome.Create(person=person, consultation=consultation, secret=digest(CODE))
    return state.do(act, actor)


def use(identifier: str, code: str = CODE, password: str = "", **first: str) -> welcome.Use:
    return welcome.Use(welcome=identifier, code=code, secret="refresh", password=password, **first)


@pytest.fixture
def state() -> State:
    state = State(peopled())
    with_password(state.tables, OFFICER)
    return state


def test_link_signs_its_person_in_once(state: State) -> None:
    link = made(state)
    login = state.tables.logins.get(state.do(use(link)))
    assert (login.person, login.secret) == (OFFICER, "refresh")
    assert state.tables.credentials.get(OFFICER).secret == "kept"
    assert state.code_of(use(link)) == "welcome-unknown"


def test_link_may_give_a_new_password_which_ends_the_logins_of_the_old(state: State) -> None:
    before = state.do(signin.Begin(person=OFFICER, secret="s", credential="kept"))
    after = state.do(use(made(state), password="new-hash"))
    assert set(state.tables.logins_of_person.ids(OFFICER)) == {after} and before != after
    assert state.tables.credentials.get(OFFICER).secret == "new-hash"
    assert state.tables.credentials.get(OFFICER).changed_us == NOW_US


def test_link_with_a_password_is_used_though_there_are_as_many_logins_as_may_be(state: State) -> None:
    for _ in range(signin.MAX_LOGINS):
        state.do(signin.Begin(person=OFFICER, secret="s", credential="kept"))
    after = state.do(use(made(state), password="new-hash"))
    assert set(state.tables.logins_of_person.ids(OFFICER)) == {after}
    assert len({draft.object for draft in state.drafts if draft.verb == "login.end"}) == signin.MAX_LOGINS
    assert state.verbs().count("login.end") == signin.MAX_LOGINS


@pytest.mark.parametrize("code", ["", "The-code", "the-code ", digest(CODE), "\ud800"])
def test_wrong_code_uses_nothing_up(state: State, code: str) -> None:
    link = made(state)
    assert state.code_of(use(link, code)) == "welcome-unknown"
    assert state.code_of(use("no-such-link")) == "welcome-unknown"
    assert link in state.tables.welcomes


def test_link_is_good_until_its_time(state: State) -> None:
    link = state.do(welcome.Create(person=OFFICER, secret=digest(CODE), hours=2))
    state.now_us += 2 * HOUR_US
    assert state.code_of(use(link)) == "welcome-unknown"
    state.now_us -= 1
    assert state.do(use(link))


@pytest.mark.parametrize("hours", [-1, 0, welcome.MAX_HOURS + 1, 10**30])
def test_time_of_a_link_is_bounded(state: State, hours: int) -> None:
    assert state.code_of(welcome.Create(person=OFFICER, secret="s", hours=hours)) == "out-of-range"


def test_new_link_replaces_the_persons_earlier_one_and_what_ran_out(state: State) -> None:
    first, other = made(state), made(state, CLERK)
    second = made(state)
    assert first not in state.tables.welcomes and {second, other} == {item.id for item in state.tables.welcomes}
    state.now_us += 24 * HOUR_US
    third = made(state)
    assert [item.id for item in state.tables.welcomes] == [third]


def test_however_many_links_ran_out_another_can_be_made(state: State) -> None:
    for number in range(welcome.MAX_WELCOMES):
        identifier = ulid(NOW_US, number.to_bytes(10))
        record = Welcome(id=identifier, person=f"gone{number}", until_us=NOW_US + HOUR_US, secret="s")
        state.tables.welcomes.put(record)
    state.tables.commit()
    assert state.code_of(welcome.Create(person=OFFICER, secret="s")) == "welcome-limit"
    state.now_us += HOUR_US
    link = made(state)
    assert state.verbs() == ["welcome.ran-out"] * welcome.MAX_CLEARED + ["welcome.create"]
    assert link in state.tables.welcomes
    assert len(state.tables.welcomes) == welcome.MAX_WELCOMES - welcome.MAX_CLEARED + 1


def test_link_leads_to_its_consultation_while_that_lasts(state: State) -> None:
    room = state.do(consultation.Create(title="汛情", unit=COUNTY), Actor(OFFICER))
    link = made(state, consultation=room)
    assert state.tables.welcomes.get(link).consultation == room
    assert all(draft.session == room for draft in state.drafts)
    state.do(consultation.End(consultation=room), Actor(OFFICER))
    act = welcome.Create(person=OFFICER, consultation=room, secret="s")
    assert state.code_of(act) == "consultation-ended"
    assert state.code_of(welcome.Create(person=OFFICER, consultation="none", secret="s")) == "consultation-unknown"


def test_link_for_another_needs_all_that_the_other_may(state: State) -> None:
    assert made(state, actor=Actor(CHIEF))
    for actor, person, code in (
        (OFFICER, CLERK, "forbidden"),  # no right to administer
        (LOCAL, OFFICER, "forbidden"),  # another unit
        (LOCAL, CLERK, "above-you"),  # in its unit, with a role above it
    ):
        assert state.code_of(welcome.Create(person=person, secret="s"), Actor(actor)) == code, (actor, person)


def test_disabled_person_gets_no_link_and_one_that_it_has_ends(state: State) -> None:
    link = made(state)
    state.do(people.Disable(person=OFFICER))
    assert state.code_of(welcome.Create(person=OFFICER, secret="s")) == "person-disabled"
    assert state.code_of(use(link)) == "welcome-unknown"


def test_node_without_anybody_gets_its_root_and_first_administrator() -> None:
    state = State()
    link = made(state, person="")
    act = use(link, password="hash", login=" Ｚhang.San ", name="张三", organisation="江东省应急厅")
    login = state.tables.logins.get(state.do(act))
    person = state.tables.people.get(login.person)
    assert (person.login, person.name) == ("zhang.san", "张三")
    assert state.tables.units.get(person.unit).name_zh == "江东省应急厅"
    assert state.tables.credentials.get(person.id).secret == "hash"
    assert Permissions(state.tables).may(Actor(person.id), Right.ADMIN, "node", NOW_US)
    assert welcome.has_administrator(state.tables, NOW_US)
    assert len(state.tables.welcomes) == 0 and state.code_of(act) == "welcome-unknown"


def test_directory_without_administrator_gets_one_at_its_root() -> None:
    tables = peopled()
    state = State(tables)
    assert not welcome.has_administrator(tables, NOW_US), "the chief cannot sign in yet"
    login = state.do(use(made(state, ""), password="hash", login="root", name="管理员", organisation="unused"))
    person = tables.people.get(tables.logins.get(login).person)
    assert len(tables.units) == 3
    assert Permissions(tables).may(Actor(person.id), Right.ADMIN, f"unit:{COUNTY}", NOW_US)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"login": "root", "name": "管理员"}, "empty"),
        ({"login": "chief", "name": "管理员", "password": "hash"}, "login-taken"),
        ({"login": "<script>", "name": "管理员", "password": "hash"}, "invalid-login"),
        ({"login": "root", "name": "\u202e\n", "password": "hash"}, "empty"),
    ],
)
def test_what_the_first_administrator_typed_is_checked_and_the_link_stays(typed: dict[str, str], code: str) -> None:
    state = State(peopled())
    link = made(state, person="")
    assert state.code_of(use(link, organisation="o", **typed)) == code
    assert link in state.tables.welcomes and len(state.tables.people) == 4


def test_first_administrator_is_made_once_though_two_links_were(state: State) -> None:
    empty = State()
    link = made(empty, person="")
    second = made(empty, person="")
    assert link not in empty.tables.welcomes, "each start makes the link anew"
    empty.do(use(second, password="hash", login="root", name="一", organisation="o"))
    assert empty.code_of(welcome.Create(secret=digest(CODE))) == "administrator-exists"


def test_link_to_the_first_administrator_is_void_once_there_is_one(state: State) -> None:
    link = made(state, person="")
    with_password(state.tables, CHIEF)
    assert state.code_of(use(link, password="hash", login="root", name="一")) == "administrator-exists"


def test_nobody_but_the_node_makes_the_first_administrators_link_or_uses_links(state: State) -> None:
    assert state.code_of(welcome.Create(secret="s"), Actor(CHIEF)) == "node-only"
    assert state.code_of(welcome.Create(secret="s"), Actor(LOCAL)) == "forbidden"
    assert state.code_of(use(made(state)), Actor(CHIEF)) == "node-only"


def test_administrator_who_is_disabled_or_without_password_is_none() -> None:
    tables = peopled(Tables())
    with_password(tables, CHIEF)
    assert welcome.has_administrator(tables, NOW_US)
    state = State(tables)
    tables.people.put(msgspec.structs.replace(tables.people.get(CHIEF), disabled=True))
    tables.commit()
    assert not welcome.has_administrator(state.tables, NOW_US)
    with_password(tables, LOCAL)
    assert not welcome.has_administrator(tables, NOW_US), "an administrator of a township is not the node's"

"""Who lost access, from real acts in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.acts import endpoints, people, signin
from dispatch.acts.base import Act
from dispatch.permissions import Actor
from signaling.auth.revocation import Lost, Revocation
from tests.dispatch.acts.state import CAMERA, CLERK, NOW_US, OFFICER, PROVINCE, State, peopled, with_password


@pytest.fixture
def state() -> State:
    state = State(peopled())
    with_password(state.tables, OFFICER)
    return state


def begin(state: State) -> str:
    return state.do(signin.Begin(person=OFFICER, secret="s", credential="kept"))


def lost(state: State, act: Act, revocation: Revocation, actor: str = "") -> list[Lost]:
    state.do(act, Actor(actor))
    return revocation.changed(state.changes)


def test_login_that_was_ended_is_told(state: State) -> None:
    revocation, login = Revocation(state.tables), begin(state)
    assert revocation.changed(state.changes) == []
    assert lost(state, signin.End(login=login), revocation) == [Lost("login", login, "ended")]


def test_login_ended_by_too_many_others_is_told(state: State) -> None:
    revocation, first = Revocation(state.tables), begin(state)
    for _ in range(signin.MAX_LOGINS):
        begin(state)
    assert revocation.changed(state.changes) == [Lost("login", first, "ended")]


def test_disabled_and_removed_people_and_endpoints_are_told_once(state: State) -> None:
    revocation = Revocation(state.tables)
    login = begin(state)
    both = {Lost("person", OFFICER, "disabled"), Lost("login", login, "ended")}
    assert set(lost(state, people.Disable(person=OFFICER), revocation)) == both
    assert lost(state, people.Disable(person=OFFICER), revocation) == []
    assert lost(state, people.Enable(person=OFFICER), revocation) == []
    assert lost(state, people.Remove(person=CLERK), revocation) == [Lost("person", CLERK, "removed")]
    assert lost(state, endpoints.Disable(endpoint=CAMERA), revocation) == [Lost("endpoint", CAMERA, "disabled")]
    assert lost(state, endpoints.Remove(endpoint=CAMERA), revocation) == [Lost("endpoint", CAMERA, "removed")]


def test_changed_and_revoked_credential_of_an_endpoint_is_told(state: State) -> None:
    revocation = Revocation(state.tables)
    changed = Lost("endpoint", CAMERA, "credential-changed")
    assert lost(state, endpoints.Credential(endpoint=CAMERA, secret="a" * 64), revocation) == []
    assert lost(state, endpoints.Credential(endpoint=CAMERA, secret="a" * 64), revocation) == []
    assert lost(state, endpoints.Credential(endpoint=CAMERA, secret="b" * 64), revocation) == [changed]
    assert lost(state, endpoints.Credential(endpoint=CAMERA, secret=""), revocation) == [changed]


def test_new_password_ends_the_other_logins_and_a_stronger_hash_none(state: State) -> None:
    revocation = Revocation(state.tables)
    one, two = begin(state), begin(state)
    assert lost(state, signin.Rehash(person=OFFICER, secret="x", credential="kept"), revocation) == []
    new = people.Password(person=OFFICER, secret="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43)
    state.do(new, Actor(OFFICER, two))
    assert revocation.changed(state.changes) == [Lost("login", one, "ended")]


def test_change_that_takes_no_access_is_not_told(state: State) -> None:
    revocation = Revocation(state.tables)
    assert lost(state, people.Change(person=OFFICER, name="new name"), revocation) == []
    assert lost(state, people.Move(person=OFFICER, unit=PROVINCE), revocation) == []


def test_login_runs_out_by_the_timer_also_one_that_was_there_before(state: State) -> None:
    old = begin(state)
    revocation = Revocation(state.tables)
    assert revocation.get_timer() == NOW_US + signin.LOGIN_US
    state.now_us += 1
    new = begin(state)
    revocation.changed(state.changes)
    assert revocation.handle_timer(NOW_US + signin.LOGIN_US - 1) == []
    assert revocation.handle_timer(NOW_US + signin.LOGIN_US) == [Lost("login", old, "ran-out")]
    assert revocation.get_timer() == NOW_US + 1 + signin.LOGIN_US
    assert revocation.handle_timer(NOW_US + 9 * signin.LOGIN_US) == [Lost("login", new, "ran-out")]
    assert revocation.get_timer() is None


def test_login_that_was_renewed_runs_out_at_its_new_time_only(state: State) -> None:
    revocation, login = Revocation(state.tables), begin(state)
    revocation.changed(state.changes)
    state.now_us += 2 * signin.RENEW_US
    assert lost(state, signin.Renew(login=login), revocation) == []
    assert revocation.handle_timer(NOW_US + signin.LOGIN_US) == []
    later_us = state.now_us + signin.LOGIN_US
    assert revocation.get_timer() == later_us
    assert revocation.handle_timer(later_us) == [Lost("login", login, "ran-out")]


#: A day and the time that a login lasts make the difference here.
PAUSES = st.integers(0, 8 * 24).map(lambda hours: hours * 3_600_000_000)


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "renew", "wait"]), PAUSES), max_size=60))
def test_every_login_is_told_exactly_once_ended_or_run_out(steps: list[tuple[str, int]]) -> None:
    state = State(peopled())
    with_password(state.tables, OFFICER)
    revocation, told, begun = Revocation(state.tables), [], []
    for step, number in steps:
        state.now_us += number
        told += revocation.handle_timer(state.now_us)
        logins = sorted(item.id for item in state.tables.logins if not signin.is_over(item, state.now_us))
        if step == "begin":
            begun.append(begin(state))
            # What ran out was told when it did; that its record goes with the next sign-in is told again, harmlessly.
            gone = {draft.object.partition(":")[2] for draft in state.drafts if draft.verb == "login.ran-out"}
            told += [item for item in revocation.changed(state.changes) if item.id not in gone]
        elif logins and step == "end":
            told += lost(state, signin.End(login=logins[number % len(logins)]), revocation)
        elif logins and step == "renew":
            told += lost(state, signin.Renew(login=logins[number % len(logins)]), revocation)
        alive = {item.id for item in state.tables.logins if not signin.is_over(item, state.now_us)}
        assert alive == set(begun) - {item.id for item in told}
    told += revocation.handle_timer(state.now_us + 2 * signin.MAX_LOGIN_US)
    assert sorted(item.id for item in told) == sorted(begun)

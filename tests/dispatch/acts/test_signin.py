"""Logins: begun for whom was checked, bounded, renewed rarely, ended by their owner or an administrator."""

from __future__ import annotations

import importlib
import pkgutil
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dispatch.acts
from dispatch.acts import people
from dispatch.acts import signin as acts
from dispatch.acts.base import ACTS, Act
from dispatch.permissions import SYSTEM, Actor
from dispatch.records import Login
from tests.dispatch.acts.state import CHIEF, CLERK, LOCAL, NOW_US, OFFICER, State, peopled, with_password

DAY_US = 86_400_000_000


@pytest.fixture
def state() -> State:
    state = State(peopled())
    with_password(state.tables, OFFICER)
    return state


def begin(state: State, person: str = OFFICER, credential: str = "kept", device: str = "") -> str:
    return state.do(acts.Begin(person=person, secret="digest", credential=credential, ip="192.0.2.1", device=device))


def test_login_says_who_since_when_from_where_and_until_when(state: State) -> None:
    login = state.tables.logins.get(begin(state, device="Firefox\u202e on\nLinux"))
    assert (login.person, login.begun_us, login.until_us) == (OFFICER, NOW_US, NOW_US + acts.LOGIN_US)
    assert (login.ip, login.device, login.secret) == ("192.0.2.1", "Firefox on Linux", "digest")


@pytest.mark.parametrize(
    "act",
    [
        acts.Begin(person=OFFICER, secret="s", credential="kept"),
        acts.Renew(login="any"),
        acts.Rehash(person=OFFICER, secret="s", credential="kept"),
        acts.Refusal(person=OFFICER, count=1),
    ],
)
def test_only_the_node_itself_says_what_it_has_checked(state: State, act: Act) -> None:
    for actor in (Actor(CHIEF), Actor(OFFICER)):
        assert state.code_of(act, actor) == "node-only"


def test_acts_of_the_node_itself_have_no_address() -> None:
    for name in ("login.begin", "login.renew", "login.rehash", "login.refused", "welcome.create", "welcome.use"):
        assert ACTS[name].path == "" and ACTS[name].method == "", name
    assert ACTS["login.end"].path_fields == ("login",)


def test_no_page_sends_an_act_that_holds_a_secret() -> None:
    for module in pkgutil.iter_modules(dispatch.acts.__path__, "dispatch.acts."):
        importlib.import_module(module.name)
    holders = [name for name, spec in ACTS.items() if "secret" in spec.act.__struct_fields__]
    assert {"login.begin", "person.password", "endpoint.credential"} <= set(holders)
    assert [name for name in holders if ACTS[name].path] == []


def test_password_that_was_changed_while_it_was_checked_signs_nobody_in(state: State) -> None:
    state.do(people.Password(person=OFFICER, secret="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43))
    begin_again = acts.Begin(person=OFFICER, secret="s", credential="kept")
    assert state.code_of(begin_again) == "credential-changed"
    assert state.code_of(acts.Rehash(person=OFFICER, secret="new", credential="kept")) == "credential-changed"
    assert state.code_of(acts.Begin(person=CLERK, secret="s", credential="kept")) == "credential-changed"


def test_disabled_or_unknown_person_is_not_signed_in(state: State) -> None:
    state.do(people.Disable(person=OFFICER))
    assert state.code_of(acts.Begin(person=OFFICER, secret="s", credential="kept")) == "person-disabled"
    assert state.code_of(acts.Begin(person="nobody", secret="s", credential="")) == "person-unknown"


def test_oldest_login_ends_when_there_are_too_many(state: State) -> None:
    logins = []
    for _ in range(acts.MAX_LOGINS + 3):
        logins.append(begin(state))
        state.now_us += 1
    assert set(state.tables.logins_of_person.ids(OFFICER)) == set(logins[3:])
    assert state.verbs() == ["login.end", "login.begin"]


def test_login_that_ran_out_gives_way_before_one_in_force(state: State) -> None:
    old = begin(state)
    state.now_us += acts.LOGIN_US - 1
    assert acts.lasting(state.tables, old, state.now_us) is not None
    state.now_us += 1
    assert acts.lasting(state.tables, old, state.now_us) is None
    begin(state)
    assert state.verbs() == ["login.ran-out", "login.begin"]
    assert old not in state.tables.logins


@given(st.lists(st.integers(1, 3 * DAY_US), max_size=120))
def test_login_in_use_lasts_a_quarter_with_an_entry_a_day_at_most(pauses: list[int]) -> None:
    state = State(peopled())
    with_password(state.tables, OFFICER)
    identifier = begin(state)
    begun_us, written = state.now_us, []
    for pause in pauses:
        state.now_us += pause
        login = state.tables.logins.get(identifier)
        if acts.is_over(login, state.now_us):
            assert state.code_of(acts.Renew(login=identifier)) == "login-over"
            break
        state.do(acts.Renew(login=identifier))
        if state.drafts:
            written.append(state.now_us)
        renewed = state.tables.logins.get(identifier)
        assert login.until_us <= renewed.until_us <= begun_us + acts.MAX_LOGIN_US
        assert not acts.may_renew(renewed, state.now_us)
        assert renewed.until_us > min(state.now_us + acts.LOGIN_US - DAY_US, begun_us + acts.MAX_LOGIN_US - DAY_US)
    assert all(later - earlier >= DAY_US for earlier, later in pairwise(written))


def test_login_is_ended_by_its_owner(state: State) -> None:
    login = begin(state)
    state.do(acts.End(login=login), Actor(OFFICER, login))
    assert login not in state.tables.logins
    assert state.code_of(acts.End(login=login), Actor(OFFICER, login)) == "login-unknown"


def test_login_of_another_needs_the_right_to_administer_the_person(state: State) -> None:
    login = begin(state)
    for act in (acts.End(login=login), acts.EndAll(person=OFFICER)):
        for actor in (Actor(CLERK), Actor(LOCAL)):
            assert state.code_of(act, actor) == "forbidden"
    state.do(acts.End(login=login), Actor(CHIEF))
    assert login not in state.tables.logins


def test_all_logins_end_but_the_one_kept_and_those_of_others(state: State) -> None:
    with_password(state.tables, CLERK)
    one, two, other = begin(state), begin(state), begin(state, CLERK)
    state.do(acts.EndAll(person=OFFICER, keep=two), Actor(OFFICER, two))
    assert one not in state.tables.logins and two in state.tables.logins and other in state.tables.logins
    state.do(acts.EndAll(person=OFFICER), Actor(CHIEF))
    assert two not in state.tables.logins and other in state.tables.logins


def test_stronger_hash_of_the_same_password_is_no_change_of_it(state: State) -> None:
    login = begin(state)
    state.do(acts.Rehash(person=OFFICER, secret="stronger", credential="kept"))
    kept = state.tables.credentials.get(OFFICER)
    assert (kept.secret, kept.changed_us) == ("stronger", 1) and login in state.tables.logins


def test_refusals_are_an_event_that_changes_nothing(state: State) -> None:
    state.do(acts.Refusal(person=OFFICER, count=7))
    assert [(draft.object, draft.params) for draft in state.drafts] == [
        (f"signin:{OFFICER}", {"person": OFFICER, "count": 7})
    ]
    assert state.changes == ()
    state.do(acts.Refusal(count=1))
    assert state.drafts[0].object == "signin:unknown" and state.changes == ()
    assert state.code_of(acts.Refusal(count=0)) == "out-of-range"


def test_login_lasts_only_while_its_person_may_sign_in(state: State) -> None:
    login = begin(state)
    assert isinstance(acts.lasting(state.tables, login, NOW_US), Login)
    state.do(people.Disable(person=OFFICER), SYSTEM)
    assert acts.lasting(state.tables, login, NOW_US) is None
    assert acts.lasting(state.tables, "never", NOW_US) is None

"""Signing in against a real coordinator: what is refused, what ends what, and what the journal says."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import argon2
import pytest

from dispatch.acts import people
from dispatch.acts.signin import LOGIN_US, RENEW_US, End, Rehash
from dispatch.entry import Origin, public
from dispatch.permissions import SYSTEM
from dispatch.records import Login
from signaling.auth.attempts import OF_BOTH
from signaling.auth.passwords import MAX_WAITING, THREADS
from signaling.http.problem import Problem
from tests.dispatch.acts.state import CLERK, LOCAL, OFFICER
from tests.patience import PATIENCE_S, until
from tests.signaling.auth.front import CHEAP, PASSWORD, SESSION, Front, cookie_of, running_front, token_of
from tests.signaling.http.asking import Answer, problem

FROM = Origin()


def same(*answers: Answer) -> bool:
    """Tell whether answers differ in nothing but their time."""
    told = {(item.status, item.body, tuple(key for key in item.headers if key != "Date")) for item in answers}
    return len(told) == 1


async def test_right_password_opens_and_names_the_person(front: Front) -> None:
    token = token_of(await front.enter())
    assert (await front.who(token)).body.decode() == f"person:{OFFICER}"
    (begun,) = front.journal.entries("login.begin")
    assert begun.params["person"] == OFFICER and begun.origin.ip == "127.0.0.1"


async def test_case_and_width_of_a_login_make_no_difference(front: Front) -> None:
    assert token_of(await front.enter(" Ｏfficer "))


async def test_refusal_is_the_same_whatever_was_wrong_and_a_hash_is_computed_each_time(front: Front) -> None:
    await front.coordinator.act(people.Password(person=LOCAL, secret=CHEAP.hash(PASSWORD)), SYSTEM, FROM)
    await front.coordinator.act(people.Disable(person=LOCAL), SYSTEM, FROM)
    answers = []
    for login, password in (("officer", "wrong-horse"), ("nobody", PASSWORD), ("clerk", ""), ("local", PASSWORD)):
        before = front.passwords.computed
        answers.append(await front.enter(login, password))
        assert front.passwords.computed == before + 1, login
    assert same(*answers) and problem(answers[0], 401) == "signin-refused"
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")
    assert front.journal.entries("login.begin") == []


async def test_no_secret_is_in_what_the_journal_shows(front: Front) -> None:
    answer = await front.enter()
    shown = json.dumps([public(entry).params for entry in front.journal.entries()])
    _, _, secret = cookie_of(answer).partition(".")
    stored = front.journal.entries("login.begin")[0].params["secret"]
    assert secret not in b"".join(front.journal.records).decode() and stored not in shown
    assert PASSWORD not in b"".join(front.journal.records).decode()


async def test_guessing_has_to_wait_and_says_how_long_also_for_who_is_not_there(front: Front) -> None:
    for login in ("officer", "nobody"):
        for _ in range(OF_BOTH.free):
            assert problem(await front.enter(login, "wrong-horse"), 401) == "signin-refused"
        computed = front.passwords.computed
        answer = await front.enter(login, PASSWORD)
        assert problem(answer, 429) == "too-many-attempts"
        assert 1 <= int(answer.headers["Retry-After"]) <= 2
        assert front.passwords.computed == computed
    assert token_of(await front.enter("chief")), "others are not held up"


async def test_attack_does_not_fill_the_journal_and_is_counted(front: Front) -> None:
    for _ in range(OF_BOTH.free):
        await front.enter("officer", "wrong-horse")
    for number in range(10):
        await front.enter(f"nobody{number}", "wrong-horse")
    await until("both first refusals in the journal", lambda: len(front.journal.entries("person.signin-refused")) >= 2)
    await front.signin.close()
    counted: dict[str, list[int]] = {}
    for entry in front.journal.entries("person.signin-refused"):
        counted.setdefault(entry.params["person"], []).append(entry.params["count"])
    assert {person: sum(counts) for person, counts in counted.items()} == {OFFICER: OF_BOTH.free, "": 10}
    assert all(len(counts) <= 2 for counts in counted.values())


async def test_refusal_does_not_wait_for_the_disk(front: Front) -> None:
    front.journal.gate.clear()
    answers = [await front.enter("officer", "wrong-horse"), await front.enter("nobody", "wrong-horse")]
    front.journal.gate.set()
    assert same(*answers)


async def test_password_changed_while_the_old_one_is_checked_opens_nothing(front: Front) -> None:
    release = threading.Event()
    for _ in range(THREADS):
        front.passwords._pool.submit(release.wait, PATIENCE_S)
    entering = asyncio.ensure_future(front.signin.by_password("officer", PASSWORD, FROM))
    await until("the old password waits to be checked", lambda: front.passwords._waiting == 1)
    change = people.Password(person=OFFICER, secret=CHEAP.hash("another-horse"))
    await front.coordinator.act(change, SYSTEM, FROM)
    release.set()
    with pytest.raises(Problem) as refused:
        await entering
    assert refused.value.code == "signin-refused" and front.journal.entries("login.begin") == []
    assert token_of(await front.enter("officer", "another-horse"))


async def test_who_is_signed_out_while_a_hash_is_waited_for_changes_no_password(front: Front) -> None:
    answer, release = await front.enter("chief"), threading.Event()
    for _ in range(THREADS):
        front.passwords._pool.submit(release.wait, PATIENCE_S)
    path, body = f"/api/v1/people/{CLERK}/password", {"password": "another-horse"}
    setting = asyncio.ensure_future(front.ask("PUT", path, body, token=token_of(answer)))
    await until("the new password waits for its hash", lambda: front.passwords._waiting == 1)
    await front.coordinator.act(End(login=json.loads(answer.body)["login"]), SYSTEM, FROM)
    release.set()
    assert problem(await setting, 403) == "not-signed-in" and front.journal.entries("person.password") == []


async def test_ended_login_is_over_at_once_for_token_and_cookie(front: Front) -> None:
    answer, other = await front.enter(), await front.enter()
    login = json.loads(answer.body)["login"]
    await front.coordinator.act(End(login=login), SYSTEM, FROM)
    assert problem(await front.who(token_of(answer)), 401) == "unauthorized"
    assert problem(await front.refresh(cookie_of(answer)), 401) == "session-over"
    assert (await front.who(token_of(other))).status == 200


async def test_disabled_person_is_out_at_once(front: Front) -> None:
    answer = await front.enter()
    await front.coordinator.act(people.Disable(person=OFFICER), SYSTEM, FROM)
    assert problem(await front.who(token_of(answer)), 401) == "unauthorized"
    assert problem(await front.refresh(cookie_of(answer)), 401) == "session-over"


async def test_refreshing_gives_a_token_and_writes_nothing(front: Front) -> None:
    cookie = cookie_of(await front.enter())
    before = len(front.journal.records)
    for _ in range(5):
        answer = await front.refresh(cookie)
        assert (await front.who(token_of(answer))).status == 200 and "Set-Cookie" not in answer.headers
    assert len(front.journal.records) == before


async def test_login_in_use_for_a_day_is_made_to_last_with_one_entry(front: Front) -> None:
    answer = await front.enter()
    tables, now_us = front.coordinator.tables, time.time_ns() // 1000
    old = tables.logins.get(json.loads(answer.body)["login"])
    aged = Login(id=old.id, person=OFFICER, begun_us=now_us - 2 * RENEW_US, until_us=now_us + LOGIN_US - 2 * RENEW_US,
                 secret=old.secret)  # fmt: skip
    tables.logins.put(aged)
    tables.commit()
    refreshed = await front.refresh(cookie_of(answer))
    assert cookie_of(refreshed) == cookie_of(answer) and "Max-Age" in refreshed.headers["Set-Cookie"]
    assert tables.logins.get(old.id).until_us >= now_us + LOGIN_US
    assert "Set-Cookie" not in (await front.refresh(cookie_of(answer))).headers
    assert len(front.journal.entries("login.renew")) == 1


async def test_login_that_ran_out_opens_nothing(front: Front) -> None:
    answer = await front.enter()
    tables, now_us = front.coordinator.tables, time.time_ns() // 1000
    old = tables.logins.get(json.loads(answer.body)["login"])
    tables.logins.put(Login(id=old.id, person=OFFICER, begun_us=1, until_us=now_us, secret=old.secret))
    tables.commit()
    assert problem(await front.who(token_of(answer)), 401) == "unauthorized"
    assert problem(await front.refresh(cookie_of(answer)), 401) == "session-over"


@pytest.mark.parametrize("damage", ["", "x", "{login}", "{login}.", "{login}.wrong", "{other}.{secret}", "{code}x"])
async def test_refresh_token_that_is_none_opens_nothing(front: Front, damage: str) -> None:
    answer, other = await front.enter(), json.loads((await front.enter("chief")).body)["login"]
    code = cookie_of(answer)
    login, _, secret = code.partition(".")
    shown = damage.format(login=login, other=other, secret=secret, code=code)
    assert problem(await front.refresh(shown), 401) == "session-over"


async def test_own_new_password_ends_the_other_logins(front: Front) -> None:
    mine, elsewhere = await front.enter(), await front.enter()
    body = {"old": PASSWORD, "new": "another-horse"}
    assert (await front.ask("POST", f"{SESSION}/password", body, token=token_of(mine))).status == 204
    assert (await front.who(token_of(mine))).status == 200 and token_of(await front.refresh(cookie_of(mine)))
    assert problem(await front.who(token_of(elsewhere)), 401) == "unauthorized"
    assert problem(await front.enter(), 401) == "signin-refused"
    assert token_of(await front.enter("officer", "another-horse"))


async def test_stolen_token_cannot_guess_the_old_password(front: Front) -> None:
    token = token_of(await front.enter())
    path, body = f"{SESSION}/password", {"old": "wrong-horse", "new": "another-horse"}
    for _ in range(OF_BOTH.free):
        assert problem(await front.ask("POST", path, body, token=token), 403) == "password-wrong"
    body["old"] = PASSWORD
    assert problem(await front.ask("POST", path, body, token=token), 429) == "too-many-attempts"


@pytest.mark.parametrize("new", ["short", "officer-2026", "x" * 129])
async def test_new_password_that_cannot_be_used_is_refused_with_its_field(front: Front, new: str) -> None:
    token = token_of(await front.enter())
    answer = await front.ask("POST", f"{SESSION}/password", {"old": PASSWORD, "new": new}, token=token)
    assert problem(answer, 422).startswith("password-") and json.loads(answer.body)["field"] == "password"


async def test_weak_hash_is_made_stronger_at_the_next_sign_in_and_nobody_is_signed_out(front: Front) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=16, parallelism=2).hash(PASSWORD)
    kept = front.coordinator.tables.credentials.get(OFFICER).secret
    before = token_of(await front.enter())
    await front.coordinator.act(Rehash(person=OFFICER, secret=weak, credential=kept), SYSTEM, FROM)
    assert token_of(await front.enter())
    stronger = front.coordinator.tables.credentials.get(OFFICER).secret
    assert "m=8,t=1,p=1" in stronger and not front.passwords.is_outdated(stronger)
    assert (await front.who(before)).status == 200 and token_of(await front.enter())


async def test_link_is_good_once_also_when_used_twice_at_the_same_time(front: Front) -> None:
    code = await front.signin.invite(SYSTEM, CLERK, "", 24, FROM)
    both = await asyncio.gather(*(front.ask("POST", SESSION, {"welcome": code}) for _ in range(2)))
    assert sorted(answer.status for answer in both) == [200, 401]
    again = await front.ask("POST", SESSION, {"welcome": code})
    assert problem(again, 401) == "welcome-unknown"
    assert problem(min(both, key=lambda item: -item.status), 401) == "welcome-unknown"
    assert len(front.journal.entries("welcome.use")) == len(front.journal.entries("login.begin")) == 1


async def test_link_lets_choose_a_password_and_keeps_one_that_cannot_be_used(front: Front) -> None:
    code = await front.signin.invite(SYSTEM, CLERK, "", 24, FROM)
    weak = await front.ask("POST", SESSION, {"welcome": code, "password": "clerk-clerk"})
    assert problem(weak, 422) == "password-weak"
    assert token_of(await front.ask("POST", SESSION, {"welcome": code, "password": "another-horse"}))
    assert token_of(await front.enter("clerk", "another-horse"))


async def test_who_came_by_a_link_chooses_a_first_password_without_an_old_one(front: Front) -> None:
    code = await front.signin.invite(SYSTEM, CLERK, "", 24, FROM)
    token = token_of(await front.ask("POST", SESSION, {"welcome": code}))
    answer = await front.ask("POST", f"{SESSION}/password", {"new": "another-horse"}, token=token)
    assert answer.status == 204 and token_of(await front.enter("clerk", "another-horse"))


@pytest.mark.parametrize("damage", ["x", "{link}", "{link}.", "{link}.wrong", "01ARZ3NDEKTSV4RRFFQ69G5FAV.{secret}"])
async def test_link_that_is_none_is_refused_without_a_hash(front: Front, damage: str) -> None:
    link, _, secret = (await front.signin.invite(SYSTEM, CLERK, "", 24, FROM)).partition(".")
    computed = front.passwords.computed
    body = {"welcome": damage.format(link=link, secret=secret), "password": "another-horse"}
    assert problem(await front.ask("POST", SESSION, body), 401) == "welcome-unknown"
    assert front.passwords.computed == computed


async def test_empty_node_is_opened_by_the_code_of_its_last_start() -> None:
    async with running_front(empty=True) as front:
        earlier, code = await front.signin.first_code(), await front.signin.first_code()
        assert earlier and code and earlier != code
        body = {"welcome": earlier, "login": "zhang", "password": "right-horse-8", "name": "张三"}
        assert problem(await front.ask("POST", SESSION, body), 401) == "welcome-unknown"
        body["welcome"] = code
        lacking = await front.ask("POST", SESSION, {"welcome": code})
        assert problem(lacking, 422) == "password-short"
        answer = await front.ask("POST", SESSION, {**body, "organisation": "江东省应急厅"})
        person = front.coordinator.tables.people.get(json.loads(answer.body)["person"]["id"])
        assert front.coordinator.tables.units.get(person.unit).name_zh == "江东省应急厅"
        assert problem(await front.ask("POST", SESSION, body), 401) == "welcome-unknown"
        assert token_of(await front.enter("zhang", "right-horse-8"))
        assert await front.signin.first_code() is None


async def test_two_first_administrators_at_once_are_one() -> None:
    async with running_front(empty=True) as front:
        code = await front.signin.first_code()
        forms = [{"welcome": code, "login": name, "password": "right-horse-8", "name": name} for name in ("aa", "bb")]
        both = await asyncio.gather(*(front.ask("POST", SESSION, form) for form in forms))
        assert sorted(answer.status for answer in both) == [200, 401]
        assert len(front.coordinator.tables.people) == len(front.coordinator.tables.units) == 1


async def test_login_that_was_ended_before_its_answer_is_no_fault(front: Front) -> None:
    def end(entries: object, changes: object) -> None:
        front.coordinator.tables.logins.drop(next(iter(front.coordinator.tables.logins)).id)

    unlisten = front.coordinator.listen(end)
    assert problem(await front.enter(), 401) == "session-over"
    unlisten()


async def test_stopping_node_refuses_and_writes_what_it_counted(front: Front) -> None:
    await front.enter("officer", "wrong-horse")
    await front.enter("officer", "wrong-horse")
    await front.signin.close()
    counts = [entry.params["count"] for entry in front.journal.entries("person.signin-refused")]
    assert sum(counts) == 2
    await front.coordinator.close()
    assert problem(await front.enter(), 503) == "node-stopping"


async def test_busy_hashes_refuse_more_with_a_code_that_counts_for_no_failure(front: Front) -> None:
    release = threading.Event()
    for _ in range(THREADS):
        front.passwords._pool.submit(release.wait, PATIENCE_S)
    tries = [
        asyncio.ensure_future(front.signin.by_password(f"login{number}", "x", Origin(ip=f"192.0.2.{number}")))
        for number in range(MAX_WAITING)
    ]
    await until("as many wait as may", lambda: front.passwords._waiting == MAX_WAITING)
    for _ in range(3 * OF_BOTH.free):
        answer = await front.enter()
        assert problem(answer, 503) == "signin-busy" and "Retry-After" in answer.headers
    release.set()
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert {getattr(item, "code", "") for item in results} == {"signin-refused"}
    assert token_of(await front.enter())

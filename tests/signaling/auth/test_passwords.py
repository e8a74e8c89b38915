"""Passwords over the real hash, cheap here."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator

import argon2
import pytest
import pytest_asyncio

from dispatch.acts.people import Password
from dispatch.errors import Invalid, Unavailable
from signaling.auth.passwords import HASHER, MAX_CHARACTERS, MAX_WAITING, Passwords, require_usable
from tests.dispatch.acts.state import OFFICER, State, peopled

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest_asyncio.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(CHEAP, threads=1)
    yield passwords
    passwords.close()


async def test_hash_proves_its_password_and_no_other(passwords: Passwords) -> None:
    kept = await passwords.hash("正确的密码 horse")
    assert kept.startswith("$argon2id$") and "horse" not in kept
    assert await passwords.check(kept, "正确的密码 horse")
    for wrong in ("", "正确的密码 Horse", "正确的密码 horse ", "x" * 100_000, "\ud800", kept):
        assert not await passwords.check(kept, wrong)
    assert kept != await passwords.hash("正确的密码 horse")


async def test_same_characters_composed_otherwise_are_the_same_password(passwords: Passwords) -> None:
    assert await passwords.check(await passwords.hash("caf\u00e9-au-lait"), "cafe\u0301-au-lait")


async def test_hash_is_computed_for_who_is_not_there_too(passwords: Passwords) -> None:
    kept = await passwords.hash("a password")
    before = passwords.computed
    assert not await passwords.check("", "a password")
    assert passwords.computed == before + 1
    assert await passwords.check(kept, "a password")
    assert passwords.computed == before + 2


async def test_hashing_stands_back_behind_the_relay(passwords: Passwords) -> None:
    nice = passwords._pool.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert nice.result() > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.parametrize("kept", ["nonsense", "$argon2id$v=19$m=8", "0" * 64, "$2b$12$" + "x" * 53])
async def test_what_is_no_hash_proves_nothing(passwords: Passwords, kept: str) -> None:
    assert not await passwords.check(kept, "nonsense")
    assert passwords.computed == 0


async def test_few_may_wait(passwords: Passwords) -> None:
    waiting = [asyncio.ensure_future(passwords.check("", "x")) for _ in range(MAX_WAITING + 5)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(item) for item in results].count(Unavailable) == 5
    assert not await passwords.check("", "x"), "room again"


async def test_hash_of_other_parameters_is_outdated(passwords: Passwords) -> None:
    assert not passwords.is_outdated(await passwords.hash("a password"))
    assert passwords.is_outdated(HASHER.hash("a password"))


async def test_hash_of_the_product_is_what_the_directory_takes(passwords: Passwords) -> None:
    state = State(peopled())
    state.do(Password(person=OFFICER, secret=HASHER.hash("a password")))
    assert await passwords.check(state.tables.credentials.get(OFFICER).secret, "a password")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("1234567", "password-short"),
        ("", "password-short"),
        ("x" * (MAX_CHARACTERS + 1), "password-long"),
        ("aaaaaaaaaa", "password-weak"),
        ("12121212", "password-weak"),
        ("Zhang.San-2026", "password-weak"),
        ("e\u0301" * 7, "password-short"),
    ],
)
def test_password_that_cannot_be_used_is_told_why(password: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        require_usable(password, "zhang.san")
    assert refused.value.code == code and refused.value.field == "password"


@pytest.mark.parametrize("password", ["一二三四五六七八", "correct horse", "x1y2z3w4", "abcd" * 32])
def test_password_of_any_script_can_be_used(password: str) -> None:
    require_usable(password, "zhang.san")
    require_usable(password, "")

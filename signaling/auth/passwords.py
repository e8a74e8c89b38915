"""Passwords: argon2id in a few threads that wait behind the relay, as slow for a login that is not there.

A hash takes some 60 ms of a core and 46 MiB, which is its purpose, so few are made at a time, few may wait, and none on
the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import argon2

from dispatch.errors import Invalid, Unavailable

MIN_CHARACTERS: Final = 8
MAX_CHARACTERS: Final = 128
#: A password of fewer different characters is a row of keys.
MIN_DIFFERENT: Final = 4
#: OWASP's Password Storage Cheat Sheet (2024), first choice; one lane, as the machine has other work.
HASHER: Final = argon2.PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)
THREADS: Final = 2
#: Some two seconds of work, after which people try again anyway.
MAX_WAITING: Final = 64
_NICE: Final = 10

T = TypeVar("T")


class Passwords:
    """Hashes and checks. `close` at the end. `computed` counts the hashes made."""

    def __init__(self, hasher: argon2.PasswordHasher = HASHER, threads: int = THREADS) -> None:
        self.computed = 0
        self._hasher = hasher
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password", initializer=_step_back)
        self._waiting = 0
        # Nobody's password, checked where there is no other.
        self._nobodys = self._pool.submit(hasher.hash, secrets.token_urlsafe(32))

    def close(self) -> None:
        """End the threads; what waits is cancelled. Waits for the hash in hand."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Return the hash to keep of a password that `require_usable` took. Raises Unavailable."""
        octets = _octets(password)
        kept = await self._run(lambda: self._hasher.hash(octets))
        self.computed += 1
        return kept

    async def check(self, kept: str, password: str) -> bool:
        """Tell whether a password is the one of a hash. One is computed for `kept` "", too. Raises Unavailable."""
        octets = _octets(password)
        is_right = await self._run(lambda: self._matches(kept or self._nobodys.result(), octets))
        self.computed += is_right is not None
        return is_right is True and kept != ""

    def is_outdated(self, kept: str) -> bool:
        """Tell whether a hash was made with other parameters than those of now."""
        return self._hasher.check_needs_rehash(kept)

    def _matches(self, kept: str, octets: bytes) -> bool | None:
        """Compare in a thread of the pool; None when `kept` is no hash and none was computed."""
        try:
            return self._hasher.verify(kept, octets)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("signin-busy", f"{MAX_WAITING} passwords wait to be checked")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def require_usable(password: str, login: str) -> None:
    """Raise Invalid when a new password is too short, too long, or known to everybody who knows the login."""
    text = _normal(password)
    if len(text) < MIN_CHARACTERS:
        raise Invalid("password-short", f"a password has at least {MIN_CHARACTERS} characters", "password")
    if len(text) > MAX_CHARACTERS:
        raise Invalid("password-long", f"a password has at most {MAX_CHARACTERS} characters", "password")
    if len(set(text)) < MIN_DIFFERENT or (login and login.casefold() in text.casefold()):
        raise Invalid("password-weak", "a password has several characters, and not the login in it", "password")


def _normal(password: str) -> str:
    """Return the same text for the same characters, however a keyboard composes them (RFC 8265 section 4.2)."""
    return unicodedata.normalize("NFC", password)


def _octets(password: str) -> bytes:
    return _normal(password)[: MAX_CHARACTERS + 1].encode("utf-8", "surrogatepass")


def _step_back() -> None:
    """Let this thread have what the relay and the loop leave."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)

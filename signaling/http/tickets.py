"""Tickets with which a browser takes a file away by itself: it sends no header of ours with a download.

A ticket stands for its asker and one export, so it is worth no more than a page that this person has open: who looks at
one asks for the sign-in and the right again. Core: `now_us` is an argument.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Final, NamedTuple

from dispatch.permissions import Actor

#: A download that broke off goes on with the same ticket.
LASTS_US: Final = 3_600_000_000
MOST: Final = 10_000
_BYTES: Final = 24

_Key = tuple[str, str, str]


class _Held(NamedTuple):
    ticket: str
    until_us: int
    actor: Actor


class Tickets:
    """One for each sign-in and export, in memory only."""

    def __init__(self) -> None:
        self._held: OrderedDict[_Key, _Held] = OrderedDict()
        self._keys: dict[str, _Key] = {}

    def give(self, actor: Actor, export: str, now_us: int) -> tuple[str, int]:
        """Return a ticket in place of the one before, and until when it is good."""
        key = (actor.person, actor.login, export)
        self._drop(key)
        while len(self._held) >= MOST:
            self._drop(next(iter(self._held)))
        held = _Held(secrets.token_urlsafe(_BYTES), now_us + LASTS_US, actor)
        self._held[key] = held
        self._keys[held.ticket] = key
        return held.ticket, held.until_us

    def find(self, ticket: str, export: str, now_us: int) -> Actor | None:
        """Return who was given this ticket for an export, None where it is not good."""
        key = self._keys.get(ticket)
        if key is None or key[2] != export:
            return None
        held = self._held[key]
        return held.actor if now_us < held.until_us else None

    def _drop(self, key: _Key) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            del self._keys[held.ticket]

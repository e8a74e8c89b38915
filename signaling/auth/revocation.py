"""Who has lost access: told when it happens, so that what is open can be closed. Core: `now_us` is an argument.

Requests look everything up as they come. What stays open (a WebSocket, a transport) asked once, and must be told.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dispatch.records import Credential, Endpoint, Login, Person
from dispatch.tables import Change, Tables

Kind = Literal["login", "person", "endpoint"]


@dataclass(frozen=True, slots=True)
class Lost:
    """One that lost its access. `reason`: ended, ran-out, disabled, removed, credential-changed."""

    kind: Kind
    id: str
    reason: str


class Revocation:
    """Reads changes and knows when logins run out."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        #: (until, login): one that was renewed or ended meanwhile is passed over when its time comes.
        self._until = [(login.until_us, login.id) for login in tables.logins]
        heapq.heapify(self._until)

    def changed(self, changes: Sequence[Change]) -> list[Lost]:
        """Return who lost access by these changes."""
        return [lost for change in changes for lost in self._of(change)]

    def get_timer(self) -> int | None:
        """Return when `handle_timer` is due (microseconds UTC), None for never."""
        return self._until[0][0] if self._until else None

    def handle_timer(self, now_us: int) -> list[Lost]:
        """Return the logins that have run out since."""
        lost: list[Lost] = []
        while self._until and self._until[0][0] <= now_us:
            until_us, identifier = heapq.heappop(self._until)
            login = self._tables.logins.find(identifier)
            if login is not None and login.until_us == until_us:
                lost.append(Lost("login", identifier, "ran-out"))
        return lost

    def _of(self, change: Change) -> Iterator[Lost]:
        old, new = change.old, change.new
        if change.kind == "login":
            yield from self._of_login(old, new)
        elif isinstance(old, Person | Endpoint):
            kind: Kind = "person" if isinstance(old, Person) else "endpoint"
            if new is None:
                yield Lost(kind, old.id, "removed")
            elif isinstance(new, Person | Endpoint) and new.disabled and not old.disabled:
                yield Lost(kind, old.id, "disabled")
        elif isinstance(old, Credential):
            # Of a person the logins are what counts: an act that changes its password ends them.
            is_same = isinstance(new, Credential) and new.secret == old.secret
            if not is_same and old.id in self._tables.endpoints:
                yield Lost("endpoint", old.id, "credential-changed")

    def _of_login(self, old: object, new: object) -> Iterator[Lost]:
        if isinstance(new, Login):
            if not isinstance(old, Login) or old.until_us != new.until_us:
                heapq.heappush(self._until, (new.until_us, new.id))
            if isinstance(old, Login) and old.secret != new.secret:
                yield Lost("login", old.id, "ended")
        elif isinstance(old, Login):
            yield Lost("login", old.id, "ended")

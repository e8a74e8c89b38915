"""Acts through a sign-in, which must last until they are done: a body, a file or a hash may be waited for meanwhile.

Whoever asks is looked up before any of that is taken from them. Without this look a request that trickles in would
outlive the right to make it, by seconds, and an import by minutes. A shell: reads the clock.
"""

from __future__ import annotations

import time

from dispatch.acts.base import Act
from dispatch.acts.signin import lasting
from dispatch.desk.ports import Doing
from dispatch.entry import Origin
from dispatch.errors import Forbidden
from dispatch.permissions import Actor
from dispatch.tables import Tables


class SignedActs:
    """Does acts of the node itself, and of people whose sign-in lasts. Used in place of `doing`."""

    def __init__(self, doing: Doing, tables: Tables) -> None:
        self._doing = doing
        self._tables = tables

    async def act(self, act: Act, actor: Actor, origin: Origin) -> str:
        """Do an act; return the id of what it made, or "". Raises Refused, `not-signed-in` when the sign-in is over."""
        if not actor.is_system:
            login = lasting(self._tables, actor.login, time.time_ns() // 1000)
            if login is None or login.person != actor.person:
                raise Forbidden("not-signed-in", "the sign-in ended before the act was made")
        return await self._doing.act(act, actor, origin)

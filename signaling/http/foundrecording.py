"""A recording by its id for who may do something with it, one that memory has let go of too. Decides nothing itself."""

from __future__ import annotations

import time

from dispatch.errors import Forbidden, Unknown
from dispatch.ids import is_ulid
from dispatch.permissions import Actor, Permissions, Right
from dispatch.records import Recording
from dispatch.store.reading import Reader
from signaling.http.operation import Door
from signaling.http.past import beside_recordings


class FoundRecordings:
    """Finds recordings wherever they are kept, and asks for the right as things are now."""

    def __init__(self, reader: Reader, door: Door) -> None:
        self._reader = reader
        self._door = door

    async def require(self, actor: Actor, right: Right, identifier: str) -> Recording:
        """Return a recording of which the actor has a right.

        Raises Unknown, also to who may not know of it, Forbidden, Unavailable.
        """
        recording = await self._find(identifier)
        permissions, target, now_us = self._permissions(recording), f"recording:{recording.id}", _now_us()
        if not permissions.may(actor, right, target, now_us):
            if not permissions.rights(actor, target, now_us):
                raise _unknown(identifier)
            raise Forbidden("forbidden", f"{actor.person} lacks {right} of {target}")
        return recording

    def rights(self, actor: Actor, recording: Recording) -> frozenset[Right]:
        """Return all rights of the actor to a recording."""
        return self._permissions(recording).rights(actor, f"recording:{recording.id}", _now_us())

    def _permissions(self, recording: Recording) -> Permissions:
        if recording.id in self._door.tables.recordings:
            return self._door.permissions
        return Permissions(beside_recordings(self._door.tables, (recording,)))

    async def _find(self, identifier: str) -> Recording:
        held = self._door.tables.recordings.find(identifier)
        if held is not None:
            return held
        told = await self._reader.recordings((identifier,)) if is_ulid(identifier) else []
        if not told:
            raise _unknown(identifier)
        return told[0]


def _unknown(identifier: str) -> Unknown:
    return Unknown("recording-unknown", f"no recording {identifier[:40]!r}")


def _now_us() -> int:
    return time.time_ns() // 1000

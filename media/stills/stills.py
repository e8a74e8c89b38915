"""Stills of sources, made when somebody asks and shared by all who do. Shell.

Nobody asks: no tap, no keyframe request, no worker. While one is being made, its source is tapped.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from media.plane.copies import PlaneTap
from media.plane.names import PlaneError
from media.plane.tapring import DROP_NEWEST, TapRingView
from media.relay import Relay, RelayTrack
from media.stills import StillBusy, StillUnfit
from media.stills.process import WorkerProcess

#: A still is good for so long: that is how often a source may be asked for a keyframe.
FRESH_SECONDS: Final = 4.0
#: A keyframe from behind a satellite comes after a second or two.
WAIT_SECONDS: Final = 4.0
_ASK_AGAIN_SECONDS: Final = 1.0
#: A source whose picture ended the worker or cannot be read is left alone for so long.
SHUNNED_SECONDS: Final = 60.0
#: Stills that are being made.
MOST_IN_HAND: Final = 32
#: The worker reads at once; a keyframe of a screen has some 400 KB.
_RING_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Still:
    """A source's picture. `taken_us`: arrival of its keyframe here, UTC."""

    jpeg: bytes
    width: int
    height: int
    taken_us: int


class Stills:
    """All stills of the node. Runs on one event loop; `close` at the end."""

    def __init__(self, relay: Relay) -> None:
        self.process = WorkerProcess()
        self._relay = relay
        self._kept: dict[str, tuple[float, Still]] = {}
        self._shunned: dict[str, float] = {}
        self._making: dict[str, asyncio.Task[Still]] = {}
        self._owed: list[PlaneTap] = []

    async def take(self, source: str, track: RelayTrack, layer: int) -> Still:
        """Return the newest still of a source's layer, made of its next keyframe when there is none that is fresh.

        Raises StillError, PlaneError.
        """
        self._forget(time.monotonic())
        kept = self._kept.get(source)
        if kept is not None:
            return kept[1]
        if source in self._shunned:
            raise StillUnfit("its picture could not be decoded a moment ago")
        making = self._making.get(source)
        if making is None:
            if len(self._making) >= MOST_IN_HAND:
                raise StillBusy(f"{MOST_IN_HAND} stills are being made")
            making = self._making[source] = asyncio.create_task(self._make(source, track, layer))
            making.add_done_callback(lambda task: self._made(source, task))
        # Who goes away does not take it from the others.
        return await asyncio.shield(making)

    async def close(self) -> None:
        """End what is being made, and the worker."""
        making = list(self._making.values())
        for task in making:
            task.cancel()
        if making:
            await asyncio.wait(making)
        await self.process.close()
        for tap in self._owed:
            tap.close()
        self._owed.clear()

    def _forget(self, now: float) -> None:
        self._kept = {name: item for name, item in self._kept.items() if now - item[0] < FRESH_SECONDS}
        self._shunned = {name: since for name, since in self._shunned.items() if now - since < SHUNNED_SECONDS}

    def _made(self, source: str, task: asyncio.Task[Still]) -> None:
        del self._making[source]
        if not task.cancelled() and isinstance(task.exception(), StillUnfit):
            self._shunned[source] = time.monotonic()

    async def _make(self, source: str, track: RelayTrack, layer: int) -> Still:
        ring = TapRingView(_RING_BYTES, DROP_NEWEST)
        with self._tapped(track, ring, layer) as tap:
            asking = asyncio.create_task(self._ask(tap, layer))
            try:
                answer = await self.process.make(ring.fds(), WAIT_SECONDS)
            finally:
                asking.cancel()
        still = Still(answer.jpeg, answer.width, answer.height, answer.wall_ns // 1000)
        self._kept[source] = (time.monotonic(), still)
        return still

    async def _ask(self, tap: PlaneTap, layer: int) -> None:
        """Ask for a keyframe until one has come: a request may be lost, or have fallen into the pause between two."""
        while True:
            if self._relay.is_turning(tap.track.thread):
                with contextlib.suppress(PlaneError):  # the source has ended meanwhile
                    tap.track.want_keyframe(layer)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)

    @contextlib.contextmanager
    def _tapped(self, track: RelayTrack, ring: TapRingView, layer: int) -> Iterator[PlaneTap]:
        self._settle()
        if not self._relay.all_turning:
            raise StillBusy("the plane stands still")
        tap = track.tap(ring, layer)
        try:
            yield tap
        finally:
            self._owed.append(tap)
            self._settle()

    def _settle(self) -> None:
        """Give taps back; later while the plane takes no orders."""
        while self._owed and self._relay.all_turning:
            self._owed.pop().close()

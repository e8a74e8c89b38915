"""All webhooks of the node: one task each, so that one slow receiver delays nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from config import Webhook
from dispatch.entry import Entry
from dispatch.tables import Change
from signaling.http.health import Fault
from signaling.http.metrics import Figures, Reader
from signaling.webhooks.delivery import Delivery, JournalReader
from signaling.webhooks.position import PositionFile


class Webhooks:
    """Tells the receivers of the settings. `start` once on the loop, `close` at the end; `heard` is a Listener."""

    def __init__(self, hooks: Sequence[Webhook], journal: JournalReader, folder: Path) -> None:
        """`folder` keeps how far each receiver is."""
        self._hooks = tuple(hooks)
        self._journal = journal
        self._folder = folder
        self._http: aiohttp.ClientSession | None = None
        self._deliveries: list[Delivery] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, or go on where the last run ended."""
        if not self._hooks:
            return
        # Each delivery has one request in hand; a common bound would make one receiver wait for another.
        connector = aiohttp.TCPConnector(limit=0)
        self._http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        for hook in self._hooks:
            file = PositionFile(self._folder, hook.url)
            self._deliveries.append(Delivery(hook, self._journal, file, self._http))
        self._tasks = [asyncio.create_task(item.run()) for item in self._deliveries]

    async def close(self) -> None:
        """Stop; what was not told is told by the next run. May be called twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._http is not None:
            http, self._http = self._http, None
            await http.close()

    def heard(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None:
        """Note that the journal has grown."""
        for delivery in self._deliveries:
            delivery.wake()

    def fault(self) -> Fault | None:
        """Return what is wrong: a receiver has taken nothing for long. For `/healthz`."""
        return Fault("webhook-receiver-gone") if any(item.is_gone() for item in self._deliveries) else None

    def readers(self) -> list[Reader]:
        """Return the figures of the webhooks; each is called by its place in the settings, from 1."""

        def behind() -> Figures:
            return {(str(place),): item.behind for place, item in enumerate(self._deliveries, 1)}

        def lost() -> Figures:
            return {(str(place),): item.lost for place, item in enumerate(self._deliveries, 1)}

        unknown = "How often it was not known where a receiver is; it went on at the timeline's end"
        return [
            Reader("huishang_webhook_behind", "Records that a receiver was not told", ("webhook",), behind),
            Reader("huishang_webhook_positions_lost_total", unknown, ("webhook",), lost, counts=True),
        ]

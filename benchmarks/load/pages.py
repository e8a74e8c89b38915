"""Many pages in a process of their own: `python -m benchmarks.load.pages`, orders on standard input (`orders`).

While pages are running nothing of what comes is decoded: what the load does then is the pages' delay too.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.load.orders import (
    Answer,
    Change,
    Failed,
    Look,
    Open,
    Opened,
    Order,
    PageOrder,
    Ran,
    Reply,
    Run,
    Say,
    Seen,
)
from benchmarks.load.page import Page, PageError, open_page

AT_A_TIME = 40
# As often as the console's page does.
PING_S = 10.0
# From the first message of a run, so that what was before it is over.
LEAD_S = 0.2


class Pages:
    """All pages of this process."""

    def __init__(self) -> None:
        self.topics: list[list[str]] = []
        self.pages: list[Page] = []

    async def open(self, order: Open) -> Opened:
        """Open them all. Raises PageError."""
        began = time.monotonic()
        turn = asyncio.Semaphore(AT_A_TIME)

        async def one(wanted: PageOrder) -> Page:
            async with turn:
                return await open_page(order.port, wanted.token, wanted.device, wanted.topics)

        self.pages += await asyncio.gather(*map(one, order.pages))
        self.topics += [wanted.topics for wanted in order.pages]
        return Opened(time.monotonic() - began)

    async def run(self, order: Run) -> Ran:
        """Say what is to be said when it is to be said; keep what comes."""
        for page in self.pages:
            page.arrivals.clear()
        loop = asyncio.get_running_loop()
        began = loop.time() + LEAD_S
        sent: dict[str, int] = {}

        def say(one: Say) -> None:
            at_ns = self.pages[one.page].say(one.message)
            if "id" in one.message:
                sent[one.message["id"]] = at_ns

        pings = asyncio.create_task(self._ping())
        for one in order.says:
            loop.call_at(began + one.at_s, say, one)
        await asyncio.sleep(began + order.seconds - loop.time())
        pings.cancel()
        messages = sum(len(page.arrivals) for page in self.pages)
        answers = list(_answers(self.pages, sent))
        return Ran(sent, answers, messages, sum(page.is_closed for page in self.pages))

    def look(self, order: Look) -> Seen:
        """Tell what of the last run showed which change, and when."""
        shown: dict[bytes, tuple[int, ...]] = {}
        delays: list[list[float]] = [[] for _ in order.changes]
        missing = [0] * len(order.changes)
        for page, topics in zip(self.pages, self.topics, strict=True):
            seen: set[int] = set()
            for at_ns, text in page.arrivals:
                if text not in shown:
                    shown[text] = tuple(_shown(text, order.changes))
                for number in shown[text]:
                    change = order.changes[number]
                    if number not in seen and at_ns >= change.sent_ns:
                        seen.add(number)
                        delays[number].append((at_ns - change.sent_ns) / 1e6)
            for number, change in enumerate(order.changes):
                missing[number] += change.topic in topics and number not in seen
        return Seen(delays, missing)

    async def _ping(self) -> None:
        """Have every page ask for the server's time as the console's page does, one after another."""
        for page in itertools.cycle(self.pages):
            page.say({"t": "ping", "at": 0})
            await asyncio.sleep(PING_S / len(self.pages))


def _answers(pages: Sequence[Page], sent: Mapping[str, int]) -> Iterator[Answer]:
    for page in pages:
        for at_ns, text in page.arrivals:
            if text.startswith((b'{"t":"done"', b'{"t":"refused"')):
                message = msgspec.json.decode(text)
                took = (at_ns - sent[message["id"]]) / 1e6
                yield Answer(message["id"], took, message.get("code", ""), message.get("object", ""))


def _shown(text: bytes, changes: Sequence[Change]) -> Iterator[int]:
    message: dict[str, Any] = msgspec.json.decode(text)
    if message["t"] == "state":
        for number, change in enumerate(changes):
            if change.topic == message["topic"] and _shows(message, change):
                yield number


def _shows(state: Mapping[str, Any], change: Change) -> bool:
    if not change.field:
        return change.id in state["drops"].get(change.kind, ())
    for record in state["puts"].get(change.kind, ()):
        value = record.get(change.field)
        if isinstance(change.value, bool):
            value = bool(value)
        if value == change.value and change.id in ("", record["id"]):
            return True
    return False


async def serve() -> None:
    """Take orders until there are no more."""
    pages, orders = Pages(), msgspec.json.Decoder(Order)
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        reply: Reply
        try:
            match orders.decode(line):
                case Open() as order:
                    reply = await pages.open(order)
                case Run() as order:
                    reply = await pages.run(order)
                case Look() as order:
                    reply = pages.look(order)
        except (PageError, OSError) as error:
            reply = Failed(f"{type(error).__name__}: {error}")
        sys.stdout.buffer.write(msgspec.json.encode(reply) + b"\n")
        sys.stdout.buffer.flush()
    for page in pages.pages:
        page.close()


if __name__ == "__main__":
    machine.raise_file_limit()
    uvloop.run(serve())

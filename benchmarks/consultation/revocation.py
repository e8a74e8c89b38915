"""How soon who is shut out is gone: its WebSocket closed, and no picture any more, for a hundred people one by one.

An administrator ends the sign-in of every second one and disables the others. Half of the pages do what a browser does
and answer the server's close; the other half does not, as one whose line is dead or who wants to go on watching.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle

import msgspec
import numpy as np
import uvloop

from benchmarks import machine, shapes
from benchmarks.consultation import town
from benchmarks.consultation.joins import take_pictures
from benchmarks.load import records
from benchmarks.load.dial import Identity
from benchmarks.load.page import Json, Page, open_page
from benchmarks.load.path import Path
from benchmarks.peers.huishang import Huishang
from benchmarks.report import Figure, Report
from benchmarks.traffic import received_by, sent_by

PEOPLE = 100
REVOKED_A_SECOND = 5.0
LIMIT_MS = 1_000.0
NOT_SIGNED_IN = 4401
# Until the picture flows to all, and after the last act, for what comes of it.
LEAD_S = 2.0
TAIL_S = 3.0
# A picture comes every 33 ms. To whom one came so short before the end it never stopped.
FLOWING_MS = 500.0
# What there is room for; the picture has some 100 packets a second.
MOST_PACKETS_A_SECOND = 400
AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Shut:
    """One of those who were shut out. Times in CLOCK_MONOTONIC nanoseconds, 0 for never."""

    act: str
    answers: bool
    """Whether its page answers a close."""
    sent_ns: int
    closed_ns: int
    code: int


@dataclass(frozen=True, slots=True)
class Found:
    """What became of all, and when their packets came."""

    shut: list[Shut]
    arrivals: records.Records
    wall_ns: int
    """CLOCK_REALTIME, in which arrivals are, minus CLOCK_MONOTONIC."""
    ended_ns: int
    refused: int


async def revoke(
    server: Huishang, made: town.Town, stack: ExitStack, rate: float, lead_s: float, tail_s: float
) -> Found:
    """Open the pages and have them take the picture, then shut one after another out."""
    keys = town.Keys(town.settings_of(server.settings_path))
    pages, paths = await _pages(server, made, keys)
    chair = await open_page(server.port, keys.token(made.chair), "chair", [])
    try:
        seconds = lead_s + len(pages) / rate + tail_s
        receiver = received_by(paths, stack, records=int(len(pages) * seconds * MOST_PACKETS_A_SECOND))
        sender, _ = sent_by([server.publish(made.cameras[0], ["video"])], {"video": shapes.trace()}, stack)
        sender.send(True)
        receiver.record(True)
        await asyncio.sleep(lead_s)
        acts = await _shut_out(chair, made, pages, rate)
        await asyncio.sleep(tail_s)
        ended_ns = time.monotonic_ns()
        receiver.record(False)
        shut = [Shut(name, page.answers_close, sent, page.closed_ns, page.close_code) for name, sent, page in acts]
        refused = sum(_type(text) == "refused" for _, text in chair.arrivals)
    finally:
        for page in (chair, *pages):
            page.close()
    arrivals = records.read(receiver.recorded())
    return Found(shut, arrivals, time.time_ns() - time.monotonic_ns(), ended_ns, refused)


async def _shut_out(chair: Page, made: town.Town, pages: Sequence[Page], rate: float) -> list[tuple[str, int, Page]]:
    """Shut one after another out; return by which act, when it was sent, and whose page it was."""
    acts: list[tuple[str, int, Page]] = []
    for person, page, name in zip(made.members, pages, cycle(("login.end", "person.disable")), strict=False):
        params = {"login": person.login} if name == "login.end" else {"person": person.id}
        acts.append((name, chair.say({"t": "act", "id": f"{len(acts)}", "name": name, "params": params}), page))
        await asyncio.sleep(1 / rate)
    return acts


async def _pages(server: Huishang, made: town.Town, keys: town.Keys) -> tuple[list[Page], list[Path]]:
    """Open a page of each member that takes the picture; of two pairs the pages of one do not answer a close."""
    identity, turn = Identity.generate(), asyncio.Semaphore(AT_A_TIME)
    topics = ["overview", "places", f"consultation:{made.consultation}"]

    async def one(number: int, person: town.Person) -> tuple[Page, Path]:
        async with turn:
            page = await open_page(server.port, keys.token(person), f"page-{number}", topics)
            page.answers_close = number // 2 % 2 == 0
            return page, (await take_pictures(page, identity, made)).path

    found = await asyncio.gather(*(one(number, person) for number, person in enumerate(made.members)))
    return [page for page, _ in found], [path for _, path in found]


def _type(text: bytes) -> object:
    message: Json = msgspec.json.decode(text)
    return message["t"]


def until_the_last_packet(found: Found) -> list[float | None]:
    """Return how long after its act each still got packets (ms), None for whom there is no telling."""
    delays: list[float | None] = []
    for number, one in enumerate(found.shut):
        came = found.arrivals["at_ns"][found.arrivals["path"] == number] - found.wall_ns
        flowed = len(came) > 0 and came[0] < one.sent_ns
        stopped = flowed and found.ended_ns - came[-1] > FLOWING_MS * 1e6
        delays.append(max(0.0, float(came[-1] - one.sent_ns) / 1e6) if stopped else None)
    return delays


def figures(report: Report, what: str, found: Found) -> None:
    """Add how soon the pages were closed, and how soon the picture had stopped."""
    closed = [(one.closed_ns - one.sent_ns) / 1e6 for one in found.shut if one.code == NOT_SIGNED_IN]
    last = until_the_last_packet(found)
    answering = [ms for ms, one in zip(last, found.shut, strict=True) if ms is not None and one.answers]
    silent = [ms for ms, one in zip(last, found.shut, strict=True) if ms is not None and not one.answers]
    _spread(report, f"{what}: WebSocket closed", closed)
    _spread(report, f"{what}: last packet", answering)
    _spread(report, f"{what}: last packet, its page does not answer the close", silent)
    report.add(
        Figure(f"{what}: not closed with {NOT_SIGNED_IN}", len(found.shut) - len(closed), "pages", limit=0),
        Figure(f"{what}: picture not flowing before, or not stopped", last.count(None), "people", limit=0),
    )
    for act in sorted({one.act for one in found.shut}):
        ms = [(one.closed_ns - one.sent_ns) / 1e6 for one in found.shut if one.closed_ns and one.act == act]
        if ms:
            report.note(f"{what}: closed after {act}: p50 {np.median(ms):.1f} ms of {len(ms)}")
    if found.refused:
        report.note(f"{what}: REFUSED: {found.refused} acts")


def _spread(report: Report, what: str, ms: Sequence[float]) -> None:
    for name, share in (("p50", 50), ("p99", 99), ("max", 100)) if ms else ():
        limit = LIMIT_MS if name != "p50" else None
        report.add(Figure(f"{what}, {name}", float(np.percentile(ms, share)), "ms", limit=limit))


def run(
    report: Report,
    *,
    people: int = PEOPLE,
    rate: float = REVOKED_A_SECOND,
    lead_s: float = LEAD_S,
    tail_s: float = TAIL_S,
) -> None:
    """Measure into `report`."""
    machine.be_the_load()
    size = town.Size(people, people, watchers=0, cameras=1)
    with ExitStack() as stack:
        server, made = town.opened(stack, lambda desk: town.found(desk.coordinator, size))
        before = machine.Use.of(server.pid)
        found = uvloop.run(revoke(server, made, stack, rate, lead_s, tail_s))
        use = machine.Use.of(server.pid).since(before)
    what = f"{people} people shut out, {rate:g} a second"
    figures(report, what, found)
    report.note(f"{what}: server's threads, of a core: {use.threads_told}; {use.others_told}")

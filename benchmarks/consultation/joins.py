"""A hundred joins a second beside two thousand pages, and what a join that takes eight pictures costs.

As many leave meanwhile, at times by chance: the number of those present changes all the while, as the overview shows,
and stays near what it is. Who joins watches the consultation, as the console's page does, and who leaves no more.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import uvloop

from benchmarks import machine
from benchmarks.consultation import town
from benchmarks.consultation.acts import PICTURES, Hall
from benchmarks.consultation.crowd import Stretch, stretch
from benchmarks.load.dial import Identity, dial
from benchmarks.load.orders import Say
from benchmarks.load.page import Page, open_page
from benchmarks.load.path import Path
from benchmarks.peers.huishang import VIEWED_VIDEO, Huishang, negotiated
from benchmarks.report import Figure, Report
from signaling.client.session import remote_parameters
from signaling.sdp.offer import read_answer, view_offer
from signaling.sdp.parse import parse
from signaling.sdp.write import write
from signaling.webrtc.connections import OFFERS_A_SECOND

PEOPLE = 200
WATCHERS = 2_000
JOINS_A_SECOND = 100
SECONDS = 20.0
# So many are away at first: more than ever join, by chance, before as many have left, and some seconds' joins more.
AWAY = 300
SEED = 20260101
# What is answered later than this was not sustained.
LATE_MS = 1_000.0
# After the last join, for answers that are late.
TAIL_S = 5.0
LOOP_LIMIT = 0.5
MEDIA_JOINS = 40


def says(made: town.Town, present: int, rate: float, seconds: float) -> list[Say]:
    """Return the joins and leaves: who has been in longest leaves, who has been away longest joins."""
    held = made.consultation
    topic = f"consultation:{held}"
    # Page 0 is the chair's; the last member's is for pictures.
    inside = deque(range(1, present + 1))
    outside = deque(range(present + 1, len(made.members)))
    chance = random.Random(SEED)
    count = int(rate * seconds)
    joins = [(number / rate, "join", "watch") for number in range(count)]
    leaves = [(chance.uniform(0, seconds), "leave", "unwatch") for _ in range(count)]
    found = []
    for number, (at_s, name, verb) in enumerate(sorted(joins + leaves)):
        come, go = (inside, outside) if name == "join" else (outside, inside)
        if not go:
            continue
        page = go.popleft()
        come.append(page)
        act = {"t": "act", "id": f"{name}-{number}", "name": f"consultation.{name}"}
        found.append(Say(at_s, page, {**act, "params": {"consultation": held}}))
        found.append(Say(at_s, page, {"t": verb, "topic": topic}))
    return found


def figures(report: Report, what: str, found: Stretch, asked: int) -> None:
    """Add what became of so many joins."""
    joins = [answer for answer in found.speaking.answers if answer.id.startswith("join-")]
    done = [answer for answer in joins if not answer.code]
    ms = [answer.ms for answer in done]
    sent = found.speaking.sent
    ended_ns = max(sent[answer.id] + answer.ms * 1e6 for answer in done)
    took_s = (ended_ns - min(sent[answer.id] for answer in done)) / 1e9
    in_time = sum(one <= LATE_MS for one in ms)
    report.add(
        Figure(f"{what}: not done within {LATE_MS / 1000:g} s", asked - in_time, "joins", limit=0),
        Figure(f"{what}: done", len(done) / took_s, "joins/s"),
        Figure(f"{what}: answered, p50", float(np.percentile(ms, 50)), "ms"),
        Figure(f"{what}: answered, p99", float(np.percentile(ms, 99)), "ms"),
        Figure(f"{what}: control loop", found.loop, "cores", limit=LOOP_LIMIT),
    )
    refused = {answer.code for answer in found.speaking.answers if answer.code}
    if refused:
        report.note(f"{what}: REFUSED: {', '.join(sorted(refused))}")
    found.tell(report, what)


@dataclass(frozen=True, slots=True)
class MediaJoin:
    """What one join took (ms), and its media connection."""

    joined: float
    answered: float = 0.0
    connected: float = 0.0


def lines(cameras: list[str], held: str) -> list[dict[str, object]]:
    """Return what the media lines of an offer are for: the pictures of these cameras."""
    context = f"consultation:{held}"
    return [
        {"mid": str(number), "receive": {"source": camera, "kind": "video", "context": context}}
        for number, camera in enumerate(cameras)
    ]


async def join(page: Page, identity: Identity | None, made: town.Town) -> MediaJoin:
    """Join; with an identity connect for all pictures and hang up; leave."""
    params = {"consultation": made.consultation}
    began = time.monotonic()
    await page.ask({"t": "act", "id": "join", "name": "consultation.join", "params": params})
    took = MediaJoin((time.monotonic() - began) * 1e3)
    if identity is not None:
        took = await connect(page, identity, made, took)
    await page.ask({"t": "act", "id": "leave", "name": "consultation.leave", "params": params})
    return took


@dataclass(frozen=True, slots=True)
class Taken:
    """A connection that takes pictures, and what it took to have it (ms)."""

    path: Path
    answered: float
    connected: float


async def take_pictures(page: Page, identity: Identity, made: town.Town) -> Taken:
    """Offer a connection that takes all pictures, and connect it."""
    began = time.monotonic()
    credentials, transport = identity.transport()
    offer = view_offer(["video"] * len(made.cameras), transport, video=VIEWED_VIDEO)
    asked = {"t": "offer", "id": "offer", "sdp": write(offer), "lines": lines(made.cameras, made.consultation)}
    answer = await page.ask(asked)
    answered = time.monotonic()
    accepted = read_answer(parse(answer["sdp"].encode()), offer)
    closed = [line for line in answer["lines"] if line["flow"] != "open"]
    assert not closed, closed
    path = await asyncio.to_thread(
        dial, remote_parameters(accepted.remote), credentials, identity, negotiated(accepted)
    )
    return Taken(path, (answered - began) * 1e3, (time.monotonic() - answered) * 1e3)


async def connect(page: Page, identity: Identity, made: town.Town, took: MediaJoin) -> MediaJoin:
    """Take all pictures and hang up; return what that took, too."""
    taken = await take_pictures(page, identity, made)
    taken.path.socket.close()
    page.say({"t": "hangup"})
    return MediaJoin(took.joined, taken.answered, taken.connected)


async def media_joins(server: Huishang, made: town.Town, count: int, *, media: bool) -> list[MediaJoin]:
    """Do so many, one after another."""
    keys = town.Keys(town.settings_of(server.settings_path))
    page = await open_page(server.port, keys.token(made.members[-1]), "media", ["overview", "places"])
    identity = Identity.generate() if media else None
    found = []
    for _ in range(count):
        found.append(await join(page, identity, made))
        await asyncio.sleep(1 / OFFERS_A_SECOND)
    page.close()
    return found


def measure_media(report: Report, hall: Hall, count: int) -> None:
    """Add what a join with a media connection costs, against one without: all pages are told of both."""
    uvloop.run(media_joins(hall.server, hall.made, 2, media=True))
    what = f"join with {len(hall.made.cameras)} pictures"
    loop_ms = {}
    for media in (False, True):
        before = machine.Use.of(hall.server.pid)
        found = uvloop.run(media_joins(hall.server, hall.made, count, media=media))
        use = machine.Use.of(hall.server.pid).since(before)
        loop_ms[media] = use.by_thread_ns["main"] / 1e6 / count
        told = what if media else "join without pictures"
        report.note(f"{told}: {count} one after another; {use.others_told}")
    for name in ("joined", "answered", "connected"):
        report.add(Figure(f"{what}: {name}, median", float(np.median([getattr(one, name) for one in found])), "ms"))
    report.add(
        Figure("join without pictures, and leaving: control loop", loop_ms[False], "ms of CPU"),
        Figure(f"{what}, and leaving: control loop", loop_ms[True], "ms of CPU"),
    )


def run(
    report: Report,
    *,
    people: int = PEOPLE,
    watchers: int = WATCHERS,
    rate: float = JOINS_A_SECOND,
    seconds: float = SECONDS,
    away: int = AWAY,
    media: int = MEDIA_JOINS,
    tail_s: float = TAIL_S,
) -> None:
    """Measure into `report`."""
    machine.be_the_load()
    # One more, whose page takes the pictures.
    size = town.Size(people + away + 1, people, watchers, PICTURES)
    with ExitStack() as stack:
        hall = Hall.open(stack, size)
        made = hall.made
        count = int(rate * seconds)
        asked = says(made, people, rate, seconds)
        found = stretch(hall.server, hall.inside, hall.outside, asked, seconds=seconds, tail_s=tail_s)
        figures(report, f"{rate:g} joins and leaves a second, {people} + {watchers:,} pages", found, count)
        measure_media(report, hall, media)

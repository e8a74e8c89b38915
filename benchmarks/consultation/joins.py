"""A hundred joins a second beside two thousand pages, and what a join that takes eight pictures costs.

For each join somebody else leaves, so that the consultation stays as large as it is. Who joins watches the
consultation, as the console's page does, and who leaves does not any more.
"""

from __future__ import annotations

import asyncio
import time
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
from benchmarks.peers.huishang import VIEWED_VIDEO, Huishang, negotiated
from benchmarks.report import Figure, Report
from signaling.client.session import remote_parameters
from signaling.sdp.offer import read_answer, view_offer
from signaling.sdp.parse import parse
from signaling.sdp.write import write

PEOPLE = 200
WATCHERS = 2_000
JOINS_A_SECOND = 100
SECONDS = 20.0
# Who left stays away for at least a second, and has its answer by then.
AWAY = 100
# What is answered later than this was not sustained.
LATE_MS = 1_000.0
LOOP_LIMIT = 0.5
MEDIA_JOINS = 40


def says(made: town.Town, present: int, rate: float, seconds: float) -> list[Say]:
    """Return the joins and leaves: who has been in longest leaves, who has been away longest joins."""
    held = made.consultation
    topic = f"consultation:{held}"
    # Page 0 is the chair's.
    inside = list(range(1, present + 1))
    outside = list(range(present + 1, len(made.members) + 1))
    found = []
    for number in range(int(rate * seconds)):
        at_s = number / rate
        leaving, joining = inside.pop(0), outside.pop(0)
        inside.append(joining)
        outside.append(leaving)
        for page, name, verb in ((leaving, "leave", "unwatch"), (joining, "join", "watch")):
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
    """What one join with a media connection took (ms)."""

    joined: float
    answered: float
    connected: float


def lines(cameras: list[str], held: str) -> list[dict[str, object]]:
    """Return what the media lines of an offer are for: the pictures of these cameras."""
    context = f"consultation:{held}"
    return [
        {"mid": str(number), "receive": {"source": camera, "kind": "video", "context": context}}
        for number, camera in enumerate(cameras)
    ]


async def join_with_media(page: Page, identity: Identity, made: town.Town) -> MediaJoin:
    """Join, offer a connection that takes all pictures, connect it, hang up, leave."""
    began = time.monotonic()
    params = {"consultation": made.consultation}
    await page.ask({"t": "act", "id": "join", "name": "consultation.join", "params": params})
    joined = time.monotonic()
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
    connected = time.monotonic()
    path.socket.close()
    page.say({"t": "hangup"})
    await page.ask({"t": "act", "id": "leave", "name": "consultation.leave", "params": params})
    return MediaJoin((joined - began) * 1e3, (answered - joined) * 1e3, (connected - answered) * 1e3)


async def media_joins(server: Huishang, made: town.Town, count: int) -> list[MediaJoin]:
    """Do so many, one after another."""
    keys = town.Keys(town.settings_of(server.settings_path))
    page = await open_page(server.port, keys.token(made.members[-1]), "media", ["overview", "places"])
    identity = Identity.generate()
    found = [await join_with_media(page, identity, made) for _ in range(count)]
    page.close()
    return found


def measure_media(report: Report, hall: Hall, count: int) -> None:
    """Add what a join with a media connection costs, beside the pages that are told of it."""
    uvloop.run(media_joins(hall.server, hall.made, 2))
    before = machine.Use.of(hall.server.pid)
    found = uvloop.run(media_joins(hall.server, hall.made, count))
    use = machine.Use.of(hall.server.pid).since(before)
    what = f"join with {len(hall.made.cameras)} pictures"
    for name in ("joined", "answered", "connected"):
        report.add(Figure(f"{what}: {name}, median", float(np.median([getattr(one, name) for one in found])), "ms"))
    loop_ms = use.by_thread_ns["main"] / 1e6 / count
    report.add(Figure(f"{what}, and leaving: control loop", loop_ms, "ms of CPU"))
    report.note(f"{what}: {count} one after another; server's threads, of a core: {use.threads_told}")
    report.note(f"{what}: {use.others_told}")


def run(
    report: Report,
    *,
    people: int = PEOPLE,
    watchers: int = WATCHERS,
    rate: float = JOINS_A_SECOND,
    seconds: float = SECONDS,
    away: int = AWAY,
    media: int = MEDIA_JOINS,
) -> None:
    """Measure into `report`."""
    machine.be_the_load()
    # One more, whose page takes the pictures.
    size = town.Size(people + away + 1, people, watchers, PICTURES)
    with ExitStack() as stack:
        hall = Hall.open(stack, size)
        made = hall.made
        asked = says(made, people, rate, seconds)
        found = stretch(hall.server, hall.inside, hall.outside, seconds + LATE_MS / 1000, asked)
        figures(report, f"{rate:g} joins and leaves a second, {people} + {watchers:,} pages", found, len(asked) // 4)
        measure_media(report, hall, media)

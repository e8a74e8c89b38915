"""How soon what a chair does is on every page: two hundred people in the consultation, two thousand on the overview."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import machine, shapes
from benchmarks.consultation import town
from benchmarks.consultation.crowd import Crowd, Stretch, stretch
from benchmarks.load.orders import Change, Look, Say, Seen
from benchmarks.peers.huishang import Huishang
from benchmarks.report import Figure, Report
from benchmarks.traffic import sent_by
from huishang.desk import NodeDesk

PEOPLE = 200
WATCHERS = 2_000
PICTURES = 8
SECONDS = 20.0
ACTS_A_SECOND = 4.0
# After the last act, for what it changes to arrive.
TAIL_S = 2.0
LIMIT_MS = 200.0
LOOP_LIMIT = 0.5
OVERVIEW = "overview"
# The chair's page, and the one that raises its hand.
CHAIR, RAISING = 0, 1


@dataclass(frozen=True, slots=True)
class Step:
    """An act and what it changes; `shown` are (topic, kind, id, field, value)."""

    page: int
    name: str
    params: dict[str, Any]
    shown: tuple[tuple[str, str, str, str, Any], ...]


def steps(made: town.Town, places: dict[str, str]) -> Iterator[Step]:
    """Give the chair's acts in turns, for ever; those on scheduled consultations while there are any."""
    held = made.consultation
    topic = f"consultation:{held}"
    muted = places[made.members[0].id]
    raising = places[made.members[RAISING - 1].id]
    scheduled, running = iter(made.scheduled), ""
    for number in range(1_000_000):
        on = number % 2 == 0
        base = {"consultation": held}
        mute = {**base, "participant": muted, "sound": on}
        yield Step(CHAIR, "participant.mute", mute, ((topic, "participant", muted, "sound_off", on),))
        locked = (topic, "consultation", held, "locked", on), (OVERVIEW, "consultation", held, "locked", on)
        yield Step(CHAIR, "consultation.lock", {**base, "locked": on}, locked)
        text = f"第{number}号通知"
        yield Step(CHAIR, "message.say", {**base, "text": text}, ((topic, "message", "", "text", text),))
        large = [muted] if on else []
        shown = ((topic, "consultation", held, "spotlight", large),)
        yield Step(CHAIR, "consultation.spotlight", {**base, "participants": large}, shown)
        hand = ((topic, "participant", raising, "hand_us", on),)
        yield Step(RAISING, "participant.hand", {**base, "raised": on}, hand)
        # Not one right after the other: of a record only the newest value is sent.
        if running:
            ended = ((OVERVIEW, "consultation", running, "", None),)
            yield Step(CHAIR, "consultation.end", {"consultation": running}, ended)
        if running := next(scheduled, ""):
            started = ((OVERVIEW, "consultation", running, "stage", "running"),)
            yield Step(CHAIR, "consultation.start", {"consultation": running}, started)


@dataclass(slots=True)
class Hall:
    """A node with a consultation in progress before many pages; ended with `stack`."""

    server: Huishang
    made: town.Town
    places: dict[str, str]
    inside: Crowd
    outside: Crowd

    @classmethod
    def open(cls, stack: ExitStack, size: town.Size) -> Hall:
        """Start the node, open the pages; pictures flow from the cameras."""

        async def enter(desk: NodeDesk) -> tuple[town.Town, dict[str, str]]:
            made = await town.found(desk.coordinator, size)
            return made, await town.places(desk.coordinator, made.consultation)

        server, (made, places) = town.opened(stack, enter)
        keys = town.Keys(town.settings_of(server.settings_path))
        inside, outside = Crowd(stack), Crowd(stack)
        members = [made.chair, *made.members]
        topic = f"consultation:{made.consultation}"
        present = members[: size.present + 1]
        inside.open(server.port, keys, present, [OVERVIEW, "places", topic])
        inside.open(server.port, keys, members[size.present + 1 :], [OVERVIEW, "places"])
        outside.open(server.port, keys, made.watchers, [OVERVIEW, "places"])
        published = [server.publish(camera, ["video"]) for camera in made.cameras]
        sender, _ = sent_by(published, {"video": shapes.trace()}, stack)
        sender.send(True)
        return cls(server, made, places, inside, outside)


@dataclass(frozen=True, slots=True)
class Shown:
    """When changes were on the pages."""

    ms: list[float]
    missing: int


def shown(hall: Hall, of: list[Change], where: Callable[[Change], bool]) -> Shown:
    """Ask both crowds when they saw those changes that `where` holds of."""
    changes = [change for change in of if where(change)]
    delays, missing = list[float](), 0
    for crowd in (hall.inside, hall.outside):
        crowd.tell(Look(changes))
        seen = crowd.hear(Seen)
        delays += [ms for each in seen.delays_ms for ms in each]
        missing += sum(seen.missing)
    return Shown(delays, missing)


def measure(hall: Hall, seconds: float) -> tuple[Stretch, list[Change]]:
    """Have the chair act for a while; return what that met with and what was changed when."""
    says, told = list[Say](), dict[str, Step]()
    for number, step in zip(range(int(seconds * ACTS_A_SECOND)), steps(hall.made, hall.places), strict=False):
        act = {"t": "act", "id": f"act-{number}", "name": step.name, "params": step.params}
        says.append(Say(number / ACTS_A_SECOND, step.page, act))
        told[f"act-{number}"] = step
    found = stretch(hall.server, hall.inside, hall.outside, says, seconds=seconds, tail_s=TAIL_S)
    sent = found.speaking.sent
    return found, [Change(sent[name], *change) for name, step in told.items() for change in step.shown]


def run(report: Report, *, people: int = PEOPLE, watchers: int = WATCHERS, seconds: float = SECONDS) -> None:
    """Measure into `report`."""
    machine.be_the_load()
    size = town.Size(people - 1, people - 1, watchers, PICTURES, scheduled=int(seconds))
    with ExitStack() as stack:
        hall = Hall.open(stack, size)
        found, changes = measure(hall, seconds)
        inside = shown(hall, changes, lambda change: change.topic != OVERVIEW)
        everywhere = shown(hall, changes, lambda change: change.topic == OVERVIEW)
    refused = [answer for answer in found.speaking.answers if answer.code]
    what = f"acts, {people} + {watchers:,} pages"
    for name, seen in (("to the pages in it", inside), ("to all pages", everywhere)):
        p50, p99 = (float(np.percentile(seen.ms, share)) for share in (50, 99))
        report.add(
            Figure(f"{what}: {name}, p50", p50, "ms"),
            Figure(f"{what}: {name}, p99", p99, "ms", limit=LIMIT_MS),
            Figure(f"{what}: {name}, never shown", seen.missing, "changes", limit=0),
        )
    answered = [answer.ms for answer in found.speaking.answers]
    report.add(
        Figure(f"{what}: answered, p99", float(np.percentile(answered, 99)), "ms"),
        Figure(f"{what}: control loop", found.loop, "cores", limit=LOOP_LIMIT),
    )
    report.note(
        f"{what}: {len(answered)} acts, {ACTS_A_SECOND:g} a second, {len(refused)} refused; {PICTURES} pictures are "
        "sent to the server and taken by nobody"
    )
    found.tell(report, what)

"""How many acts a second are answered, each on disk before its answer, and how long a rebuild of the database takes.

The acts are people's, taken by the coordinator over the journal and followed by the database, as in the node; only the
pages are left out. The journal of the rebuild is one consultation's, from its creation to its end, under fresh
identifiers over and over again.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uvloop

from benchmarks.consultation import town
from benchmarks.journal import FOLDER
from benchmarks.report import Figure, Report, middle
from config import Settings
from dispatch.acts import chair, consultation
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin, decode
from dispatch.journal.file import Journal
from dispatch.store.rebuild import Rebuilt, rebuild
from huishang.desk import NodeDesk

ACTORS = 200
ROUNDS = 3
ROUND_S = 5.0
LIMIT_US = 500
"""2,000 acts a second."""
ENTRIES = 1_000_000
REBUILD_LIMIT_S = 60.0
# Of the consultation that is repeated.
PEOPLE = 50
PER_APPEND = 1_000
_ULID = re.compile(rb"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Of an identifier, its end, by which its copies differ.
_COPY_CHARACTERS = 5

NODE = '[server]\nnode = "benchmark"\ndata_dir = "{folder}"\n[log]\nlevel = "warning"\n'


@dataclass(frozen=True, slots=True)
class Round:
    """Acts of one round: time per answered act, what single ones took (ms)."""

    act_us: float
    ms: list[float]


def settings_in(folder: Path) -> Path:
    """Write the settings of a node that has its data in `folder`; return their file."""
    folder.mkdir(parents=True)
    path = folder / "huishang.toml"
    path.write_text(NODE.format(folder=folder.resolve()))
    return path


async def acting(coordinator: Coordinator, made: town.Town, seconds: float) -> Round:
    """Have everybody raise and lower the hand, one act after the other of each."""
    ms: list[float] = []
    began = time.perf_counter()
    end = began + seconds

    async def act(person: town.Person) -> None:
        asked, raised = time.perf_counter(), True
        while asked < end:
            await town.hand(coordinator, made.consultation, person, raised)
            answered, raised = time.perf_counter(), not raised
            ms.append((answered - asked) * 1e3)
            asked = answered
        if not raised:
            await town.hand(coordinator, made.consultation, person, False)

    await asyncio.gather(*map(act, made.members))
    return Round((time.perf_counter() - began) / len(ms) * 1e6, ms)


def measure_acts(report: Report, folder: Path, actors: int, seconds: float) -> None:
    """Add how many acts are answered, of so many people at the same time."""
    rounds: list[Round] = []

    async def enter(desk: NodeDesk) -> None:
        made = await town.found(desk.coordinator, town.Size(actors, actors, 0, 0))
        for _ in range(ROUNDS):
            rounds.append(await acting(desk.coordinator, made, seconds))

    town.furnish(settings_in(folder), enter)
    act_us = middle([one.act_us for one in rounds])
    p50, p99 = (middle([float(np.percentile(one.ms, share)) for one in rounds]) for share in (50, 99))
    what = f"acts of {actors} people at the same time"
    report.add(
        Figure(f"{what}: time per answered act", act_us, "us", limit=LIMIT_US),
        Figure(f"{what}: answered, p50", p50, "ms"),
        Figure(f"{what}: answered, p99", p99, "ms"),
    )
    told = ", ".join(f"{1e6 / one.act_us:,.0f}" for one in rounds)
    report.note(f"{what}: {1e6 / act_us:,.0f} acts/s (rounds: {told}), each on disk before its answer")


async def life(desk: NodeDesk) -> tuple[int, int]:
    """Hold one consultation; return the journal's positions before its first record and after its last."""
    coordinator = desk.coordinator
    made = await town.found(coordinator, town.Size(PEOPLE, 0, 0, 0))
    first = desk.journal.position
    create = consultation.Create(title="山洪会商", unit=_unit(coordinator, made), invite=_invited(made))
    held = await coordinator.act(create, made.chair.actor, Origin("10.0.0.1", "tab-1"))
    for number, person in enumerate(made.members):
        await coordinator.act(consultation.Join(consultation=held), person.actor, Origin("10.0.0.2", f"tab-{number}"))
    places = await town.places(coordinator, held)
    for person in made.members:
        place = places[person.id]
        for raised in (True, False):
            await town.hand(coordinator, held, person, raised)
        for sound in (True, False):
            mute = chair.Mute(consultation=held, participant=place, sound=sound)
            await coordinator.act(mute, made.chair.actor, Origin())
        await coordinator.act(chair.Say(consultation=held, text="收到，立即转移群众。"), person.actor, Origin())
    await coordinator.act(consultation.End(consultation=held), made.chair.actor, Origin())
    return first, desk.journal.position


def copies(records: list[bytes], first: bytes) -> Iterator[list[bytes]]:
    """Give the records over and over, with identifiers of their own for all that is not older than `first`."""
    split = [re.split(rb"(%s)" % _ULID.pattern, record) for record in records]
    number = 0
    while True:
        number += 1
        end = _number(number)
        yield [
            b"".join(
                part[:-_COPY_CHARACTERS] + end if place % 2 and part >= first else part
                for place, part in enumerate(parts)
            )
            for parts in split
        ]


async def lengthen(settings: Settings, template: tuple[int, int], entries: int) -> int:
    """Append copies of a part of a journal until it has so many entries; return how many it has."""
    journal = Journal.open(settings.journal_path, settings.server.node)
    try:
        everything = [record for batch in journal.read() for _, record in batch]
        part = everything[slice(*template)]
        first = min(entry.id for record in part for entry in decode(record)).encode()
        total = sum(len(decode(record)) for record in everything)
        per_copy = sum(len(decode(record)) for record in part)
        waiting: list[bytes] = []
        for records in copies(part, first[:10]):
            waiting += records
            total += per_copy
            if len(waiting) >= PER_APPEND or total >= entries:
                await journal.append(waiting)
                waiting = []
            if total >= entries:
                return total
        raise AssertionError("copies end")
    finally:
        await asyncio.to_thread(journal.close)


def measure_rebuild(report: Report, folder: Path, entries: int) -> None:
    """Add how long it takes to make the database anew from a journal of so many entries."""
    path = settings_in(folder)
    positions: list[tuple[int, int]] = []

    async def enter(desk: NodeDesk) -> None:
        positions.append(await life(desk))

    town.furnish(path, enter)
    settings = town.settings_of(path)
    total = uvloop.run(lengthen(settings, positions[0], entries))

    async def work() -> tuple[float, Rebuilt]:
        journal = Journal.open(settings.journal_path, settings.server.node)
        try:
            began = time.monotonic()
            rebuilt = await rebuild(settings.database_url, journal)
            return time.monotonic() - began, rebuilt
        finally:
            await asyncio.to_thread(journal.close)

    before_ns = time.process_time_ns()
    took_s, rebuilt = uvloop.run(work())
    used_s = (time.process_time_ns() - before_ns) / 1e9
    if rebuilt.entries != total or rebuilt.unfit:
        raise RuntimeError(f"{rebuilt} of {total} entries")
    what = f"rebuild of {total:,} entries"
    report.add(Figure(what, took_s, "s", limit=REBUILD_LIMIT_S))
    report.note(
        f"{what}: {rebuilt.journal_records:,} journal records, {rebuilt.records:,} database records; "
        f"CPU time {used_s:.1f} s"
    )


def run(report: Report, *, actors: int = ACTORS, seconds: float = ROUND_S, entries: int = ENTRIES) -> None:
    """Measure into `report`."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        measure_acts(report, Path(name) / "acts", actors, seconds)
        measure_rebuild(report, Path(name) / "rebuild", entries)


def _unit(coordinator: Coordinator, made: town.Town) -> str:
    return coordinator.tables.people.get(made.members[0].id).unit


def _invited(made: town.Town) -> tuple[str, ...]:
    return tuple(f"person:{person.id}" for person in made.members)


def _number(value: int) -> bytes:
    shifts = range(5 * (_COPY_CHARACTERS - 1), -1, -5)
    return "".join(_DIGITS[value >> shift & 31] for shift in shifts).encode()

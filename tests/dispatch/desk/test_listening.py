"""What is said while it is recorded comes into the timeline: with its times, once, and nobody's record changes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dispatch.acts.chair import Mute
from dispatch.acts.consultation import Contribute, Create, Join
from dispatch.acts.consultation import End as EndConsultation
from dispatch.acts.recordings import Begin, End, Pause
from dispatch.desk.coordinator import Coordinator
from dispatch.desk.listening import Listening
from dispatch.entry import Entry
from dispatch.errors import Unavailable
from dispatch.permissions import Actor
from dispatch.tables import Change
from tests.dispatch.desk.disk import Disk
from tests.dispatch.desk.test_coordinator import HERE, OFFICER, running
from tests.dispatch.world import World
from tests.patience import until

LOUD, QUIET = -20.0, -90.0
#: A turn of more than a second, in looks.
SPEECH_S = 1.4


@dataclass
class Hall:
    """A consultation of the officer and east, who sends two sources, and the levels of all sources."""

    coordinator: Coordinator
    disk: Disk
    world: World
    consultation: str
    levels: dict[str, float] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    @property
    def spoken(self) -> list[Entry]:
        return [each for each in self.disk.entries() if each.verb.endswith(".spoke")]

    def place(self, person: str) -> str:
        return self.world.place(self.consultation, person).id

    async def record(self, of: str = "") -> str:
        return await self.coordinator.act(Begin(of=of or f"consultation:{self.consultation}"), OFFICER, HERE)

    async def says(self, source: str) -> tuple[int, int]:
        """Have a source be loud for a while; return since when and until when at least."""
        begin = time.time_ns() // 1000
        self.levels[source] = LOUD
        over = time.monotonic() + SPEECH_S
        await until("enough was said", lambda: time.monotonic() >= over)
        return begin, time.time_ns() // 1000

    async def entered(self, count: int) -> list[Entry]:
        found: list[Entry] = await until(f"{count} turns", lambda: self.spoken, lambda told: len(told) >= count)
        return found


@asynccontextmanager
async def hall() -> AsyncIterator[Hall]:
    async with running() as (coordinator, disk, world):
        consultation = await coordinator.act(Create(title="会", unit="C", invite=("unit:C",)), OFFICER, HERE)
        await coordinator.act(Join(consultation=consultation), Actor("east"), HERE)
        sources = ("east.tab", "east.screen")
        await coordinator.act(Contribute(consultation=consultation, sources=sources), Actor("east"), HERE)
        made = Hall(coordinator, disk, world, consultation)
        listening = Listening(coordinator, made.levels.get)
        listening.start()
        try:
            yield made
        finally:
            await listening.close()


async def test_turn_is_entered_with_who_it_was_and_when_and_changes_no_record() -> None:
    async with hall() as made:
        await made.says("east.tab")
        made.levels["east.tab"] = QUIET
        await made.record()
        told: list[Sequence[Change]] = []
        made.coordinator.listen(lambda entries, changes: told.append(changes))
        begin, until_us = await made.says("east.screen")
        made.levels["east.screen"] = QUIET
        (entry,) = await made.entered(1)
        assert (entry.verb, entry.object, entry.session) == (
            "participant.spoke", f"participant:{made.place('east')}", made.consultation,
        )  # fmt: skip
        assert entry.actor == "system" and entry.params["heard"] == "east.screen"
        # What was said before it was recorded is nobody's business; the rest is known to the look.
        assert begin <= entry.params["from_us"] < until_us
        assert entry.params["from_us"] + 1_000_000 < entry.params["to_us"] <= time.time_ns() // 1000
        assert not any(told)


async def test_mute_rest_and_end_end_turns_and_the_last_words_are_kept() -> None:
    async with hall() as made:
        first = await made.record()
        await made.says("east.tab")
        mute = Mute(consultation=made.consultation, participant=made.place("east"), sound=True)
        await made.coordinator.act(mute, OFFICER, HERE)
        await made.entered(1)
        allow = Mute(consultation=made.consultation, participant=made.place("east"), sound=False)
        await made.coordinator.act(allow, OFFICER, HERE)
        await made.says("east.tab")
        await made.coordinator.act(Pause(recording=first, paused=True), OFFICER, HERE)
        paused_us = time.time_ns() // 1000
        second = (await made.entered(2))[1]
        assert second.params["to_us"] <= paused_us
        await made.says("east.tab")
        await made.coordinator.act(Pause(recording=first, paused=False), OFFICER, HERE)
        await made.says("east.tab")
        await made.coordinator.act(EndConsultation(consultation=made.consultation), OFFICER, HERE)
        third = (await made.entered(3))[2]
        assert third.params["from_us"] >= paused_us + 1_000_000 * SPEECH_S
        assert len(made.spoken) == 3


async def test_source_that_is_recorded_alone_has_turns_of_its_own_and_a_disk_that_refuses_is_tried_again() -> None:
    async with hall() as made:
        recording = await made.record("source:camera")
        await made.says("camera")
        made.disk.failing = Unavailable("journal-full", "no room")
        made.levels["camera"] = QUIET
        writes = made.disk.writes
        await until("a refusal", lambda: made.disk.writes > writes)
        made.disk.failing = None
        (entry,) = await made.entered(1)
        assert (entry.verb, entry.object, entry.session) == ("source.spoke", "source:camera", "")
        await made.coordinator.act(End(recording=recording), OFFICER, HERE)
        assert len(made.spoken) == 1

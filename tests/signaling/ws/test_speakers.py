"""Who speaks is told when it changes, of those who may be heard, until the consultation is over."""

from __future__ import annotations

import pytest

from dispatch.acts.chair import Remove
from dispatch.acts.consultation import Contribute, End
from signaling.ws.speakers import Speakers
from tests.dispatch.world import World
from tests.patience import until

Told = tuple[str, dict[str, int]]


class Hall:
    """A consultation of the officer and east, the levels of their sources, and what was told."""

    def __init__(self) -> None:
        self.world = World()
        self.consultation = self.world.hold("east")
        self.levels: dict[str, float] = {}
        self.told: list[tuple[str, str, dict[str, int]]] = []
        for person in ("officer", "east"):
            sources = (f"{person}.tab", f"{person}.screen")
            self.world.do(Contribute(consultation=self.consultation, sources=sources), person)
        self.speakers = Speakers(self.world.tables, self.levels.get, lambda *said: self.told.append(said))

    def place(self, person: str) -> str:
        return self.world.place(self.consultation, person).id

    async def hears(self, speaker: str, **levels: int) -> None:
        """Look again and again until it was told last who speaks, and the levels of who is heard."""
        wanted = self.place(speaker), {self.place(person): level for person, level in levels.items()}

        async def last() -> Told | None:
            await self.speakers.look()
            return self.told[-1][1:] if self.told else None

        await until(f"{speaker} speaks", last, lambda told: told == wanted)


@pytest.fixture
def hall() -> Hall:
    return Hall()


async def test_silence_is_not_told(hall: Hall) -> None:
    hall.levels["officer.tab"] = -80.0
    await hall.speakers.look()
    assert hall.told == []


async def test_speaker_is_told_once_in_steps_of_loudness(hall: Hall) -> None:
    hall.levels |= {"officer.tab": -20.2, "east.tab": -70.0}
    await hall.speakers.look()
    hall.levels["officer.tab"] = -16.0
    await hall.speakers.look()
    assert hall.told == [(hall.consultation, hall.place("officer"), {hall.place("officer"): -18})]


async def test_louder_of_ones_sources_counts(hall: Hall) -> None:
    hall.levels |= {"officer.tab": -60.0, "officer.screen": -12.0}
    await hall.hears("officer", officer=-12)


async def test_who_is_cut_off_or_sent_away_is_not_heard(hall: Hall) -> None:
    hall.levels |= {"officer.tab": -30.0, "east.tab": -12.0}
    await hall.hears("east", officer=-30, east=-12)
    hall.world.mute(hall.consultation, "east")
    await hall.hears("officer", officer=-30)
    hall.world.mute(hall.consultation, "east", sound=False)
    await hall.hears("east", officer=-30, east=-12)
    hall.world.do(Remove(consultation=hall.consultation, participant=hall.place("east")))
    await hall.hears("officer", officer=-30)


async def test_end_is_told_once_to_who_was_told_of_a_speaker(hall: Hall) -> None:
    quiet = hall.world.hold("west")
    hall.levels["officer.tab"] = -12.0
    await hall.speakers.look()
    for consultation in (hall.consultation, quiet):
        hall.world.do(End(consultation=consultation))
    await hall.speakers.look()
    await hall.speakers.look()
    assert hall.told[1:] == [(hall.consultation, "", {})]

"""Who speaks is told when it changes, of those who may be heard, until the consultation is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from dispatch.acts.chair import Remove
from dispatch.acts.consultation import Contribute, End
from signaling.ws import speakers as speakers_module
from signaling.ws.speakers import INTERVAL_SECONDS, Speakers
from tests.dispatch.world import World
from tests.patience import until


class Hall:
    """A consultation of the officer and east, the levels of their sources, and what was told."""

    def __init__(self) -> None:
        self.world = World()
        self.consultation = self.world.hold("east")
        self.levels: dict[str, float] = {}
        self.told: list[tuple[str, str, dict[str, int]]] = []
        self.now = 0.0
        for person in ("officer", "east"):
            sources = (f"{person}.tab", f"{person}.screen")
            self.world.do(Contribute(consultation=self.consultation, sources=sources), person)
        self.speakers = Speakers(self.world.tables, self.levels.get, lambda *said: self.told.append(said))

    def listen(self, seconds: float) -> None:
        """Look for so long, as often as it is done."""
        for _ in range(round(seconds / INTERVAL_SECONDS)):
            self.now += INTERVAL_SECONDS
            self.speakers.look(self.now)

    def place(self, person: str) -> str:
        return self.world.place(self.consultation, person).id


@pytest.fixture
def hall() -> Iterator[Hall]:
    yield Hall()


def test_silence_is_not_told(hall: Hall) -> None:
    hall.levels["officer.tab"] = -80.0
    hall.listen(1.0)
    assert hall.told == []


def test_speaker_is_told_once_in_steps_of_loudness(hall: Hall) -> None:
    hall.levels |= {"officer.tab": -20.2, "east.tab": -70.0}
    hall.listen(1.0)
    hall.levels["officer.tab"] = -16.0
    hall.listen(1.0)
    assert hall.told == [(hall.consultation, hall.place("officer"), {hall.place("officer"): -18})]


def test_louder_of_ones_sources_counts(hall: Hall) -> None:
    hall.levels |= {"officer.tab": -60.0, "officer.screen": -12.0}
    hall.listen(1.0)
    assert hall.told[-1][1:] == (hall.place("officer"), {hall.place("officer"): -12})


def test_who_is_cut_off_or_sent_away_is_not_heard(hall: Hall) -> None:
    hall.levels |= {"officer.tab": -30.0, "east.tab": -12.0}
    hall.listen(1.0)
    assert hall.told[-1][1] == hall.place("east")
    hall.world.mute(hall.consultation, "east")
    hall.listen(1.0)
    assert hall.told[-1] == (hall.consultation, hall.place("officer"), {hall.place("officer"): -30})
    hall.world.mute(hall.consultation, "east", sound=False)
    hall.listen(1.0)
    assert hall.told[-1][1] == hall.place("east")
    hall.world.do(Remove(consultation=hall.consultation, participant=hall.place("east")))
    hall.listen(1.0)
    assert hall.told[-1] == (hall.consultation, hall.place("officer"), {hall.place("officer"): -30})


def test_end_is_told_once_to_who_was_told_of_a_speaker(hall: Hall) -> None:
    quiet = hall.world.hold("west")
    hall.levels["officer.tab"] = -12.0
    hall.listen(1.0)
    for consultation in (hall.consultation, quiet):
        hall.world.do(End(consultation=consultation))
    hall.listen(1.0)
    assert hall.told[1:] == [(hall.consultation, "", {})]


async def test_looks_go_on_after_a_fault(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speakers_module, "INTERVAL_SECONDS", 0.001)
    asked: list[str] = []

    def level(source: str) -> float | None:
        asked.append(source)
        if len(asked) == 1:
            raise RuntimeError("the plane is gone")
        return -12.0

    speakers = Speakers(hall.world.tables, level, lambda *said: hall.told.append(said))
    speakers.start()
    await until("somebody is told", lambda: hall.told)
    await speakers.close()
    await speakers.close()
    count = len(asked)
    await asyncio.sleep(0)
    assert len(asked) == count

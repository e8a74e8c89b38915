"""Who speaks is found from levels and told when it changes, until the consultation is over."""

from __future__ import annotations

from dispatch.records import Attendance, Participant, Stage
from signaling.ws.speakers import Speakers
from tests.signaling.ws.town import Town

Told = tuple[str, str, dict[str, int]]


def put(town: Town, person: str, *, sound_off: bool = False, attendance: Attendance = Attendance.PRESENT) -> None:
    record = Participant(
        id=f"p-{person}",
        consultation="c",
        unit="town",
        name=person,
        person=person,
        attendance=attendance,
        sources=(f"{person}.tab",),
        sound_off=sound_off,
    )
    town.put(("participant", record))


async def test_who_is_heard_is_told_once_and_who_is_cut_off_or_waits_is_not() -> None:
    town, told = Town(), list[Told]()
    town.consultation("c")
    levels = {"li.tab": -20.0, "zhao.tab": -10.0, "sun.tab": -10.0}
    put(town, "li")
    put(town, "zhao", sound_off=True)
    put(town, "sun", attendance=Attendance.WAITING)
    speakers = Speakers(town.tables, levels.get, lambda *said: told.append(said))
    await speakers.look()
    await speakers.look()
    ((consultation, _, heard),) = told
    assert consultation == "c" and heard == {"p-li": -18}


async def test_end_of_a_consultation_is_told_as_nobody() -> None:
    town, told = Town(), list[Told]()
    town.consultation("c")
    put(town, "li")
    speakers = Speakers(town.tables, {"li.tab": -20.0}.get, lambda *said: told.append(said))
    await speakers.look()
    town.consultation("c", stage=Stage.ENDED)
    await speakers.look()
    await speakers.look()
    assert len(told) == 2 and told[1] == ("c", "", {})

"""The cores of a replay, run where they live: the clock, the course of a track, the trimming, the addresses."""

from typing import Any, Final

import pytest
from playwright.async_api import Page

from tests.console.test_logic import run

pytestmark = pytest.mark.asyncio(loop_scope="package")

S: Final = 1_000_000


def segment(name: str, t0: float, t1: float, gaps: tuple[tuple[str, float, float], ...] = ()) -> dict[str, Any]:
    told = [[why, round(begin * S), round(end * S)] for why, begin, end in gaps]
    return {"segment": name, "t0_us": round(t0 * S), "t1_us": round(t1 * S), "gaps": told, "deleted_us": 0}


TRACK: Final = [
    segment("a", 10, 14.5),
    segment("b", 14.4, 18, (("undecodable", 15, 15.5),)),
    segment("c", 18.2, 22),
    segment("d", 30, 34, (("lost", 22, 30),)),
    {**segment("e", 34, 38), "deleted_us": 5},
]


async def test_clock_runs_at_its_speed_rests_and_is_held(blank: Page) -> None:
    steps = """(() => {
      const clock = new m.MasterClock(100e6, 200e6);
      const seen = [];
      const look = (now) => seen.push(clock.at(now) / 1e6);
      clock.seek(110e6, 0); look(1000);
      clock.play(1000); look(2000);
      clock.setSpeed(2, 2000); look(3000);
      clock.hold(true, 3000); look(9000);
      clock.hold(false, 9000); look(9500);
      clock.pause(9500); look(20000);
      clock.seek(500e6, 20000); look(20000);
      clock.seek(1, 20000); look(20000);
      clock.play(20000); clock.bound(100e6, 101e6, 20000); look(30000);
      return seen;
    })()"""
    assert await run(blank, "replay/clock", steps) == [110, 111, 113, 113, 114, 114, 200, 100, 101]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (9.9, None), (10, "a"), (14.45, "b"), (17.9, "b"), (18.1, "b"), (18.2, "c"), (22, None), (29.9, None),
        (30, "d"), (35, None), (99, None),
    ],
)  # fmt: skip
async def test_course_knows_what_is_on(blank: Page, at: float, expected: str | None) -> None:
    expression = "(() => { const c = new m.Course(); c.add(a[0]); return c.at(a[1])?.segment ?? null; })()"
    assert await run(blank, "replay/course", expression, [TRACK, at * S]) == expected


@pytest.mark.parametrize(
    ("at", "expected"), [(15.2, "undecodable"), (25, "lost"), (36, "deleted"), (12, None), (40, None)]
)
async def test_course_says_why_nothing_is_there(blank: Page, at: float, expected: str | None) -> None:
    expression = "(() => { const c = new m.Course(); c.add(a[0]); return c.gapAt(a[1])?.why ?? null; })()"
    assert await run(blank, "replay/course", expression, [TRACK, at * S]) == expected


async def test_course_is_drawn_alike_whether_it_is_kept_or_only_looked_at(blank: Page) -> None:
    expression = """(() => {
      const [kept, seen, both] = [new m.Course(), new m.Course(), new m.Course()];
      const told = [{ spans: [[30e6, 34e6]], gaps: [["lost", 22e6, 30e6]] }, { spans: [[10e6, 22e6]], gaps: [] }];
      kept.add(a); seen.sketch(told); both.sketch(told); both.add(a.slice(1, 3));
      return [kept, seen, both].map((course) => course.spans().map((span) => span.map((us) => us / 1e6)));
    })()"""
    assert await run(blank, "replay/course", expression, TRACK) == [[[10, 22], [30, 34]]] * 3


@pytest.mark.parametrize(
    ("drift", "speed", "rate", "seek"),
    [
        (0, 1, 1, False), (0.01, 1, 1, False), (0.1, 1, 0.9, False), (-0.05, 1, 1.05, False), (0.24, 1, 0.9, False),
        (-0.24, 1, 1.1, False), (0.26, 1, 1, True), (0.4, 2, 1.8, False), (-0.6, 2, 2, True), (0.03, 2, 2, False),
    ],
)  # fmt: skip
async def test_trimming_is_gentle_and_bounded(blank: Page, drift: float, speed: float, rate: float, seek: bool) -> None:
    got = await run(blank, "replay/sync", "m.trim(a[0], a[1])", [drift, speed])
    assert got["rate"] == pytest.approx(rate) and got["seek"] is seek


@pytest.mark.parametrize(
    "moment",
    [
        {"us": 1_763_900_000_123_000, "sound": "all", "big": "", "speed": 1},
        {"us": 1_763_900_000_123_457, "sound": "", "big": "s-1/&=#", "speed": 0.5},
        {"us": 0, "sound": "s 2", "big": "", "speed": 8},
    ],
)
async def test_a_moments_address_leads_to_that_moment(blank: Page, moment: dict[str, Any]) -> None:
    hash_ = await run(blank, "replay/address", "m.addressOf('01REC', a)", moment)
    route = await run(blank, "route", "m.parse(a)", hash_)
    assert (route["page"], route["id"]) == ("replay", "01REC")
    assert await run(blank, "replay/address", "m.momentOf(a)", route["values"]) == moment


@pytest.mark.parametrize("values", [{}, {"t": "x", "speed": "-1"}, {"t": "-5", "speed": "NaN"}, {"t": "Infinity"}])
async def test_an_address_that_says_nothing_sensible_leads_to_the_beginning(blank: Page, values: Any) -> None:
    moment = await run(blank, "replay/address", "m.momentOf(a)", values)
    assert moment == {"us": 0, "sound": "all", "big": "", "speed": 1}


def spoken(source: str, begin: float, end: float) -> dict[str, Any]:
    times = {"from_us": round(begin * S), "to_us": round(end * S)}
    if source == "camera":
        return {"verb": "source.spoke", "object": "source:camera", "params": times}
    return {"verb": "participant.spoke", "object": "participant:x", "params": {**times, "heard": source}}


async def test_turns_are_found_by_source_and_time_and_parts_of_one_are_one(blank: Page) -> None:
    entries = [spoken("a", 60, 110), spoken("b", 20, 30), spoken("a", 0, 60), spoken("camera", 40, 50)]
    expression = """(() => {
      const turns = new m.Turns();
      // In two answers, and in any order.
      turns.add(a.slice(0, 2)); turns.add(a.slice(2));
      const begun = (turn) => turn && [turn.source, turn.fromUs / 1e6, turn.toUs / 1e6];
      return {
        all: turns.list.map(begun), after: begun(turns.after(20e6)), before: begun(turns.before(20e6)),
        last: turns.after(40e6), on: ["a", "b", "camera"].filter((source) => turns.isOn(source, 45e6)),
      };
    })()"""
    assert await run(blank, "replay/turns", expression, entries) == {
        "all": [["a", 0, 110], ["b", 20, 30], ["camera", 40, 50]],
        "after": ["camera", 40, 50],
        "before": ["a", 0, 110],
        "last": None,
        "on": ["a", "camera"],
    }


async def test_row_of_small_pictures_is_of_what_is_there_and_stays_when_it_grows_or_is_moved(blank: Page) -> None:
    async def places(from_s: int, to_s: int, spans: list[list[int]], *, live: bool = False) -> list[Any]:
        view = {"fromUs": from_s * S, "toUs": to_s * S, "originUs": 0, "endUs": to_s * S, "width": 720, "live": live}
        asked = {**view, "spans": [[begin * S, end * S] for begin, end in spans]}
        told: list[Any] = await run(blank, "replay/thumbs", "m.placesOf(a)", asked)
        return [None if place["us"] is None else place["us"] / S for place in told]

    assert await places(0, 100, [[0, 100]]) == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]
    # What is not there in the middle of a place is taken where it is; where there is nothing, nothing is asked for.
    assert await places(0, 100, [[0, 32], [57, 100]]) == [5, 15, 25, 31.999999, None, 57, 65, 75, 85, 95]
    moved, further = await places(20, 70, [[0, 100]]), await places(22, 72, [[0, 100]])
    assert set(moved[1:-1]) <= set(further)
    first, later = await places(0, 90, [[0, 90]], live=True), await places(0, 97, [[0, 97]], live=True)
    assert first[:-1] == later[: len(first) - 1]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9, 18, 40])
@pytest.mark.parametrize(("width", "height"), [(960, 440), (374, 400), (374, 120), (2000, 1200)])
async def test_tiles_are_as_large_as_fit_and_never_wider_than_the_place(
    blank: Page, count: int, width: int, height: int
) -> None:
    got = await run(blank, "replay/tiles", "m.gridOf(a[0], a[1], a[2])", [count, width, height])
    assert 1 <= got["columns"] <= count and got["wide"] >= 150
    assert got["columns"] * got["wide"] + (got["columns"] - 1) * 8 <= width

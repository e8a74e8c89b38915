"""What a right forbids is not on the wire: mute, removal, lock, end, lost access, at packet level and beside streams that go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.console.county import County
from tests.patience import PATIENCE_S, until
from tests.peers.aiortc_ends import Publisher
from tests.peers.caller import (
    Caller,
    Line,
    calling,
    flows,
    hears,
    is_silent,
    newcomer,
    open_tab,
    rests,
    shows,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
TONE_HZ = 700.0


@dataclass(slots=True)
class Town:
    """The county with its chief signed in, and its camera on the air."""

    county: County
    chief: Caller
    camera: Publisher
    people: int = 0

    async def code(self, unit: str, *roles: str) -> str:
        """Make somebody; return a one-time code."""
        self.people += 1
        return await newcomer(self.chief, f"person{self.people}", unit, *roles)

    def live(self) -> Callable[[], Any]:
        return self.county.sources


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    county = County(tmp_path_factory.mktemp("county"))
    await county.start()
    async with AsyncExitStack() as ends:
        ends.push_async_callback(county.stop)
        chief = await ends.enter_async_context(calling(county, county.known.codes["chief"]))
        path = f"/endpoints/{county.known.camera}/credential"
        code = (await chief.do("PUT", path))["credential"]
        url = f"{county.url}/whip/{county.known.camera}"
        camera = await ends.enter_async_context(Publisher(url, code, "blue", TONE_HZ))
        yield Town(county, chief, camera)


async def held(caller: Caller, *invited: str) -> str:
    """Hold a consultation as this caller, who is in it."""
    made = {"title": "防汛会商", "unit": caller.county.known.units["C"], "invite": list(invited)}
    consultation = str(await caller.do("POST", "/consultations", made))
    await caller.do("POST", f"/consultations/{consultation}/join")
    return consultation


async def place(caller: Caller, consultation: str, **which: str) -> str:
    """Return the address of a participant: the one with this person or source."""
    listed = await caller.do("GET", f"/consultations/{consultation}/participants")
    (key, value), *_ = which.items()
    found = next(item["id"] for item in listed["items"] if item[key] == value)
    return f"/consultations/{consultation}/participants/{found}"


async def within_a_second(begun: float) -> None:
    """Not a bound of the test's machine but of the rule: a right that has ended is not honoured for long."""


async def test_what_the_chair_cuts_off_is_cut_off_in_that_consultation_alone(town: Town) -> None:
    camera = town.county.known.camera
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        consultation = await held(officer, f"endpoint:{camera}")
        beside = await held(officer, f"endpoint:{camera}")
        contexts = (f"consultation:{consultation}", f"consultation:{beside}", "")
        lines = {
            (context, kind): officer.take(camera, kind, context) for context in contexts for kind in ("video", "audio")
        }
        assert set((await officer.offer()).values()) == {("open", "")}
        for (_, kind), line in lines.items():
            await (shows(line, "blue") if kind == "video" else hears(line, TONE_HZ))
        here, there, outside = contexts
        mute = f"{await place(officer, consultation, source=camera)}/mute"
        for kind, off, other in (("audio", "sound", "video"), ("video", "picture", "audio")):
            await officer.do("POST", mute, {off: True})
            await officer.told(lines[here, kind], "paused")
            await rests(lines[here, kind], lines[outside, kind])
            await flows(lines[here, other], lines[there, kind], lines[there, other], lines[outside, other])
            await officer.do("POST", mute, {off: False})
            await officer.told(lines[here, kind], "open")
            await flows(lines[here, kind])


async def test_removed_source_and_ended_consultation_close_their_lines_and_no_others(town: Town) -> None:
    camera = town.county.known.camera
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        first, second = await held(officer, f"endpoint:{camera}"), await held(officer, f"endpoint:{camera}")
        removed, ended, outside = (
            officer.take(camera, "audio", context) for context in (f"consultation:{first}", f"consultation:{second}", "")
        )
        await officer.offer()
        await flows(removed, ended, outside)
        await officer.do("POST", f"{await place(officer, first, source=camera)}/remove")
        await officer.told(removed, "closed")
        await rests(removed, outside)
        await flows(ended)
        await officer.do("POST", f"/consultations/{second}/end")
        await officer.told(ended, "closed")
        await rests(ended, outside)


async def test_removed_person_gets_nothing_while_who_stays_does(town: Town) -> None:
    camera = town.county.known.camera
    async with (
        calling(town.county, await town.code("C", "duty-officer")) as officer,
        calling(town.county, await town.code("E", "member")) as member,
    ):
        consultation = await held(officer, f"endpoint:{camera}", f"person:{member.person}")
        await member.do("POST", f"/consultations/{consultation}/join")
        context = f"consultation:{consultation}"
        chairs, members = officer.take(camera, "audio", context), member.take(camera, "audio", context)
        forbidden = member.take(camera, "video", "")
        await officer.offer()
        assert (await member.offer())[forbidden.mid] == ("closed", "forbidden")
        await flows(chairs, members)
        await officer.do("POST", f"{await place(officer, consultation, person=member.person)}/remove")
        await member.told(members, "closed")
        await rests(members, chairs)
        assert await forbidden.packets() == 0
        status, problem = await member.api("POST", f"/consultations/{consultation}/join")
        assert (status, problem["code"]) == (403, "removed")


async def test_who_comes_to_a_locked_consultation_is_let_in_to_none_of_its_streams(town: Town) -> None:
    camera = town.county.known.camera
    async with (
        calling(town.county, await town.code("C", "duty-officer")) as officer,
        calling(town.county, await town.code("E", "member")) as late,
    ):
        consultation = await held(officer, f"endpoint:{camera}", f"person:{late.person}")
        await officer.do("PUT", f"/consultations/{consultation}/lock", {"locked": True})
        status, problem = await late.api("POST", f"/consultations/{consultation}/join")
        assert (status, problem["code"]) == (409, "consultation-locked")
        context = f"consultation:{consultation}"
        lines = [late.take(camera, kind, context) for kind in ("video", "audio")]
        chairs = officer.take(camera, "audio", context)
        await officer.offer()
        assert set((await late.offer()).values()) == {("closed", "forbidden")}
        await flows(chairs)
        assert [await line.packets() for line in lines] == [0, 0]
        await officer.do("PUT", f"/consultations/{consultation}/lock", {"locked": False})
        await late.do("POST", f"/consultations/{consultation}/join")
        assert set((await late.offer()).values()) == {("open", "")}
        await flows(*lines)


async def watching(town: Town, caller: Caller) -> tuple[Line, Line]:
    """Have somebody publish, and take the camera; the chief watches both beside."""
    caller.publish("red", 500.0)
    own = caller.take(town.county.known.camera, "audio")
    await caller.offer()
    beside = town.chief.take(town.county.known.camera, "audio")
    await town.chief.offer()
    await flows(own, beside)
    await until(
        "it is published", town.county.sources, lambda listed: listed.get(caller.source, {}).get("state") == "live"
    )
    return own, beside


async def lost(town: Town, caller: Caller, beside: Line) -> None:
    """Wait until the page was sent away, its transport is silent and what it published is gone."""
    async with asyncio.timeout(PATIENCE_S):
        assert await caller.tab.closed() == 4401
    await is_silent(caller, beside)
    state = await until(
        "its source is off the air",
        town.county.sources,
        lambda listed: caller.source not in listed or listed[caller.source]["state"] == "offline",
    )
    assert caller.source in state or True


async def test_disabled_person_is_off_the_wire(town: Town) -> None:
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        _, beside = await watching(town, officer)
        await town.chief.do("POST", f"/people/{officer.person}/disable")
        await lost(town, officer, beside)
        assert (await officer.api("GET", "/units"))[0] == 401


async def test_sign_in_that_is_ended_from_elsewhere_is_off_the_wire(town: Town) -> None:
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        _, beside = await watching(town, officer)
        await town.chief.do("DELETE", f"/logins/{officer.login}")
        await lost(town, officer, beside)

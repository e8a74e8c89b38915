"""What a right forbids is not on the wire: mute, removal, lock, end, lost access, proved beside streams that go on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from config import load
from huishang.home import access_keys
from signaling.auth.tokens import LASTS_US, Claims, Tokens
from signaling.ws.messages import Close
from tests.console.county import County
from tests.patience import until
from tests.peers.aiortc_ends import End, Publisher, Viewer
from tests.peers.caller import (
    Caller,
    Line,
    ask,
    calling,
    flows,
    hears,
    is_silent,
    newcomer,
    open_tab,
    rests,
    shows,
)
from tests.signaling.ws.client import Pages
from tests.signaling.ws.node import Tab

pytestmark = pytest.mark.asyncio(loop_scope="module")
TONE_HZ = 700.0


@dataclass(slots=True)
class Town:
    """The county with its chief signed in, and its camera on the air."""

    county: County
    chief: Caller
    beside: Line
    """Its sound at the chief's, which always goes on."""
    people: int = 0

    async def code(self, unit: str, *roles: str) -> str:
        """Make somebody; return a one-time code."""
        self.people += 1
        return await newcomer(self.chief, f"person{self.people}", unit, *roles)

    async def is_off_the_air(self, source: str) -> None:
        """Wait until nobody publishes a source."""
        await until(
            f"{source} is off the air",
            self.county.sources,
            lambda listed: listed.get(source, {"state": "offline"})["state"] == "offline",
        )


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
        await ends.enter_async_context(Publisher(url, code, "blue", TONE_HZ))
        beside = chief.take(county.known.camera, "audio")
        await chief.offer()
        yield Town(county, chief, beside)


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
            officer.take(camera, "audio", context)
            for context in (f"consultation:{first}", f"consultation:{second}", "")
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
        await member.do("POST", f"/consultations/{consultation}/join")  # that is to ask to be let in
        assert (await member.offer())[members.mid] == ("closed", "forbidden")
        await rests(members, chairs)


async def test_who_comes_to_a_locked_consultation_is_let_in_to_none_of_its_streams(town: Town) -> None:
    camera = town.county.known.camera
    async with (
        calling(town.county, await town.code("C", "duty-officer")) as officer,
        calling(town.county, await town.code("E", "member")) as late,
    ):
        consultation = await held(officer, f"endpoint:{camera}", f"person:{late.person}")
        await officer.do("PUT", f"/consultations/{consultation}/lock", {"locked": True})
        status, problem = await late.api("POST", f"/consultations/{consultation}/join")
        assert (status, problem["code"]) == (403, "consultation-locked")
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


async def watching(town: Town, caller: Caller) -> Line:
    """Have somebody publish, and take the camera."""
    caller.publish("red", 500.0)
    own = caller.take(town.county.known.camera, "audio")
    await caller.offer()
    await flows(own, town.beside)
    await until(
        "it is published", town.county.sources, lambda listed: listed.get(caller.source, {}).get("state") == "live"
    )
    return own


async def lost(town: Town, caller: Caller) -> None:
    """Wait until the page was sent away, its transport is silent and what it published is gone."""
    assert await caller.tab.closed() == Close.NOT_SIGNED_IN
    await is_silent(caller, town.beside)
    await town.is_off_the_air(caller.source)


async def test_disabled_person_is_off_the_wire(town: Town) -> None:
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        await watching(town, officer)
        await town.chief.do("POST", f"/people/{officer.person}/disable")
        await lost(town, officer)
        assert (await officer.api("GET", "/units"))[0] == 401


async def test_sign_in_that_is_ended_from_elsewhere_is_off_the_wire(town: Town) -> None:
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        await watching(town, officer)
        await town.chief.do("DELETE", f"/logins/{officer.login}")
        await lost(town, officer)


async def test_token_that_runs_out_ends_nothing_and_begins_nothing(town: Town) -> None:
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        own = await watching(town, officer)
        soon_us = time.time_ns() // 1000 - LASTS_US + 2_000_000
        token, _ = issuing(town.county).issue(Claims(officer.person, officer.login), soon_us)
        tab = await open_tab(officer.http, town.county, token)
        answer = await until(
            "the token runs out",
            lambda: ask(officer.http, town.county, "GET", "/units", token),
            lambda answer: answer[0] == 401,
        )
        assert answer[1]["code"] == "token-expired"
        again = Tab(await officer.http.ws_connect(f"{town.county.url}/api/v1/ws"), Pages())
        await again.send(t="hello", versions=[1], token=token)
        assert await again.closed() == Close.NOT_SIGNED_IN
        await tab.send(t="ping", at=1)
        await tab.answer("pong", at=1)
        await flows(own)
        await tab.leave()


async def test_grant_that_ends_closes_the_line_it_had_opened(town: Town) -> None:
    camera = town.county.known.camera
    async with calling(town.county, await town.code("E", "member")) as member:
        until_us = time.time_ns() // 1000 + 4_000_000
        grant = {"verb": "view", "object": f"endpoint:{camera}", "to": f"person:{member.person}"}
        await town.chief.do("POST", "/grants", {**grant, "until_us": until_us})
        line = member.take(camera, "audio")
        assert (await member.offer())[line.mid] == ("open", "")
        await flows(line)
        await member.told(line, "closed")
        assert time.time_ns() // 1000 >= until_us
        await rests(line, town.beside)


async def test_role_taken_away_closes_lines_to_the_wall_and_sessions_of_whep(town: Town) -> None:
    camera = town.county.known.camera
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        wall = officer.take(camera, "audio")
        await officer.offer()
        async with Viewer(f"{town.county.url}/whep/{camera}", officer.token) as viewer:
            await viewer.hears(TONE_HZ)
            await flows(wall)
            await town.chief.do("PUT", f"/people/{officer.person}/roles", {"roles": []})
            await officer.told(wall, "closed")
            await rests(wall, town.beside)
            await ended(viewer)
        await officer.tab.send(t="ping", at=1)  # who has no role any more is still signed in
        await officer.tab.answer("pong", at=1)


async def test_sessions_of_whep_end_with_the_sign_in_they_came_by(town: Town) -> None:
    async with calling(town.county, await town.code("C", "duty-officer")) as officer:
        async with Viewer(f"{town.county.url}/whep/{town.county.known.camera}", officer.token) as viewer:
            await viewer.hears(TONE_HZ)
            await town.chief.do("DELETE", f"/logins/{officer.login}")
            await ended(viewer)
        assert await officer.tab.closed() == Close.NOT_SIGNED_IN


@pytest.mark.parametrize("way", ["another code", "disabled", "removed"])
async def test_device_that_may_send_no_more_is_off_the_air(town: Town, way: str) -> None:
    made = {"unit": town.county.known.units["W"], "kind": "drone", "name_zh": "无人机"}
    drone = str(await town.chief.do("POST", "/endpoints", made))
    code = (await town.chief.do("PUT", f"/endpoints/{drone}/credential"))["credential"]
    async with (
        calling(town.county, await town.code("C", "duty-officer")) as officer,
        Publisher(f"{town.county.url}/whip/{drone}", code, "green", 900.0) as publisher,
    ):
        line = officer.take(drone, "audio")
        await officer.offer()
        await hears(line, 900.0)
        acts = {
            "another code": ("PUT", f"/endpoints/{drone}/credential"),
            "disabled": ("POST", f"/endpoints/{drone}/disable"),
            "removed": ("DELETE", f"/endpoints/{drone}"),
        }
        await town.chief.do(*acts[way])
        await town.is_off_the_air(drone)
        await rests(line, town.beside)
        await ended(publisher)


async def ended(end: End) -> None:
    """Wait until the server has ended a session of WHIP or WHEP: it says goodbye by DTLS."""
    await until("the session is over", lambda: end.connection.connectionState, lambda state: state == "closed")
    end.location = ""


def issuing(county: County) -> Tokens:
    """Return what makes the node's access tokens, with the node's own keys."""
    settings = load(county.folder / "node.toml", {})
    return Tokens(access_keys(settings), settings.server.node)

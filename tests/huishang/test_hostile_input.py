"""Bad input through the doors of a real node: each has its code or is ignored as documented, and harms nobody else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from aiohttp import ClientConnectionResetError

from signaling.ws.messages import Close
from tests.console.county import County
from tests.peers.caller import Caller, ask, calling, newcomer, open_tab
from tests.signaling.ws.client import Pages
from tests.signaling.ws.node import Tab

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMES = {
    "青川‮县": "青川县",  # an override of direction would turn what follows
    "مركز الطوارئ": "مركز الطوارئ",
    "👩‍🚒 救援队 🚒": "👩‍🚒 救援队 🚒",
    "零​宽﻿名": "零宽名",
    "行\r\n二\tx": "行 二 x",
    "<img src=x onerror=alert(1)>": "<img src=x onerror=alert(1)>",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chief(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    county = County(tmp_path_factory.mktemp("county"))
    async with AsyncExitStack() as ends:
        await county.start()
        ends.push_async_callback(county.stop)
        yield await ends.enter_async_context(calling(county, county.known.codes["chief"]))


async def unit(chief: Caller, name: str, parent: str = "P") -> str:
    made = {"parent": chief.county.known.units.get(parent, parent), "level": "county", "name_zh": name}
    return str(await chief.do("POST", "/units", made))


async def hold(caller: Caller, *invited: str) -> str:
    made = {"title": "防汛会商", "unit": caller.county.known.units["C"], "invite": list(invited)}
    return str(await caller.do("POST", "/consultations", made))


@pytest.mark.parametrize(("given", "kept"), NAMES.items())
async def test_name_of_any_script_is_kept_without_what_could_disguise_it(chief: Caller, given: str, kept: str) -> None:
    made = {"unit": chief.county.known.units["W"], "kind": "drone", "name_zh": given}
    by_http = await chief.do("POST", "/endpoints", made)
    by_page = (await chief.tab.do(f"make {given}"[:60], "endpoint.create", **made))["object"]
    for endpoint in (by_http, by_page):
        assert (await chief.do("GET", f"/endpoints/{endpoint}"))["name_zh"] == kept


async def test_name_of_a_megabyte_is_refused_at_each_door(chief: Caller) -> None:
    huge = {"parent": chief.county.known.units["P"], "level": "county", "name_zh": "汛" * (1 << 20)}
    status, problem = await chief.api("POST", "/units", huge)
    assert (status, problem["code"]) == (413, "body-too-large")
    tab = await open_tab(chief.http, chief.county, chief.token)
    await tab.send(t="act", id="huge", name="unit.create", params=huge)
    assert await tab.closed() in (1009, 1006)  # the line is cut before most of it has been sent
    long = {**huge, "name_zh": "汛" * 5_000}
    status, problem = await chief.api("POST", "/units", long)
    assert (status, problem["code"], problem["field"]) == (422, "too-long", "name_zh")
    refused = await chief.tab.do("long", "unit.create", **long)
    assert (refused["t"], refused["code"], refused["field"]) == ("refused", "too-long", "name_zh")


async def test_unit_is_never_put_below_itself(chief: Caller) -> None:
    above = await unit(chief, "循环甲")
    below = await unit(chief, "循环乙", above)
    for parent in (above, below):
        status, problem = await chief.api("PUT", f"/units/{above}/parent", {"parent": parent})
        assert (status, problem["code"]) == (409, "cycle")
    moves = await asyncio.gather(
        chief.api("PUT", f"/units/{below}/parent", {"parent": chief.county.known.units["P"]}),
        chief.api("PUT", f"/units/{above}/parent", {"parent": below}),
    )
    assert [status for status, _ in moves] in ([200, 200], [200, 409])
    parents = {item: (await chief.do("GET", f"/units/{item}"))["parent"] for item in (above, below)}
    assert chief.county.known.units["P"] in parents.values() and parents != {above: below, below: above}


async def test_second_sibling_and_second_login_of_a_name_are_refused(chief: Caller) -> None:
    await unit(chief, "同名县")
    twin = {"parent": chief.county.known.units["P"], "level": "county", "name_zh": "同名​县"}
    status, problem = await chief.api("POST", "/units", twin)
    assert (status, problem["code"]) == (409, "name-taken")
    twin = {"unit": chief.county.known.units["C"], "name": "另一人", "login": "OFFICER"}
    status, problem = await chief.api("POST", "/people", twin)
    assert (status, problem["code"]) == (409, "login-taken")


async def test_chair_belongs_to_one_however_many_hands_pull(chief: Caller) -> None:
    county = chief.county
    async with (
        calling(county, await newcomer(chief, "first", "C", "duty-officer")) as first,
        calling(county, await newcomer(chief, "second", "C", "duty-officer")) as second,
    ):
        consultation = await hold(first, f"person:{second.person}")
        for caller in (first, second):
            await caller.do("POST", f"/consultations/{consultation}/join")
        wanted = {"consultation": consultation}
        answers = await asyncio.gather(
            *(
                caller.tab.do(f"take{number}", "consultation.hand-over", person=whom.person, **wanted)
                for number in range(5)
                for caller, whom in ((first, second), (second, first))
            )
        )
        assert {answer["t"] for answer in answers} <= {"done", "refused"}
        chairs = {
            (await caller.do("GET", f"/consultations/{consultation}"))["chair"] for caller in (first, second, chief)
        }
        assert len(chairs) == 1 and chairs < {first.person, second.person}
        ends = await asyncio.gather(*(caller.tab.do("end", "consultation.end", **wanted) for caller in (first, second)))
        assert sorted(answer["t"] for answer in ends) == ["done", "refused"]
        assert {answer["code"] for answer in ends if answer["t"] == "refused"} == {"consultation-ended"}


async def test_what_a_message_says_of_its_sender_is_ignored(chief: Caller) -> None:
    async with calling(chief.county, await newcomer(chief, "forger", "E", "member")) as forger:
        consultation = await hold(chief, f"person:{forger.person}")
        for caller in (chief, forger):
            await caller.do("POST", f"/consultations/{consultation}/join")
        forged = {"from": {"ip": "1.2.3.4"}, "actor": chief.person, "person": chief.person, "node": "other", "v": 9}
        params = {"consultation": consultation, "text": "冒名", **forged}
        await forger.tab.send(t="act", id="forged", name="message.say", params=params, **forged)
        await forger.tab.answer("done", id="forged")
        await forger.do("POST", f"/consultations/{consultation}/messages", {"text": "冒名", **forged})
        listed = await chief.do("GET", f"/consultations/{consultation}/messages")
        assert [(item["person"], item["text"]) for item in listed["items"]] == [(forger.person, "冒名")] * 2
        refused = await forger.tab.do("end", "consultation.end", consultation=consultation, actor=chief.person)
        assert (refused["t"], refused["code"]) == ("refused", "forbidden")


async def test_messages_of_a_newer_version_are_told_apart_from_nonsense(chief: Caller) -> None:
    county = chief.county
    tab = await open_tab(chief.http, county, chief.token, versions=[1, 2, 9], colour="blue", resume=None)
    await tab.send(t="whiteboard", id="new", strokes=[1, 2])
    assert (await tab.answer("refused", id="new"))["code"] == "unknown-message"
    await tab.send(t="whiteboard", strokes=[1, 2])  # nobody waits for an answer to it
    assert (await tab.do("act", "consultation.teleport"))["code"] == "act-unknown"
    await tab.send(t="ping", at=7, hops=3)
    await tab.answer("pong", at=7)
    await tab.leave()
    newer = Tab(await chief.http.ws_connect(f"{county.url}/api/v1/ws"), Pages())
    await newer.send(t="hello", versions=[2, 3], token=chief.token)
    assert await newer.closed() == Close.NO_COMMON_VERSION


async def test_flood_ends_its_connection_and_no_other(chief: Caller) -> None:
    flood = await open_tab(chief.http, chief.county, chief.token)

    with contextlib.suppress(ClientConnectionResetError):
        for number in range(2_000):
            await flood.send(t="ping", at=number)
            await asyncio.sleep(0)  # who does not even read is cut off without a word
    assert await flood.closed() == Close.TOO_MANY_MESSAGES
    await chief.tab.send(t="ping", at="beside")
    await chief.tab.answer("pong", at="beside")
    status, _ = await ask(chief.http, chief.county, "GET", "/units", chief.token)
    assert status == 200


async def test_name_of_a_megabyte_is_refused_at_the_doors_of_strangers(chief: Caller) -> None:
    huge = "汛" * (1 << 20)
    for body in ({"login": huge, "password": "x"}, {"welcome": huge}, {"welcome": "x", "organisation": huge}):
        status, problem = await ask(chief.http, chief.county, "POST", "/session", body=body)
        assert (status, problem["code"]) == (413, "body-too-large")
    with contextlib.suppress(ClientConnectionResetError):  # it may be closed before all of the address was sent
        async with chief.http.post(f"{chief.county.url}/whip/source?name={huge}", data=b"v=0") as answer:
            assert answer.status == 400
    status, _ = await ask(chief.http, chief.county, "GET", "/units", chief.token)
    assert status == 200

"""All pages over a real server: what one does the others see, breaks, tabs, the node's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import aiohttp
import msgspec
import pytest

from dispatch.acts.consultation import Join
from dispatch.desk import coordinator as coordinator_module
from dispatch.entry import Origin
from dispatch.permissions import Actor
from signaling.ice.turn import IceServer, Turn
from signaling.ws import hub as hub_module
from signaling.ws.connection import MAX_IN_HAND, Limits
from signaling.ws.hub import MAX_PAGES_OF_PERSON, Hub
from signaling.ws.messages import MAX_TOPICS
from tests.patience import PATIENCE_S, until
from tests.signaling.ws.node import NEVER_US, Node, consultation_of_li


async def test_what_the_chair_does_every_page_sees() -> None:
    async with Node() as node, consultation_of_li(node) as (li, consultation):
        topic = f"consultation:{consultation}"
        zhao, wang = await node.tab("zhao"), await node.tab("wang")
        own = (await zhao.do("1", "consultation.join", consultation=consultation))["object"]
        for tab in (li, zhao, wang):
            await tab.watch(topic)
            await tab.watch("overview")
            await tab.watch("places")
        await li.do("mute", "participant.mute", consultation=consultation, participant=own, sound=True)
        for tab in (li, zhao, wang):
            pages = tab.pages
            await tab.until(partial(lambda pages: pages.record(topic, "participant", own)["sound_off"], pages))
            assert tab.pages.record(topic, "participant", own)["online"]
        assert wang.pages.record("overview", "consultation", consultation)["present"] == 1
        assert zhao.pages.record("places", "place", consultation)["mine"] == "present"
        await li.do("remove", "participant.remove", consultation=consultation, participant=own)
        await zhao.until(lambda: zhao.pages.gone)
        assert zhao.pages.gone == {topic: "forbidden"}
        await zhao.until(lambda: not zhao.pages.held["places"].records)
        for tab in (zhao, wang):
            await tab.leave()


async def test_what_comes_over_http_reaches_the_pages_too() -> None:
    async with Node() as node, consultation_of_li(node) as (li, consultation):
        await li.watch("overview")
        act = Join(consultation=consultation)
        await node.coordinator.act(act, Actor("zhao"), Origin())
        await li.until(lambda: li.pages.record("overview", "consultation", consultation)["present"] == 1)


async def test_after_a_break_a_page_goes_on_where_it_was() -> None:
    async with Node() as node, consultation_of_li(node) as (li, consultation):
        wang = await node.tab("wang")
        for topic in ("overview", f"consultation:{consultation}", "unit:root"):
            await wang.watch(topic)
        epoch, before = wang.answers[0]["epoch"], len(wang.pages.received)
        await wang.leave()
        await node.until_pages(1)
        for n in range(5):
            await li.do(f"a{n}", "consultation.announce", consultation=consultation, text=f"第{n}")
        await li.do("lock", "consultation.lock", consultation=consultation, locked=True)
        again = await node.tab("wang", wang.pages, resume={"epoch": epoch, "topics": wang.pages.resume()})
        await again.until(
            lambda: (
                wang.pages.record(f"consultation:{consultation}", "consultation", consultation)["announcement"] == "第4"
            )
        )
        await again.until(lambda: wang.pages.record("overview", "consultation", consultation)["locked"])
        assert not any(message["reset"] for message in wang.pages.received[before:])
        await again.leave()


async def test_after_a_restart_everything_begins_anew() -> None:
    async with Node() as node:
        li = await node.tab("li")
        made = await li.do("make", "consultation.create", title="防汛会商", unit="county")
        await li.watch("overview")
        epoch, before = li.answers[0]["epoch"], len(li.pages.received)
        await node.restart_hub()
        assert await li.closed() == 4503 and li.answers[-1] == {"t": "bye", "code": "node-stopping"}
        again = await node.tab("li", li.pages, resume={"epoch": epoch, "topics": li.pages.resume()})
        assert again.answers[0]["epoch"] != epoch
        await again.until(lambda: len(li.pages.received) > before)
        assert li.pages.received[before]["reset"]
        assert li.pages.ids("overview", "consultation") == {made["object"]}
        await again.leave()


async def test_what_one_may_no_longer_see_is_gone_when_one_comes_back() -> None:
    async with Node() as node, consultation_of_li(node) as (li, consultation):
        topic = f"consultation:{consultation}"
        zhao = await node.tab("zhao")
        own = (await zhao.do("1", "consultation.join", consultation=consultation))["object"]
        await zhao.watch(topic)
        await zhao.leave()
        await li.do("remove", "participant.remove", consultation=consultation, participant=own)
        resume = {"epoch": node.hub.epoch, "topics": zhao.pages.resume()}
        again = await node.tab("zhao", zhao.pages, resume=resume)
        await again.until(lambda: zhao.pages.gone)
        assert zhao.pages.gone == {topic: "forbidden"} and topic not in zhao.pages.held
        await again.leave()


async def test_two_tabs_are_one_person_who_is_there_until_the_last_is_closed() -> None:
    async with Node(grace_us=1) as node:
        wang = await node.tab("wang")
        await wang.watch("unit:county")
        first, second = await node.tab("li", device="tab1"), await node.tab("li", device="tab2")
        await wang.until(lambda: wang.pages.record("unit:county", "person", "li")["online"])
        for tab in (first, second):
            await tab.watch("overview")
        made = await first.do("make", "consultation.create", title="会商", unit="county")
        for tab in (first, second):
            pages = tab.pages
            await tab.until(partial(lambda pages: pages.ids("overview", "consultation") == {made["object"]}, pages))
        await first.leave()
        await node.until_pages(2)
        assert node.presence.is_online("li")
        await second.send(t="ping", at="still")
        await second.answer("pong")
        await second.leave()
        await wang.until(lambda: not wang.pages.record("unit:county", "person", "li")["online"])
        await wang.leave()


@pytest.mark.parametrize("end", [lambda hub: hub.close_person("li"), lambda hub: hub.close_login("login-li")])
async def test_who_may_be_here_no_more_is_offline_at_once(end: Callable[[Hub], None]) -> None:
    async with Node(grace_us=NEVER_US) as node:
        wang, li = await node.tab("wang"), await node.tab("li")
        await wang.watch("unit:county")
        await wang.until(lambda: wang.pages.record("unit:county", "person", "li")["online"])
        end(node.hub)
        # At once, and not when the page has answered the close: one that does not would go on seeing and hearing.
        assert ("hangup", "li") in node.door.noted and ("hangup", "wang") not in node.door.noted
        await wang.until(lambda: not wang.pages.record("unit:county", "person", "li")["online"])
        assert await li.closed() == 4401
        await wang.leave()


async def test_a_fault_in_what_hears_of_somebody_s_leaving_does_not_let_sign_ins_go_on_for_ever() -> None:
    async with Node(grace_us=1) as node:
        failed: list[str] = []

        def fail(person: str) -> None:
            if not node.presence.is_online(person):
                failed.append(person)
                raise RuntimeError("a fault of whoever listens")

        node.presence.listen(fail)
        zhao = await node.tab("zhao")
        await zhao.leave()
        await until("the fault", lambda: failed, bool)
        node.until_us["li"] = node.hub.now_us() + 1_500_000
        li = await node.tab("li")
        assert await li.closed() == 4401


async def test_sources_that_come_and_go_show_on_the_overview() -> None:
    async with Node() as node:
        li = await node.tab("li")
        await li.watch("overview")
        node.sources.publish("camera", "桥头", "session", 7)
        node.sources.observe("camera", heard=True, now_us=8)
        await li.until(lambda: ("source", "camera") in li.pages.held["overview"].records)
        await li.until(lambda: li.pages.record("overview", "source", "camera")["state"] == "live")
        assert li.pages.record("overview", "source", "camera") == {
            "id": "camera",
            "name": "桥头",
            "unit": "town",
            "unit_name": "石桥镇",
            "unit_name_en": "",
            "level": "township",
            "kind": "ip-camera",
            "person": "",
            "state": "live",
            "since_us": 8,
            "tracks": [],
            "recording": None,
            "may": ["view", "steer", "record"],
        }
        node.sources.stop("camera")
        await li.until(lambda: li.pages.ids("overview", "source") == set())
        await li.leave()


async def test_who_speaks_is_told_to_those_in_the_consultation() -> None:
    async with Node() as node, consultation_of_li(node) as (li, consultation):
        topic = f"consultation:{consultation}"
        await li.watch(topic)
        node.hub.speaking(consultation, "p", {"p": -18})
        await li.until(lambda: ("speaking", consultation) in li.pages.held[topic].records)
        assert li.pages.record(topic, "speaking", consultation)["levels"] == {"p": -18}
        node.hub.speaking(consultation, "", {})
        await li.until(lambda: ("speaking", consultation) not in li.pages.held[topic].records)


async def test_a_page_has_a_bounded_number_of_topics_and_a_person_of_pages() -> None:
    async with Node(Limits(burst=1000)) as node:
        tab = await node.tab("li")
        for n in range(MAX_TOPICS):
            await tab.send(t="watch", topic=f"unit:{n}")  # refused ones do not count
        for topic in ("unit:county", "unit:town", "unit:county"):
            await tab.watch(topic)
        assert set(tab.pages.held) == {"unit:county", "unit:town"}
        tabs = [await node.tab("li") for _ in range(MAX_PAGES_OF_PERSON - 1)]
        more = await node.connect()
        await more.send(t="hello", versions=[1], token="li")
        assert await more.closed() == 4429
        for each in (tab, *tabs):
            await each.leave()


async def test_who_only_connects_takes_no_more_than_a_share_and_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_STRANGERS", 3)
    async with Node() as node:
        await node.tab("li")  # is no stranger any more
        strangers = [await node.connect() for _ in range(3)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await node.connect()
        assert refused.value.status == 503
        await strangers[0].leave()
        await strangers[1].send(t="hello", versions=[1], token="wang")
        await strangers[1].answer("welcome")
        await node.until_pages(3)
        for _ in range(2):
            await node.connect()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await node.connect()


async def test_a_page_is_told_of_turn_servers_and_again_before_their_credentials_end() -> None:
    turn = Turn(("turn:a.example",), "the-two-servers-secret", lifetime_s=2)
    async with Node(turn=turn) as node:
        tab = await node.tab("li")
        first = (await tab.answer("welcome"))["ice_servers"]
        again = (await tab.answer("servers"))["servers"]
        ends = [int(told[0]["username"].removesuffix(":li")) for told in (first, again)]
        assert ends[0] < ends[1]
        for told, end in zip((first, again), ends, strict=True):
            assert msgspec.convert(told, tuple[IceServer, ...]) == turn.servers("li", end - turn.lifetime_s)
        await tab.leave()
    async with Node() as node:
        tab = await node.tab("li")
        assert (await tab.answer("welcome"))["ice_servers"] == []
        await tab.leave()


async def test_unwatch_ends_a_topic_and_watch_begins_it_again() -> None:
    async with Node() as node, consultation_of_li(node) as (li, consultation):
        topic = f"consultation:{consultation}"
        await li.watch(topic)
        await li.send(t="unwatch", topic=topic)
        await li.do("1", "consultation.announce", consultation=consultation, text="无人看")
        await li.send(t="ping", at="after")
        await li.answer("pong")
        assert li.pages.record(topic, "consultation", consultation)["announcement"] == ""
        await li.send(t="watch", topic=topic)
        await li.until(lambda: li.pages.record(topic, "consultation", consultation)["announcement"] == "无人看")


async def test_a_stopping_node_says_so_and_takes_no_more() -> None:
    async with Node() as node:
        tabs = [await node.tab(person) for person in ("li", "wang")]
        silent = await node.connect()
        await node.hub.close()
        assert [await tab.closed() for tab in (*tabs, silent)] == [4503] * 3
        assert node.hub.pages == 0
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await node.connect()
        assert refused.value.status == 503
        await node.hub.close()


async def test_a_node_stops_although_the_disk_answers_none_of_what_its_pages_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "HAND_SECONDS", 0.05)
    monkeypatch.setattr(coordinator_module, "CLOSE_S", 0.05)
    async with Node() as node, asyncio.timeout(PATIENCE_S):
        li, wang, zhao = [await node.tab(person) for person in ("li", "wang", "zhao")]
        node.keeper.gate.clear()
        # More than a page may have in hand: the node reads on when one is answered, and none ever is.
        for number in range(MAX_IN_HAND + 5):
            await li.send(t="act", id=f"{number}", name="consultation.create", params={"title": "会", "unit": "county"})
        await wang.send(t="act", id="1", name="consultation.create", params={"title": "会", "unit": "county"})

        def in_hand() -> int:
            return sum(len(connection.tasks) for connection in node.hub._connections)

        await until("all of it is in hand", in_hand, lambda count: count == MAX_IN_HAND + 1)
        await wang.leave()
        await node.until_pages(2)
        await node.hub.close()
        assert node.hub.pages == 0
        assert [await tab.closed() for tab in (li, zhao)] == [4503] * 2
        assert node.entries == [] and node.keeper.records == []
        await node.coordinator.close()
        assert len(node.tables.consultations) == 0


async def test_a_disabled_person_is_not_let_in() -> None:
    async with Node() as node:
        node.tables.people.put(msgspec.structs.replace(node.tables.people.get("li"), disabled=True))
        tab = await node.connect()
        await tab.send(t="hello", versions=[1], token="li")
        assert await tab.closed() == 4401
        await until("nobody", lambda: not node.presence.is_online("li"))


async def test_a_request_that_is_no_websocket_is_refused() -> None:
    async with Node() as node, node.client.get(node.url) as response:
        assert response.status == 426 and (await response.json(content_type=None))["code"] == "websocket-needed"
        assert node.hub.pages == 0

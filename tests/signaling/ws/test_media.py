"""Pages' lines are judged at each offer and held to the rule afterwards, whatever changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from dispatch.acts.chair import Remove
from dispatch.acts.consultation import End
from dispatch.acts.grants import Give
from dispatch.acts.people import SetRoles
from dispatch.errors import Conflict, Full, Refused
from dispatch.flow import Flow
from dispatch.permissions import Right
from dispatch.sources import SourceState
from signaling.ws import media as media_module
from signaling.ws.messages import LineQuality, Offer
from tests.patience import until
from tests.signaling.ws.desk import Desk, running_desk

OPEN = ("open", "")
PAUSED = ("paused", "")
FORBIDDEN = ("closed", "forbidden")


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with running_desk(tmp_path) as desk:
        yield desk


async def test_each_line_is_judged_by_what_it_is_for(desk: Desk) -> None:
    consultation = await desk.hold("east")
    await desk.mute(consultation, "officer", sound=True)
    page, context = desk.page("east"), f"consultation:{consultation}"
    lines = {
        page.take("officer.tab", "video", context): OPEN,
        page.take("officer.tab", "audio", context): PAUSED,
        page.take("camera", "video"): FORBIDDEN,
        page.take("camera", "video", context): FORBIDDEN,
        page.take("officer.tab", "audio", "consultation:nowhere"): FORBIDDEN,
        page.take("east.screen", "video"): OPEN,
        page.publish("east.tab", "video"): OPEN,
        page.publish("officer.tab", "audio"): FORBIDDEN,
        page.publish("camera", "video"): FORBIDDEN,
    }
    page.rest("video")
    assert await page.offer() == lines
    held = {line.mid: line.flow.value for line in desk.node.exchange.connections.receiving()}
    assert held == {mid: flow for mid, (flow, _) in lines.items() if flow != "closed" and mid != "6"}
    registry = desk.node.exchange.registry
    assert [source.id for source in registry.all()] == ["east.tab"]
    assert registry.get("east.tab").name == "名"


async def test_line_follows_what_the_chair_does_until_it_is_closed(desk: Desk) -> None:
    consultation = await desk.hold("east")
    page, context = desk.page("officer"), f"consultation:{consultation}"
    sound, picture = page.take("east.tab", "audio", context), page.take("east.tab", "video", context)
    wall = page.take("east.tab", "video")
    await page.offer()
    await desk.mute(consultation, "east", sound=True)
    await page.told(sound, "paused")
    await desk.mute(consultation, "east", sound=False, picture=True)
    await page.told(sound, "open")
    await page.told(picture, "paused")
    await desk.do(Remove(consultation=consultation, participant=desk.place(consultation, "east")))
    await page.told(sound, *FORBIDDEN)
    await page.told(picture, *FORBIDDEN)
    assert wall not in page.flows
    assert [line.mid for line in desk.node.exchange.connections.receiving()] == [wall]


async def test_end_of_one_consultation_leaves_the_lines_of_another(desk: Desk) -> None:
    first, second = await desk.hold("east"), await desk.hold("east")
    page = desk.page("east")
    lines = [page.take("officer.tab", "audio", f"consultation:{item}") for item in (first, second)]
    await page.offer()
    await desk.do(End(consultation=first))
    await page.told(lines[0], *FORBIDDEN)
    assert [line.mid for line in desk.node.exchange.connections.receiving()] == lines[1:]


async def test_line_ends_with_the_grant_that_opened_it(desk: Desk) -> None:
    until_us = time.time_ns() // 1000 + 300_000
    await desk.do(Give(verb=Right.VIEW, object="endpoint:camera", to="person:east", until_us=until_us))
    page = desk.page("east")
    mid = page.take("camera", "video")
    assert await page.offer() == {mid: OPEN}
    await page.told(mid, *FORBIDDEN)
    assert time.time_ns() // 1000 >= until_us


async def test_page_that_may_publish_for_a_device_no_more_is_off_the_air(desk: Desk) -> None:
    page = desk.page("officer")
    device, own = page.publish("camera", "video"), page.publish("officer.tab", "video")
    assert await page.offer() == {device: OPEN, own: OPEN}
    await desk.do(SetRoles(person="officer", roles=()), "chief")
    await page.told(device, *FORBIDDEN)
    registry = desk.node.exchange.registry
    assert registry.get("camera").state is SourceState.OFFLINE
    assert registry.get("officer.tab").publisher is not None and own not in page.flows


async def test_page_is_told_when_another_publishes_its_source(desk: Desk) -> None:
    first, second = desk.page("officer"), desk.page("chief")
    mid = first.publish("camera", "video")
    await first.offer()
    second.publish("camera", "video")
    await second.offer()
    await first.told(mid, "closed", "replaced")
    assert second.flows == {}


async def test_pages_are_told_when_a_source_is_stopped(desk: Desk) -> None:
    publisher, viewer = desk.page("officer"), desk.page("chief")
    sent, other = publisher.publish("camera", "video"), publisher.publish("officer.tab", "video")
    await publisher.offer()
    mid, beside = viewer.take("camera", "video"), viewer.take("officer.tab", "video")
    await viewer.offer()
    await desk.node.exchange.stop("camera")
    await publisher.told(sent, "closed", "source-stopped")
    await viewer.told(mid, "closed", "source-stopped")
    assert other not in publisher.flows and beside not in viewer.flows


async def test_end_of_a_connection_is_told_and_the_next_offer_makes_another(desk: Desk) -> None:
    page = desk.page("officer")
    mid = page.take("camera", "video")
    await page.offer()
    desk.media.quality(page, 10.0, [LineQuality(mid, jitter_ms=1.5)])
    ((connection, person),) = desk.media.connections()
    assert person == "officer" and desk.media.jitter_us(connection, mid) == 1_500
    desk.node.exchange.connections.end(connection, "worn", "test")
    assert page.ends == [(1, "worn")]
    assert desk.media.connections() == [] and desk.media.jitter_us(connection, mid) is None
    with pytest.raises(Conflict, match="is over") as refused:
        await page.offer()
    assert refused.value.code == "session-unknown"
    page.number = 2
    await page.offer()
    desk.media.hangup(page)
    assert page.ends == [(1, "worn"), (2, "deleted")]
    desk.media.hangup(page)
    assert desk.node.exchange.connections.peers() == []


async def test_offer_of_a_newer_connection_ends_the_one_before_and_an_older_one_nothing(desk: Desk) -> None:
    page = desk.page("officer")
    page.take("camera", "video")
    await page.offer()
    page.number = 5
    assert await page.offer() == {"0": OPEN}
    assert page.ends == [(1, "deleted")] and len(desk.node.exchange.connections.peers()) == 1
    page.number = 4
    with pytest.raises(Conflict) as refused:
        await page.offer()
    assert refused.value.code == "session-unknown" and len(desk.media.connections()) == 1


async def test_fault_in_an_offer_is_its_own(desk: Desk) -> None:
    page, other = desk.page("officer"), desk.page("chief")
    page.take("camera", "video")
    other.take("camera", "video")
    answers = await asyncio.gather(
        desk.media.offer(page, Offer("1", "v=0\r\nnonsense", 1, page.lines)), other.offer(), return_exceptions=True
    )
    assert isinstance(answers[0], Refused) and answers[0].code.startswith("sdp-")
    assert answers[1] == {"0": OPEN}
    assert await page.offer() == {"0": OPEN}


async def test_more_offers_than_the_node_can_answer_soon_are_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_module, "MOST_WAITING", 2)
    pages = [desk.page("officer") for _ in range(3)]
    for page in pages:
        page.take("camera", "video")
    answers = await asyncio.gather(*(page.offer() for page in pages), return_exceptions=True)
    assert [isinstance(answer, Full) for answer in answers] == [False, False, True]
    assert await pages[2].offer() == {"0": OPEN}


async def test_many_pages_are_all_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_module, "LINES_A_TURN", 2)
    consultation = await desk.hold("east")
    pages = [desk.page("officer") for _ in range(5)]
    for page in pages:
        page.take("east.tab", "audio", f"consultation:{consultation}")
        await page.offer()
    await desk.mute(consultation, "east", sound=True)
    for page in pages:
        await page.told("0", "paused")


async def test_line_that_cannot_be_paused_leaves_no_other_open(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    consultation = await desk.hold("east")
    first, second = desk.page("officer"), desk.page("officer")
    for page in (first, second):
        page.take("east.tab", "audio", f"consultation:{consultation}")
        page.take("east.tab", "video", f"consultation:{consultation}")
        await page.offer()
    connections = desk.node.exchange.connections
    stuck = min(connection for connection, _ in desk.media.connections())
    set_flow = connections.set_flow

    def failing(connection: str, mid: str, flow: Flow) -> None:
        if (connection, mid) == (stuck, "0"):
            raise RuntimeError("a fault")
        set_flow(connection, mid, flow)

    monkeypatch.setattr(connections, "set_flow", failing)
    await desk.mute(consultation, "east", picture=True, sound=True)
    for page in (first, second):
        await page.told("1", "paused")
    await until("one of both", lambda: [page for page in (first, second) if page.flows.get("0") == ("paused", "")])
    monkeypatch.undo()
    for page in (first, second):
        await page.told("0", "paused")


async def test_nothing_is_followed_after_the_close(desk: Desk) -> None:
    consultation = await desk.hold("east")
    page = desk.page("officer")
    page.take("east.tab", "audio", f"consultation:{consultation}")
    await page.offer()
    before = asyncio.all_tasks()
    await desk.media.close()
    await desk.media.close()
    await until("its tasks are over", lambda: len(before - asyncio.all_tasks()), lambda ended: ended == 2)
    await desk.mute(consultation, "east", sound=True)
    assert page.flows == {}

"""No message but the hello is heard of who has not said who it is, and those that ask for something need a right."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from signaling.ws import messages
from tests.signaling.ws.node import Node, consultation_of_li

#: One of each type.
EXAMPLES: dict[str, dict[str, Any]] = {
    "watch": {"topic": "overview"},
    "unwatch": {"topic": "overview"},
    "act": {"id": "1", "name": "consultation.create", "params": {"title": "会", "unit": "county"}},
    "offer": {"id": "1", "sdp": "v=0", "lines": []},
    "hangup": {},
    "quality": {"rtt_ms": 1.0, "lines": []},
    "sizes": {"connection": 1, "lines": [{"mid": "2", "width": 640, "height": 360, "rank": 1}]},
    "ping": {"at": 1},
}


def test_there_is_an_example_of_each_type() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in get_args(messages.Message)}
    assert tags == {"hello", *EXAMPLES}


def test_every_message_declares_what_it_needs() -> None:
    assert set(messages.DEMANDS) == set(get_args(messages.Message))
    assert all(demand.why for demand in messages.DEMANDS.values())


@pytest.mark.parametrize("kind", EXAMPLES)
async def test_nothing_is_done_for_who_has_not_said_hello(kind: str) -> None:
    async with Node() as node:
        tab = await node.connect()
        await tab.send(t=kind, **EXAMPLES[kind])
        assert await tab.closed() in (4400, 4401)
        assert {item["t"] for item in tab.answers} <= {"bye"}
        await node.until_pages(0)
        assert node.entries == [] and node.door.noted == []


@pytest.mark.parametrize("kind", EXAMPLES)
async def test_nothing_is_done_for_who_is_not_signed_in(kind: str) -> None:
    async with Node() as node:
        tab = await node.connect()
        await tab.send(t="hello", versions=[1], token="nobody's")
        await tab.send(t=kind, **EXAMPLES[kind])
        assert await tab.closed() == 4401
        assert {item["t"] for item in tab.answers} <= {"bye"}
        assert node.entries == [] and node.door.noted == []


async def test_who_is_signed_in_needs_a_right_to_act_and_to_watch() -> None:
    async with Node() as node, consultation_of_li(node) as (_, consultation):
        before = len(node.entries)
        qian = await node.tab("qian")
        refused = await qian.do("lock", "consultation.lock", consultation=consultation, locked=True)
        assert (refused["t"], refused["code"]) == ("refused", "forbidden")
        await qian.send(t="watch", topic=f"consultation:{consultation}")
        await qian.until(lambda: qian.pages.gone)
        assert qian.pages.gone == {f"consultation:{consultation}": "forbidden"}
        await qian.send(t="watch", topic="unit:nowhere")
        await qian.until(lambda: len(qian.pages.gone) == 2)
        assert "unit:nowhere" in qian.pages.gone
        assert len(node.entries) == before
        await qian.leave()

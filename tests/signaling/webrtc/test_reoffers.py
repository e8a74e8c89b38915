"""Any sequence of offers of one page: lines keep their places, what goes on keeps its numbers, and nothing stays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.memory import live_objects
from signaling.sdp.model import SessionDescription
from signaling.webrtc import connections
from signaling.webrtc.lines import ReceiveLine
from tests.patience import until
from tests.signaling.node import Node, running_node
from tests.signaling.webrtc.pages import OfferedPage

KINDS = st.sampled_from(["video", "audio"])
SOURCES = st.sampled_from(["one", "two", "three"])


class Held:
    """A node that lives as long as its loop, which runs while something is asked of it."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.ends = AsyncExitStack()
        self.node: Node = self.runner.run(self.ends.enter_async_context(running_node()))

    def close(self) -> None:
        self.runner.run(self.ends.aclose())
        self.runner.close()


@pytest.fixture(scope="module")
def held() -> Iterator[Held]:
    held = Held()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "OFFERS_AT_ONCE", 1e9)
        patch.setattr(connections, "OFFERS_A_SECOND", 1e9)
        yield held
    held.close()


class Judge:
    """What must hold from answer to answer."""

    def __init__(self, page: OfferedPage) -> None:
        self.page = page
        self.carried: dict[str, tuple[object, tuple[int, ...]]] = {}
        self.used: set[int] = set()
        self.ids: dict[int, str] = {}

    def look(self, offer_ice: int, before: SessionDescription | None, before_ice: int) -> None:
        page, answer = self.page, self.page.answers[-1]
        assert [(item.mid, item.kind, item.port == 0) for item in answer.media] == [
            (line.mid, line.kind, line.stopped) for line in page.offers.lines
        ]
        if before is not None:
            assert answer.origin.session_id == before.origin.session_id
            assert int(answer.origin.version) == int(before.origin.version) + 1
            ufrags = [{item.ice_ufrag for item in one.media if item.ice_ufrag} for one in (before, answer)]
            if ufrags[0] and ufrags[1]:
                assert (ufrags[0] == ufrags[1]) is (offer_ice == before_ice)
        for item in answer.media:
            for extension in item.extensions:
                assert self.ids.setdefault(extension.id, extension.uri) == extension.uri
        self._streams()

    def _streams(self) -> None:
        ssrcs, wanted = self.page.ssrcs(), self.page.wanted
        takes = {mid: line.key for mid, line in wanted.items() if isinstance(line, ReceiveLine)}
        assert set(ssrcs) == set(takes)
        live = [ssrc for pair in ssrcs.values() for ssrc in pair]
        assert len(set(live)) == len(live)
        for mid, key in takes.items():
            if self.carried.get(mid, (None, ()))[0] == key:
                assert ssrcs[mid] == self.carried[mid][1]
            else:
                assert self.used.isdisjoint(ssrcs[mid])
        self.used |= set(live)
        self.carried = {mid: (key, ssrcs[mid]) for mid, key in takes.items()}


def act(page: OfferedPage, data: st.DataObject) -> None:
    """Change some of what the page wants, and which lines it has."""
    for _ in range(data.draw(st.integers(1, 3))):
        what = data.draw(st.sampled_from(["take", "take", "publish", "free", "free", "stop", "restart"]))
        if what == "restart":
            page.offers.restart_ice()
        elif what in ("free", "stop"):
            lines = [line.mid for line in page.offers.lines if not line.stopped]
            if len(lines) > 1:
                page.free(data.draw(st.sampled_from(lines)), stop=what == "stop")
        else:
            source, kind = data.draw(SOURCES), data.draw(KINDS)
            keys = {line.key for line in page.wanted.values()}
            if what == "take" and (source, kind, "") not in keys:
                page.take(source, kind)
            elif what == "publish" and (source, kind) not in keys:
                page.publish(source, kind)


async def live(page: OfferedPage, data: st.DataObject) -> None:
    judge, connections = Judge(page), page.node.exchange.connections
    page.take("one", "video")
    for _ in range(data.draw(st.integers(2, 8))):
        before, ice = (page.answers[-1], page.offers.ice) if page.answers else (None, 0)
        if before is not None:
            act(page, data)
        page.exchange()
        judge.look(page.offers.ice, before, ice)
        states = {(item.mid, item.source, item.kind) for item in connections.receiving()}
        wanted = {item for item in page.wanted.values() if isinstance(item, ReceiveLine)}
        assert states == {(item.mid, item.source, item.kind) for item in wanted}
        assert len(connections.statistics(page.connection).sending) == len(page.wanted) - len(wanted)


async def run(node: Node, data: st.DataObject) -> None:
    before = live_objects()
    page = OfferedPage(node)
    try:
        await live(page, data)
    finally:
        node.exchange.connections.end(page.connection)
        for source in [item.id for item in node.exchange.registry.all()]:
            await node.exchange.stop(source)
    # What others' tests left may go meanwhile, so there may be less than before.
    await until("nothing stays", lambda: all(count <= before[kind] for kind, count in live_objects().items()))
    assert node.exchange.media == {}


@settings(max_examples=60)
@given(data=st.data())
def test_any_sequence_of_offers_keeps_what_goes_on_and_leaves_nothing(held: Held, data: st.DataObject) -> None:
    held.runner.run(run(held.node, data))

"""A page's connection at the server: what is refused changes nothing, bounds, takeovers, and what stays of the past."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from dispatch.flow import Flow
from dispatch.sources import SourceInvalid, SourceLimit
from media.plane.memory import live_objects
from media.plane.names import PlaneError
from media.plane.srtp import SrtpKeys
from media.relay import RelayTrack, RouteFormat
from signaling.sdp.errors import SdpBadDirection, SdpBadReoffer, SdpError, SdpNoCommonCodec
from signaling.sdp.model import Codec
from signaling.webrtc import connections as connections_module
from signaling.webrtc.connection import ConnectionEnded, SourceWithdrawn
from signaling.webrtc.errors import (
    ExchangeClosed,
    ExchangeError,
    ExchangeFull,
    LinesInvalid,
    LineUnknown,
    OffersTooFast,
    SessionUnknown,
)
from signaling.webrtc.lines import MAX_LINES, ReceiveLine, SendLine
from tests.media.standstill import standing_still
from tests.patience import until
from tests.signaling.node import MAX_SDP_BYTES, Node, running_node
from tests.signaling.sdp.page import PageOffers
from tests.signaling.sdp.samples import raw
from tests.signaling.webrtc.pages import OfferedPage


@pytest_asyncio.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node() as node:
        yield node


@pytest.fixture
def unpaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "OFFERS_A_SECOND", 1e9)
    monkeypatch.setattr(connections_module, "OFFERS_AT_ONCE", 1e9)


def page_of(node: Node, owner: str = "page") -> OfferedPage:
    """Give a page that publishes a picture and takes a picture and a sound."""
    page = OfferedPage(node, owner)
    page.publish(f"cam-{owner}", "video")
    page.take("one", "video")
    page.take("one", "audio", "wall")
    page.exchange()
    return page


def state(node: Node) -> object:
    """Give all that an offer could change, as far as it can be seen from outside."""
    connections = node.exchange.connections
    sources = {item.id: (item.publisher, frozenset(item.viewers), item.name) for item in node.exchange.registry.all()}
    media = {
        name: (dict(item.publications), dict(item.codecs), set(item.viewers))
        for name, item in node.exchange.media.items()
    }
    return list(connections.receiving()), sources, media


def no_line(page: OfferedPage) -> None:
    page.wanted["99"] = ReceiveLine("99", "video", "two")


def wrong_way(page: OfferedPage) -> None:
    page.wanted["1"] = SendLine("1", "video", "two")


def wrong_kind(page: OfferedPage) -> None:
    page.wanted["1"] = ReceiveLine("1", "audio", "two")


def twice(page: OfferedPage) -> None:
    page.take("one", "video")


def published_twice(page: OfferedPage) -> None:
    page.publish("cam-page", "video")


def too_many(page: OfferedPage) -> None:
    for number in range(MAX_LINES):
        page.take(f"s{number}", "video")


def bad_source(page: OfferedPage) -> None:
    page.take("a b\r\na=candidate", "video")


def bad_name(page: OfferedPage) -> None:
    page.publish("!mark", "video")


def long_context(page: OfferedPage) -> None:
    page.take("one", "video", "x" * 129)


def begins_closed(page: OfferedPage) -> None:
    page.take("two", "video", flow=Flow.CLOSED)


def swapped(page: OfferedPage) -> None:
    page.offers.lines[1], page.offers.lines[2] = page.offers.lines[2], page.offers.lines[1]
    page.take("two", "video")


def vanished(page: OfferedPage) -> None:
    page.free("2")
    page.offers.lines.pop()


def another_number(page: OfferedPage) -> None:
    page.take("two", "video").codecs = (Codec(96, "VP8", 90_000),)


def no_codec(page: OfferedPage) -> None:
    page.take("two", "video").codecs = (Codec(120, "THEORA", 90_000),)


REFUSED: list[tuple[Callable[[OfferedPage], None], type[Exception]]] = [
    (no_line, SdpBadDirection),
    (wrong_way, SdpBadDirection),
    (wrong_kind, SdpBadDirection),
    (twice, LinesInvalid),
    (published_twice, LinesInvalid),
    (too_many, LinesInvalid),
    (bad_source, LinesInvalid),
    (bad_name, SourceInvalid),
    (long_context, LinesInvalid),
    (begins_closed, LinesInvalid),
    (swapped, SdpBadReoffer),
    (vanished, SdpBadReoffer),
    (another_number, SdpNoCommonCodec),
    (no_codec, SdpNoCommonCodec),
]


@pytest.mark.parametrize(("change", "error"), REFUSED, ids=[change.__name__ for change, _ in REFUSED])
async def test_offer_that_is_refused_changes_nothing(
    node: Node, change: Callable[[OfferedPage], None], error: type[Exception]
) -> None:
    page = page_of(node)
    before, objects, ssrcs = state(node), live_objects(), page.ssrcs()
    lines, wanted = list(page.offers.lines), dict(page.wanted)
    change(page)
    with pytest.raises(error):
        page.exchange()
    assert state(node) == before and live_objects() == objects
    page.offers.lines, page.wanted = lines, wanted
    for line in page.offers.lines:
        line.direction = "sendonly" if isinstance(wanted[line.mid], SendLine) else "recvonly"
    page.exchange()
    assert page.ssrcs() == ssrcs and state(node) == before and live_objects() == objects


@pytest.mark.parametrize("offer", [b"", b"v=0\r\n", b"\0" * 100, b"v=0\r\n" + b"a=x\r\n" * 20_000])
async def test_what_is_no_offer_is_refused(node: Node, offer: bytes) -> None:
    page = page_of(node)
    before = state(node)
    with pytest.raises(SdpError):
        node.exchange.connections.offer(page.connection, offer, [])
    with pytest.raises(SdpError):
        node.exchange.connections.open("other", offer, [])
    assert state(node) == before and len(node.exchange.connections.peers()) == 1


async def test_first_offer_that_is_refused_leaves_no_connection(node: Node) -> None:
    before = live_objects()
    page = OfferedPage(node)
    page.take("one", "video")
    page.publish("!mark", "video")
    with pytest.raises(SourceInvalid):
        page.exchange()
    assert node.exchange.connections.peers() == [] and node.exchange.media == {}
    await until("nothing stays", lambda: live_objects() == before)


async def test_offers_come_no_faster_than_a_person_works(node: Node) -> None:
    page = page_of(node)
    with pytest.raises(OffersTooFast):
        for _ in range(100):
            page.exchange()
    assert len(page.answers) < 20
    assert len(list(node.exchange.connections.receiving())) == 2


async def test_hanging_up_in_between_makes_offers_come_no_faster(node: Node) -> None:
    page, other = page_of(node), OfferedPage(node, owner="other")
    with pytest.raises(OffersTooFast):
        for _ in range(20):
            node.exchange.connections.end(page.connection)
            page.connection, page.offers = "", PageOffers()
            page.wanted = {}
            page.take("one", "video")
            page.exchange()
    assert len(page.answers) < 20
    other.take("one", "video")
    other.exchange()


@pytest.mark.parametrize("fails", ["route", "publish", "registry", "extensions"])
async def test_fault_in_the_middle_changes_nothing(node: Node, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    page = page_of(node)
    node.exchange.publish("taken", "", raw("chromium-publish"), MAX_SDP_BYTES)
    before, objects = state(node), live_objects()

    def fault(*arguments: object, **named: object) -> None:
        raise PlaneError("plane thread 0 does not take commands")

    with monkeypatch.context() as broken:
        if fails == "registry":
            broken.setattr(node.exchange.registry, "publish", fault)
        elif fails == "extensions":
            broken.setattr("signaling.webrtc.connections.send_extensions", fault)
        else:
            broken.setattr(RelayTrack, fails, fault)
        page.take("two", "video")
        page.publish("fresh", "audio")
        with pytest.raises(PlaneError):
            page.exchange()
    await until("what was made is gone", lambda: live_objects() == objects)
    assert state(node) == before
    page.exchange()
    assert {item.source for item in node.exchange.connections.receiving()} == {"one", "two"}
    assert node.exchange.registry.get("fresh").publisher == page.connection


async def test_places_are_counted_by_connection_and_by_source() -> None:
    async with running_node(max_publishers=2, max_viewers=1) as node:
        page = page_of(node)
        page.publish("cam-page", "audio")
        page.publish("second", "video")
        page.exchange()
        page.publish("third", "video")
        with pytest.raises(ExchangeFull):
            page.exchange()
        with pytest.raises(ExchangeFull):
            page_of(node, "other")
        page.free(page.offers.lines[-1].mid)
        for mid in [mid for mid, line in page.wanted.items() if line.source == "second"]:
            page.free(mid)
        page.exchange()
        page.publish("third", "video")
        page.exchange()
        node.exchange.connections.end(page.connection)
        page_of(node, "other")


async def test_second_source_that_finds_no_place_takes_the_first_back() -> None:
    async with running_node(max_sources=1) as node:
        page = OfferedPage(node)
        page.publish("first", "video")
        page.publish("second", "video")
        with pytest.raises(SourceLimit):
            page.exchange()
        assert all(item.publisher is None for item in node.exchange.registry.all())


async def test_takeover_ends_what_the_connection_publishes_of_the_source_and_nothing_else(node: Node) -> None:
    told: list[object] = []
    node.exchange.connections.listeners.append(told.append)
    page = page_of(node)
    page.publish("second", "video")
    page.exchange()
    answered = node.exchange.publish("second", "", raw("chromium-publish"), MAX_SDP_BYTES)
    assert told == [SourceWithdrawn(page.connection, "page", "second", "replaced")]
    assert node.exchange.registry.get("second").publisher == answered.session.id
    counted = node.exchange.connections.statistics(page.connection)
    assert {line.source for line in counted.sending} == {"cam-page"} and len(counted.receiving) == 2
    other = OfferedPage(node, "other")
    other.publish("second", "video")
    other.exchange()
    assert node.exchange.sessions == {}
    assert node.exchange.registry.get("second").publisher == other.connection


async def test_stopped_source_closes_its_lines_and_no_other(node: Node) -> None:
    told: list[object] = []
    page, other = page_of(node), page_of(node, "other")
    other.take("cam-page", "video")
    other.exchange()
    node.exchange.connections.listeners.append(told.append)
    await node.exchange.stop("cam-page")
    pages = ((page.connection, "page"), (other.connection, "other"))
    assert len(told) == 2
    assert set(told) == {SourceWithdrawn(*who, "cam-page", "source-stopped") for who in pages}
    assert {(item.owner, item.source) for item in node.exchange.connections.receiving()} == {
        ("page", "one"),
        ("other", "one"),
    }
    ssrcs = other.ssrcs()
    other.exchange()
    assert {mid for mid in ssrcs if ssrcs[mid] != other.ssrcs()[mid]} == {
        mid for mid, line in other.wanted.items() if line.source == "cam-page" and isinstance(line, ReceiveLine)
    }


async def test_line_keeps_its_flow_when_it_is_offered_again_and_closed_is_final(node: Node) -> None:
    connections = node.exchange.connections
    page = OfferedPage(node)
    first, second = page.take("one", "video", flow=Flow.PAUSED), page.take("one", "audio")
    page.exchange()

    def flows() -> dict[str, Flow]:
        return {item.mid: item.flow for item in connections.receiving("one")}

    assert flows() == {first.mid: Flow.PAUSED, second.mid: Flow.OPEN}
    connections.set_flow(page.connection, second.mid, Flow.PAUSED)
    connections.set_flow(page.connection, first.mid, Flow.OPEN)
    page.exchange()
    assert flows() == {first.mid: Flow.OPEN, second.mid: Flow.PAUSED}
    connections.set_flow(page.connection, first.mid, Flow.CLOSED)
    assert flows() == {second.mid: Flow.PAUSED}
    for flow in Flow:
        with pytest.raises(LineUnknown):
            connections.set_flow(page.connection, first.mid, flow)
    connections.set_flow(page.connection, second.mid, Flow.CLOSED)
    assert node.exchange.media == {}


async def test_verbs_for_what_is_not_there_say_so(node: Node) -> None:
    connections, page = node.exchange.connections, page_of(node)
    with pytest.raises(LineUnknown):
        connections.withdraw(page.connection, "cam-page", "audio")
    with pytest.raises(LineUnknown):
        connections.set_flow(page.connection, "0", Flow.PAUSED)
    told: list[object] = []
    connections.listeners.append(told.append)
    connections.end(page.connection)
    assert told == [ConnectionEnded(page.connection, "page", "deleted", "ended by its owner")]
    verbs: list[Callable[[], object]] = [
        lambda: connections.offer(page.connection, page.offers.offer(), []),
        lambda: connections.end(page.connection),
        lambda: connections.set_flow(page.connection, "1", Flow.OPEN),
        lambda: connections.withdraw(page.connection, "cam-page"),
        lambda: connections.statistics(page.connection),
    ]
    for verb in verbs:
        with pytest.raises(SessionUnknown):
            verb()


async def test_listener_that_fails_keeps_nothing_from_ending(node: Node) -> None:
    told: list[object] = []

    def fail(event: object) -> None:
        raise RuntimeError("a bug that nobody knows yet")

    node.exchange.connections.listeners += [fail, told.append]
    page = page_of(node)
    node.exchange.connections.end(page.connection)
    assert len(told) == 1 and node.exchange.connections.peers() == []


async def test_node_that_stops_ends_connections_and_takes_no_more() -> None:
    async with running_node() as node:
        page = page_of(node)
        await node.exchange.close()
        assert node.exchange.connections.peers() == []
        with pytest.raises(ExchangeClosed):
            page.exchange()


async def test_plane_that_stands_still_refuses_offers_and_holds_up_nobody() -> None:
    async with running_node() as node:
        page = page_of(node)
        with standing_still(node.relay.threads[0]):
            await until("the standstill is noticed", lambda: not node.relay.all_turning)
            page.take("two", "video")
            with pytest.raises(PlaneError):
                page.exchange()
            with pytest.raises(PlaneError):
                page_of(node, "other")
            node.exchange.connections.end(page.connection)
        await until("all is given back", lambda: node.exchange.is_healthy)
        page_of(node, "other")


async def test_two_hundred_offers_leave_nothing_behind(node: Node, unpaced: None) -> None:
    page = page_of(node)
    (peer,) = node.exchange.connections.peers()
    peer.transport.set_keys(SrtpKeys("SRTP_AEAD_AES_128_GCM", os.urandom(28), os.urandom(28)))
    before, seen = live_objects(), set[int]()
    for number in range(200):
        line = page.take(f"s{number}", "video")
        page.exchange()
        assert seen.isdisjoint(page.ssrcs()[line.mid])
        seen.update(page.ssrcs()[line.mid])
        page.free(line.mid)
    page.exchange()
    assert len(page.offers.lines) == 4 and len(seen) == 400
    await until("routes and tracks are gone", lambda: live_objects() == before)
    assert set(node.exchange.media) == {"one", "cam-page"}
    assert not peer.transport.worn


async def test_worn_connection_is_ended(node: Node, monkeypatch: pytest.MonkeyPatch, unpaced: None) -> None:
    told: list[object] = []
    node.exchange.connections.listeners.append(told.append)
    page = page_of(node)
    (peer,) = node.exchange.connections.peers()
    peer.transport.set_keys(SrtpKeys("SRTP_AEAD_AES_128_GCM", os.urandom(28), os.urandom(28)))
    track = node.exchange.media["one"].tracks["audio"]
    for ssrc in range(10, 10_000, 7):
        track.route(peer.transport, RouteFormat(ssrc, 0, {6: (111, 0)}, 48_000)).close()
    assert peer.transport.worn
    await until("its end", lambda: [getattr(event, "code", None) for event in told] == ["worn"])
    assert page.connection == getattr(told[0], "connection", "")


async def test_every_refusal_has_a_code_of_its_own() -> None:
    kinds = [ExchangeFull, ExchangeClosed, SessionUnknown, LinesInvalid, LineUnknown, OffersTooFast]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes) and ExchangeError.code not in codes


async def test_page_that_may_not_publish_a_source_any_more_goes_on_with_the_others(node: Node) -> None:
    told: list[object] = []
    node.exchange.connections.listeners.append(told.append)
    page = page_of(node)
    page.publish("second", "audio")
    page.exchange()
    connections = node.exchange.connections
    assert set(connections.sending()) == {(page.connection, "cam-page"), (page.connection, "second")}
    connections.forbid(page.connection, "second")
    connections.forbid(page.connection, "second")
    connections.forbid("ended", "second")
    assert told == [SourceWithdrawn(page.connection, "page", "second", "forbidden")]
    assert set(connections.sending()) == {(page.connection, "cam-page")}
    assert node.exchange.registry.get("second").publisher is None
    assert len(connections.receiving_of(page.connection)) == 2

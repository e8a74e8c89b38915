"""One connection of a page in Chromium: lines come, go, are reused, paused and closed; the others notice nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error

from dispatch.flow import Flow
from signaling.webrtc.connection import SourceWithdrawn
from signaling.webrtc.errors import OffersTooFast
from tests.patience import until
from tests.peers.door import Desk, Door, open_desk, open_door, wish
from tests.signaling.webrtc.test_exchange import Playing, whip

pytestmark = pytest.mark.asyncio(loop_scope="package")

EIGHT = [
    (f"{source}-{kind}-{context}", source, kind, context)
    for source in ("one", "two")
    for kind in ("video", "audio")
    for context in ("a", "b")
]
#: What changes in none of these while a line goes on undisturbed.
STEADY = ("ssrc", "mid", "packetsLost", "pliCount", "firCount", "keyFramesDecoded", "codecId")


@pytest_asyncio.fixture(loop_scope="package")
async def door() -> AsyncIterator[Door]:
    async with open_door() as door:
        yield door


@pytest_asyncio.fixture(loop_scope="package")
async def desks(browser: Browser, door: Door) -> AsyncIterator[tuple[Desk, Desk]]:
    async with open_desk(browser, door) as publisher, open_desk(browser, door) as viewer:
        await publisher.publish(("one", "red", 500), ("two", "blue", 1100))
        await publisher.connected()
        yield publisher, viewer


def steady(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in STEADY if key in entry}


async def test_page_publishes_and_another_takes_eight_lines_in_one_offer(desks: tuple[Desk, Desk], door: Door) -> None:
    publisher, viewer = desks
    await viewer.take(*EIGHT)
    await viewer.connected()
    for name, source, kind, _ in EIGHT:
        if kind == "video":
            await viewer.shows(name, {"one": "red", "two": "blue"}[source])
        else:
            await viewer.hears(name, {"one": 500, "two": 1100}[source])
    assert (await publisher.call("summary"))["offers"] == (await viewer.call("summary"))["offers"] == 1
    lines = {(item.owner, item.source, item.kind, item.context, item.flow) for item in door.connections.receiving()}
    assert lines == {("page-2", source, kind, context, Flow.OPEN) for _, source, kind, context in EIGHT}
    for source in ("one", "two"):
        known = door.node.exchange.registry.get(source)
        await until(f"{source} is live", partial(getattr, known, "state"), "live".__eq__)
        assert len(known.viewers) == 1
    assert {entry["mid"] for entry in (await viewer.stats()).values()} == set(await viewer.call("mids"))


async def test_line_that_is_taken_later_disturbs_no_other(desks: tuple[Desk, Desk]) -> None:
    _, viewer = desks
    await viewer.take(("first", "one", "video", ""), ("sound", "one", "audio", ""))
    await viewer.shows("first", "red")
    await viewer.more_frames("first")
    before, route = await viewer.stats(), await viewer.sent_to("one")
    ufrag = await viewer.call("ufrag")
    await viewer.take(("later", "two", "video", ""))
    await viewer.shows("later", "blue")
    await viewer.more_frames("first")
    after = await viewer.stats()
    assert steady(after["first"]) == steady(before["first"]) and steady(after["sound"]) == steady(before["sound"])
    assert after["first"]["framesDecoded"] > before["first"]["framesDecoded"]
    assert (await viewer.sent_to("one")).packets > route.packets
    assert await viewer.call("ufrag") == ufrag
    assert [item["fresh"] for item in await viewer.call("offered")] == [True, False]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one turn", "after a rest"])
async def test_line_that_was_released_shows_the_next_source_and_never_the_last(
    desks: tuple[Desk, Desk], at_once: bool
) -> None:
    _, viewer = desks
    await viewer.take(("kept", "one", "video", "k"), ("old", "one", "video", "o"))
    await viewer.shows("old", "red")
    ssrc, mid = (await viewer.stats())["old"]["ssrc"], await viewer.call("mid", "old")
    new = wish("new", "two", "video")
    if at_once:
        await viewer.call("swap", ["old"], [new])
    else:
        await viewer.call("release", ["old"])
        await until("it rests", viewer.counted, lambda counted: len(counted.receiving) == 1)
        await viewer.call("take", [new])
    await viewer.shows("new", "blue")
    await viewer.more_frames("new")
    assert await viewer.call("mid", "new") == mid
    assert (await viewer.stats())["new"]["ssrc"] != ssrc
    for red, _, blue in await viewer.call("colours", "new"):
        assert blue >= red  # a browser may begin with black, never with the last source's red
    await viewer.shows("kept", "red")
    assert len(await viewer.call("mids")) == 2


async def test_paused_line_gets_not_a_packet_and_goes_on_with_the_next_number(
    desks: tuple[Desk, Desk], door: Door
) -> None:
    publisher, viewer = desks
    await viewer.take(("picture", "one", "video", "c"), ("sound", "one", "audio", "c"), ("other", "two", "video", ""))
    for name, shown in (("picture", "red"), ("other", "blue")):
        await viewer.shows(name, shown)
    await viewer.hears("sound", 500)
    connection = await viewer.connected()
    paused = [item for item in door.connections.receiving("one") if item.context == "c"]
    for item in paused:
        door.connections.set_flow(connection, item.mid, Flow.PAUSED)
    await viewer.more_frames("other")  # by now the plane has carried it out
    wire = [(await viewer.sent_to("one", kind, "c")).packets for kind in ("video", "audio")]
    seen = await viewer.stats()
    await publisher.call("repaint", "one", [30, 180, 30])
    await viewer.more_frames("other", 15)
    assert [(await viewer.sent_to("one", kind, "c")).packets for kind in ("video", "audio")] == wire
    after = await viewer.stats()
    for name in ("picture", "sound"):
        assert after[name]["packetsReceived"] == seen[name]["packetsReceived"]
    await viewer.shows("picture", "red")
    for item in paused:
        door.connections.set_flow(connection, item.mid, Flow.OPEN)
    await viewer.shows("picture", "green")
    await viewer.hears("sound", 500)
    after = await viewer.stats()
    for name in ("picture", "sound"):
        assert after[name]["packetsLost"] == 0 and after[name]["ssrc"] == seen[name]["ssrc"]
    assert after["picture"]["keyFramesDecoded"] > seen["picture"]["keyFramesDecoded"]
    assert {item.flow for item in door.connections.receiving("one")} == {Flow.OPEN}


async def test_closed_line_stays_closed_until_it_is_taken_anew(desks: tuple[Desk, Desk], door: Door) -> None:
    _, viewer = desks
    await viewer.take(("picture", "one", "video", ""), ("other", "two", "video", ""))
    await viewer.shows("picture", "red")
    await viewer.shows("other", "blue")
    connection = await viewer.connected()
    (line,) = door.connections.receiving("one")
    door.connections.set_flow(connection, line.mid, Flow.CLOSED)
    assert list(door.connections.receiving("one")) == []
    assert door.node.exchange.registry.get("one").viewers == set()
    await viewer.more_frames("other")
    seen = (await viewer.stats())["picture"]["packetsReceived"]
    await viewer.more_frames("other", 15)
    assert (await viewer.stats())["picture"]["packetsReceived"] == seen
    await viewer.call("swap", ["picture"], [wish("again", "one", "video")])
    await viewer.shows("again", "red")


async def test_withdrawn_kind_ends_and_the_rest_goes_on(desks: tuple[Desk, Desk], door: Door) -> None:
    publisher, viewer = desks
    await viewer.take(("picture", "one", "video", ""), ("sound", "one", "audio", ""), ("other", "two", "video", ""))
    await viewer.shows("picture", "red")
    await viewer.hears("sound", 500)
    await viewer.shows("other", "blue")
    await publisher.call("withdraw", "one-audio")
    await until("one kind less", publisher.counted, lambda counted: len(counted.sending) == 3)
    await viewer.more_frames("picture")
    assert set(door.node.exchange.media["one"].publications) == {"video"}
    door.connections.withdraw(await publisher.connected(), "one")
    assert door.node.exchange.registry.get("one").state == "offline"
    await viewer.more_frames("other")  # by now the plane has carried it out
    # The page has not been told: what it still sends of the one must not be seen as the other.
    before = await viewer.stats()
    await viewer.more_frames("other", 30)
    after = await viewer.stats()
    assert after["picture"]["framesDecoded"] == before["picture"]["framesDecoded"]
    assert steady(after["other"]) == steady(before["other"])
    assert all(blue > red for red, _, blue in await viewer.call("colours", "other"))


async def test_source_that_comes_later_or_again_plays_without_another_offer(
    browser: Browser, door: Door, desks: tuple[Desk, Desk]
) -> None:
    publisher, viewer = desks
    await viewer.take(("late", "three", "video", ""), ("now", "one", "video", ""))
    await viewer.shows("now", "red")
    await publisher.publish(("three", "yellow", 700))
    await viewer.shows("late", "yellow")
    async with open_desk(browser, door) as next_one:
        told: list[object] = []
        door.connections.listeners.append(told.append)
        await next_one.publish(("three", "green", 800))
        await viewer.shows("late", "green")
        assert told == [SourceWithdrawn(await publisher.connected(), "page-1", "three", "replaced")]
        await viewer.more_frames("now")
        assert (await viewer.call("summary"))["offers"] == 1
        assert len((await publisher.counted()).sending) == 4


async def test_ice_restart_keeps_everything_playing(desks: tuple[Desk, Desk]) -> None:
    viewer = desks[1]
    await viewer.take(("picture", "one", "video", ""))
    await viewer.shows("picture", "red")
    identifier, before = await viewer.connected(), await viewer.stats()
    for desk in desks:
        ufrag = await desk.call("ufrag")
        await desk.call("networkChanged")
        await until("new credentials", partial(desk.call, "ufrag"), ufrag.__ne__)
        await viewer.more_frames("picture", 15)
    assert await viewer.connected() == identifier
    after = await viewer.stats()
    assert after["picture"]["ssrc"] == before["picture"]["ssrc"] and after["picture"]["packetsLost"] == 0


async def test_connection_that_the_server_ends_while_an_offer_is_in_hand_comes_back_whole(
    desks: tuple[Desk, Desk], door: Door
) -> None:
    _, viewer = desks
    await viewer.take(("picture", "one", "video", ""))
    await viewer.shows("picture", "red")
    gone = await viewer.connected()
    await viewer.call("hold")
    await viewer.take(("other", "two", "video", ""))
    await until("an offer in hand", lambda: viewer.call("summary"), lambda it: it["offers"] == 2)
    door.connections.end(gone)
    await viewer.call("go")
    await viewer.shows("picture", "red")
    await viewer.shows("other", "blue")
    assert await viewer.connected() != gone
    summary = await viewer.call("summary")
    assert "session-unknown" in [state["code"] for state in summary["states"]]


async def test_connection_that_the_server_ends_comes_back_by_itself(desks: tuple[Desk, Desk], door: Door) -> None:
    publisher, viewer = desks
    await viewer.take(("picture", "one", "video", ""))
    await viewer.shows("picture", "red")
    for desk in (viewer, publisher):
        gone = await desk.connected()
        door.connections.end(gone)
        await until("another connection", desk.connected, gone.__ne__)
        await viewer.shows("picture", "red")
        await viewer.more_frames("picture")


async def test_figures_of_lines_are_those_of_their_source(desks: tuple[Desk, Desk]) -> None:
    publisher, viewer = desks
    await viewer.take(("picture", "one", "video", ""), ("sound", "one", "audio", ""), ("other", "two", "audio", ""))
    await viewer.shows("picture", "red")
    await viewer.hears("sound", 500)

    async def both() -> dict[str, Any]:
        return dict(await viewer.call("figures", ["picture", "sound"]))

    figures = await until("a capture time", both, lambda got: got["capture"] is not None and got["tripMs"] is not None)
    assert (figures["videoCodec"], figures["audioCodec"], figures["width"]) == ("H.264", "Opus", 320)
    assert figures["loss"] == 0 and figures["bitsPerSecond"] > 0 and figures["framesPerSecond"] > 0
    alone = await viewer.call("figures", ["other"])
    assert alone["videoCodec"] is None and alone["audioCodec"] == "Opus" and alone["framesPerSecond"] == 0
    sent = await publisher.call("figures", ["one-video", "one-audio"])
    assert sent["frames"] > 0 and sent["packets"] > 0
    counted = await until("a round trip", viewer.counted, lambda counted: counted.rtt_ms is not None)
    assert counted.connected and {line.lost for line in counted.receiving} == {0}
    counted = await publisher.counted()
    assert {(line.source, line.kind, line.codec) for line in counted.sending} == {
        (source, kind, codec) for source in ("one", "two") for kind, codec in (("video", "H264"), ("audio", "opus"))
    }
    assert all(line.packets and line.expected and not line.lost for line in counted.sending)


async def test_offer_that_is_refused_leaves_what_plays_and_is_made_again(desks: tuple[Desk, Desk], door: Door) -> None:
    _, viewer = desks
    await viewer.take(("picture", "one", "video", ""))
    await viewer.shows("picture", "red")
    await viewer.more_frames("picture", 15)
    before = await viewer.stats()
    door.refuse += [OffersTooFast("a test")] * 2
    await viewer.take(("other", "two", "video", ""))
    await viewer.shows("other", "blue")
    await viewer.more_frames("picture")
    after = await viewer.stats()
    assert steady(after["picture"]) == steady(before["picture"])
    assert door.refuse == [] and {state["state"] for state in (await viewer.call("summary"))["states"]} == {
        "connecting",
        "connected",
    }


async def test_what_is_wanted_while_an_offer_is_in_hand_goes_into_the_next_one(desks: tuple[Desk, Desk]) -> None:
    _, viewer = desks
    await viewer.call("hold")
    await viewer.take(("a", "one", "video", "a"), ("b", "one", "video", "b"))
    await until("an offer in hand", lambda: viewer.call("summary"), lambda it: it["offers"] == 1)
    await viewer.call("release", ["b"])
    for name in "cdef":
        await viewer.take((name, "one", "audio", name))
    await viewer.call("release", ["e"])
    await viewer.call("go")
    await viewer.hears("f", 500)
    await viewer.shows("a", "red")
    assert [offer["lines"] for offer in await viewer.call("offered")] == [2, 4]
    assert {item.context for item in viewer.door.connections.receiving("one")} == set("acdf")


async def test_another_track_is_sent_without_an_offer(desks: tuple[Desk, Desk]) -> None:
    publisher, viewer = desks
    await viewer.take(("picture", "one", "video", ""))
    await viewer.shows("picture", "red")
    await publisher.call("replaceTrack", "one-video", [220, 200, 30])
    await viewer.shows("picture", "yellow")
    assert (await publisher.call("summary"))["offers"] == 1


async def test_page_may_take_far_more_lines_than_a_session(desks: tuple[Desk, Desk]) -> None:
    _, viewer = desks
    names = [f"sound-{number}" for number in range(40)]
    await viewer.take(*((name, "one", "audio", name) for name in names))
    await viewer.hears(names[-1], 500)
    assert len((await viewer.counted()).receiving) == 40
    assert all("ssrc_limit" not in peer.transport.stats()["drops"] for peer in viewer.door.connections.peers())


async def test_closed_connection_stays_closed(desks: tuple[Desk, Desk], door: Door) -> None:
    _, viewer = desks
    await viewer.take(("picture", "one", "video", ""))
    await viewer.shows("picture", "red")
    await viewer.call("close")
    await until("the server notices", lambda: [item.owner for item in door.connections.receiving()], [].__eq__)
    assert (await viewer.call("summary"))["state"] == "closed"
    with pytest.raises(Error, match="closed"):
        await viewer.take(("again", "one", "video", ""))


async def test_picture_that_comes_after_the_sound_brings_its_extensions(desks: tuple[Desk, Desk], door: Door) -> None:
    _, viewer = desks
    await viewer.take(("sound", "one", "audio", ""))
    await viewer.hears("sound", 500)
    before = await viewer.stats()
    await viewer.take(("picture", "one", "video", ""))
    await viewer.shows("picture", "red")
    transports = [peer.transport for peer in door.connections.peers()]
    await until("transport feedback", lambda: any(item.stats()["feedback_received"] for item in transports))
    assert steady((await viewer.stats())["sound"]) == steady(before["sound"])


async def test_layers_of_a_picture_stay_bound_when_the_page_offers_again(
    browser: Browser, door: Door, desks: tuple[Desk, Desk]
) -> None:
    _, viewer = desks
    async with open_desk(browser, door) as layered:
        encodings: list[dict[str, object]] = [{"rid": "low", "scaleResolutionDownBy": 2}, {"rid": "high"}]
        await layered.publish(("three", "yellow", 900), encodings=encodings, size=(640, 360))
        await viewer.take(("picture", "three", "video", ""))
        await viewer.shows("picture", "yellow")
        publication = door.node.exchange.media["three"].publications["video"]
        await until("both layers", publication.stats, lambda stats: all(item["packets"] for item in stats))
        before = [item["packets"] for item in publication.stats()]
        await layered.take(("back", "three", "video", ""))
        await layered.shows("back", "yellow")
        assert door.node.exchange.media["three"].publications["video"] is publication
        assert len(before) == 2
        await until(
            "both go on",
            publication.stats,
            lambda stats: all(item["packets"] > count for item, count in zip(stats, before, strict=True)),
        )


async def test_publisher_that_comes_back_with_another_codec_plays_without_another_offer(
    desks: tuple[Desk, Desk], door: Door
) -> None:
    _, viewer = desks
    await viewer.take(("coded", "coded", "video", ""))
    async with Playing(whip(door.node, "coded")):
        await until("H.264", lambda: door.node.exchange.media["coded"].publications["video"].codec, "H264".__eq__)
        await until("pictures", viewer.stats, lambda stats: stats.get("coded", {}).get("framesDecoded", 0) > 3)
    async with Playing(whip(door.node, "coded", "VP8"), "libvpx"):
        await until("VP8", lambda: door.node.exchange.media["coded"].publications["video"].codec, "VP8".__eq__)
        await viewer.more_frames("coded")
    assert (await viewer.call("summary"))["offers"] == 1

"""Publishers and viewers of a node with our own client at the other end: media arrives, and nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
import pytest_asyncio
import structlog

from media.plane.memory import live_objects
from media.plane.names import PlaneError
from media.relay import RelayTrack
from media.rtp import header
from signaling.client.errors import ConnectFailed, HttpRefused
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions, WhepSession
from signaling.ice.types import generate_credentials
from signaling.sdp.offer import PublishTrack, offer_codecs
from signaling.webrtc.errors import ExchangeClosed
from signaling.webrtc.exchange import ENDS_A_TURN
from signaling.webrtc.session import WebRtcSession
from signaling.webrtc.taking import Taking
from tests.media.rtp.pictures import encoded
from tests.media.standstill import fill, standing_still, waits
from tests.patience import PATIENCE_S, until
from tests.signaling.dtls.pairs import context
from tests.signaling.node import EVERYTHING, MAX_SDP_BYTES, Node, running_node
from tests.signaling.sdp.samples import raw

__all__ = ["waits"]

OPTIONS = SessionOptions(HttpOptions(EVERYTHING), context("client"), connect_seconds=PATIENCE_S)


@pytest_asyncio.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node() as node:
        yield node


def whip(node: Node, source: str = "camera", encoding: str = "H264", options: SessionOptions = OPTIONS) -> Publisher:
    track = PublishTrack("video", offer_codecs("video", [encoding]), "s", "t", "cname", ssrc=10, rtx_ssrc=11)
    return Publisher(f"{node.url}/whip/{source}", [track], options)


class Viewer(WhepSession):
    """Counts complete pictures."""

    def __init__(self, node: Node, source: str = "camera", options: SessionOptions = OPTIONS) -> None:
        super().__init__(f"{node.url}/whep/{source}", ("video",), options, on_rtp=self._on_rtp)
        self.payload_types: list[int] = []

    def _on_rtp(self, packet: bytes) -> None:
        parsed = header.parse(packet)
        if parsed.marker:
            self.payload_types.append(parsed.payload_type)

    @property
    def pictures(self) -> int:
        return len(self.payload_types)


async def more_pictures(viewer: Viewer, count: int) -> None:
    """Wait until a viewer has got so many more."""
    wanted = viewer.pictures + count
    await until(f"{count} more pictures", lambda: viewer.pictures >= wanted)


def is_live(node: Node, source: str) -> bool:
    return node.exchange.registry.get(source).state.value == "live"


async def play(publisher: Publisher, encoder: str = "libx264") -> None:
    """Send pictures again and again, a keyframe first."""
    frames = encoded(encoder)
    loop = asyncio.get_running_loop()
    while True:
        for frame in frames:
            publisher.send(0, frame, loop.time())
            await asyncio.sleep(0.02)


class Playing:
    """A connected publisher that sends; ended on leaving."""

    def __init__(self, publisher: Publisher, encoder: str = "libx264") -> None:
        self.publisher = publisher
        self._encoder = encoder

    async def __aenter__(self) -> Publisher:
        await self.publisher.start()
        self.go_on()
        return self.publisher

    async def __aexit__(self, *exception: object) -> None:
        await self.hold()
        await self.publisher.close()

    def go_on(self) -> None:
        self._task = asyncio.ensure_future(play(self.publisher, self._encoder))

    async def hold(self) -> None:
        """Send nothing more, without leaving."""
        self._task.cancel()
        await asyncio.wait([self._task])


async def both(node: Node, stack: AsyncExitStack) -> tuple[Publisher, Viewer]:
    """Connect a publisher that sends nothing and a viewer; both leave with the stack."""
    publisher, viewer = whip(node), Viewer(node)
    for session in (publisher, viewer):
        await session.start()
        stack.push_async_callback(session.close)
    return publisher, viewer


async def test_viewers_get_the_pictures_of_their_source(node: Node) -> None:
    async with Playing(whip(node)), Viewer(node) as first, Viewer(node) as second:
        await until("pictures", lambda: first.pictures > 5 and second.pictures > 5)
        assert node.exchange.registry.get("camera").viewers == set(node.exchange.sessions) - {
            node.exchange.registry.get("camera").publisher
        }
    await until("nobody left", lambda: not node.exchange.sessions)


async def test_source_is_live_while_it_is_heard_and_silent_soon_after(node: Node) -> None:
    publisher = whip(node)

    def state() -> str:
        return node.exchange.registry.get("camera").state.value

    playing = Playing(publisher)
    async with playing:
        await until("live", lambda: state() == "live")
        await playing.hold()
        await until("silent", lambda: state() == "silent")
        playing.go_on()
        await until("live again", lambda: state() == "live")
    assert state() == "offline"
    held = whip(node)
    await held.start()
    assert state() == "silent"
    await held.close()


async def test_viewers_stay_and_get_the_next_publishers_other_codec(node: Node) -> None:
    async with AsyncExitStack() as stack:
        viewer = Viewer(node)
        async with Playing(whip(node)):
            await stack.enter_async_context(viewer)
            await until("pictures", lambda: viewer.pictures > 3)
        before = viewer.pictures
        async with Playing(whip(node, encoding="VP8"), "libvpx"):
            await until("pictures", lambda: viewer.pictures > before + 3)
        (line,) = viewer.media
        encodings = {accepted.codec.payload_type: accepted.codec.encoding for accepted in line.codecs}
        seen = [encodings[number] for number in viewer.payload_types]
        assert seen[0] == "H264" and seen[-1] == "VP8" and seen == sorted(seen)


async def test_replaced_publisher_is_told(node: Node) -> None:
    async with Playing(whip(node)) as first, Playing(whip(node)) as second:
        async with asyncio.timeout(PATIENCE_S):
            assert (await first.closed()).code == "peer-closed"
        (session,) = node.exchange.sessions.values()
        assert second.session.location is not None and second.session.location.endswith(session.id)


async def test_takeover_that_fails_leaves_the_source_to_its_publisher(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Playing(whip(node)), Viewer(node) as viewer:
        await until("pictures", lambda: viewer.pictures > 3)
        media = node.exchange.media["camera"]
        feeding = dict(media.publications)
        with monkeypatch.context() as broken:

            def fault(*arguments: object) -> None:
                raise RuntimeError("a bug that nobody knows yet")

            broken.setattr(node.exchange.registry, "publish", fault)
            with pytest.raises(HttpRefused) as refused:
                await whip(node).start()
            assert refused.value.status == 500
        await more_pictures(viewer, 10)
        # By these the publisher is heard, and called silent when it falls silent.
        assert media.publications == feeding and set(media.codecs) == set(feeding)
        assert len(node.exchange.sessions) == 2


async def test_stopped_source_takes_its_viewers_along(node: Node) -> None:
    async with Playing(whip(node)) as publisher, Viewer(node) as viewer:
        await node.exchange.stop("camera")
        async with asyncio.timeout(PATIENCE_S):
            assert (await viewer.closed()).code == (await publisher.closed()).code == "peer-closed"
        with pytest.raises(HttpRefused) as caught:
            async with Viewer(node):
                pass
        assert caught.value.code == "source-unknown"


async def test_silence_of_one_peer_ends_its_session_only(node: Node, silenced: list[WebRtcSession]) -> None:
    async with Playing(whip(node)), Viewer(node) as silent, Viewer(node) as alive:
        assert silent.location is not None
        silenced.append(node.exchange.get(silent.location.rsplit("/", 1)[1]).peer)
        taken = silent.detach()
        await until("its end", lambda: len(node.exchange.sessions) == 2)
        await more_pictures(alive, 5)
        taken.socket.close()


async def test_ice_restart_from_another_address_keeps_the_pictures_coming(node: Node) -> None:
    async with Playing(whip(node)) as publisher, Viewer(node) as viewer:
        await until("pictures", lambda: viewer.pictures > 3)
        for session in (viewer, publisher.session):
            await session.restart_ice()
            await more_pictures(viewer, 10)
        assert len(node.exchange.sessions) == 2


async def test_end_of_the_node_is_told_to_every_peer() -> None:
    async with AsyncExitStack() as stack, running_node() as node:
        publisher, viewer = await both(node, stack)
        await node.exchange.close()
        async with asyncio.timeout(PATIENCE_S):
            assert (await viewer.closed()).code == (await publisher.closed()).code == "peer-closed"
        for late in (whip(node, "other"), Viewer(node)):
            with pytest.raises(HttpRefused) as refused:
                await late.start()
            assert (refused.value.status, refused.value.code) == (503, "node-stopping")


async def test_nothing_stays_of_sessions_that_came_and_went(node: Node) -> None:
    async with Playing(whip(node)):
        before = live_objects()
        for _ in range(25):
            async with Viewer(node), Viewer(node):
                pass
        await until("nothing left", lambda: live_objects() == before)
        assert len(node.exchange.sessions) == 1


async def test_peer_that_gives_up_in_the_middle_leaves_nothing(node: Node) -> None:
    impatient = SessionOptions(HttpOptions(EVERYTHING), context("client"), address="127.0.0.2", connect_seconds=0.05)
    async with Playing(whip(node)):
        before = live_objects()
        for _ in range(5):
            viewer = WhepSession(f"{node.url}/whep/camera", ("video",), impatient)
            with pytest.raises(ConnectFailed):
                await viewer.start()
        await until("nothing left", lambda: live_objects() == before)


async def test_two_plane_threads_serve_one_source() -> None:
    async with running_node(threads=2) as node, Playing(whip(node)), AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(Viewer(node)) for _ in range(12)]
        assert len({session.thread.index for session in node.exchange.sessions.values()}) == 2
        await until("pictures for all", lambda: all(viewer.pictures > 3 for viewer in viewers))


@pytest.mark.parametrize("step", ["_check", "_receive"])
async def test_fault_in_one_session_ends_that_session_only(
    node: Node, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with AsyncExitStack() as stack:
        async with Playing(whip(node)):
            broken, healthy = Viewer(node), Viewer(node)
            await stack.enter_async_context(broken)
            await stack.enter_async_context(healthy)
            (faulty,) = (item for item in node.exchange.sessions.values() if str(broken.location).endswith(item.id))

            def fault(*arguments: object) -> None:
                raise RuntimeError("a bug that nobody knows yet")

            monkeypatch.setattr(faulty.peer, step, fault)
            if step == "_receive":
                await broken.restart_ice()  # ordinary checks are the plane's
            await until("the faulty session's end", lambda: faulty.id not in node.exchange.sessions)
            await more_pictures(healthy, 5)
            assert len(node.exchange.sessions) == 2
            await until("a live source", lambda: node.exchange.registry.get("camera").state.value == "live")
        async with AsyncExitStack() as quiet:
            held = whip(node)
            await held.start()
            quiet.push_async_callback(held.close)
            assert node.exchange.registry.get("camera").state.value == "silent"


async def test_fault_while_a_session_ends_keeps_nothing_of_it_and_no_other_from_ending(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Playing(whip(node)):
        healthy = Viewer(node)
        async with healthy, Viewer(node) as broken:
            (faulty,) = (item for item in node.exchange.sessions.values() if str(broken.location).endswith(item.id))

            def fault() -> None:
                raise RuntimeError("a bug that nobody knows yet")

            monkeypatch.setattr(faulty.peer, "_leave", fault)
            with structlog.testing.capture_logs() as events:
                node.exchange.end(faulty.id)
            assert [(one["event"], one["exc_info"]) for one in events if one["log_level"] == "error"] == [
                ("session_end_failed", True)
            ]
            assert faulty.id not in node.exchange.sessions and len(node.exchange.sessions) == 2
            assert faulty.id not in node.exchange.registry.get("camera").viewers
            await more_pictures(healthy, 5)


async def test_fault_about_one_source_leaves_the_others_observed(node: Node) -> None:
    class Broken:
        def stats(self) -> None:
            raise RuntimeError("a bug that nobody knows yet")

        def close(self) -> None:
            return

    async with Playing(whip(node, "first")), Playing(whip(node, "second")):
        for source in ("first", "second"):
            await until(f"{source} is live", partial(is_live, node, source))
        with structlog.testing.capture_logs() as events:
            node.exchange.media["first"].publications["video"] = Broken()  # type: ignore[assignment]
            async with Playing(whip(node, "third")):
                await until("third is live", partial(is_live, node, "third"))
        failed = [one for one in events if one["event"] == "source_not_observed"]
        assert failed and all(one["source"] == "first" and one["exc_info"] for one in failed)
        assert node.exchange.is_healthy


async def test_sessions_of_a_plane_that_has_ended_still_end() -> None:
    async with running_node() as node, AsyncExitStack() as stack:
        await both(node, stack)
        node.relay.close()
        for session_id in list(node.exchange.sessions):
            node.exchange.end(session_id)
        assert node.exchange.sessions == {}
        assert node.exchange.registry.get("camera").state.value == "offline"


class Stubborn:
    """An object of the plane while that takes no commands: the first closings fail."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.closed = asyncio.Event()

    def close(self) -> None:
        if self.failures:
            self.failures -= 1
            raise PlaneError("plane thread 0 does not take commands")
        self.closed.set()


async def test_what_the_plane_does_not_take_back_now_is_given_back_later(node: Node) -> None:
    async with Playing(whip(node)):
        viewer = Viewer(node)
        await viewer.start()
        (session,) = (item for item in node.exchange.sessions.values() if not item.publishes)
        stubborn, behind = Stubborn(2), Stubborn(0)
        session.taken |= {
            name: Taking("camera", "audio", route)  # type: ignore[arg-type]
            for name, route in (("stubborn", stubborn), ("behind", behind))
        }
        await viewer.close()
        assert len(node.exchange.sessions) == 1 and not behind.closed.is_set()
        async with asyncio.timeout(PATIENCE_S):
            await stubborn.closed.wait()
            await behind.closed.wait()


@pytest.mark.parametrize("where", ["tracks", "session"])
@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (PlaneError("plane thread 0 does not take commands"), (503, "plane-busy")),
        (RuntimeError("a bug that nobody knows yet"), (500, "internal")),
    ],
    ids=["plane", "bug"],
)
async def test_offer_that_fails_leaves_no_session_and_no_source(
    node: Node, monkeypatch: pytest.MonkeyPatch, where: str, fault: Exception, answer: tuple[int, str]
) -> None:
    def fail(*arguments: object) -> None:
        raise fault

    async with Playing(whip(node)):
        if where == "tracks":
            monkeypatch.setattr(RelayTrack, "publish", fail)
            monkeypatch.setattr(RelayTrack, "route", fail)
        else:
            monkeypatch.setattr(WebRtcSession, "_listen", fail)
        before = live_objects()
        for refused in (whip(node), whip(node, "other"), Viewer(node)):
            with pytest.raises(HttpRefused) as caught:
                await refused.start()
            assert (caught.value.status, caught.value.code) == answer
        assert len(node.exchange.sessions) == 1
        assert [source.id for source in node.exchange.registry.all()] == ["camera"]
        assert node.exchange.registry.get("camera").publisher in node.exchange.sessions
        await until("the transports' end", lambda: live_objects()["transport"] == before["transport"])


async def test_plane_that_stands_still_holds_up_nobody_and_gets_its_objects_back_later(waits: list[float]) -> None:
    async with running_node() as node:
        exchange = node.exchange
        exchange.publish("camera", "", raw("chromium-publish"), MAX_SDP_BYTES)
        viewers = [exchange.view("camera", raw("chromium-view"), MAX_SDP_BYTES).session for _ in range(20)]
        with standing_still(node.relay.threads[0]):
            # By who is asked before each order: a node that was late itself is not healthy either.
            await until("the standstill is noticed", lambda: not node.relay.all_turning)
            fill(viewers[0].peer.transport)
            waits.clear()
            for viewer in viewers[:10]:
                exchange.end(viewer.id)
            with pytest.raises(PlaneError):
                exchange.publish("other", "", raw("chromium-publish"), MAX_SDP_BYTES)
            with pytest.raises(PlaneError):
                exchange.view("camera", raw("chromium-view"), MAX_SDP_BYTES)
            with pytest.raises(PlaneError):
                exchange.restart(viewers[10].id, generate_credentials())
            await exchange.stop("camera")
            assert exchange.sessions == {} and exchange.registry.all() == ()
            looked = exchange._looked_at
            await until("another look", lambda: exchange._looked_at != looked)
            assert waits == []
            assert not exchange.is_healthy
        await until("everything is given back", lambda: exchange.is_healthy)
        again = exchange.publish("camera", "", raw("chromium-publish"), MAX_SDP_BYTES)
        assert list(exchange.sessions.values()) == [again.session]


async def test_others_get_their_turn_while_a_source_with_many_viewers_is_stopped() -> None:
    """The loop is asked for a turn in between, and the name can be published anew before all old viewers have gone."""
    viewers = 3 * ENDS_A_TURN
    async with running_node(max_viewers=viewers) as node:
        offer = raw("chromium-view")
        node.exchange.publish("camera", "", raw("chromium-publish"), MAX_SDP_BYTES)
        for _ in range(viewers):
            node.exchange.view("camera", offer, MAX_SDP_BYTES)
        stopping = asyncio.create_task(node.exchange.stop("camera"))
        await asyncio.sleep(0)
        assert 0 < len(node.exchange.sessions) < viewers
        again = node.exchange.publish("camera", "", raw("chromium-publish"), MAX_SDP_BYTES)
        node.exchange.end(again.session.id)
        seen = node.exchange.publish("camera", "", raw("chromium-publish"), MAX_SDP_BYTES).session
        assert not stopping.done()
        await stopping
        assert list(node.exchange.sessions.values()) == [seen]
        assert node.exchange.registry.get("camera").publisher == seen.id
        assert set(node.exchange.media) == {"camera"}


async def test_node_with_many_sessions_ends_in_turns_and_takes_no_more() -> None:
    viewers = 3 * ENDS_A_TURN
    async with running_node(max_viewers=viewers) as node:
        node.exchange.publish("camera", "", raw("chromium-publish"), MAX_SDP_BYTES)
        for _ in range(viewers):
            node.exchange.view("camera", raw("chromium-view"), MAX_SDP_BYTES)
        closing = asyncio.create_task(node.exchange.close())
        await until("the first viewers' end", lambda: len(node.exchange.sessions) < viewers)
        with pytest.raises(ExchangeClosed):
            node.exchange.view("camera", raw("chromium-view"), MAX_SDP_BYTES)
        await closing
        assert node.exchange.sessions == {} and node.exchange.media == {}


async def test_session_goes_on_while_its_owner_may_and_no_longer(node: Node) -> None:
    exchange, allowed = node.exchange, {"one": True, "two": True, "viewer": True}
    with structlog.testing.capture_logs() as logs:
        for source in ("one", "two"):
            exchange.publish(source, "", raw("chromium-publish"), MAX_SDP_BYTES, partial(allowed.__getitem__, source))
        exchange.view("one", raw("chromium-view"), MAX_SDP_BYTES, partial(allowed.__getitem__, "viewer"))
        allowed["viewer"] = False
        await until("the viewer is gone", lambda: exchange.figures["watch",], lambda watching: watching == 0)
        assert exchange.figures["publish",] == 2
        allowed["one"] = False
        await until("a publisher is gone", lambda: exchange.figures["publish",], lambda left: left == 1)
    assert exchange.registry.get("two").publisher is not None and exchange.registry.get("one").publisher is None
    assert [line["code"] for line in logs if line["event"] == "session_ended"] == ["forbidden"] * 2


async def test_session_whose_owner_cannot_be_asked_about_ends_and_the_others_are_looked_after(node: Node) -> None:
    exchange, allowed = node.exchange, {"two": True}
    for source in ("one", "two"):
        exchange.publish(source, "", raw("chromium-publish"), MAX_SDP_BYTES, partial(allowed.__getitem__, source))
    await until("who cannot be asked about is gone", lambda: exchange.figures["publish",], lambda left: left == 1)
    allowed["two"] = False
    await until("the other is gone", lambda: exchange.figures["publish",], lambda left: left == 0)
    assert exchange.is_healthy

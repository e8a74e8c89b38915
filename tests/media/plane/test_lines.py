"""A transport whose routes, publications and header extensions come and go while it lives, as a page's do."""

import pytest
from pylibsrtp import Error as SrtpError

from media.plane.names import PlaneError
from media.plane.transport import WORN_BEFORE
from tests.media.plane.packets import nack, picture, pli, rtp, sequences, sr, vp8
from tests.media.plane.peers import CM, GCM, LEVEL, MID, TWCC, Peer, Stage
from tests.patience import wait_until

RETIRED_MOST = 1024


def keyframes_asked(publisher: Peer) -> int:
    return sum(item.kind == 206 and item.count == 1 for item in publisher.settle().control)


def has_context(viewer: Peer, ssrc: int) -> bool:
    """Whether libsrtp keeps something of an SSRC that is sent; afterwards it does not."""
    viewer.settle()  # nothing more to do for the thread: its context may be touched here
    assert viewer.keys is not None
    try:
        viewer.keys.sender.remove_stream(ssrc)
    except SrtpError:
        return False
    return True


def test_route_that_begins_paused_sends_nothing_and_asks_nobody_until_it_is_resumed(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    publisher.send(*picture(0, 0, key=True))
    asked = keyframes_asked(publisher)
    route = viewer.watch(track, paused=True)
    publisher.send(*picture(1, 3, key=True))
    viewer.send(pli(1000))
    publisher.settle()
    assert viewer.settle().packets == [] and keyframes_asked(publisher) == asked
    route.set(paused=False)
    publisher.wait(lambda got: sum(item.kind == 206 for item in got.control) > asked, "a request for a keyframe")
    publisher.send(*picture(2, 6))
    publisher.send(*picture(3, 9, key=True))
    assert sequences(viewer.wait_packets(3)) == [100, 101, 102]


def test_keys_that_come_late_ask_for_no_keyframe_of_a_paused_route(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(connect=False), stage.track()
    publisher.publish(track)
    publisher.send(*picture(0, 0, key=True))
    asked = keyframes_asked(publisher)
    viewer.watch(track, paused=True)
    viewer.connect()
    viewer.settle()
    assert keyframes_asked(publisher) == asked


@pytest.mark.parametrize("profile", [GCM, CM])
def test_paused_route_repairs_nothing(stage: Stage, profile: str) -> None:
    publisher, viewer, track = stage.peer(profile=profile), stage.peer(profile=profile), stage.track()
    publisher.publish(track)
    route = viewer.watch(track)
    publisher.send(*picture(0, 0, key=True))
    viewer.wait_packets(3)
    route.set(paused=True)
    stage.commanded()
    wire = len(viewer.settle().wire)
    viewer.send(nack(1000, [100, 101, 102]))
    assert len(viewer.settle().wire) == wire and route.stats()["resends"] == 0


def test_memory_of_what_is_sent_goes_with_its_route_and_never_comes_back(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    kept = viewer.watch(track, ssrc=10)
    for ssrc in range(1000, 1200, 2):
        route = viewer.watch(track, ssrc=ssrc)
        stage.commanded()
        publisher.send(*picture(ssrc, 3 * ssrc, key=True))
        publisher.settle()
        assert route.stats()["packets"] == 3
        route.close()
    stage.commanded()
    assert not any(has_context(viewer, ssrc) for ssrc in range(1000, 1200))
    assert has_context(viewer, 10) and kept.stats()["packets"] == 300
    with pytest.raises(PlaneError, match="present keys"):
        viewer.watch(track, ssrc=1100)


def test_extensions_can_be_added_to_a_transport_that_has_others(stage: Stage) -> None:
    publisher, viewer = stage.peer(receive_ids={MID: 4}), stage.peer(send_ids={})
    track = stage.track(video=False)
    publisher.publish(track, mid=b"a")
    viewer.watch(track)

    def one(number: int) -> bytes:
        elements = {4: b"a", 1: b"\x85"}
        return rtp(number, b"sound", payload_type=111, extensions=elements, timestamp=number * 960)

    publisher.send(one(0))
    assert viewer.wait_packets(1)[-1].extensions == {}
    publisher.transport.add_extensions({LEVEL: 1}, {})
    viewer.transport.add_extensions({}, {LEVEL: 3, TWCC: 5})
    stage.commanded()
    publisher.send(one(1), one(2))
    got = viewer.wait_packets(3)
    assert [packet.extensions[3] for packet in got[1:]] == [b"\x85", b"\x85"]
    assert [packet.extensions[5] for packet in got[1:]] == [b"\0\1", b"\0\2"]


def test_extension_keeps_its_id_for_life(stage: Stage) -> None:
    peer = stage.peer(receive_ids={MID: 4}, send_ids={LEVEL: 2})
    peer.transport.add_extensions({MID: 4}, {LEVEL: 2})
    with pytest.raises(PlaneError, match="another id"):
        peer.transport.add_extensions({MID: 5}, {})
    with pytest.raises(PlaneError, match="another id"):
        peer.transport.add_extensions({}, {LEVEL: 1})
    with pytest.raises(ValueError, match="no header extension"):
        peer.transport.add_extensions({99: 1}, {})


def test_transport_is_worn_before_its_peer_cannot_be_heard_any_more(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track)
    transport = publisher.transport
    assert not transport.worn
    for ssrc in range(1, RETIRED_MOST - WORN_BEFORE + 50):
        publisher.send(rtp(ssrc, vp8(key=True), ssrc=ssrc))
    publisher.settle()
    wait_until(lambda: transport.worn, "its peer has used up its SSRCs")
    before = publication.stats()[0]["packets"]
    publisher.send(rtp(1, vp8(key=True), ssrc=5000), sr(5000, 1, 1))
    publisher.settle()
    assert publication.stats()[0]["packets"] == before + 1


def test_what_is_still_sent_on_a_withdrawn_line_becomes_no_other_lines(stage: Stage) -> None:
    publisher, viewer = stage.peer(receive_ids={MID: 4}, declared_only=True), stage.peer()
    first, second = stage.track(), stage.track()
    withdrawn = publisher.publish(first, mid=b"0", ssrcs=[(77, 78)])
    publisher.publish(second, mid=b"1", ssrcs=[(87, 88)])
    viewer.watch(second)
    for ssrc, mid in ((77, b"0"), (87, b"1")):
        publisher.send(rtp(1, vp8(key=True), ssrc=ssrc, extensions={4: mid}))
    viewer.wait_packets(1)
    withdrawn.close()
    stage.commanded()
    # As a browser, which names the line only until it has got a report.
    publisher.send(*(rtp(number, vp8(key=True), ssrc=77) for number in range(2, 10)))
    publisher.send(rtp(2, vp8(), ssrc=87))
    publisher.settle()
    assert sequences(viewer.wait_packets(2)) == [100, 101]
    assert stage.drops["not_published"] == 8
    again = publisher.publish(first, mid=b"2", ssrcs=[(77, 78)])
    stage.commanded()
    publisher.send(rtp(10, vp8(key=True), ssrc=77))
    publisher.settle()
    assert again.stats()[0]["packets"] == 1 and len(viewer.settle().packets) == 2

"""Commands at the limits: more than the rings hold, orders for objects that are gone, datagrams nobody can take."""

import socket

import pytest

from media.plane.memory import live_objects
from media.plane.names import ADDRESSES_OF_A_TRANSPORT, UFRAGS_OF_A_TRANSPORT, PlaneError
from media.plane.objects import PlaneTrack
from media.plane.thread import DatagramReceived, PlaneThread
from tests.media.plane.packets import rtp
from tests.media.plane.peers import Stage, staged
from tests.media.plane.test_datagram import request
from tests.patience import wait_until

RING_SLOTS = 1024


def voice(number: int) -> bytes:
    return rtp(number, b"sound", timestamp=number * 960, payload_type=111)


def test_more_commands_than_the_ring_holds_are_all_applied_in_order() -> None:
    with staged() as stage:
        peer = stage.peer()
        for number in range(5 * RING_SLOTS):
            peer.transport.send(number.to_bytes(4, "big"), peer.address)
            if number % 500 == 499:
                sent = number + 1
                wait_until(lambda: len(peer.read().other) >= sent, "all datagrams so far")  # noqa: B023
        peer.wait(lambda got: len(got.other) == 5 * RING_SLOTS, "all datagrams")
        assert [int.from_bytes(datagram, "big") for datagram in peer.received.other] == list(range(5 * RING_SLOTS))


def test_more_objects_than_both_rings_hold_are_closed_in_one_go() -> None:
    """Control reads no events meanwhile; the thread's answers must not hold up the commands they answer."""
    with staged(max_transports=8) as stage:
        tracks = [PlaneTrack(stage.plane, False) for _ in range(4 * RING_SLOTS)]
        assert stage.plane.live_objects == 4 * RING_SLOTS
        for track in tracks:
            track.close()
        wait_until(lambda: not stage.events() and stage.plane.live_objects == 0, "all tracks are back")


def test_events_that_were_read_while_waiting_for_room_are_not_lost() -> None:
    with staged() as stage:
        peer = stage.peer(connect=False)
        peer.transport.add_ufrag(b"ours")
        peer.send_raw(request())
        stage.settle()
        for track in [PlaneTrack(stage.plane, False) for _ in range(4 * RING_SLOTS)]:
            track.close()
        found = stage.wait_event(lambda event: isinstance(event, DatagramReceived))
        assert isinstance(found, DatagramReceived)
        assert found.transport is peer.transport


def test_a_thread_that_holds_more_than_its_rings_can_be_closed() -> None:
    plane = PlaneThread(0, "127.0.0.1", 0)
    for track in [PlaneTrack(plane, True) for _ in range(2 * RING_SLOTS - 100)]:
        track.close()
    plane.close()
    assert not any(live_objects().values())


def test_a_datagram_that_the_kernel_refuses_is_counted_and_the_next_one_leaves(stage: Stage) -> None:
    peer = stage.peer()
    peer.transport.send(b"to everybody", ("255.255.255.255", 9))
    peer.transport.send(b"to one", peer.address)
    peer.wait(lambda got: got.other == [b"to one"], "the next datagram")
    assert peer.transport.stats()["drops"] == {"send": 1}


def test_media_that_the_kernel_refuses_costs_only_its_own_viewer(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track(video=False)
    publisher.publish(track)
    viewers = [stage.peer() for _ in range(5)]
    for viewer in viewers:
        viewer.watch(track)
    viewers[2].transport.select(("255.255.255.255", 9))
    stage.settle()
    publisher.send(*(voice(number) for number in range(50)))
    publisher.settle()
    for viewer in viewers[:2] + viewers[3:]:
        assert len(viewer.wait_packets(50)) == 50
    assert viewers[2].transport.stats()["drops"] == {"send": 50}


def test_a_publication_or_route_of_a_transport_that_is_gone_never_begins(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.transport.close()
    viewer.transport.close()
    publication, route = publisher.publish(track), viewer.watch(track)
    stage.settle()
    assert track.route_count == 0
    publisher.send(voice(0))
    stage.settle()
    assert publication.stats()[0]["packets"] == route.stats()["packets"] == 0
    assert stage.drops == {"stranger": 1}


def test_one_peer_cannot_use_up_the_places_for_addresses_and_ufrags() -> None:
    """Who knows the password may send valid checks from any number of ports, and restart ICE for ever."""
    with staged(max_transports=2) as stage:
        greedy, other, track = stage.peer(connect=False), stage.peer(connect=False), stage.track(video=False)
        greedy.publish(track)
        greedy.connect()
        for number in range(100):
            greedy.transport.validate(("127.0.0.1", 1000 + number))
            greedy.transport.add_ufrag(b"greedy%d" % number)
        other.publish(track)
        other.transport.add_ufrag(b"ours")
        other.connect()
        other.send(voice(0))
        greedy.send(voice(0))
        other.send_raw(request())
        stage.settle()
        assert stage.drops == {"replaced": 1}
        checks = [event for event in stage.events() if isinstance(event, DatagramReceived)]
        assert [event.transport for event in checks] == [other.transport]


def test_an_address_and_a_ufrag_belong_to_whoever_had_them_last(stage: Stage) -> None:
    first, second, track = stage.peer(), stage.peer(connect=False), stage.track(video=False)
    second.publish(track)
    second.transport.add_ufrag(b"ours")
    first.transport.add_ufrag(b"ours")
    second.transport.validate(first.address)
    second.transport.add_ufrag(b"ours")
    first.transport.remove_ufrag(b"ours")
    first.transport.close()
    stage.commanded()
    first.send_raw(request(), voice(0))
    stage.settle()
    assert stage.drops == {"no_keys": 1}
    assert len(stage.events()) == 1


def test_a_closed_transport_forgets_its_addresses_and_ufrags(stage: Stage) -> None:
    peer = stage.peer()
    peer.transport.add_ufrag(b"ours")
    peer.publish(stage.track(video=False))
    peer.send(voice(0))
    stage.settle()
    stage.events()
    peer.transport.close()
    stage.settle()
    peer.send(voice(1))
    peer.send_raw(request())
    stage.settle()
    assert stage.drops == {"stranger": 1, "stun_unknown_ufrag": 1}
    assert stage.events() == []


def test_a_name_or_address_that_finds_no_place_is_counted_and_told() -> None:
    with staged(max_transports=1) as stage:
        first, second = stage.peer(connect=False), stage.peer(connect=False)
        for number in range(UFRAGS_OF_A_TRANSPORT):
            first.transport.add_ufrag(b"ufrag%d" % number)
        stage.settle()
        assert not first.transport.refused
        second.transport.add_ufrag(b"late")
        stage.settle()
        assert second.transport.refused and not first.transport.refused
        for number in range(ADDRESSES_OF_A_TRANSPORT + 1):
            first.transport.validate(("192.0.2.1", 1000 + number))
        second.transport.validate(second.address)
        stage.settle()
        # Its ninth address cost the first peer its own oldest one, nobody else's place.
        assert not first.transport.refused
        assert second.transport.stats()["drops"] == stage.drops == {"table_full": 2}


def test_a_forgotten_address_is_a_stranger_and_makes_room() -> None:
    with staged(max_transports=1) as stage:
        peer = stage.peer()
        peer.publish(stage.track(video=False))
        peer.send(voice(0))
        stage.settle()
        peer.transport.forget(peer.address)
        peer.send(voice(1))
        stage.settle()
        assert stage.drops == {"stranger": 1}
        for number in range(ADDRESSES_OF_A_TRANSPORT):
            peer.transport.validate(("192.0.2.1", 1000 + number))
        stage.settle()
        assert not peer.transport.refused


def test_an_address_that_is_anothers_by_now_is_not_forgotten(stage: Stage) -> None:
    former, peer = stage.peer(connect=False), stage.peer()
    publication = peer.publish(stage.track(video=False))
    former.transport.validate(peer.address)
    peer.transport.validate(peer.address)
    former.transport.forget(peer.address)
    peer.send(voice(0))
    stage.settle()
    assert publication.stats()[0]["packets"] == 1


def test_a_layer_that_does_not_exist_is_never_sent(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    far_plane = stage.another()
    far, far_viewer = stage.track(plane=far_plane), stage.peer(plane=far_plane)
    stage.mirror(track, far)
    routes = [viewer.watch(track), far_viewer.watch(far)]
    for layer in (3, 7, 2**31 - 1, -1, -(2**31)):
        for route in routes:
            route.set(layer=layer)
        for seen in (track, far):
            seen.want_keyframe(layer)
        stage.settle()
        publisher.send(rtp(layer & 0xFFF, b"\x10\x00\x9d\x01\x2a", timestamp=1))
        publisher.settle()
    assert viewer.settle().packets == []
    assert far_viewer.settle().packets == []


def test_two_sockets_on_one_port_are_refused_in_words() -> None:
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.bind(("127.0.0.1", 0))
    with pytest.raises(PlaneError, match=rf"127\.0\.0\.1:{holder.getsockname()[1]}/udp"):
        PlaneThread(0, "127.0.0.1", holder.getsockname()[1])
    holder.close()

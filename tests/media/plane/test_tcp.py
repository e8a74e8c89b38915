"""Peers over TCP at a live plane: media both ways, whose a connection is, what a stranger may hold, and its end."""

import resource
import socket
from collections.abc import Iterator

import pytest

from media.plane.names import TcpAddress
from media.plane.thread import DatagramReceived
from tests.media.plane.packets import continuous, picture, rtp, vp8
from tests.media.plane.peers import Peer, Stage, staged
from tests.media.plane.tcp_peer import TcpPeer, framed, opened
from tests.media.plane.test_datagram import request
from tests.patience import wait_until

STRANGERS_OF_ONE = 32


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged(tcp_port=0, stranger_ms=400) as stage:
        yield stage


def connections(stage: Stage) -> int:
    return stage.plane.counters()["connections"]


def wait_connections(stage: Stage, count: int) -> None:
    wait_until(lambda: connections(stage) == count, f"{count} connections, there are {connections(stage)}")


def test_pictures_go_both_ways_byte_for_byte(stage: Stage) -> None:
    publisher, over_udp, track = TcpPeer(stage), stage.peer(), stage.track()
    publisher.publish(track)
    viewers: list[Peer] = [TcpPeer(stage), over_udp, TcpPeer(stage)]
    for viewer in viewers:
        viewer.watch(track)
    sent = [packet for index in range(20) for packet in picture(index, 3 * index, key=index == 0)]
    publisher.send(*sent)
    publisher.settle()
    for viewer in viewers:
        got = viewer.wait_packets(60)
        assert [packet.payload for packet in got] == [packet.payload for packet in viewers[0].received.packets]
    assert stage.drops == {}
    assert isinstance(publisher.address, TcpAddress)


def test_packets_of_one_wake_up_leave_in_one_call(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), TcpPeer(stage), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    publisher.send(*picture(0, 0, key=True))
    viewer.wait_packets(3)
    before = stage.plane.counters()
    for number in range(1, 11):
        publisher.send(*picture(number, 3 * number))
        viewer.wait_packets(3 + 3 * number)
    after = stage.plane.counters()
    assert after["sent_packets"] - before["sent_packets"] >= 30
    assert after["send_calls"] - before["send_calls"] <= 20


def test_a_frame_may_come_byte_by_byte(stage: Stage) -> None:
    peer = TcpPeer(stage, connect=False)
    stage.commanded()
    for byte in framed(request(peer.ufrag)):
        peer.socket.sendall(bytes([byte]))
    stage.wait_event(lambda event: getattr(event, "transport", None) is peer.transport)


def test_a_datagram_from_the_same_address_and_port_is_a_strangers(stage: Stage) -> None:
    peer, track = TcpPeer(stage), stage.track(video=False)
    peer.publish(track)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(peer.socket.getsockname())
        stage.commanded()
        other.sendto(peer.protect(rtp(0, b"sound", payload_type=111)), ("127.0.0.1", stage.plane.port))
        wait_until(lambda: stage.drops.get("stranger") == 1, "the datagram")
    assert peer.transport.stats()["received_packets"] == 0


@pytest.mark.parametrize("first", [request("nobody"), rtp(0, b"sound"), b"GET / HTTP/1.1\r\n\r\n" + bytes(18_000)])
def test_who_begins_with_anything_but_a_check_of_ours_is_cut_off(stage: Stage, first: bytes) -> None:
    with opened(stage) as stranger:
        stranger.sendall(framed(first) if len(first) < 1600 else first)
        wait_until(lambda: connections(stage) == 0 and stage.drops, "the end of the connection")


def test_who_says_nothing_or_half_a_frame_or_no_valid_check_is_cut_off_in_time(stage: Stage) -> None:
    peer = TcpPeer(stage, connect=False)
    stage.commanded()
    peer.socket.sendall(framed(request(peer.ufrag)))
    with opened(stage) as silent, opened(stage) as halting:
        halting.sendall(framed(request(peer.ufrag))[:30])
        wait_until(lambda: stage.drops.get("connection_unknown") == 3, "the end of three connections")
        assert silent.recv(1) == b"" and connections(stage) == 0


def test_strangers_have_a_share_and_peers_do_not_count_to_it(stage: Stage) -> None:
    known = [TcpPeer(stage) for _ in range(3)]
    stage.commanded()
    strangers = [opened(stage) for _ in range(STRANGERS_OF_ONE + 5)]
    wait_until(lambda: stage.drops.get("connection_refused") == 5, "the refusal of those who are too many")
    for peer in known:
        peer.settle()
    wait_connections(stage, 3)
    again = TcpPeer(stage)
    again.settle()
    for stranger in strangers:
        stranger.close()


def test_a_giant_frame_ends_the_connection(stage: Stage) -> None:
    peer = TcpPeer(stage)
    peer.settle()
    peer.socket.sendall(framed(bytes(1601)))
    peer.wait_closed()
    assert peer.transport.stats()["drops"] == {"unknown_datagram": 1}


def test_a_check_of_another_transport_ends_the_connection(stage: Stage) -> None:
    peer, other = TcpPeer(stage), TcpPeer(stage)
    stage.commanded()
    peer.socket.sendall(framed(request(other.ufrag)))
    peer.wait_closed()
    wait_connections(stage, 1)
    other.settle()


def test_a_lost_connection_is_a_lost_address_until_another_is_chosen(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), TcpPeer(stage), stage.track(video=False)
    publisher.publish(track)
    viewer.watch(track)
    publisher.send(rtp(0, b"one", payload_type=111))
    viewer.wait_packets(1)
    viewer.socket.close()
    wait_until(lambda: not viewer.transport.stats()["remote"], "the end of the connection")
    former = viewer.address
    viewer.transport.select(former)  # control may not know yet
    viewer.transport.send(b"into nothing", former)
    publisher.send(rtp(1, b"two", payload_type=111))
    stage.settle()
    assert not viewer.transport.stats()["remote"]
    viewer.reopen()
    assert viewer.check().remote != former
    viewer.transport.validate(viewer.address)
    viewer.transport.select(viewer.address)
    stage.commanded()
    publisher.send(rtp(2, b"three", payload_type=111))
    assert [packet.payload for packet in viewer.wait_packets(2)] == [b"one", b"three"]


def test_a_forgotten_address_and_a_closed_transport_end_their_connections(stage: Stage) -> None:
    forgotten, closed, unproven = TcpPeer(stage), TcpPeer(stage), TcpPeer(stage, connect=False)
    unproven.check()
    for peer in (forgotten, closed):
        peer.settle()
    forgotten.transport.forget(forgotten.address)
    closed.transport.close()
    unproven.transport.close()
    for peer in (forgotten, closed, unproven):
        peer.wait_closed()
    wait_connections(stage, 0)


def test_of_too_many_addresses_the_oldest_connection_goes(stage: Stage) -> None:
    peer = TcpPeer(stage)
    first = peer.socket
    peer.settle()
    others = []
    for _ in range(8):
        peer.reopen()
        others.append(peer.socket)
        peer.check()
        peer.transport.validate(peer.address)
        peer.transport.select(peer.address)
    first.settimeout(60)
    assert first.recv(1) == b""
    first.close()
    wait_connections(stage, 8)
    for opened_one in others:
        opened_one.close()


def test_who_does_not_read_loses_whole_packets_and_holds_up_nobody(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track)
    sleeper, reader = TcpPeer(stage, receive_bytes=4096), TcpPeer(stage)
    for viewer in (sleeper, reader):
        viewer.watch(track)
    number = 0

    def sleeper_loses() -> bool:
        nonlocal number
        for _ in range(50):
            publisher.send(*picture(number, 3 * number, key=number == 0))
            number += 1
        reader.wait_packets(3 * number)
        return sleeper.transport.stats()["drops"].get("not_taken", 0) > 100

    wait_until(sleeper_loses, "packets that nobody takes are dropped")
    assert set(reader.transport.stats()["drops"]) == set()
    # It wakes up: every frame that comes is a whole one, or SRTP would refuse it.
    lost = sleeper.transport.stats()["drops"]["not_taken"]
    sleeper.wait(lambda got: len(got.packets) >= 3 * number - lost, "what was not dropped")
    publisher.send(*picture(number, 3 * number))
    newest = sleeper.wait(lambda got: len(got.packets) >= 3 * number - lost + 3, "what came after").packets[-1]
    assert newest.sequence == reader.wait_packets(3 * number + 3)[-1].sequence
    assert sleeper.received.refused == []


def test_who_does_not_read_loses_pictures_before_sounds(stage: Stage) -> None:
    publisher, track, sound = stage.peer(), stage.track(), stage.track(video=False)
    publisher.publish(track, mid=b"0")
    publisher.publish(sound, mid=b"1", ssrcs=[(88, 0)])
    sleeper = TcpPeer(stage, receive_bytes=4096)
    sleeper.watch(track)
    sleeper.watch(sound, ssrc=2000)
    number = 0

    def loses_pictures() -> bool:
        nonlocal number
        publisher.send(*large(number))
        publisher.send(rtp(number, b"sound", ssrc=88, timestamp=960 * number, payload_type=111))
        number += 1
        return sleeper.transport.stats()["drops"].get("not_taken", 0) > 100

    # By their age, or because there is no room for more: 256 KiB are eighty such pictures and as many sounds.
    wait_until(loses_pictures, "pictures that nobody takes are dropped")
    stage.settle()

    def heard() -> list[int]:
        return [packet.sequence for packet in sleeper.received.packets if packet.ssrc == 2000]

    sleeper.wait(lambda _: len(heard()) == number, f"{number} sounds")
    assert continuous(heard(), 100)
    assert sleeper.received.refused == []


def large(number: int) -> list[bytes]:
    """A picture of three large packets."""
    body = bytes(1200)
    return [
        rtp(
            3 * number + index,
            vp8(number, key=number == 0, first=index == 0, body=body),
            timestamp=number * 3000,
            marker=index == 2,
        )
        for index in range(3)
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_one_door_takes_both_kinds_of_addresses(host: str) -> None:
    with staged("::", tcp_port=0) as stage:
        publisher, viewer, track = TcpPeer(stage, host=host), TcpPeer(stage, host=host), stage.track(video=False)
        publisher.publish(track)
        viewer.watch(track)
        publisher.send(rtp(0, b"sound", payload_type=111))
        viewer.wait_packets(1)
        assert publisher.address[:2] == publisher.socket.getsockname()[:2]


def test_a_connection_without_checks_ends_and_one_with_checks_stays() -> None:
    with staged(tcp_port=0, connection_idle_ms=300) as stage:
        idle, busy = TcpPeer(stage), TcpPeer(stage)

        def is_over() -> bool:
            busy.transport.validate(busy.address)
            return idle.transport.stats()["drops"] == {"connection_unknown": 1}

        wait_until(is_over, "the end of the idle connection")
        assert connections(stage) == 1
        busy.settle()


def test_a_connection_that_came_in_elsewhere_is_taken_with_its_first_frame() -> None:
    with staged() as stage, socket.create_server(("127.0.0.1", 0)) as door:
        peer = TcpPeer(stage, connect=False, port=door.getsockname()[1])
        stage.commanded()
        peer.socket.sendall(framed(request(peer.ufrag)))
        stage.plane.take(door.accept()[0])
        event = stage.wait_event(lambda it: isinstance(it, DatagramReceived))
        assert isinstance(event, DatagramReceived) and event.transport is peer.transport
        assert event.remote[:2] == peer.socket.getsockname()
        with socket.create_connection(door.getsockname()) as gone:
            gone.sendall(b"GET")
            stage.plane.take(door.accept()[0])
        wait_connections(stage, 1)


def test_without_descriptors_a_connection_waits_until_there_are_some(stage: Stage) -> None:
    peer = TcpPeer(stage)
    peer.settle()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as late:
        resource.setrlimit(resource.RLIMIT_NOFILE, (late.fileno() + 1, hard))
        try:
            late.connect(("127.0.0.1", stage.plane.tcp_port))
            for _ in range(3):
                peer.settle()
            assert connections(stage) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wait_connections(stage, 2)


def test_a_plane_that_ends_closes_what_is_open() -> None:
    stage = Stage(tcp_port=0)
    peer = TcpPeer(stage)
    peer.settle()
    with opened(stage) as stranger:
        wait_connections(stage, 2)
        stage.stop()
        stranger.settimeout(60)
        assert stranger.recv(1) == b""

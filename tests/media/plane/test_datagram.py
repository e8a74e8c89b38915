"""A datagram's first steps at the socket: STUN and DTLS rates, strangers, addresses both ways, plain RTP's latching."""

import os
import socket
import time

import pytest
from aioice import stun

from media.plane.objects import PlanePublication
from media.plane.srtp import SrtpKeys
from media.plane.thread import STRANGER_CHECKS_A_SECOND, DatagramReceived, PlaneEvent
from media.plane.transport import CHECKS_A_SECOND, DTLS_DATAGRAMS_A_SECOND, PlaneTransport
from tests.media.plane.namespace import run_alone
from tests.media.plane.packets import RR, nack, rr, rtp, vp8
from tests.media.plane.peers import CM, GCM, KEY_BYTES, VIDEO_TYPES, Peer, Stage, staged
from tests.patience import wait_until

UFRAG = "ours"
DTLS_RECORD = b"\x16\xfe\xfd" + bytes(8) + b"\0\x01x"


def request(ufrag: str = UFRAG) -> bytes:
    """A connectivity check that any stranger can write who knows the ufrag."""
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{ufrag}:theirs"
    message.attributes["PRIORITY"] = 1
    message.add_message_integrity(b"a guess")
    return bytes(message)


def datagrams(events: list[PlaneEvent], kind: str) -> list[DatagramReceived]:
    return [event for event in events if isinstance(event, DatagramReceived) and event.kind == kind]


def named(stage: Stage) -> Peer:
    peer = stage.peer(connect=False)
    peer.transport.add_ufrag(UFRAG.encode())
    return peer


def voice(number: int) -> bytes:
    return rtp(number, b"sound", timestamp=number * 960, payload_type=111)


# --- STUN and DTLS ----------------------------------------------------------------------------------------------------


def test_a_check_for_a_known_ufrag_reaches_control_with_both_addresses(stage: Stage) -> None:
    peer = named(stage)
    message = request()
    peer.send_raw(message)
    event = stage.wait_event(lambda event: isinstance(event, DatagramReceived))
    assert isinstance(event, DatagramReceived)
    assert (event.kind, event.transport, event.data) == ("stun", peer.transport, message)
    assert (event.remote, event.local) == (peer.address, "127.0.0.1")


def test_a_removed_ufrag_is_unknown(stage: Stage) -> None:
    peer = named(stage)
    peer.transport.add_ufrag(b"second")
    peer.transport.remove_ufrag(UFRAG.encode())
    peer.send_raw(request(), request("nobody"), request("our"), request("ours2"), request(""))
    peer.settle()
    assert datagrams(stage.events(), "stun") == []
    assert stage.drops == {"stun_unknown_ufrag": 4, "stun_malformed": 1}
    peer.send_raw(request("second"))
    stage.wait_event(lambda event: isinstance(event, DatagramReceived))


def test_what_only_looks_like_stun_is_counted(stage: Stage) -> None:
    peer = named(stage)
    good = request()
    answer = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.RESPONSE)
    odd = [
        bytes(answer),
        good[:-4],
        good[:20],
        good[:2] + b"\xff\xfc" + good[4:],
        good[:22] + b"\xff\xff" + good[24:],
        b"\0\3" + good[2:],
    ]
    peer.send_raw(*odd)
    peer.settle()
    assert stage.events() == []
    assert stage.drops == {"stun_malformed": len(odd)}
    assert peer.transport.stats()["drops"] == {}


def test_forged_checks_with_a_known_ufrag_are_few_and_leave_the_peers_own_their_place(stage: Stage) -> None:
    victim, forger = named(stage), stage.peer(connect=False)
    victim.transport.validate(victim.address)
    started = time.monotonic()
    for _ in range(40):
        forger.send_raw(*[request()] * 50)
        stage.settle()
    allowed = CHECKS_A_SECOND * (3 + time.monotonic() - started) + 1
    forged = datagrams(stage.events(), "stun")
    assert 3 * CHECKS_A_SECOND <= len(forged) <= allowed
    assert stage.drops == {"stun_rate": 2000 - len(forged)}
    victim.send_raw(request())
    event = stage.wait_event(lambda event: isinstance(event, DatagramReceived))
    assert isinstance(event, DatagramReceived)
    assert event.remote == victim.address


def test_forged_checks_for_many_ufrags_are_bounded_together() -> None:
    with staged() as stage:
        for number in range(100):
            stage.peer(connect=False).transport.add_ufrag(b"u%d" % number)
        forger = stage.peer(connect=False)
        forged = 0
        started = time.monotonic()
        for _ in range(10):
            forger.send_raw(*(request(f"u{number}") for number in range(100)))
            stage.settle()
            forged += len(datagrams(stage.events(), "stun"))
        passed = time.monotonic() - started
        assert forged <= STRANGER_CHECKS_A_SECOND * (0.2 + passed) + 1
        assert stage.drops.get("stun_rate", 0) == 1000 - forged


def test_a_flood_of_dtls_is_bounded_for_its_peer_only(stage: Stage) -> None:
    flooder, calm = stage.peer(), stage.peer()
    started = time.monotonic()
    for _ in range(10):
        flooder.send_raw(*[DTLS_RECORD] * 100)
        stage.settle()
    calm.send_raw(DTLS_RECORD)
    stage.settle()
    events = datagrams(stage.events(), "dtls")
    flood = [event for event in events if event.transport is flooder.transport]
    assert DTLS_DATAGRAMS_A_SECOND <= len(flood) <= DTLS_DATAGRAMS_A_SECOND * (1 + time.monotonic() - started) + 1
    assert [event.remote for event in events if event.transport is calm.transport] == [calm.address]
    assert stage.drops == {"dtls_rate": 1000 - len(flood)}


def test_a_handshake_from_an_address_that_was_never_validated_is_refused(stage: Stage) -> None:
    stranger = named(stage)
    stranger.send_raw(DTLS_RECORD, b"\x14" + bytes(20))
    stranger.settle()
    assert stage.events() == []
    assert stage.drops == {"stranger": 2}


@pytest.mark.parametrize(
    "datagram",
    [b"", b"\x80", b"\x16", b"\x04" + bytes(30), b"\x40" + bytes(30), b"\xff" * 40, bytes([0x80]) + bytes(1700)],
    ids=["empty", "one byte", "cut DTLS", "ZRTP's range", "TURN channel", "last range", "too large"],
)
def test_what_is_no_protocol_of_ours_is_counted(stage: Stage, datagram: bytes) -> None:
    peer = stage.peer()
    peer.send_raw(datagram)
    peer.settle()
    assert stage.events() == []
    assert stage.drops == {"unknown_datagram": 1}


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bind", "addresses"),
    [
        ("0.0.0.0", ["127.0.0.2", "127.0.0.3"]),
        ("::", ["127.0.0.2", "127.0.0.3", "::1"]),
    ],
)
def test_answers_come_from_the_address_that_was_asked(bind: str, addresses: list[str]) -> None:
    with staged(bind) as stage:
        track = stage.track(video=False)
        publisher = stage.peer(host=addresses[-1], target=addresses[-1])
        publisher.publish(track)
        viewers = []
        for number, asked in enumerate(addresses):
            viewer = stage.peer(host="::1" if ":" in asked else "127.0.0.1", target=asked, connect=False)
            viewer.transport.add_ufrag(b"v%d" % number)
            viewer.watch(track)
            viewer.send_raw(request(f"v{number}"))
            event = stage.wait_event(lambda event: isinstance(event, DatagramReceived))
            assert isinstance(event, DatagramReceived)
            assert (event.remote, event.local) == (viewer.address, asked)
            viewer.transport.send(b"\1\1answer", event.remote, event.local)
            assert viewer.socket.recvfrom(100)[1][:2] == (asked, stage.plane.port)
            viewer.transport.validate(event.remote)
            viewer.transport.select(event.remote, event.local)
            assert viewer.keys is not None
            viewer.transport.set_keys(viewer.keys)
            viewers.append(viewer)
        stage.settle()
        publisher.send(*(voice(number) for number in range(3)))
        for viewer, asked in zip(viewers, addresses, strict=True):
            got = viewer.wait_packets(3)
            assert {packet.source[:2] for packet in got} == {(asked, stage.plane.port)}


def test_a_peer_at_a_link_local_address_is_answered_through_its_link() -> None:
    found = run_alone("link_local")
    assert found["remote"] == ["fe80::5%1", found["peer"][1]]
    assert found["local"] == "fe80::5%1"
    assert bytes.fromhex(found["answer"]) == b"\1\1answer"
    assert found["from"] == ["fe80::5", found["port"], 0, 1]
    assert found["mapped"] == ["fe80::5", found["peer"][1]]
    assert found["relayed"] == ["sound"] * 3
    assert found["drops"] == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_media_flows_over_either_family(host: str) -> None:
    with staged(host) as stage:
        publisher, viewer, track = stage.peer(host=host), stage.peer(host=host), stage.track(video=False)
        publisher.publish(track)
        viewer.watch(track)
        publisher.send(*(voice(number) for number in range(10)))
        assert len(viewer.wait_packets(10)) == 10
        assert stage.drops == {}


def test_one_socket_for_all_serves_both_families_from_one_publisher() -> None:
    with staged("::") as stage:
        publisher, track = stage.peer(host="127.0.0.1"), stage.track(video=False)
        publisher.publish(track)
        viewers = [stage.peer(host=host) for host in ("127.0.0.1", "::1")]
        for viewer in viewers:
            viewer.watch(track)
        publisher.send(*(voice(number) for number in range(10)))
        for viewer in viewers:
            assert len(viewer.wait_packets(10)) == 10


def test_an_address_of_the_other_family_cannot_be_selected(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track)
    viewer.watch(track)
    viewer.transport.select(("::1", 9))
    viewer.transport.send(b"nowhere", ("::1", 9))
    stage.settle()
    publisher.send(voice(0))
    stage.settle()
    assert not viewer.transport.stats()["remote"]
    assert viewer.transport.stats()["drops"] == {"send": 1}
    viewer.transport.select(viewer.address)
    stage.settle()
    publisher.send(voice(1))
    viewer.wait_packets(1)


def test_a_peer_that_moves_is_followed_when_control_says_so(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publication = publisher.publish(track)
    viewer.watch(track)
    publisher.send(voice(0))
    viewer.wait_packets(1)
    old = publisher.socket
    publisher.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    publisher.socket.bind(("127.0.0.1", 0))
    publisher.send(voice(1))
    stage.settle()
    assert stage.drops == {"stranger": 1}
    publisher.transport.validate(publisher.socket.getsockname())
    stage.settle()
    publisher.send(voice(2))
    viewer.wait_packets(2)
    assert publication.stats()[0]["packets"] == 2
    old.close()


def test_an_address_belongs_to_the_transport_that_validated_it_last(stage: Stage) -> None:
    """A NAT may give one peer's mapping to another; keys still tell whose packets they are."""
    first, second, viewer, track = stage.peer(), stage.peer(), stage.peer(), stage.track(video=False)
    second.publish(track)
    viewer.watch(track)
    second.transport.validate(first.address)
    first.send(voice(0))
    stage.settle()
    assert second.transport.stats()["drops"] == {"authentication": 1}
    second.socket, second_socket = first.socket, second.socket
    second.send(voice(1))
    viewer.wait_packets(1)
    second.socket = second_socket


# --- plain RTP --------------------------------------------------------------------------------------------------------


def moved(peer: Peer) -> socket.socket:
    """Give the peer another address; return its old socket."""
    old = peer.socket
    peer.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.socket.bind(("127.0.0.1", 0))
    peer.stage.peers.append(peer)
    return old


def test_plain_rtp_passes_both_ways_on_a_port_of_its_own(stage: Stage) -> None:
    sender, receiver = stage.peer(profile="", plain=True), stage.peer(profile="", plain=True)
    track = stage.track()
    publication = sender.publish(track)
    route = receiver.watch(track)
    packets = [rtp(number, vp8(number, key=number == 0), timestamp=number * 3000) for number in range(5)]
    sender.send(*packets)
    got = receiver.wait_packets(5)
    assert [packet.payload for packet in got] == [packet[12:] for packet in packets]
    assert {packet.source[1] for packet in got} == {receiver.target[1]} != {stage.plane.port}
    receiver.send(nack(1000, [102]), rr(1))
    receiver.wait_packets(6)
    assert route.stats()["resends"] == 1
    assert publication.stats()[0]["packets"] == 5
    sender.wait_control(RR)


def test_without_keys_the_first_sender_keeps_the_port(stage: Stage) -> None:
    camera, thief = stage.peer(profile="", plain=True, connect=False, latch=True), stage.peer(connect=False)
    track, viewer = stage.track(video=False), stage.peer()
    publication = camera.publish(track)
    viewer.watch(track)
    assert not camera.transport.stats()["remote"]
    camera.send(voice(0))
    viewer.wait_packets(1)
    assert camera.transport.stats()["remote"]
    thief.target = camera.target
    thief.send_raw(voice(1), rr(1))
    stage.settle()
    assert camera.transport.stats()["drops"] == {"stranger": 2}
    camera.send(voice(2))
    viewer.wait_packets(2)
    assert publication.stats()[0]["packets"] == 2
    camera.wait_control(RR)


def test_a_declared_far_end_is_the_only_one_without_latching(stage: Stage) -> None:
    camera = stage.peer(profile="", plain=True, connect=False)
    camera.publish(stage.track(video=False))
    camera.send(voice(0))
    camera.stage.settle()
    assert camera.transport.stats()["drops"] == {"stranger": 1}
    camera.transport.select(camera.address)
    stage.settle()
    camera.send(voice(1))
    camera.wait_control(RR)


@pytest.mark.parametrize("profile", [GCM, CM])
def test_with_keys_the_port_follows_whoever_authenticates(stage: Stage, profile: str) -> None:
    camera = stage.peer(profile=profile, plain=True, connect=False, latch=True)
    assert camera.keys is not None
    camera.transport.set_keys(camera.keys)
    viewer, track = stage.peer(), stage.track(video=False)
    camera.publish(track)
    viewer.watch(track)
    camera.send(voice(0))
    viewer.wait_packets(1)
    camera.wait_control(RR)
    old = moved(camera)
    camera.send(voice(1))
    viewer.wait_packets(2)
    camera.wait(lambda got: len(got.compounds) >= 2, "reports at the new address")
    old.close()


def test_replays_and_forgeries_from_elsewhere_do_not_move_the_port(stage: Stage) -> None:
    """Also not together with authentic packets, in one wake-up of the plane."""
    camera = stage.peer(plain=True, connect=False, latch=True)
    assert camera.keys is not None
    camera.transport.set_keys(camera.keys)
    viewer, track = stage.peer(), stage.track(video=False)
    camera.publish(track)
    viewer.watch(track)
    thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    thief.bind(("127.0.0.1", 0))
    thief.setblocking(False)
    for number in range(300):
        protected = camera.protect(voice(number))
        camera.send_raw(protected)
        for stolen in (protected, voice(number), protected[:-1] + b"x", bytes([0x80, 200]) + os.urandom(50)):
            stage.sent[stage.plane] += 1
            thief.sendto(stolen, camera.target)
        if number % 30 == 29:
            stage.settle()
    wait_until(lambda: camera.transport.stats()["sent_packets"] > 0, "a report")
    camera.wait_control(RR)
    assert len(viewer.wait_packets(300)) == 300
    assert camera.transport.stats()["drops"] == {"replay": 900, "authentication": 300}
    with pytest.raises(BlockingIOError):
        thief.recv(2000)
    thief.close()


@pytest.mark.parametrize("datagram", [request(), DTLS_RECORD, b"\xff" * 30, b""])
def test_a_plain_port_takes_only_rtp_and_rtcp(stage: Stage, datagram: bytes) -> None:
    camera = stage.peer(profile="", plain=True, connect=False, latch=True)
    camera.send_raw(datagram)
    stage.settle()
    assert camera.transport.stats()["drops"] == {"unknown_datagram": 1}
    assert not camera.transport.stats()["remote"]
    assert stage.events() == []


def test_a_closed_plain_transport_gives_its_port_back(stage: Stage) -> None:
    camera = stage.peer(profile="", plain=True)
    camera.transport.close()
    stage.settle()
    assert stage.events() == []
    again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    again.bind(camera.target)
    again.close()


def test_a_plain_port_made_with_keys_never_takes_a_clear_packet(stage: Stage) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.setblocking(False)
        own.bind(("127.0.0.1", 0))
        key = os.urandom(KEY_BYTES[GCM])
        transport = stage.own(
            PlaneTransport(
                stage.plane, port_socket=own, latch=True, keys=SrtpKeys(GCM, key, os.urandom(KEY_BYTES[GCM]))
            )
        )
        track = stage.track()
        stage.own(PlanePublication(transport, track, mid=b"", payload_types=VIDEO_TYPES))
        stage.commanded()
        sender.sendto(rtp(1, vp8(0, key=True)), own.getsockname())
        wait_until(lambda: stage.drops == {"authentication": 1}, "the clear packet is refused")
        assert transport.stats()["remote"] is False

"""Consent checks answered by the plane: an ordinary one at once, every other one left to control, never a wrong one."""

import os
import socket
from collections.abc import Callable

import pytest
from aioice import stun as oracle

from media.plane import consent
from media.plane.thread import DatagramReceived
from signaling.ice.stun import build_request
from tests.media.plane.peers import GCM, Peer, Stage
from tests.patience import PATIENCE_S

USERNAME = b"ours:theirs"
KEY = b"our-own-ice-password-24c"


def request(**changes: object) -> bytes:
    fields: dict[str, object] = {
        "username": USERNAME,
        "key": KEY,
        "priority": 0x6E7F1EFF,
        "tie_breaker": 7,
        **changes,
    }
    return build_request(os.urandom(12), **fields)  # type: ignore[arg-type]


def ready_peer(stage: Stage) -> Peer:
    peer = stage.peer(profile=GCM)
    peer.transport.add_ufrag(b"ours")
    peer.transport.set_consent(USERNAME, KEY)
    stage.settle()
    return peer


def stun_events(stage: Stage) -> list[bytes]:
    return [event.data for event in stage.events() if isinstance(event, DatagramReceived) and event.kind == "stun"]


def answer_to(peer: Peer, datagram: bytes) -> bytes:
    peer.socket.settimeout(PATIENCE_S)
    peer.socket.sendto(datagram, ("127.0.0.1", peer.plane.port))
    while True:
        received = peer.socket.recv(2000)
        if received[0] < 4:
            return received


def test_libcrypto_is_found_here() -> None:
    assert consent.AVAILABLE


@pytest.mark.parametrize("use_candidate", [False, True])
def test_ordinary_check_is_answered_as_aioice_expects_without_control(stage: Stage, use_candidate: bool) -> None:
    peer = ready_peer(stage)
    asked = request(use_candidate=use_candidate)
    answer = oracle.parse_message(answer_to(peer, asked))
    assert answer.check_message_integrity(KEY)
    assert answer.message_class is oracle.Class.RESPONSE
    assert answer.message_method is oracle.Method.BINDING
    assert answer.transaction_id == asked[8:20]
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == peer.socket.getsockname()
    assert peer.transport.consent_seconds > 0
    assert stun_events(stage) == []


def flipped(datagram: bytes, place: int) -> bytes:
    place %= len(datagram)
    return datagram[:place] + bytes([datagram[place] ^ 1]) + datagram[place + 1 :]


@pytest.mark.parametrize(
    "make",
    [
        lambda: request(key=b"x" * 24),
        lambda: request(username=b"ours:others"),
        lambda: request(controlling=False),
        lambda: flipped(request(), -1),
        lambda: flipped(request(), -20),
    ],
    ids=["other password", "other peer", "controlled", "wrong fingerprint", "wrong integrity"],
)
def test_any_other_check_is_controls(stage: Stage, make: Callable[[], bytes]) -> None:
    peer = ready_peer(stage)
    datagram = make()
    peer.send_raw(datagram)
    stage.settle()
    assert stun_events(stage) == [datagram]
    assert peer.transport.consent_seconds == 0


def test_check_from_a_validated_but_unselected_address_is_controls(stage: Stage) -> None:
    peer = ready_peer(stage)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        peer.transport.validate(other.getsockname())
        stage.settle()
        datagram = request()
        other.sendto(datagram, ("127.0.0.1", peer.plane.port))
        event = stage.wait_event(lambda item: isinstance(item, DatagramReceived))
    assert isinstance(event, DatagramReceived) and event.data == datagram


def test_old_credentials_are_controls_after_a_restart(stage: Stage) -> None:
    peer = ready_peer(stage)
    peer.transport.set_consent(b"ours:newer", b"another-ice-password-24c")
    stage.settle()
    datagram = request()
    peer.send_raw(datagram)
    stage.settle()
    assert stun_events(stage) == [datagram]

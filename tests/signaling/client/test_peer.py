"""signaling.client.peer against a lite server core, in virtual time."""

from __future__ import annotations

import pytest

from signaling.client.peer import Closed, Connected, Event, MediaReceived, PathSelected, Peer
from signaling.dtls.certificate import Fingerprint
from signaling.ice.types import Credentials
from tests.signaling.client.lite_server import LiteServer
from tests.signaling.dtls.pairs import context
from tests.signaling.virtual_network import Network

CLIENT = ("192.0.2.10", 5000)
SERVER = ("192.0.2.1", 3478)
LOCAL = Credentials("client00", "c" * 24)


def events_of(peer: Peer) -> list[Event]:
    return list(iter(peer.next_event, None))


def pair(network: Network, *, wrong: bool = False) -> tuple[Peer, LiteServer]:
    client, served = context("client"), context("server")
    expected = Fingerprint("sha-256", bytes(32)) if wrong else client.certificate.fingerprint
    server = LiteServer(served, LOCAL, [expected])
    peer = Peer(client, LOCAL, server.parameters(served, ("192.0.2.99", 1), SERVER))
    network.nodes = {CLIENT: peer, SERVER: server}
    peer.start(network.now)
    return peer, server


def connected(network: Network) -> tuple[Peer, LiteServer]:
    peer, server = pair(network)
    assert network.run(lambda: peer.connected, seconds=3)
    return peer, server


def test_path_then_keys_then_media_both_ways() -> None:
    network = Network(delay=0.05, jitter=0.02, duplicate=0.3)
    peer, server = connected(network)
    path, keys = events_of(peer)
    assert isinstance(path, PathSelected) and path.address == SERVER == peer.address
    assert isinstance(keys, Connected) and server.keys is not None
    assert keys.local_key_salt == server.keys.remote_key_salt
    assert keys.remote_key_salt == server.keys.local_key_salt
    server.send(b"\x80media")
    network.inject(b"\x81feedback", CLIENT, SERVER)
    network.run(seconds=1)
    assert MediaReceived(b"\x80media") in events_of(peer)
    assert b"\x81feedback" in server.media


def test_close_is_told_to_the_server() -> None:
    network = Network()
    peer, server = connected(network)
    events_of(peer)
    peer.close()
    assert network.run(lambda: server.closed, seconds=1)
    assert events_of(peer) == []
    assert peer.get_timer() is None
    peer.close()
    assert peer.datagrams_to_send() == []


def test_close_of_the_server_ends_the_peer() -> None:
    network = Network()
    peer, server = connected(network)
    events_of(peer)
    server.close()
    network.run(seconds=1)
    (event,) = events_of(peer)
    assert isinstance(event, Closed) and event.code == "peer-closed"
    assert peer.get_timer() is None


def test_vanished_server_ends_the_peer_within_15_seconds() -> None:
    network = Network()
    peer, _ = connected(network)
    events_of(peer)
    del network.nodes[SERVER]
    began = network.now
    assert network.run(lambda: peer.get_timer() is None, seconds=30)
    assert network.now - began <= 15.1
    (event,) = events_of(peer)
    assert isinstance(event, Closed) and event.code == "ice-lost"


def test_unreachable_server_is_told() -> None:
    network = Network()
    peer, _ = pair(network)
    del network.nodes[SERVER]
    assert network.run(lambda: peer.get_timer() is None, seconds=30)
    (event,) = events_of(peer)
    assert isinstance(event, Closed) and event.code == "ice-failed"


@pytest.mark.parametrize("wrong_end", ["client", "server"])
def test_wrong_fingerprint_ends_the_peer_without_keys(wrong_end: str) -> None:
    network = Network()
    peer, server = pair(network, wrong=wrong_end == "server")
    if wrong_end == "client":
        parameters = server.parameters(context("client"), SERVER)  # not the server's certificate
        peer = Peer(context("client"), LOCAL, parameters)
        network.nodes[CLIENT] = peer
        peer.start(network.now)
    network.run(seconds=1)
    path, closed = events_of(peer)
    assert isinstance(path, PathSelected) and isinstance(closed, Closed)
    assert closed.code == ("dtls-fingerprint-mismatch" if wrong_end == "client" else "dtls-handshake")
    assert server.keys is None


def test_restart_keeps_the_keys_and_moves_the_path() -> None:
    network = Network()
    peer, server = connected(network)
    events_of(peer)
    local, remote = Credentials("client01", "d" * 24), Credentials("server01", "t" * 24)
    server.ice.restart(remote, local, network.now)
    moved = ("198.51.100.1", 77)
    network.nodes = {moved: peer, SERVER: server}
    peer.restart(local, remote, (SERVER,), network.now)
    assert network.run(lambda: server.nominations[-1] == moved, seconds=2)
    network.run(seconds=1)
    (event,) = events_of(peer)
    assert isinstance(event, PathSelected)
    server.send(b"\x80media")
    network.run(seconds=1)
    assert events_of(peer) == [MediaReceived(b"\x80media")]


def test_foreign_datagrams_have_no_effect() -> None:
    network = Network()
    peer, server = pair(network)
    early = [b"", b"\x80early", b"\x16early", b"\x50turn channel", b"\xffwhat"]
    for datagram in early:
        peer.receive(datagram, SERVER, network.now)
    assert peer.dropped == len(early)
    assert network.run(lambda: peer.connected, seconds=3)
    events_of(peer)
    stranger = ("203.0.113.5", 5)
    peer.receive(b"\x15\xfe\xfd" + bytes(20), stranger, network.now)
    peer.receive(b"\x00\x01" + bytes(30), stranger, network.now)
    network.run(seconds=20)
    assert events_of(peer) == []
    assert peer.connected and server.keys is not None

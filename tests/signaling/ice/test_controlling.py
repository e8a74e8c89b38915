"""signaling.ice.controlling against IceLite and against itself, in virtual time."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.ice import stun
from signaling.ice.controlling import (
    LOST_SECONDS,
    PACING_SECONDS,
    ConnectivityLost,
    ControllingIce,
    Event,
    PairSelected,
)
from signaling.ice.lite import IceLite, PairNominated, Reply
from signaling.ice.types import Address, Credentials
from tests.signaling.virtual_network import Network

CLIENT = ("192.0.2.10", 5000)
SERVER = ("192.0.2.1", 3478)
DEAD = ("192.0.2.99", 3478)
OURS = Credentials("client00", "c" * 24)
THEIRS = Credentials("server00", "s" * 24)


class LiteNode:
    """IceLite behind the network's verbs."""

    def __init__(self) -> None:
        self.ice = IceLite(THEIRS, OURS, 0.0)
        self.nominated: list[Address] = []
        self._replies: deque[tuple[bytes, Address]] = deque()

    def receive(self, datagram: bytes, source: Address, now: float) -> None:
        for output in self.ice.receive(datagram, source, now):
            if isinstance(output, Reply):
                self._replies.append((output.datagram, output.destination[:2]))
            elif isinstance(output, PairNominated):
                self.nominated.append(output.address[:2])

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        replies = list(self._replies)
        self._replies.clear()
        return replies

    def get_timer(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        return None


def events_of(ice: ControllingIce) -> list[Event]:
    return list(iter(ice.next_event, None))


def pair(network: Network, candidates: list[Address]) -> tuple[ControllingIce, LiteNode]:
    client, server = ControllingIce(OURS, THEIRS, candidates), LiteNode()
    network.nodes = {CLIENT: client, SERVER: server}
    client.start(network.now)
    return client, server


def test_answering_candidate_is_selected_in_one_round_trip() -> None:
    network = Network(delay=0.3)
    client, server = pair(network, [SERVER])
    assert network.run(lambda: client.selected is not None, seconds=5)
    (event,) = events_of(client)
    assert isinstance(event, PairSelected)
    assert event.address == SERVER
    assert event.round_trip_seconds == pytest.approx(0.6, abs=0.01)
    assert server.nominated == [CLIENT]


def test_dead_candidates_do_not_hinder_and_checks_are_paced() -> None:
    network = Network()
    client, _ = pair(network, [DEAD, ("192.0.2.98", 1), SERVER])
    assert network.run(lambda: client.selected == SERVER, seconds=1)
    times = [time for time, _, source, _ in network.sent if source == CLIENT][:3]
    assert len({destination for _, _, _, destination in network.sent[:3]}) == 3
    assert all(b - a >= PACING_SECONDS - 1e-9 for a, b in pairwise(times))


def test_of_several_answering_candidates_only_the_selected_is_nominated() -> None:
    network = Network(delay=0.3)
    other = ("192.0.2.2", 3478)
    client, first, second = ControllingIce(OURS, THEIRS, [SERVER, other]), LiteNode(), LiteNode()
    network.nodes = {CLIENT: client, SERVER: first, other: second}
    client.start(network.now)
    assert network.run(lambda: client.selected is not None, seconds=1)
    network.run(seconds=20)
    assert client.selected == SERVER
    assert (first.nominated, second.nominated) == ([CLIENT], [])
    assert second.ice.addresses == (CLIENT,)


def test_lost_nomination_is_repeated_soon() -> None:
    network = Network(delay=0.01)
    _, server = pair(network, [SERVER, DEAD])
    nominating: list[bytes] = []

    def drop(datagram: bytes, source: Address, destination: Address) -> bool:
        if source == CLIENT and stun.parse(datagram).use_candidate:
            nominating.append(datagram)
        return len(nominating) == 1

    network.drop = drop
    assert network.run(lambda: server.nominated == [CLIENT], seconds=0.8)
    assert len(nominating) == 2


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.3),
    delay=st.floats(0, 0.35),
    jitter=st.floats(0, 0.5),
    duplicate=st.floats(0, 0.5),
)
def test_bad_link_connects_and_keeps_consent(
    seed: int, loss: float, delay: float, jitter: float, duplicate: float
) -> None:
    network = Network(seed, loss, delay, jitter, duplicate)
    client, server = pair(network, [DEAD, SERVER])
    # At 30 % loss each way one attempt in 220 fails by chance alone; so does a real one.
    if not network.run(lambda: client.selected is not None, seconds=LOST_SECONDS):
        assert loss > 0.15
        return
    network.run(seconds=60)
    events = events_of(client)
    assert sum(isinstance(event, PairSelected) for event in events) == 1
    assert server.nominated == [CLIENT]
    if loss < 0.1:
        assert len(events) == 1
        assert network.now - server.ice.last_check < 10


def test_selected_pair_is_checked_for_consent_at_a_modest_rate() -> None:
    network = Network()
    client, _ = pair(network, [SERVER])
    network.run(seconds=100)
    checks = [time for time, _, source, _ in network.sent if source == CLIENT]
    assert 33 <= len(checks) <= 51
    assert client.last_answer is not None and network.now - client.last_answer < 4


def test_silent_server_is_lost_after_15_seconds() -> None:
    network = Network()
    client, server = pair(network, [SERVER])
    network.run(seconds=20)
    del network.nodes[SERVER]
    assert client.last_answer is not None
    last = client.last_answer
    assert network.run(lambda: client.get_timer() is None, seconds=30)
    assert network.now == pytest.approx(last + LOST_SECONDS, abs=0.01)
    assert events_of(client)[-1] == ConnectivityLost(was_connected=True)
    assert server.nominated == [CLIENT]


def test_no_answer_at_all_is_told() -> None:
    network = Network()
    client, _ = pair(network, [DEAD])
    assert network.run(lambda: client.get_timer() is None, seconds=30)
    assert events_of(client) == [ConnectivityLost(was_connected=False)]
    assert len(network.sent) >= 8


def test_restart_keeps_the_pair_until_the_new_one_works() -> None:
    network = Network()
    client, server = pair(network, [SERVER])
    network.run(seconds=5)
    events_of(client)
    local, remote = Credentials("client01", "d" * 24), Credentials("server01", "t" * 24)
    server.ice.restart(remote, local, network.now)
    client.restart(local, remote, [SERVER], network.now)
    assert client.selected == SERVER
    network.run(seconds=60)
    (event,) = events_of(client)
    assert isinstance(event, PairSelected)
    assert network.now - server.ice.last_check < 4
    assert server.ice.counters.bad_integrity == server.ice.counters.unknown_user == 0


def test_moved_client_takes_its_nomination_along() -> None:
    network = Network()
    client, server = pair(network, [SERVER])
    network.run(seconds=5)
    moved = ("198.51.100.7", 999)
    network.nodes = {moved: client, SERVER: server}
    assert network.run(lambda: server.ice.nominated == moved, seconds=5)


def test_two_full_agents_resolve_their_role_conflict() -> None:
    network = Network()
    first = ControllingIce(OURS, THEIRS, [SERVER])
    second = ControllingIce(THEIRS, OURS, [CLIENT])
    network.nodes = {CLIENT: first, SERVER: second}
    first.start(network.now)
    second.start(network.now)
    assert network.run(lambda: first.selected == SERVER and second.selected == CLIENT, seconds=5)
    assert first.controlling != second.controlling
    assert first.controlling == (first.tie_breaker >= second.tie_breaker)
    network.run(seconds=60)
    assert first.selected == SERVER and second.selected == CLIENT


def test_answers_with_wrong_key_source_or_transaction_are_dropped() -> None:
    client = ControllingIce(OURS, THEIRS, [SERVER])
    client.start(0.0)
    ((request, _),) = client.datagrams_to_send()
    key = THEIRS.password.encode()
    tid = request[8:20]
    client.receive(stun.build_success(tid, CLIENT, b"x" * 24), SERVER, 0.1)
    client.receive(stun.build_success(tid, CLIENT, key), DEAD, 0.1)
    client.receive(stun.build_success(bytes(12), CLIENT, key), SERVER, 0.1)
    client.receive(stun.build_error(tid, 401, None), SERVER, 0.1)
    client.receive(stun.build_error(tid, 487, b"x" * 24), SERVER, 0.1)
    client.receive(b"\x00\x01garbage", SERVER, 0.1)
    assert client.dropped == 6
    assert client.selected is None and client.controlling
    client.receive(stun.build_success(tid, CLIENT, key), SERVER, 0.2)
    assert client.selected == SERVER


def test_role_conflict_answer_changes_role_and_asks_again() -> None:
    client = ControllingIce(OURS, THEIRS, [SERVER])
    client.start(0.0)
    ((request, _),) = client.datagrams_to_send()
    client.receive(stun.build_error(request[8:20], 487, THEIRS.password.encode()), SERVER, 0.1)
    ((again, _),) = client.datagrams_to_send()
    message = stun.parse(again)
    assert message.controlled == client.tie_breaker and message.controlling is None
    assert not message.use_candidate
    assert message.transaction_id != request[8:20]


def test_stopped_agent_is_silent() -> None:
    client = ControllingIce(OURS, THEIRS, [SERVER])
    client.start(0.0)
    client.datagrams_to_send()
    client.stop()
    client.handle_timer(100.0)
    assert client.get_timer() is None
    assert client.datagrams_to_send() == []
    assert client.next_event() is None

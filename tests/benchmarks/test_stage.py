"""A round counts only when the traffic flowed whole and the server had its core to itself."""

from benchmarks.machine import Use
from benchmarks.stage import Sample

SECOND_NS = 1_000_000_000


def use(server: float, others: float) -> Use:
    return Use(
        seconds=2.0, server_ns=int(server * 2e9), control_ns=SECOND_NS // 10, core_ns=int((server + others) * 2e9)
    )


def test_cost_is_the_servers_time_by_packet_whatever_others_do() -> None:
    taken = Sample(use(server=0.25, others=0.5), packets=100_000, expected=100_000)
    assert taken.us_per_packet == 5.0
    assert taken.control_us_per_packet == 1.0


def test_round_is_sound_when_traffic_is_whole_and_the_core_is_free() -> None:
    assert Sample(use(0.25, 0.02), packets=99_500, expected=100_000).is_sound


def test_round_is_unsound_when_traffic_is_missing() -> None:
    assert not Sample(use(0.25, 0.02), packets=90_000, expected=100_000).is_sound


def test_round_is_unsound_when_others_use_the_core() -> None:
    assert not Sample(use(0.25, 0.3), packets=100_000, expected=100_000).is_sound


def test_others_are_what_the_core_did_beside_the_server() -> None:
    taken = use(server=0.25, others=0.3)
    assert abs(taken.others - 0.3) < 1e-6
    assert taken.others_told.startswith("others used 30%")

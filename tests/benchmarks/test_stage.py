"""A round counts only when the traffic flowed whole and the server had its core to itself."""

from benchmarks.machine import Use
from benchmarks.relay import compare
from benchmarks.report import Report
from benchmarks.stage import Sample, costs, is_sound, lacking, pairs

SECOND_NS = 1_000_000_000


def use(server: float, others: float) -> Use:
    return Use(
        seconds=2.0,
        process_ns=int(server * 2e9),
        by_thread_ns={"main": SECOND_NS // 10},
        core_ns=int((server + others) * 2e9),
    )


def test_cost_is_the_servers_time_by_packet_whatever_others_do() -> None:
    taken = Sample(use(server=0.25, others=0.5), packets=100_000, expected=100_000)
    assert taken.us_per_packet == 5.0
    assert taken.main_us_per_packet == 1.0


def test_round_is_sound_when_traffic_is_whole_and_the_core_is_free() -> None:
    assert Sample(use(0.25, 0.02), packets=99_500, expected=100_000).is_sound


def test_round_is_unsound_when_traffic_is_missing() -> None:
    assert not Sample(use(0.25, 0.02), packets=90_000, expected=100_000).is_sound


def test_round_is_unsound_when_more_came_than_was_promised() -> None:
    assert not Sample(use(0.25, 0.02), packets=104_000, expected=100_000).is_sound


def test_round_is_unsound_when_others_use_the_core() -> None:
    assert not Sample(use(0.25, 0.3), packets=100_000, expected=100_000).is_sound


def test_others_are_what_the_core_did_beside_the_server() -> None:
    taken = use(server=0.25, others=0.3)
    assert abs(taken.others - 0.3) < 1e-6
    assert taken.others_told.startswith("others used 30%")


def sample(us_per_packet: float, *, sound: bool = True) -> Sample:
    return Sample(use(us_per_packet / 20, 0.0 if sound else 0.5), packets=100_000, expected=100_000)


def test_pairs_are_of_rounds_that_are_sound_for_both() -> None:
    taken = [
        {"ours": sample(4), "floor": sample(2)},
        {"ours": sample(9, sound=False), "floor": sample(2)},
        {"ours": sample(5), "floor": sample(8, sound=False), "janus": sample(40)},
        {"ours": sample(6), "floor": sample(3)},
    ]
    assert pairs(taken, "ours", "floor") == [(4, 2), (6, 3)]
    assert pairs(taken, "ours", "janus") == [(5, 40)]
    assert pairs(taken, "ours", "nobody") == []
    assert costs(taken, "ours") == [4, 5, 6]


def test_disturbed_rounds_are_given_where_there_is_no_other() -> None:
    taken = [{"ours": sample(4, sound=False), "floor": sample(2)}]
    assert pairs(taken, "ours", "floor") == [(4, 2)]
    assert costs(taken, "ours") == [4]
    assert not is_sound(taken, "ours", "floor")


def test_a_disturbed_comparison_holds_no_limit_and_fails_the_run() -> None:
    report = Report("relay")
    figure = compare(report, "x", [{"ours": sample(1, sound=False), "floor": sample(2)}], "ours", "floor", limit=1.5)
    assert figure is not None and figure.limit is None
    assert report.status == 1
    figure = compare(report, "x", [{"ours": sample(1), "floor": sample(2)}], "ours", "floor", limit=1.5)
    assert figure is not None and figure.limit == 1.5


def test_a_pair_is_lacking_until_it_has_its_sound_rounds() -> None:
    names, wanted = ["ours", "floor", "aside"], {"ours": 2, "floor": 2, "aside": 1}
    sound = {"ours": sample(4), "floor": sample(2), "aside": sample(1)}
    disturbed = {**sound, "floor": sample(2, sound=False)}
    assert lacking([], names, wanted) == names
    assert lacking([sound], names, wanted) == ["ours", "floor"]
    assert lacking([sound, disturbed], names, wanted) == ["ours", "floor"]
    assert lacking([sound, disturbed, sound], names, wanted) == []
    assert lacking([sound], ["ours"], wanted) == ["ours"], "the others could not be measured"
    assert lacking([], [], wanted) == []

"""One inbound stream: extended numbers, loss, NACK schedule and report, from every wrap edge."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.receive import ReceiveView

MS = 1_000_000
SECOND = 1000 * MS
EDGES = [0, 1, 2, 255, 32767, 32768, 65533, 65534, 65535]
at_every_edge = pytest.mark.parametrize("first", EDGES)


def feed(view: ReceiveView, *numbers: int, now_ns: int = 0) -> list[str]:
    return [view.packet(number & 0xFFFF, 0, now_ns)[0] for number in numbers]


def wants_keyframe(view: ReceiveView) -> bool:
    return view.needs_keyframe


@at_every_edge
def test_packets_in_order_get_consecutive_numbers_across_the_wrap(first: int) -> None:
    view = ReceiveView(90000)
    for step in range(6):
        assert view.packet((first + step) & 0xFFFF, 0, 0) == ("new", 65536 + first + step)
    assert view.missing == []


def test_two_million_packets_wrap_thirty_times() -> None:
    view = ReceiveView(90000)
    assert view.run(65530, 2_000_000) == 65536 + 65530 + 1_999_999
    assert view.counters()["received"] == 2_000_000
    assert view.report(0) == (0, 0, 65530 + 1_999_999, 0)


@at_every_edge
def test_a_hole_is_filled_once(first: int) -> None:
    view = ReceiveView(90000)
    assert feed(view, first, first + 2) == ["new", "new"]
    assert view.missing == [65536 + first + 1]
    assert view.packet(first + 1 & 0xFFFF, 0, 0) == ("late", 65536 + first + 1)
    assert view.missing == []
    assert feed(view, first, first + 1, first + 2) == ["duplicate"] * 3
    assert view.counters()["duplicates"] == 3 and view.counters()["late"] == 1


@at_every_edge
def test_packets_that_overtook_the_first_one_are_taken(first: int) -> None:
    view = ReceiveView(90000)
    assert feed(view, first) == ["new"]
    assert view.packet(first - 3 & 0xFFFF, 0, 0) == ("late", 65536 + first - 3)
    assert view.missing == [65536 + first - 2, 65536 + first - 1]
    assert feed(view, first - 1, first - 2) == ["late", "late"]
    assert feed(view, first - 200) == ["too_old"], "farther than reordering explains"
    assert view.report(0)[:3] == (0, 0, first)


@at_every_edge
def test_the_window_holds_2048_packets(first: int) -> None:
    view = ReceiveView(90000)
    feed(view, first, first + 1, first + 2, first + 2050)
    assert feed(view, first + 2) == ["too_old"]
    assert view.packet(first + 3 & 0xFFFF, 0, 0) == ("late", 65536 + first + 3)
    assert feed(view, first + 2049, first + 3) == ["late", "duplicate"]


@at_every_edge
def test_the_largest_gap_clears_the_whole_window(first: int) -> None:
    view = ReceiveView(90000)
    feed(view, *range(first, first + 2048))
    assert feed(view, first + 2047 + 2999) == ["new"]
    assert feed(view, *range(first + 2047 + 952, first + 2047 + 2999)) == ["late"] * 2047


@at_every_edge
def test_one_wild_packet_changes_nothing(first: int) -> None:
    view = ReceiveView(90000)
    feed(view, first, first + 1)
    assert view.packet(first + 20000 & 0xFFFF, 0, 0) == ("probation", -1)
    assert view.packet(first + 2 & 0xFFFF, 0, 0) == ("new", 65536 + first + 2)
    assert feed(view, first + 20001) == ["probation"], "a new packet between them breaks the run"
    assert view.missing == []


@at_every_edge
@pytest.mark.parametrize("jump", [3000, 20000, 40000, 65536 - 8193])
def test_two_consecutive_packets_after_a_jump_restart_in_a_fresh_epoch(first: int, jump: int) -> None:
    view = ReceiveView(90000)
    feed(view, first, first + 1)
    highest = view.highest_ext
    start = first + 1 + jump & 0xFFFF
    assert feed(view, start) == ["probation"]
    verdict, ext = view.packet(start + 1 & 0xFFFF, 0, 0)
    assert verdict == "restart" and ext & 0xFFFF == start + 1 & 0xFFFF and ext > highest + 65536
    assert view.packet(start + 2 & 0xFFFF, 0, 0) == ("new", ext + 1)
    assert wants_keyframe(view) and view.counters()["restarts"] == 1
    assert view.missing == [ext - 1] and view.nacks(0) == [start], "the dropped first packet is asked for"
    assert view.recovered(start, 0) == ("late", ext - 1)


@at_every_edge
def test_a_restart_gives_up_the_holes_before_it(first: int) -> None:
    view = ReceiveView(90000)
    feed(view, first, first + 5, first + 40000, first + 40001)
    assert view.missing == [view.highest_ext - 1] and view.counters()["gave_up"] == 4


@at_every_edge
@pytest.mark.parametrize("back", [1, 100, 2047, 2048, 8000])
def test_a_publisher_that_restarts_just_behind_is_followed_after_32_packets(first: int, back: int) -> None:
    view = ReceiveView(90000)
    feed(view, *range(first, first + 3000))
    highest = view.highest_ext
    start = first + 2999 - back
    run = feed(view, *range(start, start + min(32, back + 1)))
    if back == 1:
        assert run == ["duplicate", "duplicate"] and feed(view, first + 3000) == ["new"]
        return
    assert "restart" not in run[:31] and run[31] == "restart"
    assert view.highest_ext > highest + 65536


def test_stragglers_with_new_packets_between_never_restart() -> None:
    view = ReceiveView(90000)
    feed(view, *range(0, 5000))
    for step in range(100):
        assert feed(view, 1000 + step) == ["too_old"]
        assert feed(view, 5000 + step) == ["new"]


def test_packets_from_before_a_restart_are_too_old() -> None:
    view = ReceiveView(90000)
    feed(view, *range(0, 10), 40000, 40001)
    assert feed(view, 39000) == ["too_old"]
    assert view.recovered(5, 0) == ("too_old", -1)


@given(
    st.sampled_from(EDGES),
    st.lists(st.one_of(st.integers(-2047, 2999), st.integers(-3, 3)), max_size=400),
)
def test_numbers_and_verdicts_agree_with_a_plain_model(first: int, steps: list[int]) -> None:
    view = ReceiveView(90000)
    feed(view, first)
    base = highest = 65536 + first
    seen = {highest}
    stale = 0
    for step in steps:
        ext = highest + step
        if base - 100 <= ext <= highest and ext not in seen:
            expected = "late"
            base = min(base, ext)
        elif ext > highest:
            expected = "new"
            stale = 0
        else:
            expected = "duplicate" if ext in seen else "too_old"
            stale += 1
            if stale > 31:  # could be a restart: another test's business
                return
        verdict, given_ext = view.packet(ext & 0xFFFF, 0, 0)
        assert verdict == expected
        assert given_ext == (-1 if expected == "too_old" else ext)
        if expected != "too_old":
            seen.add(ext)
        highest = max(highest, ext)
    assert view.highest_ext == highest
    holes = [ext for ext in range(base, highest) if ext not in seen]
    assert view.missing == holes[len(holes) - len(view.missing) :] or len(holes) > 256
    assert all(ext in holes for ext in view.missing)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(EDGES), st.integers(0, 65535)),
            st.integers(1, 40),
            st.sampled_from([1, 1, 1, 2, -1]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_whatever_comes_no_extended_number_is_given_twice(runs: list[tuple[int, int, int, bool]]) -> None:
    view = ReceiveView(90000)
    given_out: set[int] = set()
    for start, count, stride, by_rtx in runs:
        for number in range(start, start + count * stride, stride):
            sequence = number & 0xFFFF
            verdict, ext = view.recovered(sequence, 0) if by_rtx else view.packet(sequence, 0, 0)
            if verdict in ("new", "late", "restart"):
                assert ext > 0 and ext & 0xFFFF == sequence and ext not in given_out
                given_out.add(ext)
        assert len(view.missing) <= 256 and view.missing == sorted(set(view.missing))
        assert not given_out & set(view.missing)
        assert all(0 <= value <= 0xFFFFFFFF for value in (view.report(0)[2], view.report(0)[3]))


# NACK


@at_every_edge
def test_a_hole_is_asked_for_after_the_reordering_grace(first: int) -> None:
    view = ReceiveView(90000)
    feed(view, first, first + 3, now_ns=SECOND)
    assert view.nack_timer() == SECOND + 5 * MS
    assert view.nacks(SECOND + 5 * MS - 1) == []
    assert view.nacks(SECOND + 5 * MS) == [first + 1 & 0xFFFF, first + 2 & 0xFFFF]
    assert not wants_keyframe(view)


@at_every_edge
def test_a_second_later_packet_ends_the_grace(first: int) -> None:
    view = ReceiveView(90000)
    feed(view, first, first + 2, now_ns=SECOND)
    feed(view, first + 3, now_ns=SECOND + 1)
    assert view.nack_timer() <= SECOND + 1
    assert view.nacks(SECOND + 1) == [first + 1 & 0xFFFF]


def test_a_reordered_packet_is_never_asked_for() -> None:
    view = ReceiveView(90000)
    feed(view, 10, 12, 11, 13, 14)
    assert view.nack_timer() == -1 and view.nacks(SECOND) == []


def test_a_packet_that_was_asked_for_once_tells_how_long_its_answer_took() -> None:
    view = ReceiveView(90_000)
    view.run(10, 1)
    for sequence in (12, 13, 16, 17):
        view.packet(sequence, 0, 0)
    assert view.nacks(5 * MS, 100 * MS) == [11, 14, 15]
    assert view.answered() == 0
    view.recovered(14, 85 * MS)
    view.recovered(15, 65 * MS)
    view.recovered(15, 66 * MS)  # had already
    assert view.answered() == 60 * MS
    assert view.answered() == 0
    # Asked for twice: whichever of the two is answered.
    assert view.nacks(130 * MS, 100 * MS) == [11]
    view.recovered(11, 135 * MS)
    assert view.answered() == 0


def test_what_was_not_asked_for_or_may_be_a_straggler_answers_nothing() -> None:
    view = ReceiveView(90_000)
    view.run(10, 1)
    for sequence in (12, 15, 16):
        view.packet(sequence, 0, 0)
    view.recovered(11, MS)  # a probe of the path, before we asked
    assert view.nacks(5 * MS, 100 * MS) == [13, 14]
    view.packet(13, 0, 6 * MS)
    view.recovered(20, 7 * MS)
    assert view.answered() == 0
    view.recovered(14, 90 * MS)
    assert view.answered() == 85 * MS


@pytest.mark.parametrize(("rtt_ms", "retry_ms"), [(0, 125), (1, 20), (16, 20), (40, 50), (600, 750)])
def test_asked_again_after_one_and_a_quarter_round_trips(rtt_ms: int, retry_ms: int) -> None:
    view = ReceiveView(90000)
    feed(view, 10, 12)
    assert view.nacks(5 * MS, rtt_ms * MS) == [11]
    due = (5 + retry_ms) * MS
    assert view.nack_timer() == due
    assert view.nacks(due - 1, rtt_ms * MS) == []
    assert view.nacks(due, rtt_ms * MS) == [11]


def test_given_up_after_ten_tries() -> None:
    view = ReceiveView(90000)
    feed(view, 10, 12)
    asked, now = 0, 5 * MS
    while view.missing:
        asked += len(view.nacks(now, 10 * MS))
        now = view.nack_timer()
    assert asked == 10 and wants_keyframe(view) and view.counters()["gave_up"] == 1
    assert view.nack_timer() == -1
    view.needs_keyframe = False
    assert feed(view, 11) == ["late"], "it may still come"
    assert not wants_keyframe(view)


def test_given_up_after_a_second_of_asking_slowly() -> None:
    view = ReceiveView(90000)
    feed(view, 10, 12)
    assert view.nacks(5 * MS, 600 * MS) == [11]
    assert view.nacks(755 * MS, 600 * MS) == [11]
    assert view.nack_timer() == SECOND
    assert view.nacks(SECOND, 600 * MS) == [] and view.missing == [] and wants_keyframe(view)


def test_beyond_the_callers_room_numbers_stay_due() -> None:
    view = ReceiveView(90000)
    feed(view, 65530, 5)
    assert view.nacks(5 * MS, 40 * MS, 4) == [65531, 65532, 65533, 65534]
    assert view.nack_timer() == 5 * MS
    assert view.nacks(6 * MS, 40 * MS) == [65535, 0, 1, 2, 3, 4]


@at_every_edge
def test_the_list_holds_256_holes_and_a_larger_gap_wants_a_keyframe(first: int) -> None:
    view = ReceiveView(90000)
    feed(view, first, first + 257)
    assert len(view.missing) == 256 and not wants_keyframe(view)
    feed(view, first + 259)
    assert view.missing[0] == 65536 + first + 2 and len(view.missing) == 256
    assert wants_keyframe(view) and view.counters()["gave_up"] == 1
    feed(view, first + 259 + 258)
    assert view.missing == [] and view.counters()["gave_up"] == 1 + 256 + 257


def test_holes_that_leave_the_window_are_given_up() -> None:
    view = ReceiveView(90000)
    feed(view, 10, *range(12, 2060))
    assert view.missing == [65536 + 11]
    assert view.nacks(10 * MS) == [] and view.missing == [] and wants_keyframe(view)


def test_without_nack_a_hole_wants_a_keyframe_after_the_grace() -> None:
    view = ReceiveView(90000)
    view.nack_enabled = False
    feed(view, 10, 12)
    assert view.nacks(5 * MS - 1) == [] and not wants_keyframe(view)
    assert view.nacks(5 * MS) == [] and wants_keyframe(view) and view.nack_timer() == -1


# reports


@at_every_edge
def test_the_report_counts_loss_per_interval_and_in_all(first: int) -> None:
    view = ReceiveView(90000)
    feed(view, *(first + step for step in range(100) if step % 4 != 1))
    assert view.report(0) == (64, 25, first + 99, 0)
    feed(view, *range(first + 100, first + 200))
    assert view.report(0) == (0, 25, first + 199, 0)
    assert view.report(0)[0] == 0, "an interval without packets"
    feed(view, first + 1, first + 1, first + 5)
    assert view.report(0)[:2] == (0, 22), "late ones and duplicates count as received (RFC 3550 A.3)"


def test_nothing_came_nothing_to_report() -> None:
    assert ReceiveView(90000).report(0) == (0, 0, 0, 0)


def test_a_retransmission_recovers_the_packet_but_not_the_report() -> None:
    view = ReceiveView(90000)
    feed(view, *(number for number in range(200) if number % 10 != 5))
    for number in range(5, 200, 10):
        assert view.recovered(number, 0)[0] == "late"
    assert view.recovered(5, 0) == ("duplicate", 65536 + 5)
    assert view.missing == [] and view.counters()["recovered"] == 20
    assert view.report(0)[:2] == (25, 20)


def test_a_retransmission_ahead_of_the_original_stream_counts_as_lost() -> None:
    view = ReceiveView(90000)
    feed(view, 10)
    assert view.recovered(12, 0) == ("new", 65536 + 12)
    assert view.recovered(12 + 129, 0)[0] == "too_old"
    assert view.report(0)[:3] == (170, 2, 12)
    assert feed(view, 12) == ["duplicate"], "the original was only slower"
    assert view.report(0)[1] == 1


def test_a_retransmission_before_any_packet_is_dropped() -> None:
    assert ReceiveView(90000).recovered(5, 0) == ("too_old", -1)


def test_total_loss_saturates_the_fraction() -> None:
    view = ReceiveView(90000)
    feed(view, 0)
    view.report(0)
    feed(view, 2999)
    assert view.report(0)[0] == 255


def test_cumulative_loss_is_clamped_to_24_bits() -> None:
    view = ReceiveView(90000)
    feed(view, *(step * 2999 for step in range(2900)))
    assert view.report(0)[1] == 0x7FFFFF
    twice = ReceiveView(90000)
    feed(twice, 0)
    for _ in range(100):
        feed(twice, 0)
    assert twice.report(0)[1] == -100


def test_a_restart_begins_the_report_anew() -> None:
    view = ReceiveView(90000)
    feed(view, *range(0, 100, 2))
    view.report(0)
    feed(view, 40000, 40001, 40002, 40004)
    assert view.report(0) == (256 // 5, 1, 40004, 0)


@given(st.sampled_from([8000, 48000, 90000]), st.integers(0, 2**32 - 1), st.integers(0, 2**50), st.randoms())
def test_jitter_follows_rfc_3550(rate: int, timestamp: int, start_ns: int, source: random.Random) -> None:
    view = ReceiveView(rate)
    expected, previous = 0.0, None
    for number in range(200):
        rtp = number * rate // 50
        arrival_ns = number * 20 * MS + source.randrange(0, 30 * MS)
        view.packet(number, timestamp + rtp & 0xFFFFFFFF, start_ns + arrival_ns)
        transit = arrival_ns * rate / SECOND - rtp
        if previous is not None:
            expected += (abs(transit - previous) - expected) / 16
        previous = transit
    assert view.report(0)[3] == pytest.approx(expected, abs=2)


def test_late_packets_and_new_timestamp_bases_are_no_jitter() -> None:
    view = ReceiveView(90000)
    for number in range(100):
        if number != 50:
            view.packet(number, number * 900, number * 10 * MS)
    view.packet(50, 50 * 900, 3 * SECOND)
    assert view.report(0)[3] == 0
    view.packet(100, 2**31, SECOND)
    assert view.report(0)[3] == 0


def test_a_clock_rate_of_zero_means_no_jitter() -> None:
    view = ReceiveView(0)
    for number in range(10):
        view.packet(number, number * 12345, number * MS)
    assert view.report(0)[3] == 0

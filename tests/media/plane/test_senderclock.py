"""Sender clocks in simulated time: capture times against the truth, under drift, jitter, steps and wraps."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media.plane.senderclock import Sender, Stream

ACCEPTED, HELD, RESTARTED = 0, 1, 2
NO_NTP, OUT_OF_RANGE, OLD = -1, -2, -3
RR, XR, NACK, PAGE, HANDSHAKE = 1, 2, 3, 4, 5
NONE, ARRIVAL, REPORT = 0, 1, 2
MS, S = 10**6, 10**9
START_NS = 10**12
NTP_2026 = 3_992_000_000 << 32
ERA_EDGE = 2**64 - (30 << 32) + 12345  # half a minute before NTP's seconds wrap


def ntp_at(origin: int, sender_ns: int) -> int:
    """NTP of a sender clock that showed `origin` at 0, rounded up so that no time is earlier than it is."""
    return (origin + -(-(sender_ns << 32) // S)) % 2**64


@dataclass
class Field:
    """A sender whose clock runs `ppm` fast, `way_ns` away, with queues of up to `jitter_ns`."""

    ppm: int = 0
    way_ns: int = 20 * MS
    jitter_ns: int = 0
    origin: int = NTP_2026
    step_ns: int = 0

    def ntp(self, true_ns: int) -> int:
        return ntp_at(self.origin, true_ns + true_ns * self.ppm // 10**6 + self.step_ns)

    def arrival_ns(self, true_ns: int, chance: random.Random) -> int:
        return START_NS + true_ns + self.way_ns + chance.randint(0, self.jitter_ns)


def reports(field: Field, seed: int, until_ns: int, every_ns: int = S) -> Iterator[tuple[int, int, int]]:
    """(true time of sending, NTP, arrival), in the order of arrival."""
    chance = random.Random(seed)
    times = range(0, until_ns, every_ns)
    return iter(sorted(((t, field.ntp(t), field.arrival_ns(t, chance)) for t in times), key=lambda report: report[2]))


@given(
    ppm=st.integers(-500, 500),
    jitter_ms=st.integers(0, 20),
    way_ms=st.integers(1, 300),
    back_ms=st.integers(1, 300),
    every_s=st.sampled_from([1, 5]),
    seed=st.integers(0, 2**32),
    origin=st.sampled_from([NTP_2026, ERA_EDGE, 5]),
)
def test_capture_time_is_within_its_error_bound(
    ppm: int, jitter_ms: int, way_ms: int, back_ms: int, every_s: int, seed: int, origin: int
) -> None:
    field = Field(ppm, way_ms * MS, jitter_ms * MS, origin)
    clock = Sender()
    for true_ns, ntp, arrival_ns in reports(field, seed, 150 * S, every_s * S):
        assert clock.report(ntp, arrival_ns) == ACCEPTED
        clock.rtt((way_ms + back_ms) * MS, RR, arrival_ns)
        error_ns = clock.capture_ns(ntp) - (START_NS + true_ns)
        assert abs(error_ns) <= clock.error_ns(arrival_ns)


@pytest.mark.parametrize("ppm", [-200, -50, 0, 50, 200])
@pytest.mark.parametrize("every_s", [1, 5])
def test_after_a_minute_a_capture_time_is_far_better_than_40_ms(ppm: int, every_s: int) -> None:
    field = Field(ppm, 25 * MS, 10 * MS)
    worst = 0
    for seed in range(10):
        clock = Sender()
        for true_ns, ntp, arrival_ns in reports(field, seed, 200 * S, every_s * S):
            clock.report(ntp, arrival_ns)
            clock.rtt(50 * MS, RR, arrival_ns)
            if true_ns > 60 * S:
                worst = max(worst, abs(clock.capture_ns(ntp) - START_NS - true_ns))
    assert worst <= (6 if every_s == 1 else 12) * MS


@pytest.mark.parametrize("ppm", [-500, 500])
def test_drift_of_a_poor_crystal_is_found(ppm: int) -> None:
    clock = Sender()
    for _, ntp, arrival_ns in reports(Field(ppm, jitter_ns=2 * MS), 1, 120 * S):
        clock.report(ntp, arrival_ns)
    assert clock.state_now["drift_ppb"] == pytest.approx(-ppm * 1000, abs=30_000)


def test_error_bound_grows_while_nothing_is_heard() -> None:
    clock = Sender()
    assert clock.error_ns(START_NS) == -1
    clock.report(NTP_2026, START_NS)
    fresh = clock.error_ns(START_NS)
    assert clock.error_ns(START_NS + 100 * S) >= fresh + 50 * MS


def test_unknown_round_trip_is_in_the_error_bound_and_a_known_one_halves_into_the_time() -> None:
    clock = Sender()
    clock.report(NTP_2026, START_NS)
    assert clock.capture_ns(NTP_2026) == START_NS
    before = clock.error_ns(START_NS)
    assert clock.rtt(80 * MS, PAGE, START_NS) == ACCEPTED
    assert clock.capture_ns(NTP_2026) == START_NS - 40 * MS
    assert before - clock.error_ns(START_NS) == 500 * MS - 40 * MS


def test_least_round_trip_of_the_best_source_is_kept_for_a_minute() -> None:
    clock = Sender()
    now_ns = START_NS
    answers = [
        clock.rtt(rtt_ns, source, now_ns)
        for rtt_ns, source in (
            (90 * MS, HANDSHAKE),
            (70 * MS, NACK),
            (60 * MS, HANDSHAKE),
            (80 * MS, XR),
            (50 * MS, NACK),
            (85 * MS, RR),
            (75 * MS, PAGE),
        )
    ]
    assert answers == [ACCEPTED, ACCEPTED, OLD, ACCEPTED, OLD, OLD, ACCEPTED]
    assert (clock.state_now["rtt_ns"], clock.state_now["rtt_source"]) == (75 * MS, PAGE)
    assert clock.rtt(120 * MS, NACK, now_ns + 60 * S - 1) == OLD
    assert clock.rtt(120 * MS, NACK, now_ns + 60 * S) == ACCEPTED


def test_a_round_trip_that_nothing_has_confirmed_for_a_minute_bounds_no_error() -> None:
    clock = Sender()
    clock.rtt(40 * MS, HANDSHAKE, START_NS)
    bounds = []
    for second in (0, 59, 60):
        arrival_ns = START_NS + second * S
        clock.report(ntp_at(NTP_2026, second * S), arrival_ns)
        bounds.append(clock.error_ns(arrival_ns))
    assert bounds[1] < 500 * MS < bounds[2]
    # It still serves: nothing better is known.
    assert clock.state_now["rtt_ns"] == 40 * MS


@given(
    up_ms=st.integers(1, 300),
    down_ms=st.integers(1, 300),
    more_up_ms=st.integers(-250, 2500),
    more_down_ms=st.integers(-250, 2500),
    change_ms=st.integers(1000, 70_000),
    jitter_ms=st.integers(0, 5),
    every_s=st.sampled_from([1, 5]),
    ppm=st.integers(-100, 100),
    seed=st.integers(0, 2**32),
)
@example(10, 10, 150, 150, 20_000, 0, 1, 0, 1)
@example(10, 10, 1200, 1200, 20_000, 5, 1, 0, 1)
def test_capture_time_stays_within_its_bound_when_the_way_becomes_another(
    up_ms: int,
    down_ms: int,
    more_up_ms: int,
    more_down_ms: int,
    change_ms: int,
    jitter_ms: int,
    every_s: int,
    ppm: int,
    seed: int,
) -> None:
    """Reports and round trips travel over the way as it is when each of them leaves."""
    chance, clock, field = random.Random(seed), Sender(), Field(ppm)

    def way_ns(from_ns: int, base_ms: int, more_ms: int) -> int:
        changed_ms = more_ms if from_ns >= change_ms * MS else 0
        return max(0, base_ms + changed_ms) * MS + chance.randint(0, jitter_ms * MS)

    arrival_ns = 0
    references = [(at, at + way_ns(at, down_ms, more_down_ms)) for at in range(-5 * S, 150 * S, S + 1)]
    for true_ns in range(0, 150 * S, every_s * S):
        arrival_ns = max(arrival_ns, true_ns + way_ns(true_ns, up_ms, more_up_ms))
        answer = clock.report(field.ntp(true_ns), START_NS + arrival_ns)
        sent_ns, came_ns = max(reference for reference in references if reference[1] <= true_ns)
        clock.rtt(came_ns - sent_ns + arrival_ns - true_ns, XR, START_NS + arrival_ns)
        if answer != HELD:
            error_ns = clock.capture_ns(field.ntp(true_ns)) - START_NS - true_ns
            assert abs(error_ns) <= clock.error_ns(START_NS + arrival_ns)


@pytest.mark.parametrize(("rtt_ns", "source"), [(-1, RR), (10 * S + 1, RR), (MS, 0), (MS, 6), (MS, -1)])
def test_absurd_round_trip_is_refused(rtt_ns: int, source: int) -> None:
    clock = Sender()
    assert clock.rtt(rtt_ns, source, START_NS) == OUT_OF_RANGE
    assert clock.state_now["rtt_source"] == 0


def test_nothing_is_known_before_the_first_report() -> None:
    assert Sender().capture_ns(NTP_2026) == -1


def test_sender_without_a_clock_is_refused() -> None:
    clock = Sender()
    assert clock.report(0, START_NS) == NO_NTP
    assert clock.capture_ns(NTP_2026) == -1 and clock.state_now["refused"] == 1
    assert Stream(90_000).report(0, 1, START_NS) == NO_NTP


def test_report_from_the_past_and_time_out_of_range_are_refused() -> None:
    clock = Sender()
    clock.report(NTP_2026, START_NS)
    assert clock.report(NTP_2026, START_NS - 1) == OLD
    assert clock.report(NTP_2026, -1) == OUT_OF_RANGE
    assert clock.report(NTP_2026, 2**62 + 1) == OUT_OF_RANGE
    assert clock.capture_ns(NTP_2026) == START_NS


@pytest.mark.parametrize("step_ns", [-3600 * S, -2 * S, 2 * S, 86_400 * S, 40 * 365 * 86_400 * S])
def test_confirmed_step_restarts_and_keeps_capture_times_right(step_ns: int) -> None:
    field, clock, chance = Field(ppm=100), Sender(), random.Random(1)
    for second in range(60):
        clock.report(field.ntp(second * S), field.arrival_ns(second * S, chance))
    clock.rtt(40 * MS, RR, START_NS + 60 * S)
    field.step_ns = step_ns
    answers = []
    for second in (60, 61, 62):
        answers.append(clock.report(field.ntp(second * S), field.arrival_ns(second * S, chance)))
    assert answers == [HELD, RESTARTED, ACCEPTED]
    assert clock.state_now["restarts"] == 1
    error_ns = clock.capture_ns(field.ntp(62 * S)) - START_NS - 62 * S
    assert abs(error_ns) <= clock.error_ns(START_NS + 62 * S) - 19 * MS


def test_reports_of_one_compound_do_not_confirm_a_step() -> None:
    clock = Sender()
    clock.report(NTP_2026, START_NS)
    stepped = NTP_2026 + (100 << 32)
    assert clock.report(stepped, START_NS + S) == HELD
    assert clock.report(stepped + 1, START_NS + S) == HELD
    assert clock.report(stepped + (1 << 32), START_NS + 2 * S) == RESTARTED


def test_lone_report_held_up_by_a_queue_changes_nothing() -> None:
    clock = Sender()
    for second in range(30):
        late_ns = 1500 * MS if second == 20 else 0
        ntp = ntp_at(NTP_2026, second * S - late_ns)
        assert clock.report(ntp, START_NS + second * S) == (HELD if second == 20 else ACCEPTED)
    assert abs(clock.capture_ns(NTP_2026) - START_NS) <= 1000
    assert clock.state_now["restarts"] == 0


def test_step_below_a_second_forward_is_followed_at_once() -> None:
    clock = Sender()
    for second in range(10):
        clock.report(ntp_at(NTP_2026, second * S), START_NS + second * S)
    clock.report(ntp_at(NTP_2026, 10 * S + 300 * MS), START_NS + 10 * S)
    assert abs(clock.capture_ns(ntp_at(NTP_2026, 10 * S + 300 * MS)) - START_NS - 10 * S) <= 5 * MS


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1)), max_size=40))
def test_any_reports_are_survived(pairs: list[tuple[int, int]]) -> None:
    clock, stream = Sender(), Stream(90_000)
    for ntp, arrival_ns in pairs:
        clock.report(ntp, arrival_ns)
        stream.report(ntp, ntp & 0xFFFFFFFF, arrival_ns)
        stream.packet(ntp >> 32, arrival_ns)
        assert clock.capture_ns(ntp) >= -1
        assert stream.capture_ns(clock, ntp & 0xFFFFFFFF) >= -1
        stream.rtp_at(clock, arrival_ns)
        assert abs(clock.state_now["drift_ppb"]) <= 600_000


# ---- streams ----


def rtp(rate: int, first: int, capture_ns: int) -> int:
    return (first + capture_ns * rate // S) % 2**32


@given(
    rate=st.sampled_from([8000, 16000, 48000, 90000]),
    first=st.integers(2**32 - 200_000, 2**32 - 1),
    ppm=st.integers(-500, 500),
    seed=st.integers(0, 2**32),
)
def test_streams_of_one_sender_agree_over_their_timestamp_wraps(rate: int, first: int, ppm: int, seed: int) -> None:
    """Audio at `rate` and video at 90 kHz, reported 5 s apart: the same instant comes out the same."""
    field = Field(ppm, 20 * MS, 8 * MS)
    clock, audio, video = Sender(), Stream(rate), Stream(90_000)
    clock.rtt(40 * MS, XR, START_NS)
    for count, (true_ns, ntp, arrival_ns) in enumerate(reports(field, seed, 40 * S)):
        clock.report(ntp, arrival_ns)
        stream, stream_rate = (audio, rate) if count % 5 == 0 else (video, 90_000)
        assert stream.report(ntp, rtp(stream_rate, first, true_ns), arrival_ns) == ACCEPTED
        if count >= 5:
            instant_ns = true_ns - 7 * MS
            heard = audio.capture_ns(clock, rtp(rate, first, instant_ns))
            seen = video.capture_ns(clock, rtp(90_000, first, instant_ns))
            # A tick of each, what the RTP and NTP clocks drift apart between reports, and the estimate.
            assert abs(heard - seen) <= S // rate + S // 90_000 + 6 * 500_000 + 1000
            assert abs(seen - START_NS - instant_ns) <= clock.error_ns(arrival_ns)


@given(
    rate=st.sampled_from([8000, 48000, 90000]),
    first=st.integers(2**32 - 100, 2**32 - 1),
    ppm=st.integers(-500, 500),
    offset_ms=st.integers(-20_000, 100_000),
    with_reports=st.booleans(),
)
def test_timestamp_at_a_time_is_the_inverse_of_capture_time(
    rate: int, first: int, ppm: int, offset_ms: int, with_reports: bool
) -> None:
    field, clock, stream = Field(ppm, 20 * MS, 3 * MS), Sender(), Stream(rate)
    clock.rtt(37 * MS, RR, START_NS)
    for true_ns, ntp, arrival_ns in reports(field, first, 40 * S):
        stream.packet(rtp(rate, first, true_ns), arrival_ns)
        if with_reports:
            clock.report(ntp, arrival_ns)
            stream.report(ntp, rtp(rate, first, true_ns), arrival_ns)
    assert stream.basis(clock) == (REPORT if with_reports else ARRIVAL)
    mono_ns = START_NS + 40 * S + offset_ms * MS
    timestamp = stream.rtp_at(clock, mono_ns)
    assert timestamp is not None
    assert abs(stream.capture_ns(clock, timestamp) - mono_ns) <= S // rate // 2 + 1001


@given(
    rate=st.sampled_from([8000, 48000, 90000]),
    first=st.integers(2**32 - 90_000, 2**32 - 1),
    seed=st.integers(0, 2**32),
)
def test_before_the_first_report_the_least_delay_counts(rate: int, first: int, seed: int) -> None:
    chance, stream = random.Random(seed), Stream(rate)
    assert stream.capture_ns(None, first) == -1 and stream.rtp_at(None, START_NS) is None
    packets = [(frame * 20 * MS, chance.randint(0, 40 * MS)) for frame in range(300)]
    packets[5] = (packets[5][0], 0)
    for sent_ns, queue_ns in packets:
        stream.packet(rtp(rate, first, sent_ns), START_NS + sent_ns + 30 * MS + queue_ns)
    capture_ns = stream.capture_ns(None, rtp(rate, first, 3 * S))
    assert stream.basis(None) == ARRIVAL
    assert 29 * MS <= capture_ns - START_NS - 3 * S <= 31 * MS
    clock = Sender()
    clock.rtt(60 * MS, HANDSHAKE, START_NS)
    assert capture_ns - stream.capture_ns(clock, rtp(rate, first, 3 * S)) == 30 * MS


def test_fallback_follows_the_wrap_of_hours_of_packets() -> None:
    stream = Stream(90_000)
    for minute in range(0, 60 * 30, 10):  # 30 h: two wraps
        stream.packet(rtp(90_000, 0, minute * 60 * S), START_NS + minute * 60 * S)
    assert stream.capture_ns(None, rtp(90_000, 0, 1790 * 60 * S)) == START_NS + 1790 * 60 * S


@pytest.mark.parametrize("jump", [90_000 * 10, 2**31 - 1, 2**31, 2**32 - 90_000 * 10])
def test_jumped_rtp_clock_is_followed_after_ten_packets(jump: int) -> None:
    stream = Stream(90_000)
    for frame in range(20):
        stream.packet(3000 * frame, START_NS + frame * 33_333_333)
    before = stream.capture_ns(None, 57_000)
    stream.packet((60_000 + jump) % 2**32, START_NS + 20 * 33_333_333)
    assert stream.capture_ns(None, 57_000) == before
    for frame in range(21, 31):
        stream.packet((3000 * frame + jump) % 2**32, START_NS + frame * 33_333_333)
    error_ns = stream.capture_ns(None, (90_000 + jump) % 2**32) - START_NS - 30 * 33_333_333
    assert abs(error_ns) <= MS


def test_pair_from_before_a_step_gives_way_to_the_packets_until_the_stream_reports_again() -> None:
    clock, audio, video = Sender(), Stream(48_000), Stream(90_000)
    field, chance = Field(), random.Random(1)
    for second in range(10):
        arrival_ns = field.arrival_ns(second * S, chance)
        clock.report(field.ntp(second * S), arrival_ns)
        for stream, rate in ((audio, 48_000), (video, 90_000)):
            stream.report(field.ntp(second * S), rate * second, arrival_ns)
            stream.packet(rate * second, arrival_ns)
    field.step_ns = 5 * S
    for second in (10, 11):
        arrival_ns = field.arrival_ns(second * S, chance)
        clock.report(field.ntp(second * S), arrival_ns)
        video.report(field.ntp(second * S), 90_000 * second, arrival_ns)
        audio.packet(48_000 * second, arrival_ns)
    assert (audio.basis(clock), video.basis(clock)) == (ARRIVAL, REPORT)
    heard, seen = audio.capture_ns(clock, 48_000 * 11), video.capture_ns(clock, 90_000 * 11)
    assert abs(heard - seen) <= MS


def test_report_with_a_timestamp_of_another_clock_is_not_believed() -> None:
    clock, stream = Sender(), Stream(90_000)
    clock.report(NTP_2026, START_NS)
    stream.packet(5000, START_NS)
    stream.report(NTP_2026, 5000 + 90_000 * 60, START_NS)
    assert stream.basis(clock) == ARRIVAL
    assert stream.capture_ns(clock, 5000) == START_NS
    stream.report(NTP_2026, 5000 + 90_000, START_NS)
    assert stream.basis(clock) == REPORT
    assert stream.capture_ns(clock, 5000) == START_NS - S


def test_overtaken_report_does_not_replace_a_newer_one() -> None:
    clock, stream = Sender(), Stream(90_000)
    clock.report(NTP_2026, START_NS)
    assert stream.report(NTP_2026, 90_000, START_NS) == ACCEPTED
    assert stream.report(NTP_2026 - (1 << 32), 0, START_NS) == OLD
    assert stream.report(NTP_2026 - (11 << 32), 0, START_NS) == ACCEPTED  # a step of the sender's clock


def test_stream_without_a_clock_rate_answers_nothing() -> None:
    stream = Stream(0)
    stream.packet(1, START_NS)
    assert stream.report(NTP_2026, 1, START_NS) == OUT_OF_RANGE
    assert stream.capture_ns(None, 1) == -1 and stream.rtp_at(None, START_NS) is None
    assert stream.basis(None) == NONE

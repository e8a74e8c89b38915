"""Clock records in simulated time: what a tap's reader reckons from them against the truth, and when it is told."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.senderclock import Sender, Stream
from media.plane.tapclock import TapClockView
from media.tap.clock import ClockBasis, RoundTripSource, TapClock, read_clock
from tests.media.plane.test_senderclock import MS, START_NS, XR, Field, S, rtp

HOUR_NS = 3600 * S
WAY_NS = 20 * MS


@dataclass
class Line:
    """One stream of a sender: every `packet_ns` a packet, every `report_ns` a report, and who reads its tap."""

    rate: int
    packet_ns: int
    report_ns: int
    ppm: int
    "of its sampling clock"
    first: int = 2**32 - 1000
    stream: Stream = field(init=False)
    view: TapClockView = field(default_factory=TapClockView)
    told: list[tuple[int, TapClock]] = field(default_factory=list)
    "by when"

    def __post_init__(self) -> None:
        self.stream = Stream(self.rate)

    def timestamp(self, true_ns: int) -> int:
        return rtp(self.rate, self.first, true_ns + true_ns * self.ppm // 10**6)

    def capture(self, timestamp: int) -> tuple[int, int]:
        """As the reader reckons: from START_NS on."""
        capture_ns, error_ns = self.told[-1][1].capture(timestamp)
        return capture_ns - START_NS, error_ns


@dataclass
class Told:
    """A packet, and what its reader made of it."""

    line: Line
    true_ns: int
    off_ns: int
    error_ns: int


def run(field_: Field, lines: list[Line], until_ns: int, seed: int, step_ns: int = 0) -> Iterator[Told]:
    """Send until `until_ns`, the clock being set by `step_ns` half way; give what is known of each packet."""
    chance, clock = random.Random(seed), Sender()
    events = sorted(
        [(at, kind, line) for line in lines for kind, every in (("packet", line.packet_ns), ("report", line.report_ns))
         for at in range(0, until_ns, every)],
        key=lambda event: event[:2],
    )  # fmt: skip
    now_ns = 0
    for true_ns, kind, line in events:
        if true_ns >= until_ns // 2:
            field_.step_ns = step_ns
        now_ns = max(now_ns, field_.arrival_ns(true_ns, chance))
        if kind == "report":
            clock.report(field_.ntp(true_ns), now_ns)
            clock.rtt(2 * WAY_NS, XR, now_ns)
            line.stream.report(field_.ntp(true_ns), line.timestamp(true_ns), now_ns)
        else:
            line.stream.packet(line.timestamp(true_ns), now_ns)
        body = line.view.tell(line.stream, clock, 77, 1, now_ns)
        if body is not None:
            line.told.append((now_ns, read_clock(body)))
        if kind == "packet":
            capture_ns, error_ns = line.capture(line.timestamp(true_ns))
            yield Told(line, true_ns, capture_ns - true_ns, error_ns)


@pytest.mark.parametrize("ppm", [-200, 200])
@pytest.mark.parametrize("off_ns", [-5 * HOUR_NS, 3000 * HOUR_NS])
def test_what_a_reader_reckons_is_right_within_its_bound_and_5_ms(ppm: int, off_ns: int) -> None:
    """The sampling clock of the sound is another crystal, 200 ppm off the other way."""
    sound, picture = Line(48_000, 20 * MS, 5 * S, -ppm), Line(90_000, 40 * MS, S, ppm)
    last: dict[int, Told] = {}
    for told in run(Field(ppm, WAY_NS, 4 * MS, step_ns=off_ns), [sound, picture], 120 * S, 1, step_ns=off_ns):
        assert abs(told.off_ns) <= told.error_ns
        if told.true_ns > 60 * S:
            assert abs(told.off_ns) <= 5 * MS
            assert told.error_ns <= 60 * MS
            last[told.line.rate] = told
            if len(last) == 2 and last[48_000].true_ns == last[90_000].true_ns:
                assert abs(last[48_000].off_ns - last[90_000].off_ns) <= 4 * MS


@pytest.mark.parametrize("step_ns", [-2 * S, 2 * S, -7 * HOUR_NS])
def test_a_sender_whose_clock_is_set_moves_nothing(step_ns: int) -> None:
    sound, picture = Line(48_000, 20 * MS, 5 * S, 100), Line(90_000, 40 * MS, S, 100)
    for told in run(Field(100, WAY_NS, 3 * MS), [sound, picture], 160 * S, 2, step_ns=step_ns):
        assert abs(told.off_ns) <= told.error_ns
        if told.true_ns > 60 * S:
            assert abs(told.off_ns) <= 5 * MS
    # In between it says that it rests on less, and by how much that may be off.
    since = [clock for at, clock in picture.told if at - START_NS > 80 * S]
    assert all(clock.error_ns > 500 * MS for clock in since if clock.basis is ClockBasis.ARRIVAL)
    assert since[-1].basis is ClockBasis.REPORT


def test_a_reader_is_told_of_every_report_and_otherwise_once_a_second() -> None:
    picture = Line(90_000, 40 * MS, 5 * S, 0)
    for _ in run(Field(0, WAY_NS), [picture], 60 * S, 3):
        pass
    evidence = {clock.report_arrival_ns - START_NS: clock for _, clock in picture.told if clock.report_ntp}
    assert sorted(evidence) == [at + WAY_NS for at in range(0, 60 * S, 5 * S)]
    for arrival_ns, clock in evidence.items():
        assert clock.report_timestamp == picture.timestamp(arrival_ns - WAY_NS)
        assert clock.report_ntp == Field().ntp(arrival_ns - WAY_NS)
        assert (clock.round_trip_ns, clock.round_trip_source) == (2 * WAY_NS, RoundTripSource.XR)
    times = [at - START_NS for at, _ in picture.told]
    assert all(later - former <= S + 40 * MS for former, later in itertools.pairwise(times))
    # Nothing else was to be told: the first packet, and a report and four repetitions in 5 s.
    assert len(times) <= 2 + 6 * 12


def test_a_reader_is_told_at_once_when_another_streams_report_shows_a_shorter_way() -> None:
    clock, view, stream = Sender(), TapClockView(), Stream(90_000)
    clock.report(Field().ntp(0), START_NS + 300 * MS)
    stream.report(Field().ntp(0), 0, START_NS + 300 * MS)
    assert view.tell(stream, clock, 1, 1, START_NS + 300 * MS) is not None
    clock.report(Field().ntp(400 * MS), START_NS + 699 * MS + 500_000)
    assert view.tell(stream, clock, 1, 1, START_NS + 700 * MS) is None, "half a millisecond"
    clock.report(Field().ntp(690 * MS), START_NS + 790 * MS)
    body = view.tell(stream, clock, 1, 1, START_NS + 790 * MS)
    assert body is not None
    assert abs(read_clock(body).capture(0)[0] - START_NS - 100 * MS) <= 2 * MS
    assert view.tell(stream, clock, 1, 1, START_NS + 791 * MS) is None
    assert view.tell(stream, clock, 1, 2, START_NS + 792 * MS) is not None, "another input"
    assert view.tell(stream, clock, 9, 2, START_NS + 792 * MS) is not None, "another SSRC"


def test_without_reports_arrivals_serve_with_a_bound_of_half_a_second() -> None:
    view, stream = TapClockView(), Stream(8000)
    assert view.tell(stream, Sender(), 1, 1, START_NS) is None, "nothing is known"
    stream.packet(160, START_NS)
    body = view.tell(stream, Sender(), 1, 1, START_NS)
    assert body is not None
    clock = read_clock(body)
    assert (clock.basis, clock.capture(320)[0], clock.error_ns) == (ClockBasis.ARRIVAL, START_NS + 20 * MS, 500 * MS)
    assert (clock.report_ntp, clock.round_trip_source) == (0, RoundTripSource.NONE)


@given(
    rate=st.one_of(st.integers(1, 200_000), st.just(2**32 - 1)),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["packet", "report", "rtt"]),
            st.integers(0, 2**64 - 1),
            st.one_of(st.integers(0, 2**63 - 1), st.integers(0, 20 * S)),
            st.integers(0, 5),
        ),
        max_size=40,
    ),
)
def test_whatever_a_sender_says_a_reader_takes_what_it_is_told(
    rate: int, steps: list[tuple[str, int, int, int]]
) -> None:
    clock, stream, view = Sender(), Stream(rate), TapClockView()
    for kind, claim, now_ns, source in steps:
        if kind == "packet":
            stream.packet(claim & 0xFFFFFFFF, now_ns)
        elif kind == "report":
            clock.report(claim, now_ns)
            stream.report(claim, claim >> 32, now_ns)
        else:
            clock.rtt(claim % (11 * S), source, now_ns)
        body = view.tell(stream, clock, 1, 1, now_ns)
        if body is not None:
            read_clock(body)

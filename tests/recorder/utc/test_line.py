"""The line that UTC is told by: no step moves what is recorded, small ones are followed slowly, and all is told."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.proof import canonical
from recorder.utc import Reading, Row, UtcLine, media_us
from recorder.utc.line import SLEW_PPM, STEP_NS

MS, S = 1_000_000, 1_000_000_000
US = 1_000
#: A server that has been up for a year.
START_NS = 365 * 86_400 * S
UTC_NS = 1_763_900_000 * S
OFFSET_NS = UTC_NS - START_NS
ERROR_NS = 10 * MS


def reading(
    at_ns: int, step_ns: int = 0, *, error_ns: int | None = ERROR_NS, pulled_ns: int = 0, ppm: int = 0
) -> Reading:
    """The clocks so long after the start; a daemon has pulled at them, the crystal is off."""
    raw_ns = 5 * S + at_ns + at_ns * ppm // 1_000_000
    return Reading(START_NS + at_ns + pulled_ns, raw_ns, UTC_NS + at_ns + pulled_ns + step_ns, error_ns)


class Server:
    """Feeds a line once a second."""

    def __init__(self, **kept: int) -> None:
        self.line = UtcLine(reading(0))
        self.rows = [self.line.row]
        self.second = 0
        self._kept = kept

    def go_on(self, seconds: int, step_ns: int = 0, *, recorded: bool = True, error_ns: int | None = ERROR_NS) -> None:
        for _ in range(seconds):
            self.second += 1
            taken = reading(self.second * S, step_ns, error_ns=error_ns, **self._kept)
            row = self.line.take(taken, recorded=recorded)
            if row is not None:
                self.rows.append(row)

    @property
    def off_ns(self) -> int:
        return self.line.offset_ns - OFFSET_NS


steps = st.lists(
    st.tuples(
        st.integers(1, 900),
        st.one_of(st.integers(-3 * S, 3 * S), st.integers(-10_000 * S, 10_000 * S), st.integers(-STEP_NS, STEP_NS)),
    ),
    max_size=6,
)


@given(steps, st.integers(-200, 200))
def test_no_step_that_nobody_vouches_for_moves_what_is_recorded(found: list[tuple[int, int]], ppm: int) -> None:
    server = Server(ppm=ppm)
    for seconds, step_ns in found:
        before_ns = server.off_ns
        server.go_on(seconds, step_ns, error_ns=None)
        moved_ns = abs(server.off_ns - before_ns)
        assert moved_ns <= seconds * S * (SLEW_PPM + 1) // 1_000_000
        if abs(step_ns - before_ns) > STEP_NS:
            assert moved_ns == 0
        assert server.line.ahead_ns == step_ns - server.off_ns
        bound_ns = server.line.error_ns
        assert bound_ns is not None and bound_ns >= max(abs(server.line.ahead_ns), abs(server.off_ns))


@given(steps)
def test_rows_tell_the_line_and_the_clock_to_the_reader_of_a_chain(found: list[tuple[int, int]]) -> None:
    server = Server()
    for seconds, step_ns in found:
        server.go_on(seconds, step_ns, error_ns=None)
        row = server.rows[-1]
        assert abs(row.offset_us * US - server.line.offset_ns) <= 10 * MS + US
        assert abs(row.step_us * US - server.line.ahead_ns) <= 10 * MS + US
        assert server.second * S - (row.monotonic_us * US - START_NS) <= 601 * S
    assert all(earlier.monotonic_us <= later.monotonic_us for earlier, later in itertools.pairwise(server.rows))
    for row in server.rows:
        canonical.encode(row.content())


def test_step_that_is_taken_back_leaves_no_trace_but_two_rows() -> None:
    server = Server()
    server.go_on(5)
    server.go_on(60, 2 * S, error_ns=None)
    assert server.line.media_us((UTC_NS + 65 * S + 2 * S) // US) == (UTC_NS + 65 * S) // US
    server.go_on(5)
    told = [(row.monotonic_us - START_NS // US, row.offset_us * US - OFFSET_NS, row.step_us) for row in server.rows]
    assert told == [(0, 0, 0), (5_000_000, 0, 2_000_000), (65_000_000, 0, 0)]
    assert [row.error_us for row in server.rows] == [10_000, 2_000_000, 10_000]


@pytest.mark.parametrize("step_ns", [-80 * MS, 80 * MS])
def test_small_step_is_followed_by_100_ppm(step_ns: int) -> None:
    server, sign = Server(), 1 if step_ns > 0 else -1
    server.go_on(200, step_ns)
    assert server.off_ns == sign * 20 * MS
    server.go_on(700, step_ns)
    assert server.off_ns == step_ns and server.line.ahead_ns == 0


def test_step_that_the_kernel_vouches_for_is_followed_when_it_has_lasted() -> None:
    """As a leap second, or NTP that came late."""
    server = Server()
    server.go_on(500, -S)
    server.go_on(1, -S, error_ns=None)
    server.go_on(600, -S)
    assert server.off_ns == 0
    server.go_on(1000, -S)
    assert -101 * MS <= server.off_ns <= -99 * MS
    server.go_on(9500, -S)
    assert server.off_ns == -S and abs(server.rows[-1].step_us) < 10_000
    assert server.line.error_ns == ERROR_NS


def test_kernel_that_is_unsure_by_half_of_the_step_vouches_for_nothing() -> None:
    server = Server()
    server.go_on(3000, S, error_ns=500 * MS)
    assert server.off_ns == 0


def test_while_nothing_is_recorded_the_line_is_the_servers_clock() -> None:
    server = Server()
    server.go_on(10, 3600 * S, error_ns=None)
    server.go_on(1, 3600 * S, recorded=False, error_ns=None)
    assert server.off_ns == 3600 * S
    assert (server.rows[-1].step_us, server.rows[-1].offset_us) == (0, (OFFSET_NS + 3600 * S) // US)
    assert server.line.error_ns is not None and server.line.error_ns >= 3600 * S, "nobody vouched for that"
    server.go_on(1, 3600 * S, recorded=False)
    assert server.line.error_ns == ERROR_NS


def test_daemon_that_pulls_at_all_clocks_to_take_a_step_back_moves_no_media() -> None:
    """chrony: somebody sets UTC 2 s ahead, and all clocks run 8 % slow until UTC is right again."""
    line = UtcLine(reading(0, ppm=-150))
    pulled_ns = 0
    for second in range(1, 120):
        step_ns = 2 * S if second >= 10 else 0
        if 20 <= second < 45:
            pulled_ns -= 80 * MS
        taken = reading(second * S, step_ns, pulled_ns=pulled_ns, ppm=-150)
        line.take(taken, recorded=True)
        # Raw time goes by the crystal.
        assert abs(taken.monotonic_ns + line.offset_ns - UTC_NS - second * S) <= 25 * 150 * US + 10 * MS
    assert abs(line.ahead_ns) <= 10 * MS
    assert line.error_ns is not None and line.error_ns > 2 * S, "times of capture were wrong"
    line.take(reading(200 * S, 2 * S, pulled_ns=pulled_ns, ppm=-150), recorded=True)
    assert line.error_ns <= ERROR_NS + 10 * MS


def test_bound_is_unknown_until_the_kernel_vouches_and_grows_when_it_no_longer_does() -> None:
    line = UtcLine(reading(0, error_ns=None))
    bounds = [line.error_ns]
    for second, error_ns in ((1, None), (2, ERROR_NS), (102, None)):
        line.take(reading(second * S, error_ns=error_ns), recorded=True)
        bounds.append(line.error_ns)
    assert bounds == [None, None, ERROR_NS, ERROR_NS + 50 * MS]


@given(st.lists(st.tuples(st.integers(3, 200), st.integers(-100, 100), st.booleans()), min_size=1, max_size=8))
def test_events_are_found_in_the_media_by_the_rows(found: list[tuple[int, int, bool]]) -> None:
    """Acts twice a second; left out are those that the clock, set back, stamps with what it has shown before."""
    server, shown_us, acts = Server(), 0, []
    for seconds, step_ds, recorded in [(5, 0, True), *found]:
        for second in range(seconds):
            moved = server.line.ahead_ns + server.off_ns != step_ds * 100 * MS
            for half_ns in (0, S // 2):
                monotonic_us = (START_NS + server.second * S + half_ns) // US
                stamp_us = OFFSET_NS // US + monotonic_us + step_ds * 100_000
                # In the second in which the clock is set, or the line is, either may be.
                if stamp_us > shown_us and second > 1 and not moved:
                    acts.append((stamp_us, monotonic_us + server.line.offset_ns // US))
            server.go_on(1, step_ds * 100 * MS, recorded=recorded, error_ns=None)
        shown_us = max(shown_us, stamp_us + 1_000_000)
    for stamp_us, media in acts:
        assert abs(media_us(server.rows, stamp_us) - media) <= 20_000


def test_events_before_all_rows_and_without_steps_are_where_their_stamps_say() -> None:
    assert media_us([], 7) == 7
    assert media_us([Row(10, 0, 0, 0, None), Row(20, 0, 0, 5_000_000, None)], 15) == 15

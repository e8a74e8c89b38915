"""The body of a clock record: its fields by a layout written down once more, and every other body refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.tapring import DROP_NEWEST, TapRingView
from media.tap import ClockBasis, RoundTripSource, TapClock, TapKind, TapReader, TapRingError
from media.tap.clock import ClockError, read_clock

LAYOUT = struct.Struct("=IIqqqQqIIiBBBB")
GOOD = (0xFFFFFFFF, 0xFFFFFF00, 10**15, 10**7, 40_000_000, 2**64 - 1, 10**15 - 5, 7, 90_000, -200_000, 2, 2, 1, 0)
NAMES = ("ssrc", "timestamp", "capture", "error", "rtt", "ntp", "arrival", "report", "rate", "drift", "basis",
         "source", "stale", "reserved")  # fmt: skip


def body(**changed: int) -> bytes:
    return LAYOUT.pack(*{**dict(zip(NAMES, GOOD, strict=True)), **changed}.values())


def test_every_field_arrives_as_it_was_written() -> None:
    ring = TapRingView(4096, DROP_NEWEST)
    ring.write(body(), kind=TapKind.CLOCK, ssrc=0xFFFFFFFF, route=5)
    with TapReader.from_fds(*ring.fds()) as reader:
        record = reader.read()
    assert record is not None and record.kind is TapKind.CLOCK
    assert record.clock == TapClock(
        ssrc=0xFFFFFFFF,
        timestamp=0xFFFFFF00,
        capture_ns=10**15,
        error_ns=10**7,
        round_trip_ns=40_000_000,
        report_ntp=2**64 - 1,
        report_arrival_ns=10**15 - 5,
        report_timestamp=7,
        clock_rate=90_000,
        drift_ppb=-200_000,
        basis=ClockBasis.REPORT,
        round_trip_source=RoundTripSource.XR,
        round_trip_stale=True,
    )


def test_another_timestamp_is_reckoned_over_the_wrap_by_rate_and_drift() -> None:
    clock = read_clock(body())
    assert clock.capture(0xFFFFFF00) == (10**15, 10**7)
    # 900,000 ticks are 10 s of the sender, which are 2 ms shorter; either clock may be 600 ppm off.
    assert clock.capture(900_000 - 0x100) == (10**15 + 10**10 - 2_000_000, 10**7 + 6_000_000)
    assert clock.capture(0xFFFFFF00 - 900_000) == (10**15 - 10**10 + 2_000_000, 10**7 + 6_000_000)


@pytest.mark.parametrize(
    "changed",
    [{"rate": 0}, {"capture": -1}, {"capture": 2**62 + 1}, {"error": -1}, {"error": 2**63 - 1}, {"rtt": -1},
     {"rtt": 10**10 + 1}, {"source": 0}, {"source": 6}, {"basis": 0}, {"basis": 3}, {"drift": 600_001},
     {"drift": -600_001}, {"stale": 2}, {"ntp": 0}, {"arrival": -1}],
)  # fmt: skip
def test_what_the_plane_never_writes_ends_the_reader(changed: dict[str, int]) -> None:
    ring = TapRingView(4096, DROP_NEWEST)
    ring.write(body(**changed), kind=TapKind.CLOCK)
    with TapReader.from_fds(*ring.fds()) as reader, pytest.raises(TapRingError, match="clock record"):
        reader.read()


@given(st.one_of(st.binary(max_size=80), st.binary(min_size=LAYOUT.size, max_size=LAYOUT.size)))
def test_any_body_is_read_or_refused(data: bytes) -> None:
    try:
        clock = read_clock(data)
    except ClockError:
        return
    clock.capture(0)

"""The load's RTCP says what was received, read back by an independent parser and by a decoder from the draft."""

from dataclasses import dataclass

from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpSrPacket
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.rtcp import Viewer, remb, sender_report

MS = 1_000_000
TICK = 250_000


@dataclass(frozen=True, slots=True)
class Feedback:
    base: int
    count: int
    arrivals: dict[int, int]
    """Received sequence number (16 bits) -> arrival in 250 us ticks, modulo the 24-bit reference time."""


def read_feedback(data: bytes) -> Feedback:
    """Decode by draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1, knowing nothing of the writer."""
    assert data[0] & 0x1F == 15 and data[1] == 205
    assert (int.from_bytes(data[2:4], "big") + 1) * 4 == len(data)
    if data[0] & 0x20:
        data = data[: -data[-1]]
    base, count = int.from_bytes(data[12:14], "big"), int.from_bytes(data[14:16], "big")
    ticks = int.from_bytes(data[16:19], "big") * 256
    statuses: list[int] = []
    at = 20
    while len(statuses) < count:
        chunk = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if chunk & 0x8000 == 0:
            statuses += [(chunk >> 13) & 3] * (chunk & 0x1FFF)
        elif chunk & 0x4000:
            statuses += [(chunk >> shift) & 3 for shift in range(12, -2, -2)]
        else:
            statuses += [(chunk >> shift) & 1 for shift in range(13, -1, -1)]
    arrivals: dict[int, int] = {}
    for index, status in enumerate(statuses[:count]):
        if status == 1:
            ticks += data[at]
            at += 1
        elif status == 2:
            ticks += int.from_bytes(data[at : at + 2], "big", signed=True)
            at += 2
        else:
            continue
        arrivals[(base + index) & 0xFFFF] = ticks
    assert at == len(data)
    return Feedback(base, count, arrivals)


@given(
    first=st.sampled_from([0, 1, 65500, 65535]) | st.integers(0, 65535),
    steps=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 200 * MS)), min_size=1, max_size=60),
)
def test_feedback_tells_each_arrival_and_each_gap(first: int, steps: list[tuple[int, int]]) -> None:
    viewer = Viewer(ssrc=7)
    expected: dict[int, int] = {}
    sequence, now = first, 5_000 * MS
    for gap, wait in steps:
        viewer.note_arrival(sequence & 0xFFFF, now)
        expected[sequence & 0xFFFF] = now // TICK
        last = sequence
        sequence += gap
        now += wait
    told: dict[int, int] = {}
    covered = 0
    while data := viewer.feedback(from_ssrc=1):
        read = read_feedback(data)
        told |= read.arrivals
        covered += read.count
    assert told == expected
    assert covered == last - first + 1


def test_feedback_is_empty_until_something_new_came() -> None:
    viewer = Viewer(ssrc=7)
    assert viewer.feedback(1) == b""
    viewer.note_arrival(65535, MS)
    assert read_feedback(viewer.feedback(1)).base == 65535
    assert viewer.feedback(1) == b""
    viewer.note_arrival(0, 2 * MS)
    assert read_feedback(viewer.feedback(1)).base == 0


def test_jump_of_transport_sequence_starts_anew_instead_of_reporting_thousands_lost() -> None:
    viewer = Viewer(ssrc=7)
    viewer.note_arrival(10, MS)
    viewer.note_arrival(30_000, 2 * MS)
    read = read_feedback(viewer.feedback(1))
    assert (read.base, read.count) == (30_000, 1)


@given(
    first=st.sampled_from([0, 65530, 65535]),
    order=st.permutations(range(30)),
    dropped=st.sets(st.integers(1, 28)),
    repeated=st.sets(st.integers(0, 29)),
)
def test_reception_counts_loss_and_duplicates_across_the_wrap(
    first: int, order: list[int], dropped: set[int], repeated: set[int]
) -> None:
    viewer = Viewer(ssrc=7)
    for offset in order:
        if offset not in dropped:
            for _ in range(2 if offset in repeated else 1):
                viewer.note_packet((first + offset) & 0xFFFF, offset * 3000, 1200, offset * 33 * MS)
    counts = viewer.counts
    assert counts["packets"] == 30 - len(dropped)
    assert counts["lost"] == len(dropped)
    assert counts["duplicates"] == len(repeated - dropped)


def test_receiver_report_is_read_back_by_an_independent_parser() -> None:
    viewer = Viewer(ssrc=0xDEADBEEF)
    for sequence in (65534, 65535, 1, 2):
        viewer.note_packet(sequence, 0, 100, 0)
    [report] = RtcpPacket.parse(viewer.receiver_report(from_ssrc=1, now_ns=0))
    assert isinstance(report, RtcpRrPacket)
    [block] = report.reports
    assert (block.ssrc, block.packets_lost, block.fraction_lost) == (0xDEADBEEF, 1, 256 // 5)
    assert block.highest_sequence == 0x10002


def test_sender_report_is_read_back_by_an_independent_parser() -> None:
    report, _description = RtcpPacket.parse(sender_report(5, 1_500_000_000_500_000_000, 77, 3, 400))
    assert isinstance(report, RtcpSrPacket)
    info = report.sender_info
    assert info.ntp_timestamp >> 32 == 1_500_000_000 + 2_208_988_800
    assert info.ntp_timestamp & 0xFFFFFFFF == 1 << 31
    assert (info.rtp_timestamp, info.packet_count, info.octet_count) == (77, 3, 400)


@given(rate=st.integers(1, 2**32 - 1))
def test_remb_carries_the_rate_within_its_precision(rate: int) -> None:
    data = remb(1, 9, rate)
    word = int.from_bytes(data[16:20], "big")
    told = (word & 0x3FFFF) << ((word >> 18) & 0x3F)
    assert word >> 24 == 1
    assert 0 <= rate - told <= rate / 2**17

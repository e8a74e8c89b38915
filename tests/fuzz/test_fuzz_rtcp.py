"""Mutated RTCP and transport feedback into the plane's readers, wild arrivals and reports into its recorders.

The views copy every packet to a heap block of its exact size: under AddressSanitizer one byte too many ends
the process.
"""

import random
import struct
from collections import Counter, deque
from collections.abc import Callable

import pytest

from media.plane import rtcp, rtcpwriter, twcc
from media.plane.roundtrip import RoundTripsView
from media.plane.senderclock import Sender, Stream
from media.plane.twcchistory import History, Report
from tests.fuzz.effort import SEED, rounds
from tests.media.plane.test_twcc import decode

pytestmark = pytest.mark.fuzz

#: Does one thing to what is fuzzed, checks what came of it, and names that.
Once = Callable[[], str]

FIRST_SEQUENCE = 65_000
SENT = 1500


def feedback_packets(chance: random.Random) -> list[bytes]:
    """Real feedback on a lossy, jumpy path, all kinds of chunks and deltas included."""
    recorder, packets, now_ns = twcc.Recorder(), [], 0
    for offset in range(SENT):
        now_ns += chance.choice((0, 10**6, 60 * 10**6, 10**9, -(10**7)))
        if chance.random() < (0.9 if offset % 200 < 100 else 0.1):
            recorder.record((FIRST_SEQUENCE + offset) & 0xFFFF, max(now_ns, 0))
        if chance.random() < 0.05:
            while packet := recorder.build(chance.choice((40, 200, 1200))):
                packets.append(packet)
    return packets


def compound_packets(chance: random.Random) -> list[bytes]:
    blocks = [(1, 2, -3, 4, 5, 6, 7)] * 3
    return [
        rtcpwriter.write_sr(1, 2, 3, 4, 5, blocks) + rtcpwriter.write_cname(1, b"cname@host"),
        rtcpwriter.write_rr(1, blocks) + rtcpwriter.write_nack(1, 2, [65535, 0, 9, 40]),
        rtcpwriter.write_rr(1) + rtcpwriter.write_pli(1, 2) + rtcpwriter.write_fir(1, 2, 3),
        rtcpwriter.write_rrtr(1, 2) + rtcpwriter.write_dlrr(1, 2, 3, 4) + rtcpwriter.write_bye(1),
        struct.pack("!BBHLL", 0x8F, 206, 5, 1, 0) + b"REMB\x01" + bytes([0xFF, 0xFF, 0xFF]) + bytes(4),
        b"\x82\xca\x00\x05\0\0\0\1\x01\x02ab\0\0\0\0\0\0\0\2\x01\x01c\0",
        struct.pack("!BBHL", 0x80, 204, 2, 1) + b"NAME",
    ]


def mutate(packet: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Flip, cut, splice and lie; most results keep a truthful length so that they are looked into."""
    data = bytearray(packet)
    for _ in range(chance.randint(1, 5)):
        action = chance.randrange(6)
        if not data:
            break
        at = chance.randrange(len(data))
        if action < 3:
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif action == 3:
            del data[at : at + chance.randint(1, 8)]
        elif action == 4:
            data[at:at] = chance.randbytes(chance.choice((1, 2, 4, 8)))
        else:
            data += chance.choice(others)
    if len(data) >= 4 and chance.random() < 0.7:
        del data[len(data) // 4 * 4 :]
        if chance.random() < 0.8:
            data[2:4] = struct.pack("!H", len(data) // 4 - 1)
    return bytes(data[:4000])


def fuzz_reader(chance: random.Random) -> Once:
    packets = compound_packets(chance) + feedback_packets(chance)[:20]

    def once() -> str:
        packet = mutate(chance.choice(packets), packets, chance)
        code = rtcp.check(packet)
        items = rtcp.read(packet)
        assert -10 <= code <= 0
        assert len(items) <= len(packet)
        assert all(item.data in packet for item in items)
        if code == 0 and items:
            # What was checked whole is read whole: cutting behind it changes no item.
            assert rtcp.read(packet + b"\x40") == items
        return "refused" if code else "read"

    return once


def fuzz_feedback(chance: random.Random) -> Once:
    packets = feedback_packets(chance)
    history = History(FIRST_SEQUENCE)
    for size in range(SENT):
        history.sent(size * 10**6, size)

    def once() -> str:
        answer = history.receive(mutate(chance.choice(packets), packets, chance), 10**12)
        if not isinstance(answer, Report):
            assert -8 <= answer <= -1
            return "refused"
        count = ((answer.last_sequence - answer.first_sequence) & 0xFFFF) + 1
        assert answer.received + answer.lost + answer.duplicates + answer.unknown <= count <= SENT
        assert answer.late <= answer.received
        assert len(answer.results) + answer.omitted == answer.received + answer.lost
        assert all(result.size_bytes < SENT for result in answer.results)
        if chance.random() < 0.1:
            history.sent(10**12, chance.randrange(SENT))
        return "read"

    def guarded() -> str:
        nonlocal history
        told = once()
        if chance.random() < 0.001:  # every packet is known by now
            history = History(FIRST_SEQUENCE)
            for size in range(SENT):
                history.sent(size * 10**6, size)
        return told

    return guarded


def fuzz_recorder(chance: random.Random) -> Once:
    recorder = twcc.Recorder()
    position, now_ns = 0, 2**32 * 250_000 - 10**10

    def once() -> str:
        nonlocal position, now_ns
        position += chance.choice((1, 1, 1, 1, 2, 30, -1, -40, chance.randint(-70_000, 70_000)))
        now_ns = max(0, now_ns + chance.choice((0, 10**5, 10**7, 10**9, -(10**8))))
        recorder.record(position & 0xFFFF, now_ns)
        if chance.random() >= 0.1:
            return "recorded"
        capacity = chance.randint(24, 1300)
        reported = 0
        while packet := recorder.build(capacity):
            assert len(packet) <= capacity
            reported += decode(packet).count
        assert reported <= 2048
        return "reported" if reported else "nothing to report"

    return once


def fuzz_clocks(chance: random.Random) -> Once:
    sender, stream = Sender(), Stream(90_000)
    ntp, timestamp, now_ns = 2**63, 2**32 - 1000, 10**12

    def once() -> str:
        nonlocal ntp, timestamp, now_ns
        wild = chance.random() < 0.02
        now_ns = chance.choice((0, 2**62, chance.randrange(2**63))) if wild else now_ns + chance.randrange(10**9)
        ntp = chance.randrange(2**64) if chance.random() < 0.02 else (ntp + chance.randrange(2**33)) % 2**64
        timestamp = (timestamp + chance.choice((3000, -3000, 90_000, 2**31, chance.randrange(2**32)))) % 2**32
        sender.report(ntp, now_ns)
        sender.rtt(chance.randrange(-1, 11 * 10**9), chance.randrange(7), now_ns)
        stream.report(ntp, timestamp, now_ns)
        stream.packet(timestamp, now_ns)
        assert sender.capture_ns(ntp) >= -1
        assert sender.error_ns(now_ns) >= -1
        assert stream.capture_ns(sender, timestamp) >= -1
        assert abs(sender.state_now["drift_ppb"]) <= 600_000
        stream.rtp_at(sender, now_ns)
        return "unknown" if stream.capture_ns(sender, timestamp) < 0 else "known"

    return once


def fuzz_round_trips(chance: random.Random) -> Once:
    trips = RoundTripsView()
    sent: deque[int] = deque([1], maxlen=12)  # some more than are remembered
    now_ns = 10**12

    def once() -> str:
        nonlocal now_ns
        now_ns += chance.choice((0, 10**5, 10**8, 10**9, 10**10))
        if chance.random() < 0.3:
            sent.append(chance.randrange(2**32))
            trips.asked(sent[-1], now_ns)
        middle = chance.choice((0, chance.randrange(2**32), *sent))
        delay = chance.choice((0, 1, 65_536, chance.randrange(2**20), chance.randrange(2**32), 2**32 - 1))
        rtt_ns = trips.answered(middle, delay, now_ns)
        assert -1 <= rtt_ns <= 10**10 and (rtt_ns < 0 or middle in list(sent)[-8:])
        assert trips.note(rtt_ns, chance.randrange(-1, 7), now_ns) is False or rtt_ns >= 0
        source, least_ns = trips.least(now_ns)
        assert (source == "none") == (least_ns is None)
        assert least_ns is None or 0 <= least_ns <= 10**10
        if chance.random() < 0.01:
            trips.forget()
        return "refused" if rtt_ns < 0 else "measured"

    return once


@pytest.mark.parametrize(
    ("fuzzer", "outcomes"),
    [
        (fuzz_reader, {"read", "refused"}),
        (fuzz_feedback, {"read", "refused"}),
        (fuzz_recorder, {"recorded", "reported"}),
        (fuzz_round_trips, {"measured", "refused"}),
        (fuzz_clocks, {"known", "unknown"}),
    ],
)
def test_hostile_input_is_bounded(fuzzer: Callable[[random.Random], Once], outcomes: set[str]) -> None:
    chance = random.Random(f"{SEED}/{fuzzer.__name__}")
    once = fuzzer(chance)
    came: Counter[str] = Counter()
    for _ in rounds(20, seconds=0.5):
        came.update(once() for _ in range(50))
    # Else what is tried would end at the door, or never at it.
    assert outcomes <= came.keys(), came

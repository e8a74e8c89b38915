"""Outbound RTCP at the socket: sender reports in the server's UTC, receiver reports, transport-wide feedback."""

import itertools
import struct
import time
from collections.abc import Callable

import pytest

from media.plane.names import codec_number
from tests.media.plane.packets import (
    OPUS,
    RR,
    RTPFB,
    SDES,
    SR,
    XR,
    Control,
    Packet,
    dlrr,
    ntp_from_utc,
    rtp,
    rtx,
    sr,
    utc_from_ntp,
    vp8,
)
from tests.media.plane.peers import CAPTURE_TIME, MID, RID, TWCC, Peer, Stage
from tests.media.plane.test_twcc import decode
from tests.patience import PATIENCE_S, wait_until

HOUR_S = 3600.0
ALLOWED_S = 0.002
PCMA = codec_number("PCMA")
TICKS_A_SECOND = 4000  # of transport-wide feedback


class WrongClock:
    """A publisher whose clock is far from the server's: pictures and reports by its own time."""

    def __init__(
        self, peer: Peer, off_s: float, base: int, ssrc: int = 77, clock: Callable[[], float] = time.time
    ) -> None:
        self.peer, self.off_s, self.base, self.ssrc, self.clock = peer, off_s, base, ssrc, clock
        self.started = clock()
        self.sequence = base & 0xFFFF
        self.captured: dict[bytes, float] = {}

    def timestamp(self, at: float) -> int:
        return (self.base + round((at - self.started) * 90_000)) & 0xFFFFFFFF

    def picture(self, *, key: bool = False, extensions: dict[int, bytes] | None = None) -> None:
        """Send a picture that is captured now; its payload's end is its name."""
        name = struct.pack("!II", self.ssrc, self.sequence)
        self.captured[name] = now = self.clock()
        packet = rtp(
            self.sequence,
            vp8(self.sequence, key=key, body=name),
            timestamp=self.timestamp(now),
            ssrc=self.ssrc,
            extensions=extensions,
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.peer.send(packet)

    def report(self) -> None:
        now = self.clock()
        self.peer.send(sr(self.ssrc, ntp_from_utc(now + self.off_s), self.timestamp(now)))

    def reports(self, count: int = 10) -> None:
        """Several, because the least delay counts and the first may have been held up here."""
        for _ in range(count):
            self.report()
            self.peer.stage.settle()

    def capture_of(self, packet: Packet) -> float:
        return self.captured[packet.payload[-8:]]


def told_capture(report: Control, timestamp: int) -> float:
    """What a page computes: the UTC of a timestamp by the sender report."""
    ntp: int
    rtp_time: int
    ntp, rtp_time = struct.unpack("!QI", report.body[4:16])
    ticks = ((timestamp - rtp_time + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    return utc_from_ntp(ntp) + ticks / 90_000


def next_report(viewer: Peer, ssrc: int = 1000) -> Control:
    """Wait for a sender report that is not there yet."""
    known = len(viewer.read().control)
    viewer.wait(
        lambda got: any(item.kind == SR and item.ssrc == ssrc for item in got.control[known:]), "a sender report"
    )
    return [item for item in viewer.received.control if item.kind == SR and item.ssrc == ssrc][-1]


def capture_error_s(viewer: Peer, camera: WrongClock) -> float:
    """Give by how much a viewer thinks the newest picture was taken too late, once that is little.

    The least delay counts: when the machine stood still in every report so far, more of them are needed.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        report = next_report(viewer)
        camera.picture()
        viewer.wait(lambda got: len(got.packets) > 0 and got.packets[-1].payload[-8:] in camera.captured, "a picture")
        packet = viewer.received.packets[-1]
        error_s = told_capture(report, packet.timestamp) - camera.capture_of(packet)
        # A way takes time; nothing may seem taken before it was, and waiting would not mend that.
        if error_s < ALLOWED_S or time.monotonic() > deadline:
            return error_s
        camera.reports()


@pytest.mark.parametrize("off_s", [0.0, 5 * HOUR_S, -3000 * HOUR_S])
def test_a_forwarded_report_tells_capture_in_the_servers_utc(stage: Stage, off_s: float) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    camera = WrongClock(publisher, off_s, base=0xFFFFFF00)
    camera.picture(key=True)
    camera.reports()
    route = viewer.watch(track, first_timestamp=0xFFFFFF00)
    camera.picture(key=True)
    camera.picture()
    viewer.wait_packets(2)
    report = viewer.wait_control(SR)
    assert report.ssrc == 1000
    written = utc_from_ntp(int.from_bytes(report.body[4:12], "big"))
    assert camera.started < written < time.time() + ALLOWED_S
    packets, octets = struct.unpack("!II", report.body[16:24])
    stats = route.stats()
    assert (packets, octets) == (stats["packets"], stats["octets"])
    assert octets == sum(len(packet.payload) for packet in viewer.received.packets)
    name = viewer.wait_control(SDES)
    assert name.body[:14] == struct.pack("!IBB", 1000, 1, 8) + b"huishang"
    assert abs(capture_error_s(viewer, camera)) < ALLOWED_S


def test_reports_stay_right_over_switches_of_layer_publisher_and_pauses(stage: Stage) -> None:
    viewer, track = stage.peer(), stage.track()
    route = viewer.watch(track)
    publisher = stage.peer(receive_ids={MID: 1, RID: 2})
    publication = publisher.publish(track, rids=[b"a", b"b"])
    layers = [WrongClock(publisher, 7 * HOUR_S, base=0x10000000, ssrc=501)]
    layers.append(WrongClock(publisher, 7 * HOUR_S, base=0xF0000000, ssrc=502))
    layers[1].started = layers[0].started
    for number, camera in enumerate(layers):
        camera.picture(key=True, extensions={1: b"0", 2: b"ab"[number : number + 1]})
        camera.reports()

    assert abs(capture_error_s(viewer, layers[0])) < ALLOWED_S
    route.set(layer=1)
    stage.settle()
    layers[1].picture(key=True)
    assert abs(capture_error_s(viewer, layers[1])) < ALLOWED_S
    publication.close()
    publisher.transport.close()
    other = stage.peer()
    other.publish(track)
    camera = WrongClock(other, -HOUR_S, base=0)
    route.set(layer=0)
    stage.settle()
    camera.picture(key=True)
    camera.reports()
    assert abs(capture_error_s(viewer, camera)) < ALLOWED_S


def test_between_two_numberings_of_a_publisher_no_report_is_made(stage: Stage) -> None:
    """Until the keyframe the viewer's timestamps belong to the old numbering, the publisher's to the new one."""
    publisher, viewer, track = stage.peer(profile="", plain=True), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    camera = WrongClock(publisher, 0, base=100)
    camera.picture(key=True)
    camera.reports()
    camera.picture()
    next_report(viewer)
    viewer.settle()
    known = len(viewer.received.control)
    camera.sequence, camera.base = 40_000, 0x80000000
    deadline = time.monotonic() + 1.1  # one is due every second
    while time.monotonic() < deadline:
        camera.picture()
        camera.report()
        publisher.settle()
    assert len(viewer.settle().control) == known
    camera.picture(key=True)
    assert abs(capture_error_s(viewer, camera)) < ALLOWED_S


def test_reports_follow_a_codec_with_another_clock_under_the_same_ssrc(stage: Stage) -> None:
    types = ((111, OPUS, 48_000, 0), (8, PCMA, 8_000, 0))
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track, payload_types=types)
    viewer.watch(track, payload_types={OPUS: (109, 0), PCMA: (8, 0)})
    rates = []
    sequence = 0
    for payload_type, _, rate, _ in types:
        reports: list[Control] = []
        while len(reports) < 3:
            known = len(viewer.received.control)
            publisher.send(rtp(sequence, b"sound", timestamp=int(time.monotonic() * rate), payload_type=payload_type))
            sequence += 1
            publisher.settle()
            reports += [item for item in viewer.read().control[known:] if item.kind == SR]
        (first_ntp, first), (ntp, last) = (struct.unpack("!QI", item.body[4:16]) for item in reports[-2:])
        rates.append(((last - first) & 0xFFFFFFFF) / (utc_from_ntp(ntp) - utc_from_ntp(first_ntp)))
    assert rates == pytest.approx([48_000, 8_000], rel=0.02)


def test_without_reports_of_the_publisher_arrival_serves(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    camera = WrongClock(publisher, 0, base=1000)
    viewer.watch(track)
    camera.picture(key=True)
    for _ in range(20):
        camera.picture()
        publisher.settle()
    report = next_report(viewer)
    packet = viewer.received.packets[-1]
    # Arrival cannot tell a long way from a late capture: only half a second is claimed.
    assert abs(told_capture(report, packet.timestamp) - camera.capture_of(packet)) < 0.6


def test_a_viewer_without_packets_or_paused_gets_no_report(stage: Stage) -> None:
    publisher, paused, empty, track = stage.peer(), stage.peer(), stage.peer(), stage.track()
    publisher.publish(track)
    camera = WrongClock(publisher, 0, base=1000)
    route = paused.watch(track)
    empty.watch(track, layer=1)
    camera.picture(key=True)
    paused.wait_packets(1)
    next_report(paused)
    route.set(paused=True)
    stage.settle()
    known = len(paused.settle().control)
    deadline = time.monotonic() + 1.1  # one is due every second
    while time.monotonic() < deadline:
        camera.picture()
        publisher.settle()
    assert len(paused.settle().control) == known
    assert empty.settle().control == []


def test_a_publisher_is_told_what_arrived(stage: Stage) -> None:
    publisher, track = stage.peer(local_ssrc=0xABCDEF01), stage.track(video=False)
    publication = publisher.publish(track)

    def sound(sequence: int) -> bytes:
        return rtp(sequence, b"sound", timestamp=sequence * 960, payload_type=111)

    publisher.send(sound(65_530))
    first = publisher.wait_control(RR)
    publisher.send(*(sound(65_530 + number) for number in range(1, 20) if number not in (4, 5, 9)))
    ntp = ntp_from_utc(time.time() + 9 * HOUR_S)
    sent_at = time.monotonic()
    publisher.send(sr(77, ntp, 0))
    publisher.settle()
    reports: list[tuple[int, ...]] = []
    for _ in range(2):
        publisher.settle().control.clear()
        report = publisher.wait_control(RR, 1)
        assert report.ssrc == first.ssrc == 0xABCDEF01
        reports.append(struct.unpack("!IIIIII", report.body[4:28]))
    ssrc, loss, highest, _, lsr, dlsr = reports[0]
    assert ssrc == 77
    assert loss & 0xFFFFFF == 3
    assert loss >> 24 in (3 * 256 // 20, 3 * 256 // 19)
    assert highest == 65_530 + 19
    assert lsr == ntp >> 16 & 0xFFFFFFFF
    # Since our report: time that has passed for the plane too, and more of it in each.
    assert 0 < dlsr < reports[1][5] < (time.monotonic() - sent_at) * 65_536
    stats = publication.stats()[0]
    assert (stats["lost"], stats["expected"], stats["packets"]) == (3, 20, 17)


def test_a_publisher_is_asked_for_the_round_trip_beside_every_receiver_report(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(local_ssrc=0xABCDEF01, reduced_size=True), stage.peer(), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    began = time.time()
    publisher.send(rtp(0, vp8(0, key=True)))
    publisher.wait(lambda got: sum(XR in kinds for kinds in got.compounds) >= 3, "three reference times")
    # Reduced size or not, the report is a whole compound.
    assert all(kinds == [RR, SDES, XR] for kinds in publisher.received.compounds if XR in kinds or SDES in kinds)
    told = []
    for item in publisher.received.control:
        if item.kind == XR:
            assert item.body[:8] == struct.pack("!IBBH", 0xABCDEF01, 4, 0, 2) and len(item.body) == 16
            told.append(utc_from_ntp(int.from_bytes(item.body[8:], "big")))
    assert began - ALLOWED_S < told[0] < told[1] < told[2] < time.time() + ALLOWED_S
    # No more than one a second; a machine that stands still makes it fewer.
    assert told[2] - told[0] > 1.0
    viewer.wait_control(SR)
    assert not any(item.kind == XR for item in viewer.settle().control)


def test_a_report_of_as_many_streams_as_fit_keeps_its_reference_time(stage: Stage) -> None:
    publisher = stage.peer()
    for number in range(26):
        publisher.publish(stage.track(), mid=str(number).encode(), ssrcs=[(1000 + number, 0)])
        publisher.send(rtp(0, vp8(0, key=True), ssrc=1000 + number))
    publisher.wait(lambda got: any(item.kind == RR and item.count == 24 for item in got.control), "a full report")
    full = publisher.received.control.index(next(i for i in publisher.received.control if i.count == 24))
    assert [item.kind for item in publisher.received.control[full : full + 3]] == [RR, SDES, XR]


def test_an_rtx_packet_tells_the_round_trip_until_a_reference_time_is_answered(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track)
    began = time.monotonic()
    publisher.transport.set_rtt(10.0)  # so long that nothing is asked for twice
    lost = rtp(1, vp8(1))
    publisher.send(rtp(0, vp8(0, key=True)), rtp(2, vp8(2)), rtp(3, vp8(3)))
    asked = publisher.wait_control(RTPFB, 1)
    assert asked.nacked() == [1]
    publisher.send(rtx(0, lost, ssrc=78))

    def source() -> str:
        return publisher.transport.stats()["rtt_source"]

    wait_until(lambda: source() == "nack", "the round trip by the retransmission")
    learnt_ms = publisher.transport.stats()["rtt_ms"]
    assert 0 < learnt_ms <= (time.monotonic() - began) * 1000
    middle = int.from_bytes(publisher.wait_control(XR).body[10:14], "big")
    publisher.send(dlrr((1, middle, 0)))
    wait_until(lambda: source() == "xr", "the round trip by the answer")


def test_a_packet_asked_for_twice_tells_no_round_trip(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track)
    publisher.transport.set_rtt(0.02)
    publisher.send(rtp(0, vp8(0, key=True)), rtp(2, vp8(2)), rtp(3, vp8(3)))
    wait_until(lambda: publication.stats()[0]["nacks"] >= 2, "asked for twice")
    publisher.send(rtx(0, rtp(1, vp8(1)), ssrc=78))
    wait_until(lambda: publication.stats()[0]["recovered"] == 1, "restored")
    publisher.settle().control.clear()
    publisher.wait_control(XR)  # a tick has passed
    assert publisher.transport.stats()["rtt_source"] == "handshake"


def test_jitter_is_told_in_timestamp_units(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track(video=False)
    publication = publisher.publish(track)
    numbers = itertools.count()
    ticks = pytest.approx(9600, rel=0.05)

    def told() -> int:
        for _, number in zip(range(100), numbers, strict=False):
            # The timestamps say 200 ms a packet, but all come at once: RFC 3550's estimate nears 9,600 ticks.
            publisher.send(rtp(number, b"sound", timestamp=number * 9600, payload_type=111))
        publisher.settle().control.clear()
        return int.from_bytes(publisher.wait_control(RR, 1).body[16:20], "big")

    # Where the machine stood still between two packets, it takes more of them.
    wait_until(lambda: told() == ticks, "a jitter of 9,600 ticks")
    assert publication.stats()[0]["jitter"] == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("reduced", [False, True])
def test_feedback_is_a_full_compound_unless_reduced_size_was_agreed(stage: Stage, reduced: bool) -> None:
    publisher, track = stage.peer(reduced_size=reduced), stage.track()
    publisher.publish(track)
    publisher.send(rtp(0, vp8(0, key=True)), rtp(5, vp8(5)), rtp(6, vp8(6)))
    publisher.wait_control(RTPFB, 1)
    compound = next(kinds for kinds in publisher.received.compounds if RTPFB in kinds)
    assert compound == ([RTPFB] if reduced else [RR, RTPFB])


def test_arrivals_are_fed_back_by_transport_wide_number(stage: Stage) -> None:
    publisher, track = stage.peer(receive_ids={TWCC: 5}, reduced_size=True), stage.track(video=False)
    publisher.publish(track)
    lost = {3, 4, 11}
    numbers = [65_530 + number for number in range(20) if number not in lost]
    began = time.monotonic()
    for number in numbers:
        extensions = {5: struct.pack("!H", number & 0xFFFF)}
        publisher.send(rtp(number, b"sound", payload_type=111, extensions=extensions))
    arrived: dict[int, int] = {}
    missing: set[int] = set()
    counts: list[int] = []

    def complete() -> bool:
        arrived.clear()
        counts.clear()
        for item in publisher.read().control:
            if (item.kind, item.count) == (RTPFB, 15):
                found = decode(item.packet)
                arrived.update(found.arrivals)
                missing.update(found.lost)
                counts.append(item.packet[19])
                assert item.media_ssrc == 77
        return len(arrived) == len(numbers)

    wait_until(complete, "feedback for all")
    assert list(arrived) == [number & 0xFFFF for number in numbers]
    assert missing == {(65_530 + number) & 0xFFFF for number in lost}
    assert counts == list(range(len(counts)))
    ticks = list(arrived.values())
    assert ticks == sorted(ticks) and ticks[-1] - ticks[0] <= (time.monotonic() - began) * TICKS_A_SECOND


def test_the_senders_capture_time_is_passed_on_as_it_is(stage: Stage) -> None:
    publisher, viewer = stage.peer(receive_ids={CAPTURE_TIME: 3}), stage.peer(send_ids={CAPTURE_TIME: 8})
    track = stage.track()
    publisher.publish(track)
    viewer.watch(track)
    stamp = struct.pack("!Q", ntp_from_utc(1_700_000_000.25))
    publisher.send(rtp(0, vp8(0, key=True), extensions={3: stamp}))
    assert viewer.wait_packets(1)[0].extensions == {8: stamp}

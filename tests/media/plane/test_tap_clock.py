"""Capture times in a tap's ring, from a live plane thread: senders whose clocks are far off, set, or shared."""

import pytest

from media.tap import ClockBasis, RoundTripSource, TapKind
from tests.media.plane.peers import MID, RID, Stage
from tests.media.plane.tapped import ExactSender, S, Tapped
from tests.patience import wait_until

MS = 10**6
HOUR_NS = 3600 * S


def settled(sender: ExactSender, tapped: Tapped) -> bool:
    """Send a packet, and whether its capture time is known to 5 ms, with what the last report says.

    The least delay counts: when the machine stood still in every report so far, more of them are needed.
    """
    sender.report()
    sender.packet()
    sender.peer.stage.settle()
    clock = tapped.clocks(sender.ssrc)[-1]
    packet = [packet for packet in tapped.packets() if packet.ssrc == sender.ssrc][-1]
    off_ns = sender.off_ns_of(packet, clock)
    assert -MS <= off_ns <= clock.error_ns, "nothing seems taken before it was"
    return clock.basis is ClockBasis.REPORT and off_ns <= 5 * MS


@pytest.mark.parametrize("off_ns", [0, 5 * HOUR_NS, -3000 * HOUR_NS])
def test_a_taps_reader_learns_when_every_packet_was_captured(stage: Stage, off_ns: int) -> None:
    publisher, track, tapped = stage.peer(), stage.track(), Tapped()
    publisher.publish(track)
    tap = stage.tap(track, tapped.ring)
    sender = ExactSender(publisher, off_ns=off_ns)
    sender.packet(key=True)
    wait_until(lambda: settled(sender, tapped), "a capture time right within 5 ms")
    # Each packet comes behind what is known of its time, within the bound that is told.
    known = None
    for record in tapped.read():
        assert (record.route, record.ssrc) == (tap.id, 77)
        if record.clock is not None:
            known = record.clock
            assert record.clock.clock_rate == 90_000
        else:
            assert known is not None
            assert -MS <= sender.off_ns_of(record, known) <= known.error_ns
    assert tapped.clocks()[0].basis is ClockBasis.ARRIVAL


def test_a_report_is_told_at_once_as_it_came(stage: Stage) -> None:
    publisher, track, tapped = stage.peer(), stage.track(), Tapped()
    publisher.publish(track)
    stage.tap(track, tapped.ring)
    publisher.transport.set_rtt(0.02)
    sender = ExactSender(publisher, off_ns=HOUR_NS)
    sender.packet(key=True)
    for _ in range(3):
        pair = sender.report()
        record = tapped.read()[-1]
        clock = record.clock
        assert clock is not None and record.kind is TapKind.CLOCK
        assert (clock.report_ntp, clock.report_timestamp, clock.report_arrival_ns) == (*pair, record.monotonic_ns)
        assert (clock.round_trip_ns, clock.round_trip_source) == (20 * MS, RoundTripSource.HANDSHAKE)
        assert not clock.round_trip_stale


def test_a_tap_that_begins_is_told_what_is_known_of_the_layers_it_takes(stage: Stage) -> None:
    publisher, track = stage.peer(receive_ids={MID: 1, RID: 2}), stage.track()
    publisher.publish(track, rids=[b"low", b"high", b"unsent"])
    for ssrc, rid in ((5, b"low"), (6, b"high")):
        sender = ExactSender(publisher, ssrc=ssrc, extensions={1: b"0", 2: rid})
        sender.packet(key=True)
        sender.report()
    both, high = Tapped(), Tapped()
    stage.tap(track, both.ring)
    stage.tap(track, high.ring, layer=1)
    stage.settle()
    assert {(record.kind, record.ssrc, record.rid) for record in both.read()} == {
        (TapKind.CLOCK, 5, "low"),
        (TapKind.CLOCK, 6, "high"),
    }
    sender.report()
    assert [(record.kind, record.rid) for record in high.read()] == [(TapKind.CLOCK, "high")] * 2
    assert {clock.basis for clock in both.clocks()} == {ClockBasis.REPORT}


def test_sound_and_picture_of_one_sender_are_in_step(stage: Stage) -> None:
    publisher, tapped = stage.peer(receive_ids={MID: 1}), Tapped()
    senders = []
    for ssrc, rate, mid in ((5, 48_000, b"0"), (6, 90_000, b"1")):
        track = stage.track(video=rate == 90_000)
        publisher.publish(track, mid=mid)
        stage.tap(track, tapped.ring)
        senders.append(ExactSender(publisher, ssrc=ssrc, rate=rate, off_ns=-HOUR_NS, extensions={1: mid}))
    for sender in senders:
        sender.packet(key=True)
    wait_until(lambda: all([settled(sender, tapped) for sender in senders]), "both are right within 5 ms")
    off_ns = []
    for sender in senders:
        sender.packet()
        stage.settle()
        packet = tapped.packets()[-1]
        off_ns.append(sender.off_ns_of(packet, tapped.clocks(sender.ssrc)[-1]))
    # What the reader may be off before it is told, of both, and a tick of each.
    assert abs(off_ns[0] - off_ns[1]) <= 2 * MS + S // 48_000 + S // 90_000


@pytest.mark.parametrize("step_ns", [2 * S, -7 * HOUR_NS])
def test_a_sender_that_sets_its_clock_moves_nothing(stage: Stage, step_ns: int) -> None:
    publisher, track, tapped = stage.peer(), stage.track(), Tapped()
    publisher.publish(track)
    stage.tap(track, tapped.ring)
    sender = ExactSender(publisher)
    sender.packet(key=True)
    wait_until(lambda: settled(sender, tapped), "right before the step")
    sender.off_ns += step_ns
    assert not settled(sender, tapped), "one report might have been held up"
    assert tapped.clocks()[-1].basis is ClockBasis.ARRIVAL
    wait_until(lambda: settled(sender, tapped), "right after the step")


def test_a_tap_on_another_thread_is_told_with_the_next_packet(stage: Stage) -> None:
    publisher, near, tapped = stage.peer(), stage.track(), Tapped()
    far = stage.track(plane=stage.another())
    publisher.publish(near)
    stage.mirror(near, far)
    stage.tap(far, tapped.ring)
    sender = ExactSender(publisher, off_ns=HOUR_NS)

    def crossed() -> bool:
        pair = sender.report()
        sender.packet(key=True)
        stage.settle()
        clocks = tapped.clocks()
        if not clocks or (clocks[-1].report_ntp, clocks[-1].report_timestamp) != pair:
            return False
        last = tapped.read()[-1]
        return last.sequence == sender.sequence and abs(sender.off_ns_of(last, clocks[-1])) <= 5 * MS

    wait_until(crossed, "the report, then the packet, on the other thread")
    late = Tapped()
    stage.tap(far, late.ring)
    stage.settle()
    assert [clock.ssrc for clock in late.clocks()] == [77]


def test_a_reader_that_fell_behind_is_told_again_and_its_losses_are_packets(stage: Stage) -> None:
    publisher, track, tapped = stage.peer(), stage.track(), Tapped(4096)
    publisher.publish(track)
    stage.tap(track, tapped.ring)
    sender = ExactSender(publisher)
    sender.packet(key=True)
    for _ in range(100):
        sender.packet()
    sender.report()
    kept = len(tapped.packets())
    for _ in range(2):
        sender.packet()
    stage.settle()
    (gap,) = (record for record in tapped.read() if record.kind is TapKind.GAP)
    # The clock record that was due when the ring became full may be one of them.
    assert 101 - kept <= gap.lost_records <= 102 - kept
    assert [record.kind for record in tapped.records[-4:]] == [TapKind.GAP, TapKind.RTP, TapKind.CLOCK, TapKind.RTP]
    assert tapped.clocks()[-1].report_ntp


def test_a_publisher_that_replaces_another_is_told_as_another_stream(stage: Stage) -> None:
    track, tapped = stage.track(), Tapped()
    stage.tap(track, tapped.ring)
    for ssrc in (5, 6):
        publisher = stage.peer()
        publisher.publish(track)
        sender = ExactSender(publisher, ssrc=ssrc, off_ns=ssrc * HOUR_NS)
        sender.packet(key=True)
        stage.settle()
        last, packet = tapped.read()[-2:]
        assert (last.kind, last.ssrc, packet.ssrc) == (TapKind.CLOCK, ssrc, ssrc)
        assert last.clock is not None and last.clock.report_ntp == 0
        sender.report()
    known = len(tapped.read())
    first = stage.peers[0]
    ExactSender(first, ssrc=5).report()
    assert len(tapped.read()) == known, "who was replaced is told no more"

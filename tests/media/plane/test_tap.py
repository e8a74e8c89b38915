"""A tap at the socket: a worker process reads every packet as the publisher sent it, with its numbers and its times."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from media.plane.copies import PlaneTap
from media.plane.memory import live_objects
from media.plane.names import PlaneError
from media.plane.tapring import DROP_NEWEST, DROP_OLDEST, TapRingView
from media.tap import TapKind
from tests.media.plane.packets import OPUS, VP8, rtp, rtx, vp8
from tests.media.plane.peers import MID, RID, Stage
from tests.media.plane.tapped import Tapped
from tests.media.plane.test_publish_red import RED, redundant, sound
from tests.patience import PATIENCE_S, wait_until

WORKER = """
import json, sys
from media.tap import TapReader
with TapReader.from_fds(int(sys.argv[1]), int(sys.argv[2])) as reader:
    while True:
        record = reader.read()
        if record is not None:
            print(json.dumps([int(record.kind), record.flags, record.route, record.ssrc, record.sequence, record.rid,
                              record.monotonic_ns, record.wall_ns, record.lost_records, record.packet.hex()]))
        elif reader.closed_by_writer:
            break
        else:
            reader.wait()
"""


class Worker:
    """A process that reads a ring to its end."""

    def __init__(self, ring: TapRingView) -> None:
        self.ring = ring
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *map(str, ring.fds())],
            pass_fds=ring.fds(),
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )

    def packets(self) -> list[dict[str, object]]:
        """Say that nothing more comes; return the packets that were read, without what was told of their clock."""
        self.ring.close()
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0
        names = ("kind", "flags", "route", "ssrc", "sequence", "rid", "monotonic_ns", "wall_ns", "lost", "packet")
        records = [dict(zip(names, json.loads(line), strict=True)) for line in output.splitlines()]
        return [record for record in records if record["kind"] != TapKind.CLOCK]


@contextmanager
def worker(ring: TapRingView) -> Iterator[Worker]:
    process = Worker(ring)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()


def tapped(packet: bytes, codec: int) -> str:
    """What the ring should hold: a bare header with the codec's number, then the payload."""
    return (bytes([0x80, packet[1] & 0x80 | codec]) + packet[2:]).hex()


def drained(stage: Stage, tap: PlaneTap) -> None:
    stage.settle()
    tap.close()
    stage.settle()


def test_a_worker_process_reads_every_packet_as_it_came(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publisher.publish(track)
    ring = TapRingView(1 << 20, DROP_NEWEST)
    with worker(ring) as process:
        tap = stage.tap(track, ring)
        packets = [
            rtp(
                65_400 + number, vp8(number, key=number % 50 == 0, body=os.urandom(number * 4)), timestamp=number * 3000
            )
            for number in range(300)
        ]
        before_ns, before_utc_ns = time.monotonic_ns(), time.time_ns()
        publisher.send(*packets)
        drained(stage, tap)
        after_ns, after_utc_ns = time.monotonic_ns(), time.time_ns()
        records = process.packets()
    assert [record["packet"] for record in records] == [tapped(packet, VP8) for packet in packets]
    assert [record["sequence"] for record in records] == [(65_400 + number) & 0xFFFF for number in range(300)]
    assert [record["flags"] for record in records] == [int(number % 50 == 0) for number in range(300)]
    assert {(record["kind"], record["route"], record["ssrc"], record["rid"]) for record in records} == {
        (TapKind.RTP, tap.id, 77, "")
    }
    for record in records:
        arrival, wall = record["monotonic_ns"], record["wall_ns"]
        assert isinstance(arrival, int) and isinstance(wall, int)
        assert before_ns <= arrival <= after_ns
        assert before_utc_ns <= wall <= after_utc_ns


def test_late_and_recovered_packets_come_with_their_own_numbers_and_duplicates_do_not(stage: Stage) -> None:
    publisher, track = stage.peer(profile="", plain=True), stage.track()
    publisher.publish(track)
    listener = Tapped()
    stage.tap(track, listener.ring)
    packets = [rtp(number, vp8(number, key=number == 0)) for number in range(8)]
    publisher.send(*packets[:3], *packets[5:], packets[4], packets[4], rtx(0, packets[3], ssrc=78))
    stage.settle()
    found = listener.packets()
    assert [record.sequence for record in found] == [0, 1, 2, 5, 6, 7, 4, 3]
    assert found[-1].packet.hex() == tapped(packets[3], VP8)


def test_sounds_that_came_inside_a_later_one_are_tapped_by_themselves(stage: Stage) -> None:
    publisher, track, red = stage.peer(), stage.track(video=False), Tapped()
    publisher.publish(track, nack=False, red_payload_type=RED)
    stage.tap(track, red.ring)
    publisher.send(*(redundant(number, 2) for number in range(10) if number not in (3, 4, 7)))
    stage.settle()
    assert [record.packet[12:] for record in red.packets()] == [sound(number) for number in range(10)]
    assert {record.packet[1] & 0x7F for record in red.packets()} == {OPUS}


def test_a_tap_takes_one_layer_or_all_with_their_rids(stage: Stage) -> None:
    publisher, track = stage.peer(receive_ids={MID: 1, RID: 2}), stage.track()
    publisher.publish(track, rids=[b"low", b"high"])
    both, high = Tapped(), Tapped()
    stage.tap(track, both.ring)
    stage.tap(track, high.ring, layer=1)
    for number in range(4):
        for layer, rid in enumerate((b"low", b"high")):
            publisher.send(rtp(number, vp8(number, key=True), ssrc=5 + layer, extensions={1: b"0", 2: rid}))
    stage.settle()
    assert [record.rid for record in both.packets()] == ["low", "high"] * 4
    assert [record.rid for record in high.packets()] == ["high"] * 4


def test_taps_need_no_viewer_and_any_number_may_listen(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track(video=False)
    publisher.publish(track)
    listeners = [Tapped() for _ in range(3)]
    taps = [stage.tap(track, listener.ring) for listener in listeners]
    packets = [rtp(number, b"sound", payload_type=111) for number in range(20)]
    publisher.send(*packets[:10])
    stage.settle()
    taps[1].close()
    stage.settle()
    publisher.send(*packets[10:])
    stage.settle()
    for listener, count in zip(listeners, (20, 10, 20), strict=True):
        found = [record.packet.hex() for record in listener.packets()]
        assert found == [tapped(packet, OPUS) for packet in packets[:count]]


def test_a_worker_that_does_not_read_loses_only_its_own_packets(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track)
    viewer.watch(track)
    newest, oldest = Tapped(4096), Tapped(4096, DROP_OLDEST)
    stage.tap(track, newest.ring)
    stage.tap(track, oldest.ring)
    for number in range(100):
        publisher.send(rtp(number, bytes([number]) * 100, timestamp=number * 960, payload_type=111))
    assert [packet.payload[0] for packet in viewer.wait_packets(100)] == list(range(100))
    publisher.settle()
    kept = len(newest.packets())
    assert [record.sequence for record in newest.packets()] == list(range(kept))
    # A clock record that was due when the ring became full may be one of them.
    assert 100 - kept <= newest.ring.counters()["dropped_records"] <= 101 - kept < 100
    gap, *records = oldest.read()
    assert gap.kind is TapKind.GAP
    found = [record.sequence for record in oldest.packets()]
    assert found == list(range(100 - len(found), 100))
    assert gap.lost_records + len(records) == oldest.ring.counters()["written_records"]
    assert stage.drops == {}


def test_packets_that_no_tap_may_see_are_not_written(stage: Stage) -> None:
    first, second, track = stage.peer(), stage.peer(), stage.track(video=False)
    first.publish(track)
    found = Tapped()
    stage.tap(track, found.ring)
    first.send(rtp(0, b"first", payload_type=111))
    stage.settle()
    second.publish(track)
    first.send(rtp(1, b"replaced", payload_type=111))
    second.send(rtp(0, b"second", payload_type=111, ssrc=9))
    first.send_raw(rtp(2, b"forged forged forged", payload_type=111))
    stage.settle()
    assert [(record.ssrc, record.packet[12:]) for record in found.packets()] == [(77, b"first"), (9, b"second")]


@pytest.mark.parametrize("layer", [-1, 1])
def test_a_tap_on_a_mirrors_far_track_reads_what_one_on_the_near_reads(stage: Stage, layer: int) -> None:
    publisher, near = stage.peer(receive_ids={MID: 1, RID: 2}), stage.track()
    far = stage.track(plane=stage.another())
    publisher.publish(near, rids=[b"low", b"high"])
    stage.mirror(near, far)
    ends = Tapped(), Tapped()
    for track, end in zip((near, far), ends, strict=True):
        stage.tap(track, end.ring, layer)
    for number in range(200):
        for place, rid in enumerate((b"low", b"high")):
            extensions = {1: b"0", 2: rid}
            payload = vp8(number, key=number % 50 == 0)
            publisher.send(rtp(65_500 + number, payload, ssrc=5 + place, extensions=extensions))
    count = 400 if layer < 0 else 200
    wait_until(lambda: len(ends[1].packets()) >= count, "all packets crossed")
    stage.settle()
    seen = [
        [
            (record.ssrc, record.sequence, record.rid, record.flags, record.monotonic_ns, record.packet)
            for record in end.packets()
        ]
        for end in ends
    ]
    assert len(seen[0]) == count
    assert sorted(seen[0]) == sorted(seen[1])


def test_a_ring_takes_taps_of_one_thread_only(stage: Stage) -> None:
    """Two threads writing it at once would tear its records."""
    near, far = stage.track(), stage.track(plane=stage.another())
    ring = TapRingView(65_536, DROP_NEWEST)
    taps = [stage.tap(near, ring), stage.tap(near, ring)]
    with pytest.raises(PlaneError, match="thread"):
        stage.tap(far, ring)
    for tap in taps:
        drained(stage, tap)
    wait_until(lambda: not stage.events() and live_objects()["tap"] == 0, "the taps are back")
    stage.tap(far, ring)


def test_many_taps_share_a_ring_and_none_loses_a_packet(stage: Stage) -> None:
    """As a recorder's do: 30 sources, one of them taken twice, one ring, each packet known by its route."""
    publisher, shared = stage.peer(receive_ids={MID: 1}), Tapped(4 << 20)
    wanted: dict[int, list[int]] = {}
    for place in range(30):
        track = stage.track(video=False)
        publisher.publish(track, mid=b"%d" % place)
        for _ in range(2 if place == 7 else 1):
            wanted[stage.tap(track, shared.ring).id] = [1000 * place + number for number in range(40)]
    for number in range(40):
        for place in range(30):
            mid = {1: b"%d" % place}
            publisher.send(rtp(1000 * place + number, b"sound", ssrc=500 + place, payload_type=111, extensions=mid))
    stage.settle()
    seen: dict[int, list[int]] = {route: [] for route in wanted}
    for record in shared.packets():
        seen[record.route].append(record.sequence)
    assert seen == wanted
    assert {record.route for record in shared.records if record.kind is TapKind.CLOCK} == set(wanted)
    assert shared.ring.counters()["dropped_records"] == 0


def test_no_packet_arrives_before_it_was_sent(stage: Stage) -> None:
    """Not even one that comes while the thread is at control's orders: the sender's clock is judged by the earliest."""
    publisher, track = stage.peer(profile="", plain=True), stage.track(video=False)
    publisher.publish(track)
    found = Tapped(1 << 21)
    stage.tap(track, found.ring)
    stage.settle()
    sent = []
    for number in range(8000):
        for _ in range(number % 80):
            track.want_keyframe()
        sent.append(time.monotonic_ns())
        publisher.send(rtp(number, b"sound", payload_type=111))
    stage.settle()
    arrived = [record.monotonic_ns for record in found.packets()]
    assert len(arrived) == len(sent)
    assert [arrival for arrival, departure in zip(arrived, sent, strict=True) if arrival < departure] == []

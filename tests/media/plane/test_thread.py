"""The thread as control sees it: woken when there is something, told what matters first, ended cleanly."""

import ctypes
import gc
import os
import resource
import select
import struct
import threading
import time

import pytest

from media.plane.names import PlaneError
from media.plane.objects import PlaneTrack
from media.plane.thread import DatagramReceived, PlaneThread, StreamBound
from tests.media.plane.packets import rtp, vp8
from tests.media.plane.peers import Stage, staged
from tests.media.plane.test_datagram import DTLS_RECORD, request
from tests.patience import PATIENCE_S, wait_until

RING_SLOTS = 1024
ESSENTIAL_SLOTS = 256


def readable(plane: PlaneThread, seconds: float = 0.0) -> bool:
    return bool(select.select([plane.fileno()], [], [], seconds)[0])


def test_the_descriptor_is_readable_exactly_when_there_are_events(stage: Stage) -> None:
    peer = stage.peer(connect=False)
    peer.transport.add_ufrag(b"ours")
    stage.settle()
    assert stage.plane.events() == []
    assert not readable(stage.plane)
    for _ in range(3):
        peer.send_raw(request())
        assert readable(stage.plane, PATIENCE_S)
        wait_until(lambda: len(stage.plane.events()) == 1, "one event")
        assert not readable(stage.plane)


def test_no_wake_up_is_lost_between_reading_and_waiting(stage: Stage) -> None:
    peer = stage.peer()
    stage.settle()
    stage.plane.events()
    seen = 0
    for number in range(80):
        peer.send_raw(DTLS_RECORD)
        if number % 3 == 0:
            assert readable(stage.plane, PATIENCE_S)
        seen += len(stage.plane.events())
    while seen < 80:
        assert readable(stage.plane, PATIENCE_S)
        seen += len(stage.plane.events())
    assert seen == 80


def test_when_control_does_not_read_datagrams_are_dropped_and_essential_events_are_not() -> None:
    with staged() as stage:
        publisher, track = stage.peer(), stage.track()
        publication = publisher.publish(track)
        peers = [stage.peer() for _ in range(12)]
        stage.commanded()
        stage.plane.events()
        for _ in range(9):
            for peer in peers:
                peer.send_raw(*[DTLS_RECORD] * 10)
            stage.settle()
        publisher.send(rtp(0, vp8(0, key=True)))
        stage.settle()
        extra = PlaneTrack(stage.plane, True)
        extra.close()
        stage.settle()
        events = stage.plane.events()
        kept = [event for event in events if isinstance(event, DatagramReceived)]
        assert RING_SLOTS - ESSENTIAL_SLOTS - 2 <= len(kept) <= RING_SLOTS - ESSENTIAL_SLOTS
        assert stage.drops == {"control_busy": 1080 - len(kept)}
        assert events[-1] == StreamBound(publication)
        assert stage.plane.live_objects == len(stage.owned) + 1
        # The plane goes on as before once control reads again.
        peers[0].send_raw(DTLS_RECORD)
        stage.wait_event(lambda event: isinstance(event, DatagramReceived))


def test_events_of_objects_that_are_gone_are_not_told(stage: Stage) -> None:
    publisher, track = stage.peer(), stage.track()
    publication = publisher.publish(track)
    publisher.send(rtp(0, vp8(0, key=True)))
    publisher.send_raw(DTLS_RECORD)
    stage.settle()
    publication.close()
    stage.settle()
    # In the ring: bound, datagram, freed. The first two came while the objects lived, so they are still told.
    assert {type(event) for event in stage.plane.events()} == {StreamBound, DatagramReceived}
    assert stage.plane.events() == []


def test_counters_say_what_the_thread_did(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track)
    viewer.watch(track)
    began_ns = time.monotonic_ns()
    publisher.send(*(rtp(number, b"sound", payload_type=111) for number in range(30)))
    publisher.settle()
    got = viewer.settle()
    counters = stage.plane.counters()
    assert counters["received_packets"] == 30
    assert counters["transports"] == 3
    assert counters["sent_packets"] >= 30
    assert counters["sent_octets"] >= sum(len(packet.raw) for packet in got.packets)
    assert counters["send_calls"] <= counters["sent_messages"] <= counters["sent_packets"]
    assert counters["wakeups"] > 0
    stats = viewer.transport.stats()
    assert stats["sent_packets"] >= 30
    assert publisher.transport.stats()["received_packets"] == 30
    assert began_ns < publisher.transport.stats()["heard_ns"] < time.monotonic_ns()


def test_an_idle_thread_sleeps() -> None:
    with staged() as stage:
        stage.settle()
        before, began = stage.plane.counters()["wakeups"], time.monotonic()
        time.sleep(0.2)  # what is tested is that nothing happens
        assert stage.plane.counters()["wakeups"] - before < 400 * (time.monotonic() - began)


def test_packets_leave_while_python_holds_the_interpreter() -> None:
    """They are due only while a call that does not give up the GIL waits for the first of them."""
    poll = ctypes.PyDLL(None).poll
    with staged(flush_us=100_000) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        publisher.settle()
        packets = [publisher.protect(rtp(number, vp8(number, key=True), marker=False)) for number in range(50)]
        viewer.settle()
        publisher.send_raw(*packets)
        asked = struct.pack("=ihh", viewer.socket.fileno(), select.POLLIN, 0)
        assert poll(asked, 1, int(PATIENCE_S * 1000)) == 1
        viewer.wait_packets(50)


def test_close_may_be_called_twice_and_ends_the_thread() -> None:
    before = threading.active_count()
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))
    plane = PlaneThread(3, "127.0.0.1", 0)
    assert any(thread.name == "plane-3" for thread in threading.enumerate())
    assert len(os.listdir("/proc/self/fd")) > descriptors
    plane.close()
    plane.close()
    assert threading.active_count() == before
    assert plane.events() == []
    with pytest.raises(PlaneError, match="closed"):
        PlaneTrack(plane, True)
    del plane
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7"])
def test_an_address_that_is_not_ours_is_refused_in_words(host: str) -> None:
    with pytest.raises(PlaneError, match=host):
        PlaneThread(0, host, 0)


def test_want_of_descriptors_is_told_in_words_and_leaves_nothing_open() -> None:
    """The sockets and the rings' descriptors can still be had, epoll's cannot."""
    plane = PlaneThread(0, "127.0.0.1", 0)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    plane.close()
    del plane
    gc.collect()
    needed = before - len(os.listdir("/proc/self/fd"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(needed)]
    limit = max(held) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        # Below the limit there may be other gaps: only what is freed here shall be free.
        while (spare := _one_more()) is not None:
            held.append(spare)
        for _ in range(needed - 1):
            os.close(held.pop())
        with pytest.raises(PlaneError, match=r"epoll_create1: Too many open files"):
            PlaneThread(0, "127.0.0.1", 0)
        gc.collect()
        for _ in range(needed - 1):
            spare = _one_more()
            assert spare is not None, "left open"
            held.append(spare)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


def _one_more() -> int | None:
    try:
        return os.open("/dev/null", os.O_RDONLY)
    except OSError:
        return None

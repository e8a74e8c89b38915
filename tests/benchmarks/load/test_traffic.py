"""Floor, sender and receiver over real sockets: every packet is counted once, authentic, in its time."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from benchmarks import floor, machine, shapes
from benchmarks.load import records
from benchmarks.load.path import Path
from benchmarks.load.receive import Receiver
from benchmarks.load.send import Sender
from tests.patience import PATIENCE_S, wait_until


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def bound(stack: ExitStack) -> socket.socket:
    made = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    made.bind(("127.0.0.1", 0))
    return made


def wait_for_packets(receiver: Receiver, count: int) -> None:
    wait_until(lambda: receiver.totals()[0] + receiver.dropped() >= count, f"{count} packets")


@pytest.mark.parametrize(("shape", "padded"), [("frames", False), ("trace", False), ("trace", True), ("opus", False)])
def test_a_hundred_viewers_count_exactly_what_the_floor_sends(stack: ExitStack, shape: str, padded: bool) -> None:
    viewers = 100
    machine.raise_file_limit()
    sockets = [bound(stack) for _ in range(viewers)]
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.floor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    assert process.stdin is not None and process.stdout is not None
    targets = [made.getsockname() for made in sockets]
    asked = {"targets": targets, "shape": shape, "padded": padded, "core": machine.SERVER_CORE}
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    port = int(process.stdout.readline())
    receiver = Receiver(viewers)
    for index, made in enumerate(sockets):
        made.connect(("127.0.0.1", port))
        path = Path(made, floor.keys(index, of_viewer=True), floor.TRANSPORT_CC_ID)
        path.prepare()
        receiver.add(path, whole=True)
    receiver.start()
    process.stdin.write("send\n")
    process.stdin.flush()
    wait_for_packets(receiver, viewers * 50)
    process.stdin.write("stop\n")
    process.stdin.flush()
    sent = json.loads(process.stdout.readline())
    wait_for_packets(receiver, sent["packets"])
    receiver.stop()
    packets, _, lost, duplicates, refused = receiver.totals()
    assert sent["failures"] == 0
    assert packets + receiver.dropped() == sent["packets"]
    assert (duplicates, refused) == (0, 0)
    if receiver.dropped() == 0:
        assert lost == 0
        assert {receiver.viewer(index)["authenticated"] for index in range(viewers)} == {packets // viewers}


def test_sender_and_receiver_agree_on_times_and_order(stack: ExitStack) -> None:
    publisher, viewer = bound(stack), bound(stack)
    publisher.connect(viewer.getsockname())
    viewer.connect(publisher.getsockname())
    sender, receiver = Sender(records=10_000), Receiver(1, records=10_000)
    sending = Path(publisher, floor.keys(0, of_viewer=False), transport_cc_id=3)
    receiving = Path(viewer, floor.keys(0, of_viewer=True), transport_cc_id=3, audio_payload_types=frozenset({111}))
    for path in (sending, receiving):
        path.prepare()
    index = sender.add_path(sending)
    sender.add_flow(index, shapes.frames(), ssrc=1, payload_type=102, first_sequence=65535)
    sender.add_flow(index, shapes.opus(), ssrc=2, payload_type=111, phase_ns=7_000_000, audio_level_id=1)
    receiver.add(receiving, whole=True)
    receiver.record(True)
    sender.record(True)
    receiver.start()
    sender.start()
    sender.send(True)
    wait_for_packets(receiver, 300)
    sender.send(False)
    sender.stop()
    wait_for_packets(receiver, sender.packets)
    wait_until(lambda: all(one["sender_report_seen"] for one in receiver.viewer(0)["streams"]), "reports of both")
    receiver.stop()
    left, came = records.read(sender.recorded()), records.read(receiver.recorded())
    assert len(left) == len(came) == sender.packets
    for ssrc in (1, 2):
        mine, theirs = left[left["ssrc"] == ssrc], came[came["ssrc"] == ssrc]
        assert np.array_equal(mine["sequence"], theirs["sequence"])
        assert np.array_equal(mine["timestamp"], theirs["timestamp"])
        assert (theirs["at_ns"] > mine["at_ns"]).all()
    assert receiver.viewer(0)["refused"] == 0
    assert sender.path(0)["received"] >= 3, "feedback and reports go back to the sender"
    assert sender.path(0)["send_errors"] == 0


def test_publisher_makes_a_keyframe_when_asked(stack: ExitStack) -> None:
    publisher, server = bound(stack), bound(stack)
    publisher.connect(server.getsockname())
    ours, theirs = floor.keys(0, of_viewer=False), floor.keys(0, of_viewer=True)
    sender = Sender()
    path = Path(publisher, ours)
    path.prepare()
    sender.add_flow(sender.add_path(path), shapes.frames(keyframe_every_s=60), ssrc=1, payload_type=102)
    sender.start()
    sender.send(True)
    server.settimeout(PATIENCE_S)

    def next_keyframe() -> None:
        while True:
            data = server.recv(2048)
            if not 192 <= data[1] <= 223 and theirs.receiver.unprotect(data)[12] & 31 == 24:
                return

    next_keyframe()
    pli = bytes([0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1])
    publisher_address = publisher.getsockname()
    server.sendto(theirs.sender.protect_rtcp(pli), publisher_address)
    next_keyframe()
    sender.stop()
    assert sender.path(0)["keyframe_requests"] == 1

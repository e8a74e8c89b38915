"""One server with a source and its viewers, ready to be measured; several of them measured in turns.

CPU time per forwarded packet is the server's user and system time from /proc divided by the RTP packets that its
viewers' sockets were given: read by the load, or dropped by the kernel at a full buffer. It is counted there, and the
same way for every server, because the kernel counts a whole GSO message as one datagram sent.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Protocol

from benchmarks import floor, machine, shapes
from benchmarks.load.path import Path
from benchmarks.load.receive import Receiver
from benchmarks.load.send import Sender
from benchmarks.peers.model import Server, end, start

SETTLE_S = 1.0
# Rounds that may be repeated when the load was held up, or others used the server's core.
SPARE_ROUNDS = 3
# So much of the traffic that its shape promises must come, and so much of the core may others use.
LEAST_TRAFFIC = 0.97
MOST_OTHERS = 0.1


class StageError(Exception):
    """A stage could not be measured: the traffic of its shape did not flow."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one stage."""

    use: machine.Use
    packets: int
    expected: float
    """Packets that the shape promises in this time."""

    @property
    def us_per_packet(self) -> float:
        return self.use.server_ns / 1000 / self.packets

    @property
    def control_us_per_packet(self) -> float:
        """The part of it that the server's first thread used."""
        return self.use.control_ns / 1000 / self.packets

    @property
    def is_sound(self) -> bool:
        """Whether traffic flowed as its shape promises and the server had its core to itself."""
        return self.packets >= LEAST_TRAFFIC * self.expected and self.use.others <= MOST_OTHERS


class Stage(Protocol):
    """What is measured."""

    name: str
    receiver: Receiver

    @property
    def pid(self) -> int: ...
    @property
    def packets_per_second(self) -> float:
        """Packets to all viewers that the shape promises."""

    def send(self, on: bool) -> None:
        """Let media flow, or stop it."""

    def close(self) -> None: ...


class ServedStage:
    """A media server, one publisher of one track, viewers; all of it ended by `close`."""

    def __init__(self, make: Callable[[], Server], shape: shapes.Shape, source: str, viewers: int) -> None:
        """Start the server and connect everybody; nothing flows yet."""
        self._shape = shape
        self._viewers = viewers
        with ExitStack() as stack:
            server = make()
            stack.callback(server.close)
            self.name = server.name
            self._server = server
            publication = server.publish(source, [shape.kind])
            sender = Sender(core=machine.LOAD_CORE)
            [path], [track] = publication.paths, publication.tracks
            stack.callback(path.socket.close)
            sender.add_flow(
                sender.add_path(path),
                shape,
                ssrc=track.ssrc,
                payload_type=track.payload_type,
                audio_level_id=track.audio_level_id,
            )
            self._sender = sender
            sender.start()
            stack.callback(sender.stop)
            self.receiver = received_by(server.watch(source, viewers), stack)
            self._stack = stack.pop_all()

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def packets_per_second(self) -> float:
        return self._shape.packets_per_second * self._viewers

    def send(self, on: bool) -> None:
        self._sender.send(on)

    def close(self) -> None:
        self._stack.close()


class FloorStage:
    """The bare floor with the same viewers."""

    name = "floor"

    def __init__(self, shape: str, viewers: int, *, padded: bool = False) -> None:
        """Start the floor's process; `shape` is a name of `floor.SHAPES`."""
        self._shape = floor.SHAPES[shape]()
        self._viewers = viewers
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(viewers)]
            for made in sockets:
                made.bind(("127.0.0.1", 0))
            self._process = start(
                [sys.executable, "-m", "benchmarks.floor"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            stack.callback(end, self._process)
            assert self._process.stdin is not None and self._process.stdout is not None
            stack.callback(self._process.stdout.close)
            stack.callback(self._process.stdin.close)
            asked = {
                "targets": [made.getsockname() for made in sockets],
                "shape": shape,
                "padded": padded,
                "core": machine.SERVER_CORE,
            }
            self._tell(json.dumps(asked))
            port = int(self._process.stdout.readline())
            paths = []
            for index, made in enumerate(sockets):
                made.connect(("127.0.0.1", port))
                path = Path(made, floor.keys(index, of_viewer=True), floor.TRANSPORT_CC_ID, frozenset({111}))
                path.prepare()
                paths.append(path)
            self.receiver = received_by(paths, stack)
            self._stack = stack.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def packets_per_second(self) -> float:
        return self._shape.packets_per_second * self._viewers

    def send(self, on: bool) -> None:
        self._tell("send" if on else "pause")

    def close(self) -> None:
        self._stack.close()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()


def received_by(paths: Sequence[Path], stack: ExitStack, records: int = 0) -> Receiver:
    """A running receiver of these viewers, of whom the first checks that packets are authentic."""
    receiver = Receiver(max(len(paths), 1), records=records, core=machine.LOAD_CORE)
    for index, path in enumerate(paths):
        stack.callback(path.socket.close)
        receiver.add(path, whole=index == 0)
    receiver.start()
    stack.callback(receiver.stop)
    return receiver


def sample(stage: Stage, seconds: float) -> Sample:
    """Measure a stage whose media flows."""
    before, packets = machine.Use.of(stage.pid), _packets(stage.receiver)
    time.sleep(seconds)
    use, packets_after = machine.Use.of(stage.pid).since(before), _packets(stage.receiver)
    return Sample(use, packets_after - packets, stage.packets_per_second * use.seconds)


def _packets(receiver: Receiver) -> int:
    return receiver.totals()[0] + receiver.dropped()


def one_round(stage: Stage, seconds: float) -> Sample:
    """Let media flow, settle, measure, stop.

    Raises:
        StageError: packets came that were not authentic, or none.
    """
    stage.send(True)
    time.sleep(SETTLE_S)
    taken = sample(stage, seconds)
    stage.send(False)
    if stage.receiver.totals()[4]:
        raise StageError(f"{stage.receiver.totals()[4]} packets are not authentic")
    if not taken.packets:
        alive = "runs" if FilePath(f"/proc/{stage.pid}/exe").exists() else "has ended"
        raise StageError(f"nothing arrived; the server {alive}; first viewer: {stage.receiver.viewer(0)}")
    return taken


def in_turns(
    stages: dict[str, Stage], failed: Callable[[str, Exception], None], *, rounds: int, seconds: float
) -> dict[str, list[Sample]]:
    """Measure stages one after another, round by round, so that what disturbs one disturbs all.

    A round that is not sound is repeated a few times; when there is no sound one at all, what was measured is
    returned. A stage that cannot be measured is told to `failed` and left out.
    """
    taken: dict[str, list[Sample]] = {name: [] for name in stages}
    for number in range(rounds + SPARE_ROUNDS):
        for name, stage in stages.items():
            if name not in taken:
                continue
            sound = [past for past in taken[name] if past.is_sound]
            if number >= rounds and len(sound) >= rounds:
                continue
            try:
                if number == 0:
                    one_round(stage, seconds / 3)
                taken[name].append(one_round(stage, seconds))
            except (StageError, OSError) as error:
                failed(name, error)
                del taken[name]
    return {name: [s for s in samples if s.is_sound] or samples for name, samples in taken.items()}

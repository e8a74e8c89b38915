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
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Protocol

from benchmarks import floor, machine, shapes
from benchmarks.load.path import Path
from benchmarks.load.receive import Receiver
from benchmarks.peers.model import Server, end, start
from benchmarks.traffic import received_by, sent_by

# From the first packet, a keyframe, until all viewers get everything.
SETTLE_S = 0.5
# Rounds that may be repeated, but no more than there are, when the load was held up, or others used the server's core.
SPARE_ROUNDS = 3
# So much of the traffic that its shape promises must come, and no more; others may use so much of the core.
LEAST_TRAFFIC = 0.97
MOST_TRAFFIC = 1.03
MOST_OTHERS = 0.1


class StageError(Exception):
    """A stage could not be measured: the traffic of its shape did not flow."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one stage."""

    use: machine.Use
    packets: int
    expected: int
    """Packets that the shape promises in this time."""

    @property
    def us_per_packet(self) -> float:
        return self.use.process_ns / 1000 / self.packets

    @property
    def main_us_per_packet(self) -> float:
        """The part of it that the server's first thread used: of ours, the control loop."""
        return self.use.by_thread_ns["main"] / 1000 / self.packets

    @property
    def is_sound(self) -> bool:
        """Whether traffic flowed as its shape promises and the server had its core to itself."""
        whole = LEAST_TRAFFIC * self.expected <= self.packets <= MOST_TRAFFIC * self.expected
        return whole and self.use.others <= MOST_OTHERS


class Stage(Protocol):
    """What is measured."""

    name: str
    receiver: Receiver

    @property
    def pid(self) -> int: ...
    def packets_until(self, elapsed_ns: int) -> int:
        """Packets to all viewers that the shape promises in the time since media began to flow."""

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
            published = server.publish(source, [shape.kind])
            self._sender, _ = sent_by([published], {shape.kind: shape}, stack)
            self.receiver = received_by(server.watch(source, viewers), stack)
            self._stack = stack.pop_all()

    @property
    def pid(self) -> int:
        return self._server.pid

    def packets_until(self, elapsed_ns: int) -> int:
        return self._shape.packets_until(elapsed_ns) * self._viewers

    def send(self, on: bool) -> None:
        self._sender.send(on)

    def close(self) -> None:
        self._stack.close()


class FloorStage:
    """The bare floor with the same viewers."""

    name = "floor"

    def __init__(self, shape: str, viewers: int, *, padded: bool = False) -> None:
        """Start the floor's process; `shape` is a name of `shapes.BY_NAME`."""
        self._shape = shapes.BY_NAME[shape]()
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

    def packets_until(self, elapsed_ns: int) -> int:
        return self._shape.packets_until(elapsed_ns) * self._viewers

    def send(self, on: bool) -> None:
        self._tell("send" if on else "pause")

    def close(self) -> None:
        self._stack.close()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()


def _packets(receiver: Receiver) -> int:
    return receiver.totals()[0] + receiver.dropped()


def one_round(stage: Stage, seconds: float) -> Sample:
    """Let media flow, settle, measure, stop.

    Raises:
        StageError: packets came that were not authentic, or none.
    """
    began_ns = time.monotonic_ns()
    stage.send(True)
    time.sleep(SETTLE_S)
    before, packets_before, from_ns = machine.Use.of(stage.pid), _packets(stage.receiver), time.monotonic_ns()
    time.sleep(seconds)
    use, packets, to_ns = machine.Use.of(stage.pid).since(before), _packets(stage.receiver), time.monotonic_ns()
    stage.send(False)
    if stage.receiver.totals()[4]:
        raise StageError(f"{stage.receiver.totals()[4]} packets are not authentic")
    if packets == packets_before:
        alive = "runs" if FilePath(f"/proc/{stage.pid}/exe").exists() else "has ended"
        raise StageError(f"nothing arrived; the server {alive}; first viewer: {stage.receiver.viewer(0)}")
    expected = stage.packets_until(to_ns - began_ns) - stage.packets_until(from_ns - began_ns)
    return Sample(use, packets - packets_before, expected)


Round = Mapping[str, Sample]
"""What was measured of each stage, one right after the other."""


def in_turns(
    stages: dict[str, Stage],
    failed: Callable[[str, Exception], None],
    *,
    rounds: int,
    seconds: float,
    fewer: Mapping[str, int] | None = None,
) -> list[Round]:
    """Measure stages one after another, round by round, the first of them beside each of the others.

    Every second round goes the other way, so that none is always the one after. A pair (the first stage and another)
    that was not sound is repeated a few times. `fewer` names stages of which fewer rounds will do. One that cannot be
    measured is told to `failed` and left out from then on.
    """
    wanted = dict.fromkeys(stages, rounds) | dict(fewer or {})
    left = dict(stages)
    # What is loaded and allocated with the first packets belongs to none of the rounds.
    _one_by_one(left, list(left), failed, seconds / 3)
    taken: list[Round] = []
    for number in range(rounds + min(rounds, SPARE_ROUNDS)):
        names = lacking(taken, list(left), wanted)
        if not names:
            break
        taken.append(_one_by_one(left, names[:: 1 if number % 2 == 0 else -1], failed, seconds))
    return taken


def _one_by_one(
    stages: dict[str, Stage], names: Sequence[str], failed: Callable[[str, Exception], None], seconds: float
) -> Round:
    """Measure each once; one that fails is taken out of `stages`."""
    found: dict[str, Sample] = {}
    for name in names:
        try:
            found[name] = one_round(stages[name], seconds)
        except (StageError, OSError) as error:
            failed(name, error)
            del stages[name]
    return found


def lacking(taken: Sequence[Round], names: Sequence[str], wanted: Mapping[str, int]) -> list[str]:
    """Stages of which there are fewer sound rounds than wanted; before them the first, which they are held against."""
    if not names:
        return []
    first, *others = names
    found = [name for name in others if len(_sound(taken, first, name)) < wanted[name]]
    if others:
        return [first, *found] if found else []
    return [first] if len(_sound(taken, first)) < wanted[first] else []


def costs(taken: Sequence[Round], name: str) -> list[float]:
    """Microseconds per packet of a stage in each sound round; in all, where there is none."""
    measured = [one for one in taken if name in one]
    return [one[name].us_per_packet for one in _sound(measured, name) or measured]


def pairs(taken: Sequence[Round], ours: str, theirs: str) -> list[tuple[float, float]]:
    """The same of two stages in each round that is sound for both; in all, where there is none."""
    measured = [one for one in taken if ours in one and theirs in one]
    return [(one[ours].us_per_packet, one[theirs].us_per_packet) for one in _sound(measured, ours, theirs) or measured]


def is_sound(taken: Sequence[Round], ours: str, theirs: str) -> bool:
    """Whether `pairs` gives rounds that are sound for both, and not just what there is."""
    return bool(_sound(taken, ours, theirs))


def _sound(taken: Sequence[Round], *names: str) -> list[Round]:
    return [one for one in taken if all(name in one and one[name].is_sound for name in names)]

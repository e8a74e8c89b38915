"""Put load on a server: all publications behind one sending thread, all viewers behind one receiving thread.

Opens nothing itself; what it is given, sockets and threads, ends with the caller's stack.
"""

import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks import machine
from benchmarks.load.path import Path
from benchmarks.load.receive import Receiver
from benchmarks.load.send import Sender
from benchmarks.peers.model import Publication
from benchmarks.shapes import Kind, Shape

Flows = dict[tuple[str, Kind], int]
"""(source, kind) -> the sender's flow, which its records carry as `path`."""


def sent_by(
    publications: Sequence[Publication],
    shape_of: Mapping[Kind, Shape],
    stack: ExitStack,
    *,
    phases: random.Random | None = None,
    records: int = 0,
) -> tuple[Sender, Flows]:
    """A running sender of these publications; nothing flows yet.

    With `phases` each flow begins at a random place of its shape, else at the beginning. `records` is the room for
    times of departure, in packets.
    """
    flows: Flows = {}
    capacity = sum(len(publication.tracks) for publication in publications)
    sender = Sender(capacity, records=records, core=machine.LOAD_CORE)
    for publication in publications:
        stack.callback(publication.path.socket.close)
        index = sender.add_path(publication.path)
        for track in publication.tracks:
            shape = shape_of[track.kind]
            flows[publication.source, track.kind] = sender.add_flow(
                index,
                shape,
                ssrc=track.ssrc,
                payload_type=track.payload_type,
                audio_level_id=track.audio_level_id,
                phase_ns=phases.randrange(shape.period_ns) if phases else 0,
            )
    sender.start()
    stack.callback(sender.stop)
    return sender, flows


def received_by(paths: Sequence[Path], stack: ExitStack, *, records: int = 0) -> Receiver:
    """A running receiver of these viewers, of whom the first checks that packets are authentic.

    `records` is the room for times of arrival, in packets.
    """
    receiver = Receiver(max(len(paths), 1), records=records, core=machine.LOAD_CORE)
    for index, path in enumerate(paths):
        stack.callback(path.socket.close)
        receiver.add(path, whole=index == 0)
    receiver.start()
    stack.callback(receiver.stop)
    return receiver

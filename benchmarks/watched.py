"""One of our servers, watched: publishers and viewers of whose packets it is known when they left and when they came.

In-to-out is from just before the publisher's send call to the kernel's receive stamp at the viewer's socket; on
loopback a datagram is at the other socket when its send call returns, so this is the server's time and the wake-up's.
"""

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks import shapes
from benchmarks.delay import DelayError, match
from benchmarks.load import records
from benchmarks.load.receive import Receiver
from benchmarks.load.send import Sender
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import at_once
from benchmarks.traffic import Flows, received_by, sent_by

AUDIO_TYPE = 111
SEED = 20260101
# Departures are recorded for so long before arrivals are, so that each arrival has its departure.
LEAD_S = 1.5
# How long one recording may be.
LONGEST_S = 30.0
# So many of the streams that should come may be missing or without a match, for instance because they ended meanwhile.
MOST_UNMATCHED = 1 / 20


@dataclass(frozen=True, slots=True)
class Delays:
    """In-to-out delays of the packets of one recording."""

    ms: npt.NDArray[np.float64]
    lost: int
    """Packets missing between the first and the last that came, over all streams; they have no delay."""

    def percentile(self, share: float) -> float:
        """The delay in milliseconds that `share` percent of the packets do not exceed."""
        return float(np.percentile(self.ms, share))

    def __str__(self) -> str:
        shown = ", ".join(f"p{share:g} {self.percentile(share):.2f}" for share in (50, 90, 99, 99.9))
        return f"{shown}, max {self.ms.max():.2f} ms of {len(self.ms)} packets, {self.lost} lost"


def merged(recordings: Sequence[Delays]) -> Delays:
    """Take several recordings for one."""
    return Delays(np.concatenate([one.ms for one in recordings]), sum(one.lost for one in recordings))


@dataclass(slots=True)
class Watched:
    """Publishers, their viewers, and which viewer watches whom. Media flows once the sender is told."""

    server: Huishang
    sender: Sender
    receiver: Receiver
    flows: Flows
    watching: list[str]
    """The source that each viewer of the receiver watches."""
    room: int
    """Arrivals that can be recorded, in packets."""

    def begin(self) -> None:
        """Record from now on."""
        self.sender.record(True)
        time.sleep(LEAD_S)
        self.receiver.record(True)

    def end(self) -> Delays:
        """Stop recording and return the delays of all packets that arrived since `begin`.

        Raises:
            DelayError: none could be told, or there were more packets than there is room for.
        """
        self.receiver.record(False)
        self.sender.record(False)
        left, came = records.read(self.sender.recorded()), records.read(self.receiver.recorded())
        if len(came) >= self.room:
            raise DelayError(f"recorded for too long: no room for more than {self.room} packets")
        return self._delays(left, came)

    def record(self, seconds: float) -> Delays:
        """Record for a while. Raises DelayError as `end` does."""
        self.begin()
        time.sleep(seconds)
        return self.end()

    def _delays(self, left: records.Records, came: records.Records) -> Delays:
        by_flow = {flow: left[left["path"] == flow] for flow in self.flows.values()}
        came = came[np.lexsort((came["ssrc"], came["path"]))]
        edges = np.flatnonzero((np.diff(came["path"]) != 0) | (np.diff(came["ssrc"]) != 0)) + 1
        found = []
        unmatched: list[DelayError] = []
        for stream in np.split(came, edges) if len(came) else []:
            kind = self._kind(int(stream["path"][0]), int(stream["ssrc"][0]))
            flow = self.flows.get((self.watching[int(stream["path"][0])], kind))
            if flow is None:
                continue
            try:
                found.append(match(by_flow[flow], stream))
            except DelayError as error:
                unmatched.append(error)
        # One that never came has no delays either: without it the server would look quick.
        expected = sum(source == watched for source, _ in self.flows for watched in self.watching)
        missing = expected - len(found)
        if not found or missing > expected * MOST_UNMATCHED:
            why = unmatched[0] if unmatched else "nothing came of them"
            raise DelayError(f"{missing} of {expected} streams could not be matched: {why}")
        return Delays(np.concatenate([one.delays_ns for one in found]) / 1e6, sum(one.lost for one in found))

    def _kind(self, viewer: int, ssrc: int) -> shapes.Kind:
        types = {stream["ssrc"]: stream["payload_type"] for stream in self.receiver.viewer(viewer)["streams"]}
        return "audio" if types.get(ssrc) == AUDIO_TYPE else "video"


def watch(
    server: Huishang,
    sources: Sequence[str],
    watching: Sequence[str],
    stack: ExitStack,
    *,
    video: shapes.Shape,
    audio: shapes.Shape | None = None,
) -> Watched:
    """Publish `sources`, each flow at a random place of its shape, and connect viewers, each to its source."""
    shape_of: dict[shapes.Kind, shapes.Shape] = {"video": video}
    if audio:
        shape_of["audio"] = audio
    packets_per_second = sum(shape.packets_per_second for shape in shape_of.values())
    published = at_once(lambda place: server.publish(sources[place], list(shape_of)), len(sources))
    sender, flows = sent_by(
        published,
        shape_of,
        stack,
        phases=random.Random(SEED),
        records=int(packets_per_second * len(sources) * (LONGEST_S + LEAD_S)),
    )
    paths = at_once(lambda place: server.watch_once(watching[place]), len(watching))
    room = int(packets_per_second * len(watching) * LONGEST_S)
    return Watched(server, sender, received_by(paths, stack, records=room), flows, list(watching), room)

"""Traffic shapes: when how many bytes are sent, as one period that repeats.

Sizes are whole RTP packets before protection, with the header and the 8 bytes of a transport-wide sequence number, as
a browser sends them.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Literal

RTP_OVERHEAD_BYTES = 20
SECOND_NS = 1_000_000_000

VIDEO_CLOCK_HZ = 90_000
AUDIO_CLOCK_HZ = 48_000

Kind = Literal["video", "audio"]

TRACE_FILE = FilePath(__file__).parent / "data" / "chromium-720p-h264.json.gz"


@dataclass(frozen=True, slots=True)
class Burst:
    """Packets of one frame that leave together."""

    at_ns: int
    """Since the period began."""
    timestamp: int
    """RTP timestamp since the period began, in ticks of the shape's clock."""
    sizes: tuple[int, ...]
    """RTP packet sizes in bytes, in order."""
    marker: bool = True
    """The last packet ends its frame."""
    keyframe: bool = False
    starts_frame: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """One period of a stream's traffic."""

    name: str
    kind: Kind
    """Video is H.264, audio Opus."""
    clock_rate_hz: int
    period_ns: int
    bursts: tuple[Burst, ...]

    def __post_init__(self) -> None:
        if not self.bursts:
            raise ValueError(f"{self.name}: a shape without bursts")
        if any(after.at_ns < before.at_ns for before, after in pairwise(self.bursts)):
            raise ValueError(f"{self.name}: bursts are not in the order of time")
        if self.bursts[-1].at_ns >= self.period_ns or self.bursts[0].at_ns < 0:
            raise ValueError(f"{self.name}: a burst outside the period")

    @property
    def packets(self) -> int:
        """Packets in one period."""
        return sum(len(burst.sizes) for burst in self.bursts)

    @property
    def packets_per_second(self) -> float:
        return self.packets * SECOND_NS / self.period_ns

    def packets_until(self, elapsed_ns: int) -> int:
        """Packets that have left so long after the shape began, its period repeated."""
        periods, rest_ns = divmod(elapsed_ns, self.period_ns)
        return periods * self.packets + sum(len(burst.sizes) for burst in self.bursts if burst.at_ns < rest_ns)

    @property
    def bitrate_bps(self) -> float:
        return sum(sum(burst.sizes) for burst in self.bursts) * 8 * SECOND_NS / self.period_ns


def frames(per_second: int = 30, packets: int = 7, size: int = 1200, keyframe_every_s: int = 2) -> Shape:
    """Equal frames of equal packets: the shape that GSO likes best."""
    count = per_second * keyframe_every_s
    period_ns = keyframe_every_s * SECOND_NS
    return Shape(
        name=f"{per_second} frames/s of {packets} x {size} bytes",
        kind="video",
        clock_rate_hz=VIDEO_CLOCK_HZ,
        period_ns=period_ns,
        bursts=tuple(
            Burst(
                at_ns=index * period_ns // count,
                timestamp=index * VIDEO_CLOCK_HZ // per_second,
                sizes=(size,) * packets,
                keyframe=index == 0,
            )
            for index in range(count)
        ),
    )


def opus(size: int = 120, per_second: int = 50) -> Shape:
    """Opus at 20 ms: one small packet at a time."""
    return Shape(
        name=f"Opus, {per_second} packets/s of {size} bytes",
        kind="audio",
        clock_rate_hz=AUDIO_CLOCK_HZ,
        period_ns=SECOND_NS,
        bursts=tuple(
            Burst(
                at_ns=index * SECOND_NS // per_second,
                timestamp=index * AUDIO_CLOCK_HZ // per_second,
                sizes=(size,),
            )
            for index in range(per_second)
        ),
    )


def trace(file: FilePath = TRACE_FILE) -> Shape:
    """Chromium's own 720p H.264, as it was recorded: frames of a few packets whose sizes differ by a byte.

    The file is gzipped JSON: `{"v": 1, "name", "period_us", "packets": [[at_us, timestamp, payload_bytes, marker,
    keyframe], ...]}`, times since the period began, timestamps at 90 kHz.
    """
    content = json.loads(gzip.decompress(file.read_bytes()))
    if content["v"] != 1:
        raise ValueError(f"{file}: version {content['v']} is not known here")
    return Shape(
        name=content["name"],
        kind="video",
        clock_rate_hz=VIDEO_CLOCK_HZ,
        period_ns=content["period_us"] * 1000,
        bursts=tuple(_bursts(content["packets"])),
    )


# Packets of a frame that were recorded within this time left as one burst: Chromium's pacer wakes no more often, and
# what looks like less was the recorder's own delay.
SAME_BURST_US = 5_000


def _bursts(packets: list[tuple[int, int, int, int, int]]) -> list[Burst]:
    groups: list[list[tuple[int, int, int, int, int]]] = []
    for packet in packets:
        at_us, timestamp, *_ = packet
        if groups and groups[-1][0][1] == timestamp and at_us - groups[-1][0][0] <= SAME_BURST_US:
            groups[-1].append(packet)
        else:
            groups.append([packet])
    return [
        Burst(
            at_ns=group[0][0] * 1000,
            timestamp=group[0][1],
            sizes=tuple(payload_bytes + RTP_OVERHEAD_BYTES for _, _, payload_bytes, _, _ in group),
            marker=bool(group[-1][3]),
            keyframe=bool(group[0][4]),
            starts_frame=index == 0 or groups[index - 1][0][1] != group[0][1],
        )
        for index, group in enumerate(groups)
    ]


BY_NAME: dict[str, Callable[[], Shape]] = {"frames": frames, "trace": trace, "opus": opus}
"""The issue's kinds of traffic, as command lines and the floor's process name them."""

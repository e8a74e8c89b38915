"""How right the times of recordings are: hours of senders whose clocks are off and a server whose clock is set.

Simulated time, real cores: what the plane makes of sender reports, arrivals and round trips (`senderclock`,
`tapclock`), frames out of packets, the track's rules, and the line that UTC is told by. Left out is what keeps no time:
SRTP, the ring, and files, of which only each frame's time is kept; and pictures are one packet each. The truth is when
a frame was captured, in UTC as it was before anybody set the server's clock.

The limits hold half of what the two ways of a link differ by, which nobody can measure, and how far NTP is off.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

import numpy as np

from benchmarks.recording.senders import Event, Sender, Way
from benchmarks.recording.server_clock import MONOTONIC_NS, MS, PULLED, STEPS, UTC_NS, S, ServerClock, Step
from benchmarks.report import Figure, Report, arguments, conclude
from media.plane.senderclock import Sender as SenderClock
from media.rtp.frames import Frame
from media.tap import TapKind
from recorder.files import Fragment, SegmentError, SegmentWriter, Track
from recorder.tracks import Ended, TrackRecorder
from recorder.utc import UtcLine

LASTS_S: Final = 4 * 3600
LIMIT_MS: Final = 40.0
TICK_NS: Final = 100 * MS
#: Until a stream's first reports have come and its sender's clock has been looked at for a moment.
SETTLED_NS: Final = 10 * S
#: The page is loaded anew: other SSRCs, nothing known of clock or way.
AGAIN: Final = 0.6
PULLED_S: Final = 600
ULID: Final = "01JD3ZK8Q2M6T0V9B4N7X5C1RF"

#: An office, a mobile link that takes longer up than down, a satellite; all set their own clocks, too.
SENDERS: Final = (
    Sender(200, Way(12 * MS, 10 * MS, 2 * MS, 0.001), 1, origin_ns=-7 * 3600 * S, step_ns=-400 * MS),
    Sender(-200, Way(55 * MS, 35 * MS, 8 * MS, 0.02), 2, origin_ns=90 * S, step_ns=2 * S),
    Sender(200, Way(290 * MS, 280 * MS, 5 * MS, 0.01), 3, step_ns=-5 * S),
)


@dataclass(slots=True)
class Stamps:
    """In place of a segment's file: what time was written beside what capture."""

    pts_us: list[int] = field(default_factory=list)
    true_ns: list[int] = field(default_factory=list)
    fragments: Sequence[Fragment] = ()
    waiting_since_us: int | None = None

    def write(self, data: bytes, pts_us: int, is_keyframe: bool = True) -> None:
        """Take a frame: it ends in the time of its capture."""
        self.pts_us.append(pts_us)
        self.true_ns.append(int(data[-16:], 16))


class Kept:
    """`Files` that keep no bytes: per frame its error and the bound that is stored with its segment."""

    has_room = True

    def __init__(self, line: UtcLine) -> None:
        self._line = line
        self.segments: list[tuple[Stamps, Ended, int]] = []

    def begin(self, track: Track, number: int, frame: Frame, pts_us: int) -> SegmentWriter:
        stamps = Stamps()
        stamps.write(frame.data, pts_us)
        return cast(SegmentWriter, stamps)

    def failed(self, error: SegmentError) -> None:
        raise error

    def end(self, writer: SegmentWriter, until_us: int | None, ended: Ended) -> None:
        error_ns = self._line.error_ns
        assert error_ns is not None
        self.segments.append((cast(Stamps, writer), ended, -(-error_ns // 1000)))

    def result(self) -> Result:
        """Put all frames together."""
        true_ns = np.array([each for stamps, _, _ in self.segments for each in stamps.true_ns], dtype=np.int64)
        pts_us = np.array([each for stamps, _, _ in self.segments for each in stamps.pts_us], dtype=np.int64)
        frames = [len(stamps.pts_us) for stamps, _, _ in self.segments]
        captured_us = np.repeat([ended.error_us for _, ended, _ in self.segments], frames)
        utc_us = np.repeat([utc_us for _, _, utc_us in self.segments], frames)
        off_us = pts_us - (true_ns + UTC_NS) // 1000
        order = np.argsort(true_ns, kind="stable")
        return Result(true_ns[order], off_us[order], captured_us[order], utc_us[order], len(self.segments))


@dataclass(frozen=True, slots=True)
class Result:
    """One track, frame by frame in the order of capture; times and bounds in microseconds unless named otherwise."""

    true_ns: np.ndarray
    off_us: np.ndarray
    captured_us: np.ndarray
    """The stored bound of the time of capture."""
    utc_us: np.ndarray
    """The stored bound of UTC."""
    segments: int


@dataclass(slots=True)
class Recording:
    """One sender, recorded."""

    sender: Sender
    server: ServerClock
    line: UtcLine = field(init=False)
    files: dict[str, Kept] = field(init=False)
    tracks: dict[str, TrackRecorder] = field(init=False)
    marks: int = 0
    _tick_ns: int = MONOTONIC_NS

    def __post_init__(self) -> None:
        self.line = UtcLine(self.server.read(0))
        self.files = {name: Kept(self.line) for name in ("sound", "picture")}
        offset_ns = self.line.offset_ns
        self.tracks = {name: TrackRecorder(ULID, 1, {}, files, offset_ns) for name, files in self.files.items()}

    def run(self) -> None:
        """Record for as long as the server's clock is known; the sender comes again in between."""
        lasts_ns = self.server.lasts_ns
        again_ns = int(AGAIN * lasts_ns) // S * S
        self.sender.handshake(self.server)
        waiting: list[Event] = []
        for second in range(0, lasts_ns, S):
            if second == again_ns:
                self.sender = come_again(self.sender, again_ns)
                self.sender.handshake(self.server)
                waiting.clear()
            for event in self.sender.events(second, second + S):
                heapq.heappush(waiting, event)
            while waiting and waiting[0].arrival_ns < second + S:
                self._take(heapq.heappop(waiting), waiting)
            self._feed(second + S)
        for track in self.tracks.values():
            track.finish(self.server.monotonic_ns(lasts_ns))

    def _take(self, event: Event, waiting: list[Event]) -> None:
        if event.kind == "lost":
            if (repaired := self.sender.repair(event)) is not None:
                heapq.heappush(waiting, repaired)
            return
        track = self.tracks["sound" if event.line is self.sender.lines["sound"] else "picture"]
        for record in self.sender.arrive(event, self.server):
            while self._tick_ns + TICK_NS <= record.monotonic_ns:
                self._tick_ns += TICK_NS
                for each in self.tracks.values():
                    each.tick(self._tick_ns)
            if record.kind is TapKind.CLOCK:
                assert record.clock is not None
                track.tell(record.clock)
            else:
                track.receive(record)

    def _feed(self, true_ns: int) -> None:
        """Once a second, as the server does."""
        self.marks += self.line.take(self.server.read(true_ns), recorded=True) is not None
        for track in self.tracks.values():
            track.offset_ns = self.line.offset_ns


def come_again(sender: Sender, at_ns: int) -> Sender:
    """The same person with the page loaded anew."""
    return replace(sender, seed=sender.seed + 100, first_ns=at_ns, ssrc=11, plane=SenderClock())


@dataclass(frozen=True, slots=True)
class Found:
    """The figures of one sender."""

    off_ms: float
    """The largest error of a time once a stream is settled, and before."""
    first_off_ms: float
    within: float
    """Share of the frames whose time is within the stored bound, all of them."""
    within_capture: float
    """The same where the bound of UTC is left out, so that it covers nothing for that of capture."""
    bound_ms: float
    """Median of the stored bound of capture."""
    apart_ms: float
    """Of sound and picture captured at the same time, settled; and before."""
    first_apart_ms: float
    frames: int
    segments: int
    marks: int


def measure(sender: Sender, lasts_s: int = LASTS_S, steps: Sequence[Step] = STEPS) -> Found:
    """Record one sender for so long, while the server's clock is set in these steps."""
    server = ServerClock(lasts_s * S, steps)
    sender = replace(sender, step_at_ns=server.lasts_ns // 4, plane=SenderClock())
    recording = Recording(sender, server)
    recording.run()
    sound, picture = (recording.files[name].result() for name in ("sound", "picture"))
    again_ns = int(AGAIN * server.lasts_ns) // S * S

    def settled(true_ns: np.ndarray) -> np.ndarray:
        since_ns = np.where(true_ns >= again_ns, true_ns - again_ns, true_ns)
        return since_ns >= SETTLED_NS

    def most(values: np.ndarray) -> float:
        return float(np.max(np.abs(values), initial=0)) / 1000

    off_us = np.concatenate([sound.off_us, picture.off_us])
    calm = settled(np.concatenate([sound.true_ns, picture.true_ns]))
    captured_us = np.concatenate([sound.captured_us, picture.captured_us])
    utc_us = np.concatenate([sound.utc_us, picture.utc_us])
    apart_us = picture.off_us - np.interp(picture.true_ns, sound.true_ns, sound.off_us)
    return Found(
        off_ms=most(off_us[calm]),
        first_off_ms=most(off_us[~calm]),
        within=float(np.mean(np.abs(off_us) <= captured_us + utc_us)),
        within_capture=float(np.mean(np.abs(off_us) <= captured_us + 10_000)),
        bound_ms=float(np.median(captured_us)) / 1000,
        apart_ms=most(apart_us[settled(picture.true_ns)]),
        first_apart_ms=most(apart_us[~settled(picture.true_ns)]),
        frames=len(off_us),
        segments=sound.segments + picture.segments,
        marks=recording.marks,
    )


def run(report: Report, *, lasts_s: int = LASTS_S) -> None:
    """Measure into `report`."""
    found = [measure(sender, lasts_s) for sender in SENDERS]
    pulled = [measure(sender, PULLED_S, steps) for sender in SENDERS for steps in PULLED]
    what = f"{lasts_s / 3600:.3g} h, senders +-200 ppm, server's clock set by +-2 s"
    report.add(
        Figure(f"{what}: error of times", max(each.off_ms for each in found), "ms", LIMIT_MS),
        Figure(f"{what}: frames not within the stored bound", (1 - min(each.within for each in found)) * 100, "%", 0.0),
        Figure(
            f"{what}: frames not within the stored bound of capture and 10 ms of UTC",
            (1 - min(each.within_capture for each in found)) * 100,
            "%",
            0.0,
        ),
        Figure(f"{what}: sound and picture apart", max(each.apart_ms for each in found), "ms", LIMIT_MS),
        Figure(f"{what}: error of times, first 10 s of a stream", max(each.first_off_ms for each in found), "ms"),
        Figure(f"{what}: apart, first 10 s of a stream", max(each.first_apart_ms for each in found), "ms"),
        Figure(
            "a step of 2 s that a daemon takes back by 8 %: error of times", max(each.off_ms for each in pulled), "ms"
        ),
        Figure(
            "the same: frames not within the stored bound", (1 - min(each.within for each in pulled)) * 100, "%", 0.0
        ),
        Figure("the same: sound and picture apart", max(each.apart_ms for each in pulled), "ms"),
    )
    for sender, each in zip(SENDERS, found, strict=True):
        way = sender.way
        report.note(
            f"{sender.ppm:+} ppm, {way.up_ns // MS} ms up, {way.down_ns // MS} ms down, {way.loss:.1%} lost: off by "
            f"{each.off_ms:.1f} ms at most ({each.first_off_ms:.1f} in the first 10 s), apart {each.apart_ms:.1f} "
            f"({each.first_apart_ms:.1f}); bound of capture {each.bound_ms:.1f} ms, held by {each.within_capture:.2%}, "
            f"with that of UTC by {each.within:.2%}; {each.frames} frames in {each.segments} segments, "
            f"{each.marks} marks"
        )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=int, default=LASTS_S, help=f"of simulated time, default {LASTS_S}")
    asked = parser.parse_args()
    report = Report("times of recordings")
    run(report, lasts_s=asked.seconds)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()

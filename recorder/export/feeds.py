"""What a track showed and sounded like at a time, decoded from its segment files one after another.

Shell, in the export's process only: what is decoded came from outside. A file that a decoder refuses is passed over up
to where it goes on, or to the next; it is counted, never an error.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from recorder.export.canvas import Planes
from recorder.files.errors import SegmentDamaged
from recorder.files.facts import Codec
from recorder.files.listing import Listing, listing_of

RATE: Final = 48_000
#: So long a picture stays when the next is not there.
PATIENCE_US: Final = 2_000_000
MAX_PIXELS: Final = 4096 * 2304
_BOUNDS: Final = {"max_pixels": str(MAX_PIXELS)}
"""For what a picture says of itself, before memory is taken for it."""
_PLAIN: Final = {Codec.PCMU: ("pcm_mulaw", 8000), Codec.PCMA: ("pcm_alaw", 8000), Codec.G722: ("g722", 16_000)}
_JOINS: Final = RATE // 50
"""Sound this near to its place follows what is before it."""


class _Span(NamedTuple):
    path: Path
    listing: Listing
    begin: int
    end: int


def _spans(paths: Sequence[Path], begin: int, end: int) -> Iterator[_Span]:
    """Give the files that hold something of a time, each as it is reached."""
    for path in paths:
        try:
            listing = listing_of(path)
        except (SegmentDamaged, OSError):
            continue
        if listing.frames:
            last = max(each.pts_us + each.duration_us for each in listing.frames)
            if last > begin and listing.label.t0 < end:
                yield _Span(path, listing, listing.label.t0, last)


class PictureFeed:
    """One picture. Times that are asked for only grow."""

    def __init__(self, paths: Sequence[Path], begin: int, end: int, left_out: Sequence[tuple[int, int]] = ()) -> None:
        """`left_out`: times of pictures that cannot be believed; the one before stands still."""
        self.failures = 0
        self._left_out = left_out
        self._spans = _spans(paths, begin, end)
        self._ahead: deque[_Span] = deque()
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._next: tuple[int, av.VideoFrame] | None = None
        self._shown: tuple[int, av.VideoFrame] | None = None
        self._until = 0
        """When the file that is being read ends."""
        self._scaled: tuple[int, int, int, Planes] | None = None

    def at(self, time: int) -> tuple[int, int] | None:
        """Go on to a time; give the size of the picture that is shown then, None where there is none."""
        while True:
            if self._next is None:
                self._next = next(self._frames, None)
            if self._next is not None:
                if self._next[0] > time:
                    break
                if not any(first <= self._next[0] < last for first, last in self._left_out):
                    self._shown = self._next
                self._next = None
                continue
            following = self._following()
            if following is None or following.begin > time:
                break
            self._ahead.clear()
            self._frames, self._until = self._decoded(following), following.end
        if self._shown is None or time >= max(self._until, self._shown[0]) + PATIENCE_US:
            return None
        return self._shown[1].width, self._shown[1].height

    def planes(self, width: int, height: int) -> Planes:
        """Give the picture of the last `at` in a size."""
        assert self._shown is not None
        time, frame = self._shown
        if self._scaled is None or self._scaled[:3] != (time, width, height):
            small = frame.reformat(width, height, "yuv420p", interpolation="BILINEAR")
            self._scaled = time, width, height, cast(Planes, tuple(_plane(plane) for plane in small.planes))
        return self._scaled[3]

    def _following(self) -> _Span | None:
        if not self._ahead:
            self._ahead.extend([span] if (span := next(self._spans, None)) else [])
        return self._ahead[0] if self._ahead else None

    def _decoded(self, span: _Span) -> Iterator[tuple[int, av.VideoFrame]]:
        track = span.listing.label.track
        if track.width * track.height > MAX_PIXELS:
            return
        try:
            with av.open(str(span.path), "r") as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                stream.codec_context.options = _BOUNDS
                for packet in container.demux(stream):
                    for frame in self._frames_of(packet):
                        if frame.pts is not None and frame.time_base and frame.width * frame.height <= MAX_PIXELS:
                            yield span.begin + round(frame.pts * frame.time_base * 1_000_000), frame
        except (av.FFmpegError, OSError, ValueError, IndexError):
            self.failures += 1

    def _frames_of(self, packet: Any) -> list[Any]:
        try:
            return list(packet.decode())
        except av.FFmpegError:
            self.failures += 1
            return []


def _plane(plane: Any) -> NDArray[np.uint8]:
    rows: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


class SoundFeed:
    """One sound, at 48 kHz. Decoding goes on from file to file, so a decoder needs no time to settle at each."""

    def __init__(self, paths: Sequence[Path], begin: int, end: int) -> None:
        self.failures = 0
        self._begin = begin
        self._pieces = self._decoded(_spans(paths, begin, end))
        self._waiting: deque[tuple[int, NDArray[np.float32]]] = deque()
        """Samples with the number of the first, counted from `begin`."""

    def read(self, first: int, count: int) -> NDArray[np.float32]:
        """Give samples from a number on, silence where nothing is; the numbers only grow."""
        made = np.zeros(count, np.float32)
        while not self._waiting or self._waiting[-1][0] < first + count:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._waiting.append(piece)
        while self._waiting and self._waiting[0][0] < first + count:
            at, samples = self._waiting.popleft()
            skipped = max(0, first - at)
            if skipped < len(samples):
                place = max(at, first) - first
                fits = min(count - place, len(samples) - skipped)
                made[place : place + fits] += samples[skipped : skipped + fits]
                if skipped + fits < len(samples):
                    self._waiting.appendleft((at + skipped + fits, samples[skipped + fits :]))
                    break
        return made

    def _decoded(self, spans: Iterator[_Span]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        before: tuple[Codec, int] | None = None
        at = 0
        for span in spans:
            track = span.listing.label.track
            if (track.codec, track.channels) != before:
                before = track.codec, track.channels
                decoder, resampler = _decoder(track.codec, track.channels), AudioResampler("fltp", None, RATE)
            for time, packet in _packets(span):
                place = (time - self._begin) * 6 // 125
                if abs(place - at) > _JOINS:
                    at = place
                for samples in self._samples(decoder, resampler, packet):
                    yield at, samples
                    at += len(samples)

    def _samples(self, decoder: Any, resampler: AudioResampler, packet: bytes) -> Iterator[NDArray[np.float32]]:
        try:
            for frame in decoder.decode(av.Packet(packet)):
                frame.pts = None
                for made in resampler.resample(frame):
                    # FFmpeg's own mono of two channels is louder than either, and a mix of floats is not cut off there.
                    yield made.to_ndarray().mean(axis=0, dtype=np.float32)
        except (av.FFmpegError, ValueError):
            self.failures += 1


def _decoder(codec: Codec, channels: int) -> AudioCodecContext:
    name, rate = _PLAIN.get(codec, ("opus", RATE))
    decoder = cast(AudioCodecContext, av.CodecContext.create(name, "r"))
    decoder.sample_rate = rate
    decoder.layout = "stereo" if channels == 2 else "mono"
    return decoder


def _packets(span: _Span) -> Iterator[tuple[int, bytes]]:
    fd = os.open(span.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        for each in span.listing.frames:
            yield each.pts_us, os.pread(fd, each.length, each.offset)
    finally:
        os.close(fd)

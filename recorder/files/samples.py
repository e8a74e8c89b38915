"""From frames to what a container holds: which frame may follow which, and the silence where no sound came.

Core. One line for each file: `PictureLine`, `OpusLine`, `PlainLine`. `take` gives samples in the order of the file, or
raises SegmentInvalid and is as it was before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from media.rtp.header import PayloadError
from media.rtp.opus import CLOCK_RATE, duration_samples
from recorder.files.errors import SegmentInvalid

#: A longer pause is a new segment: its pictures would stand still, its sound be silence of our own.
MAX_GAP_US: Final = 60_000_000
#: Pictures that wait to be written while others come that are shown before them; at the default cuts some 30 do.
MAX_REORDERED: Final = 500
_CODES: Final = ((960, 0xF8), (480, 0xF0), (240, 0xE8), (120, 0xE0))
_STEREO: Final = {1: 0, 2: 0x04}
#: Opus packets that decode to silence (RFC 6716: CELT, fullband, the silence flag set), by channels; each with its
#: samples at 48 kHz, the longest first. The TOC's bit 2 makes them stereo; a decoder of the other kind copes too.
SILENCES: Final = {
    channels: tuple((samples, bytes((toc | bit, 0xFF, 0xFE))) for samples, toc in _CODES)
    for channels, bit in _STEREO.items()
}
#: Sound that is this much behind its time has a hole before it; less is a sender's clock that runs a little fast.
_LEAST_FILL: Final = CLOCK_RATE // 100
#: Sound may be ahead of its time by so much, of a sender's clock that runs slow: it cannot be put back.
_MOST_AHEAD: Final = CLOCK_RATE // 10
#: G.711 and G.722 alike (RFC 3551): 64 kb/s.
_PLAIN_BYTES_PER_SECOND: Final = 8000


class Sample(NamedTuple):
    """One frame in a file; `duration_us` is 0 where the next frame says it."""

    pts_us: int
    duration_us: int
    data: bytes
    is_keyframe: bool
    ticks: int = 0
    """Of Opus, at 48 kHz."""
    is_fill: bool = False


class Line(Protocol):
    """One file's order of frames."""

    def take(self, data: bytes, pts_us: int, is_keyframe: bool) -> Sequence[Sample]: ...


class PictureLine:
    """Pictures in decoding order, each with a time of its own.

    Where they may be shown in another order (`reorders`), none comes before what `seal` closed.
    """

    def __init__(self, t0_us: int, step_us: int, *, reorders: bool) -> None:
        """`step_us` is the unit that the container counts time in."""
        self._t0 = t0_us
        self._step = step_us
        self._reorders = reorders
        self._least = t0_us
        self._latest = t0_us - 1
        self._taken: list[int] = []

    def take(self, data: bytes, pts_us: int, is_keyframe: bool) -> Sequence[Sample]:
        pts_us -= (pts_us - self._t0) % self._step
        if pts_us > self._latest:
            if pts_us - self._latest > MAX_GAP_US:
                raise SegmentInvalid("too long after the last picture")
            self._latest = pts_us
        elif is_keyframe or not self._reorders or pts_us < self._least or pts_us in self._taken:
            raise SegmentInvalid("a picture at or before the time of one that was there before")
        elif len(self._taken) >= MAX_REORDERED:
            raise SegmentInvalid("too many pictures that are shown before others")
        if self._reorders:
            self._taken.append(pts_us)
        return (Sample(pts_us, 0, data, is_keyframe),)

    def seal(self, through_us: int) -> None:
        """Let nothing more come up to this time: it is being written."""
        self._least = through_us + 1
        self._taken = [time for time in self._taken if time > through_us]


class PlainLine:
    """G.711 and G.722: each payload at its own time, holes left as they are."""

    def __init__(self, t0_us: int, step_us: int) -> None:
        self._t0 = t0_us
        self._step = step_us
        self._latest = t0_us - 1

    def take(self, data: bytes, pts_us: int, is_keyframe: bool) -> Sequence[Sample]:
        pts_us -= (pts_us - self._t0) % self._step
        if not self._latest < pts_us <= self._latest + MAX_GAP_US:
            raise SegmentInvalid("sound at or before the time of what was there before, or too long after it")
        self._latest = pts_us
        duration = max(self._step, len(data) * 1_000_000 // _PLAIN_BYTES_PER_SECOND // self._step * self._step)
        return (Sample(pts_us, duration, data, True),)


class OpusLine:
    """Opus without holes: players run sound on over a hole, and everything after it is heard too early."""

    def __init__(self, t0_us: int, channels: int) -> None:
        self._t0 = t0_us
        self._end = 0
        """Samples since t0."""
        self._silences = SILENCES[channels]

    def take(self, data: bytes, pts_us: int, is_keyframe: bool) -> Sequence[Sample]:
        try:
            ticks = duration_samples(data)
        except PayloadError as error:
            raise SegmentInvalid(str(error)) from error
        hole = (pts_us - self._t0) * 6 // 125 - self._end
        if hole < -_MOST_AHEAD:
            raise SegmentInvalid("sound before the end of what was there before")
        if hole > MAX_GAP_US * 6 // 125:
            raise SegmentInvalid("too long after the last sound")
        taken = self._fill(hole, pts_us) if hole >= _LEAST_FILL else []
        taken.append(Sample(pts_us, us(ticks), data, True, ticks))
        self._end += ticks
        return taken

    def _fill(self, hole: int, pts_us: int) -> list[Sample]:
        fills: list[Sample] = []
        left = hole
        for samples, packet in self._silences:
            while left >= samples:
                fills.append(Sample(pts_us - us(left), us(samples), packet, True, samples, True))
                left -= samples
        self._end += hole - left
        return fills


def us(samples: int) -> int:
    """Give the microseconds, rounded down, of samples at 48 kHz."""
    return samples * 125 // 6

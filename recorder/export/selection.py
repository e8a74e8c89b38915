"""Which frames of a track's segments make a clip, and when each is shown. Core: no I/O.

Pictures begin with the keyframe from which the first one wanted can be decoded. In MP4 the one that was being shown at
the clip's beginning is told to be shown from there; WebM, which cannot hide what is before, begins with the keyframe.
Where nothing was recorded the last picture stands still, as players show it whatever a file says of a hole; the gap is
told. Sound has no holes, because players run on over them and everything after is heard too early: silence of ours
stands there. It begins with the first packet that is heard whole. A decoder of Opus needs 80 ms to be right (RFC 7845
section 4.6), but Chromium takes a file that brings those, to be heard by nobody, for longer than it is, with AV1 by a
second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import dropwhile, pairwise
from typing import Final, NamedTuple

from recorder.export.errors import ExportRefused
from recorder.files.listing import Listed, Listing
from recorder.files.samples import SILENCES, us

Times = tuple[int, int]
#: Between segments; less is how exactly one follows another.
LEAST_GAP_US: Final = 500_000
_LEAST_HOLE: Final = 480
"""In samples: sound nearer to its time is left where it is."""
MAX_FRAMES: Final = 3_000_000
MADE: Final = -1


class Frame(NamedTuple):
    """A frame of the clip: bytes of the file of a number, or of ours (`MADE`). Times are microseconds UTC."""

    file: int
    offset: int
    length: int
    pts_us: int
    dts_us: int
    ticks: int
    is_keyframe: bool
    entry: int
    """Which of the sample entries it needs."""
    data: bytes = b""


class Line(NamedTuple):
    """A track of the clip."""

    frames: tuple[Frame, ...]
    entries: tuple[bytes, ...]
    first: Listing
    begin_us: int
    """When the first frame is shown that is to be seen; those before are needed to decode it."""
    end_us: int
    gaps: tuple[Times, ...]
    """Where nothing was recorded."""


class ClipSplit(ExportRefused):
    """Size or codec changes on the way; `parts` are the times of clips that can be made."""

    def __init__(self, parts: Sequence[Times]) -> None:
        super().__init__("another-size", f"the picture changes its size or codec, {len(parts)} parts")
        self.parts = tuple(parts)


def picture_line(listings: Sequence[Listing], t0: int, t1: int, left_out: Sequence[Times] = ()) -> Line | None:
    """Select pictures from `t0` to `t1`; None where there are none. The listings are in the order of their times.

    Raises ClipSplit.
    """
    spans = _within(listings, t0, t1)
    if not spans:
        return None
    _refuse_changes([(listing, begin, end) for _, listing, begin, end in spans], t0, t1)
    entries = tuple(dict.fromkeys(listing.entry for _, listing, _, _ in spans))
    frames: list[Frame] = []
    for file, listing, _, _ in spans:
        entry = entries.index(listing.entry)
        frames += [_frame(file, each, entry) for each in _decodable(listing.frames, t0, t1, left_out)]
        _bound(frames)
    if not frames:
        return None
    begin = _clamp(frames, t0) if entries[0] else frames[0].pts_us
    end = min(t1, spans[-1][3])
    return Line(tuple(frames), entries, spans[0][1], begin, end, tuple(_gaps(spans, t0, t1)))


def sound_line(listings: Sequence[Listing], t0: int, t1: int) -> Line | None:
    """Select Opus from `t0` to `t1`; None where there is none."""
    spans = _within(listings, t0, t1)
    frames: list[Frame] = []
    channels = max((listing.label.track.channels for _, listing, _, _ in spans), default=1)
    origin, position = 0, 0
    for file, listing, _, _ in spans:
        for each in listing.frames:
            if not t0 <= each.pts_us < t1:
                continue
            origin = origin if frames else each.pts_us
            hole = (each.pts_us - origin) * 6 // 125 - position
            if hole <= -_LEAST_HOLE:
                continue
            for ticks, data in _silence(hole, channels) if hole >= _LEAST_HOLE else ():
                time = origin + us(position)
                frames.append(Frame(MADE, 0, len(data), time, time, ticks, True, 0, data))
                position += ticks
            time = origin + us(position)
            frames.append(Frame(file, each.offset, each.length, time, time, each.ticks, True, 0))
            position += each.ticks
        _bound(frames)
    if not frames:
        return None
    first = next(listing for _, listing, _, _ in spans if listing.label.track.channels == channels)
    end = min(t1, origin + us(position))
    return Line(tuple(frames), (first.entry,), first, origin, end, tuple(_gaps(spans, t0, t1)))


def _within(listings: Sequence[Listing], t0: int, t1: int) -> list[tuple[int, Listing, int, int]]:
    """Give the number, the listing, and the times of those that overlap, each ending where the next begins."""
    found = []
    for file, listing in enumerate(listings):
        if not listing.frames:
            continue
        begin = listing.label.t0
        end = max(each.pts_us + each.duration_us for each in listing.frames)
        later = [other.label.t0 for other in listings[file + 1 :][:1] if other.frames]
        end = min([end, *later])
        if begin < t1 and end > t0:
            found.append((file, listing, begin, end))
    return found


def _refuse_changes(spans: Sequence[tuple[Listing, int, int]], t0: int, t1: int) -> None:
    parts: list[tuple[object, int, int]] = []
    for listing, begin, end in spans:
        track = listing.label.track
        what = track.codec, track.width, track.height
        if parts and parts[-1][0] == what:
            parts[-1] = what, parts[-1][1], end
        else:
            parts.append((what, begin, end))
    if len(parts) > 1:
        raise ClipSplit([(max(t0, begin), min(t1, end)) for _, begin, end in parts])


def _decodable(frames: Sequence[Listed], t0: int, t1: int, left_out: Sequence[Times]) -> Iterator[Listed]:
    """Give the frames from the last keyframe that is shown by `t0` to the last that is shown before `t1`."""
    begin = max((at for at, each in enumerate(frames) if each.is_keyframe and each.pts_us <= t0), default=0)
    end = max((at for at, each in enumerate(frames) if each.pts_us < t1), default=-1) + 1
    kept = [each for each in frames[begin:end] if not any(first <= each.pts_us < last for first, last in left_out)]
    return dropwhile(lambda each: not each.is_keyframe, kept)


def _clamp(frames: list[Frame], t0: int) -> int:
    """Have the picture that was being shown at `t0` be shown from there; give when the first one is shown."""
    before = [(each.pts_us, at) for at, each in enumerate(frames) if each.pts_us <= t0]
    if not before:
        return min(each.pts_us for each in frames)
    _, at = max(before)
    shown = frames[at]
    # One that is decoded as it is shown is so later too, for a player may take the time between two for its length.
    decoded = t0 if shown.dts_us == shown.pts_us else shown.dts_us
    decoded = min([decoded, *(each.dts_us for each in frames[at + 1 : at + 2])])
    frames[at] = shown._replace(pts_us=t0, dts_us=decoded)
    return t0


def _gaps(spans: Sequence[tuple[int, Listing, int, int]], t0: int, t1: int) -> Iterator[Times]:
    ends = [(t0, t0), *((begin, end) for _, _, begin, end in spans), (t1, t1)]
    for (_, end), (begin, _) in pairwise(ends):
        if begin - end >= LEAST_GAP_US:
            yield max(t0, end), min(t1, begin)


def _silence(hole: int, channels: int) -> Iterator[tuple[int, bytes]]:
    for ticks, packet in SILENCES[channels]:
        count, hole = divmod(hole, ticks)
        yield from [(ticks, packet)] * count


def _frame(file: int, each: Listed, entry: int) -> Frame:
    return Frame(file, each.offset, each.length, each.pts_us, each.dts_us, 0, each.is_keyframe, entry)


def _bound(frames: Sequence[Frame]) -> None:
    if len(frames) > MAX_FRAMES:
        raise ExportRefused("too-long", f"more than {MAX_FRAMES} frames")

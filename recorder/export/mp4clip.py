"""A clip as MP4 (ISO/IEC 14496-12), with what a player needs before the media.

Core. FFmpeg is not asked: our own files say where each frame stands, so no parser of others reads what came from
outside, and the length is known before the first byte. An edit list says from where on it is seen and heard: what
stands before is only decoded. Pictures are counted in 1/90,000 s, each rounded by itself; sound in samples.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Final, NamedTuple

from recorder.export.errors import ExportRefused
from recorder.export.selection import MADE, Frame, Line
from recorder.files.mp4 import ISO_EPOCH, MATRIX, SOUND_SCALE, box, full_box

SCALE: Final = 90_000
"""Of the movie, and of pictures."""
_CHUNK_US: Final = 500_000
_MDAT_HEAD: Final = 16
_NO_MEDIA: Final = -1
_MAX_DELTA: Final = (1 << 32) - 1
Piece = bytes | tuple[int, int, int]
"""Bytes of ours, or the number of a file, where in it, and how many."""


class _Chunk(NamedTuple):
    """Frames of a line that stand together; `first` is the number of the first."""

    time: int
    line: int
    first: int
    frames: Sequence[Frame]


def mp4(lines: Sequence[Line], t0: int) -> list[Piece]:
    """Give the file that begins at `t0`. Raises ExportRefused where a time cannot be said in it."""
    chunks = sorted(chunk for number, line in enumerate(lines) for chunk in _chunks(number, line))
    length = sum(frame.length for line in lines for frame in line.frames)
    head = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso6mp41")
    moov_bytes = len(_moov(lines, chunks, t0, lambda _: 0))
    offsets = [*accumulate((sum(f.length for f in chunk.frames) for chunk in chunks), initial=0)]
    begin = len(head) + moov_bytes + _MDAT_HEAD
    places = {(chunk.line, chunk.first): begin + offset for chunk, offset in zip(chunks, offsets, strict=False)}
    moov = _moov(lines, chunks, t0, lambda chunk: places[chunk.line, chunk.first])
    mdat = struct.pack(">I4sQ", 1, b"mdat", _MDAT_HEAD + length)
    return [head + moov + mdat, *(_piece(chunk) for chunk in chunks)]


def _chunks(number: int, line: Line) -> Iterator[_Chunk]:
    """Cut a line where the file or the entry changes, at holes between frames in it, and each half second."""
    first = 0
    for at in range(1, len(line.frames) + 1):
        begin, last = line.frames[first], line.frames[at - 1]
        if at < len(line.frames):
            frame = line.frames[at]
            follows = (frame.file, frame.entry) == (last.file, last.entry)
            follows = follows and (frame.file == MADE or frame.offset == last.offset + last.length)
            if follows and frame.dts_us - begin.dts_us < _CHUNK_US:
                continue
        yield _Chunk(begin.dts_us, number, first, line.frames[first:at])
        first = at


def _piece(chunk: _Chunk) -> Piece:
    first = chunk.frames[0]
    if first.file == MADE:
        return b"".join(frame.data for frame in chunk.frames)
    return first.file, first.offset, sum(frame.length for frame in chunk.frames)


def _moov(lines: Sequence[Line], chunks: Sequence[_Chunk], t0: int, place: Callable[[_Chunk], int]) -> bytes:
    tracks, longest = [], 0
    for number, line in enumerate(lines):
        own = [chunk for chunk in chunks if chunk.line == number]
        duration = _scaled(line.end_us - t0)
        longest = max(longest, duration)
        tracks.append(_track(number + 1, line, own, t0, duration, [place(chunk) for chunk in own]))
    rate_and_volume = struct.pack(">IH10x", 0x10000, 0x100)
    times = _times(t0, SCALE, longest)
    next_track = struct.pack(">I", len(lines) + 1)
    return box(b"moov", full_box(b"mvhd", 1, 0, times, rate_and_volume, MATRIX, bytes(24), next_track), *tracks)


def _times(t0: int, scale: int, duration: int) -> bytes:
    made = t0 // 1_000_000 + ISO_EPOCH
    return struct.pack(">QQIQ", made, made, scale, duration)


def _track(number: int, line: Line, chunks: Sequence[_Chunk], t0: int, duration: int, places: Sequence[int]) -> bytes:
    track, made = line.first.label.track, t0 // 1_000_000 + ISO_EPOCH
    picture = track.codec.is_picture
    deltas, offsets = _deltas(line)
    scale = SCALE if picture else SOUND_SCALE
    entries = struct.pack(">I", len(line.entries))
    tables = [full_box(b"stsd", 0, 0, entries, *line.entries), _runs(b"stts", deltas)]
    if any(offsets):
        tables.append(_runs(b"ctts", offsets))
    if picture:
        numbers = [at for at, frame in enumerate(line.frames, 1) if frame.is_keyframe]
        tables.append(_table(b"stss", "I", [(at,) for at in numbers]))
    sizes = struct.pack(f">II{len(line.frames)}I", 0, len(line.frames), *(frame.length for frame in line.frames))
    tables += [
        _table(b"stsc", "III", [*_chunk_runs(chunks)]),
        full_box(b"stsz", 0, 0, sizes),
        _table(b"co64", "Q", [(place,) for place in places]),
    ]
    size = struct.pack(">II", track.width << 16, track.height << 16)
    # Both are on, in the movie; a picture and its sound are no alternatives to each other.
    about = struct.pack(">QQI4xQ8xHHH2x", made, made, number, duration, 0, 0, 0 if picture else 0x100)
    return box(
        b"trak",
        full_box(b"tkhd", 1, 3, about, MATRIX, size),
        box(b"edts", _edits(line, t0, scale)),
        box(
            b"mdia",
            full_box(b"mdhd", 1, 0, _times(t0, scale, sum(deltas)), b"\x55\xc4\0\0"),
            full_box(b"hdlr", 0, 0, bytes(4), b"vide" if picture else b"soun", bytes(12), b"Huishang\0"),
            box(
                b"minf",
                full_box(b"vmhd", 0, 1, bytes(8)) if picture else full_box(b"smhd", 0, 0, bytes(4)),
                box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))),
                box(b"stbl", *tables),
            ),
        ),
    )


def _scaled(time_us: int) -> int:
    return time_us * SCALE // 1_000_000


def _deltas(line: Line) -> tuple[list[int], list[int]]:
    """Give how long each frame stands before the next is decoded, and how long after that it is shown."""
    if not line.first.label.track.codec.is_picture:
        return [frame.ticks for frame in line.frames], []
    origin = line.frames[0].dts_us
    decoded: list[int] = []
    for frame in line.frames:
        decoded.append(max(_scaled(frame.dts_us - origin), decoded[-1] + 1 if decoded else 0))
    deltas = [later - earlier for earlier, later in pairwise(decoded)]
    deltas.append(max(1, _scaled(line.end_us - origin) - decoded[-1]))
    if max(deltas) > _MAX_DELTA:
        raise ExportRefused("too-long", "a picture that stands still for half a day")
    shown = [_scaled(frame.pts_us - origin) for frame in line.frames]
    return deltas, [max(0, at - begin) for at, begin in zip(shown, decoded, strict=True)]


def _edits(line: Line, t0: int, scale: int) -> bytes:
    """Say what of the track is seen when; what is not seen yet at the beginning is an empty edit."""
    origin = line.frames[0].dts_us
    skipped = (line.begin_us - origin) * scale // 1_000_000
    edits = [(_scaled(line.begin_us - t0), _NO_MEDIA)] if line.begin_us > t0 else []
    edits.append((_scaled(line.end_us - line.begin_us), skipped))
    rows = b"".join(struct.pack(">Qqhh", duration, media, 1, 0) for duration, media in edits)
    return full_box(b"elst", 1, 0, struct.pack(">I", len(edits)), rows)


def _chunk_runs(chunks: Sequence[_Chunk]) -> Iterator[tuple[int, int, int]]:
    """Give each first chunk of so many frames and of another entry."""
    before: tuple[int, int] | None = None
    for number, chunk in enumerate(chunks, 1):
        what = len(chunk.frames), chunk.frames[0].entry + 1
        if what != before:
            yield number, *what
            before = what


def _runs(name: bytes, values: Sequence[int]) -> bytes:
    return _table(name, "II", [(len(list(run)), value) for value, run in groupby(values)])


def _table(name: bytes, row: str, rows: Sequence[tuple[int, ...]]) -> bytes:
    return full_box(name, 0, 0, struct.pack(">I", len(rows)), *(struct.pack(f">{row}", *each) for each in rows))

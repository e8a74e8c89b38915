"""A clip: one picture, one sound, or both of a source, from one time to another, in one file, nothing transcoded.

Shell, reading segment files. H.264, H.265, AV1 and Opus become MP4 and begin exactly; VP8 and VP9 become WebM, with
Opus beside them, and begin with a keyframe. The file is known before its first byte: it can be written somewhere or
given to who asks, piece by piece. G.711 and G.722 have no place in either: who wants them hands over copies (`copied`).

    selection  which frames        mp4clip  MP4        webmclip  WebM
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from recorder.export import originals, outlet
from recorder.export.errors import ExportFailed, ExportRefused
from recorder.export.mp4clip import Piece, mp4
from recorder.export.outlet import Tell, untold
from recorder.export.selection import Line, Times, picture_line, sound_line
from recorder.export.webmclip import webm
from recorder.files.facts import Codec
from recorder.files.listing import Listing

MAX_US: Final = 24 * 3600 * 1_000_000


class Clip(NamedTuple):
    """A clip as it will be; nothing is made yet. Times are microseconds UTC."""

    suffix: str
    mime: str
    begin_us: int
    """What the file's time 0 is: what was asked for, or of WebM the keyframe before."""
    end_us: int
    gaps: tuple[Times, ...]
    """Where no picture (or without one, no sound) was recorded: the last one stands still there."""
    length: int
    """Of the file, in bytes."""
    plan: tuple[Piece, ...]
    files: tuple[Path, ...]

    def pieces(self, tell: Tell = untold) -> Iterator[bytes]:
        """Give the file. Raises ExportFailed where an original is gone or cannot be read, and what `tell` raises."""
        try:
            yield from outlet.told(self._pieces(), tell, self.length)
        except OSError as error:
            raise ExportFailed(f"{error.filename}: {error.strerror}") from error

    def _pieces(self) -> Iterator[bytes]:
        for piece in self.plan:
            if isinstance(piece, bytes):
                yield piece
            else:
                number, offset, length = piece
                yield from originals.pieces(self.files[number], length, offset)


def clip_of(pictures: Sequence[Path], sounds: Sequence[Path], t0: int, t1: int, left_out: Sequence[Times] = ()) -> Clip:
    """Plan a clip of these segment files, each list of one track and in the order of their times.

    `left_out` are times of pictures that cannot be believed (`Why.UNDECODABLE`) and are not wanted.
    Raises ClipSplit where the picture's size or codec changes on the way, ExportRefused where there is nothing of that
    time, or it has no place in one file; ExportFailed where a file cannot be read.
    """
    if not 0 < t1 - t0 <= MAX_US:
        raise ExportRefused("times", f"{t0} to {t1}")
    picture = picture_line([originals.listing(path) for path in pictures], t0, t1, left_out)
    is_webm = picture is not None and not picture.entries[0]
    heard = [originals.listing(path) for path in sounds]
    _refuse_unfit(picture, heard)
    begin = picture.frames[0].pts_us if picture is not None and is_webm else t0
    sound = sound_line(heard, begin, t1)
    lines = [line for line in (picture, sound) if line is not None]
    if not lines:
        raise ExportRefused("nothing", "nothing of this time was recorded")
    plan = webm(_shifted(lines, len(pictures)), begin) if is_webm else mp4(_shifted(lines, len(pictures)), t0)
    return Clip(
        suffix=".webm" if is_webm else ".mp4",
        mime=f"{'video' if picture else 'audio'}/{'webm' if is_webm else 'mp4'}",
        begin_us=begin,
        end_us=max(line.end_us for line in lines),
        gaps=lines[0].gaps,
        length=sum(len(piece) if isinstance(piece, bytes) else piece[2] for piece in plan),
        plan=tuple(plan),
        files=(*pictures, *sounds),
    )


def write_clip(clip: Clip, path: Path, tell: Tell = untold) -> None:
    """Make the file of a clip. Raises ExportFull, ExportFailed and what `tell` raises; nothing is left then."""
    with outlet.making(path) as part:
        outlet.write(part, clip.pieces(tell))


def _refuse_unfit(picture: Line | None, heard: Sequence[Listing]) -> None:
    codecs = {listing.label.track.codec for listing in heard}
    if codecs - {Codec.OPUS}:
        raise ExportRefused("plain-sound", f"{', '.join(sorted(codecs))} has no place in MP4 or WebM")
    if picture is not None and not picture.first.label.track.codec.is_picture:
        raise ExportRefused("not-a-picture", picture.first.label.track.codec)


def _shifted(lines: Sequence[Line], pictures: int) -> list[Line]:
    """Number the files of sound behind those of pictures."""
    return [
        line
        if line.first.label.track.codec.is_picture
        else line._replace(
            frames=tuple(
                frame if frame.file < 0 else frame._replace(file=frame.file + pictures) for frame in line.frames
            )
        )
        for line in lines
    ]

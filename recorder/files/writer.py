"""Writes one segment: frames in, a file that can be cut off at any byte and is whole up to its last fragment.

What comes within half a second is written at once, so that is what a crash costs; `flush` bounds it where frames are
rare. A keyframe begins a fragment, so it can be found. Touches one file in one folder. Nothing here waits but for the
disk.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import UNSET

from media.rtp.h264 import split_annex_b
from media.rtp.header import PayloadError
from recorder.files import matroska, mp4
from recorder.files.configuration import configure
from recorder.files.errors import SegmentBroken, SegmentClosed, SegmentError, SegmentInvalid
from recorder.files.facts import OPEN, VERSION, Codec, Facts, Fragment, Label, Track, encode_label
from recorder.files.samples import Line, OpusLine, PictureLine, PlainLine, Sample
from recorder.files.sink import Sink
from recorder.proof.digests import SHA256_ONLY, Algorithm

FRAGMENT_US: Final = 500_000
#: How long a picture lasts that was written before the next one came. Chromium takes a picture for one after a loss,
#: and waits for a keyframe, when it comes later than twice that.
UNFOLLOWED_US: Final = 1_000_000
#: How long the last picture of a file lasts when it is the only one.
_USUAL_US: Final = 33_333
MAX_FRAME_BYTES: Final = 16 << 20
#: Of what waits for its fragment to be written; what comes at once is written at once.
MAX_WAITING_BYTES: Final = 8 << 20
MAX_WAITING_FRAMES: Final = 1000
MAX_SEGMENT_US: Final = 3_600_000_000
#: 100 years of microseconds from 2001 on: what DateUTC and our labels can say.
_EARLIEST_US, _LATEST_US = 978_307_200_000_000, 4_133_980_800_000_000
#: A temporal delimiter (AV1 section 5.6), which MP4 leaves out.
_DELIMITER: Final = b"\x12\x00"


class SegmentWriter:
    """One segment of one track. Whoever opened it ends it by `close`; without a frame there is no file.

    Not to be used by two threads at once, but `sync` may be called by another than `write`, as long as nobody closes.
    """

    def __init__(
        self,
        folder: Path,
        segment: str,
        number: int,
        track: Track,
        earlier_sets: bytes = b"",
        algorithms: Sequence[Algorithm] = SHA256_ONLY,
    ) -> None:
        """`segment` is a fresh ULID and becomes the file's name; the folder exists.

        `earlier_sets` are parameter sets with start codes that the sender told before, or in its SDP: for the head of a
        file whose first keyframe brings none. `algorithms`: of the file's digests.
        Raises SegmentInvalid for identifiers and sizes that cannot stand in a label.
        """
        self._folder = folder
        self._earlier_sets = earlier_sets
        self._algorithms = algorithms
        self._label = Label(VERSION, segment, number, 0, "", track)
        if track.codec.is_picture and not (track.width and track.height):
            raise SegmentInvalid("a picture's track has a size")
        try:
            encode_label(self._label)
        except ValueError as error:
            raise SegmentInvalid(str(error)) from error
        self._head = b""
        self._line: Line | None = None
        self._sink: Sink | None = None
        self._waiting: list[Sample] = []
        self._waiting_bytes = 0
        self._latest_us = 0
        """Of what waits."""
        self._written_us = 0
        """The latest time of a picture that was written."""
        self._written_ticks = 0
        self._usual_us = _USUAL_US
        self._fragments: list[Fragment] = []
        self._refuses: SegmentError | None = None

    @property
    def path(self) -> Path:
        """Where the file is while it is written."""
        return self._folder / (self._label.name + OPEN)

    @property
    def waiting_since_us(self) -> int | None:
        """UTC of the first frame that is not written yet."""
        return self._waiting[0].pts_us if self._waiting else None

    @property
    def fragments(self) -> Sequence[Fragment]:
        """What is written so far, for who looks back into what is still being recorded."""
        return self._fragments

    def write(self, data: bytes, pts_us: int, is_keyframe: bool = True) -> None:
        """Take a whole frame: an access unit with start codes, a temporal unit, a packet; sound is all keyframes.

        Raises SegmentInvalid for a frame that this file cannot hold: nothing has changed, others may come, or another
        segment begins with it. Raises SegmentFull or SegmentBroken when the disk did not take a fragment: what waited
        is lost, and nothing more is taken. SegmentClosed after `close`.
        """
        if self._refuses:
            raise copy.copy(self._refuses)
        if not 0 < len(data) <= MAX_FRAME_BYTES:
            raise SegmentInvalid(f"a frame of {len(data)} bytes")
        if pts_us - self._label.t0 > MAX_SEGMENT_US and self._line:
            raise SegmentInvalid("the segment has lasted too long")
        if pts_us <= self._latest_us and self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            raise SegmentInvalid("too much that is shown before others")
        kept = _kept(self._label.track.codec, data)
        line = self._line or self._begin(data, pts_us, is_keyframe)
        samples = line.take(kept, pts_us, is_keyframe)
        self._line = line
        for sample in samples:
            if self._cuts_before(sample):
                self._write_waiting(sample.pts_us)
            self._waiting.append(sample)
            self._waiting_bytes += len(sample.data)
            self._latest_us = max(self._latest_us, sample.pts_us)

    def flush(self) -> None:
        """Write what waits. Raises as `write` does."""
        if self._refuses:
            raise copy.copy(self._refuses)
        if self._waiting:
            self._write_waiting(self._latest_us + UNFOLLOWED_US)

    def sync(self) -> None:
        """Return when all that was written is on disk; what waits is not. Raises SegmentBroken, then and ever after."""
        if isinstance(self._refuses, SegmentBroken):
            raise copy.copy(self._refuses)
        if self._sink is None or isinstance(self._refuses, SegmentClosed):
            return
        try:
            self._sink.sync()
        except SegmentBroken as error:
            self._refuses = error
            raise

    def close(self, until_us: int | None = None) -> Facts | None:
        """Write what waits, sync, give the file its name, and tell what is in it; None when nothing is.

        `until_us` is when the next segment begins, where that is known. After SegmentFull what was written before is
        told. Raises SegmentBroken when the file is to be recovered, SegmentFull when there is no room for what waited:
        close again for what was written before.
        """
        if isinstance(self._refuses, SegmentClosed):
            raise copy.copy(self._refuses)
        if self._waiting and self._refuses is None:
            last_us = self._usual_us
            if until_us is not None and until_us > self._latest_us:
                last_us = min(until_us - self._latest_us, UNFOLLOWED_US)
            self._write_waiting(self._latest_us + last_us)
        broken = self._refuses if isinstance(self._refuses, SegmentBroken) else None
        self._refuses = SegmentClosed(f"{self._label.name} is closed")
        if self._sink is None:
            if broken:
                raise broken
            return None
        if broken:
            self._sink.abandon()
            raise broken
        path = self._sink.finish()
        digests = self._sink.digests()
        return Facts(
            self._label,
            path.name,
            len(self._head),
            self._sink.bytes,
            digests.sha256,
            tuple(self._fragments),
            sm3="" if digests.sm3 is UNSET else digests.sm3,
        )

    def _begin(self, data: bytes, pts_us: int, is_keyframe: bool) -> Line:
        track = self._label.track
        if track.codec.is_picture and not is_keyframe:
            raise SegmentInvalid("a segment begins with a keyframe")
        if not _EARLIEST_US <= pts_us < _LATEST_US:
            raise SegmentInvalid("not a time of this century")
        configuration, mime = configure(track, data, self._earlier_sets)
        before = self._label
        self._label = Label(before.v, before.segment, before.number, pts_us, mime, track)
        try:
            self._head = mp4.head(self._label, configuration) if configuration else matroska.head(self._label)
        except ValueError as error:
            raise SegmentInvalid(str(error)) from error
        step = 1 if configuration else matroska.STEP_US
        if track.codec is Codec.OPUS:
            return OpusLine(pts_us, track.channels)
        if track.codec.is_picture:
            return PictureLine(pts_us, step, reorders=bool(configuration))
        return PlainLine(pts_us, step)

    def _cuts_before(self, sample: Sample) -> bool:
        if not self._waiting or sample.pts_us <= self._latest_us:
            return False  # what is shown earlier than what was decoded before belongs to it
        return (
            sample.pts_us - self._waiting[0].pts_us >= FRAGMENT_US
            or self._waiting_bytes + len(sample.data) > MAX_WAITING_BYTES
            or len(self._waiting) >= MAX_WAITING_FRAMES
            or (sample.is_keyframe and self._label.track.codec.is_picture)
        )

    def _write_waiting(self, end_us: int) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        label, number = self._label, len(self._fragments) + 1
        offset = self._sink.bytes if self._sink else len(self._head)
        if len(waiting) > 1:
            self._usual_us = max(1, (self._latest_us - waiting[0].pts_us) // (len(waiting) - 1))
        if label.track.codec is Codec.OPUS:
            data, fragment = mp4.sound(number, offset, waiting, self._written_ticks)
            self._written_ticks += sum(sample.ticks for sample in waiting)
        elif label.track.codec.suffix == ".mp4":
            data, fragment = mp4.pictures(label, number, offset, waiting, self._written_us, end_us)
        else:
            data, fragment = matroska.cluster(label, offset, waiting, end_us)
        if isinstance(self._line, PictureLine):
            self._written_us = max(sample.pts_us for sample in waiting)
            self._line.seal(self._written_us)
        try:
            if self._sink is None:
                self._create(self._head + data)
            else:
                self._sink.write(data)
        except SegmentError as error:
            self._refuses = error
            raise
        self._fragments.append(fragment)

    def _create(self, data: bytes) -> None:
        sink = Sink(self.path, self._algorithms)
        try:
            sink.write(data)
        except SegmentError:
            # Nothing of it is worth keeping, and the name would be found at the next start.
            sink.abandon()
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise
        self._sink = sink


def _kept(codec: Codec, data: bytes) -> bytes:
    """Give what a file keeps of a frame: in MP4 lengths stand for start codes. Raises SegmentInvalid."""
    if codec is Codec.AV1:
        if data == _DELIMITER:
            raise SegmentInvalid("a temporal unit without a picture")
        return data.removeprefix(_DELIMITER)
    if codec is not Codec.H264 and codec is not Codec.H265:
        return data
    try:
        units = split_annex_b(data)
    except PayloadError as error:
        raise SegmentInvalid(str(error)) from error
    return b"".join([part for unit in units for part in (len(unit).to_bytes(4, "big"), unit)])

"""Everything of a time as one MP4: all pictures in a grid, their names, the clock of capture, all sound mixed.

Shell, in the export's process only, because it decodes what came from outside. Who is there decides the grid: a picture
that has been gone for 2 s leaves its place. H.264 by libx264 and AAC, which everything plays; never SVT-AV1, which
changes its caller's priority.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from recorder.export import lettering, outlet
from recorder.export.canvas import Canvas
from recorder.export.errors import ExportFailed, ExportRefused
from recorder.export.feeds import RATE, PictureFeed, SoundFeed
from recorder.export.grid import Box, cells, fitted
from recorder.export.orders import ComposedOrder
from recorder.export.outlet import Tell, untold

MAX_US: Final = 24 * 3600 * 1_000_000
MAX_TRACKS: Final = 256
_AAC_SAMPLES: Final = 1024
_KNEE: Final = 0.7
"""Louder than this, a mix is pressed together instead of cut off."""
_SOUND_BITS: Final = 96_000


class _Named(NamedTuple):
    feed: PictureFeed
    name: str


def compose(order: ComposedOrder, tell: Tell = untold) -> int:
    """Make the file of an order; give how often a decoder refused something.

    `tell` is told in frames, once a second of the recording. Raises ExportRefused for times that are none and too many
    tracks, ExportFull, ExportFailed and what `tell` raises; nothing is left then.
    """
    if not 0 < order.until - order.begin <= MAX_US:
        raise ExportRefused("times", f"{order.begin} to {order.until}")
    if not order.tracks or len(order.tracks) > MAX_TRACKS:
        raise ExportRefused("tracks", f"{len(order.tracks)} tracks")
    times = order.begin, order.until
    pictures, sounds = [], []
    for track in order.tracks:
        files = [Path(file) for file in track.files]
        if track.is_picture:
            pictures.append(_Named(PictureFeed(files, *times, track.left_out), track.name))
        else:
            sounds.append(SoundFeed(files, *times))
    try:
        with outlet.making(Path(order.path)) as part:
            _write(part, order, pictures, sounds, tell)
            _sync(part)
    except av.FFmpegError as error:
        raise ExportFailed(str(error)) from error
    return sum(named.feed.failures for named in pictures) + sum(sound.failures for sound in sounds)


def _write(
    part: Path, order: ComposedOrder, pictures: Sequence[_Named], sounds: Sequence[SoundFeed], tell: Tell
) -> None:
    painter, mixer = _Painter(order, pictures), _Mixer(sounds)
    total = max(1, (order.until - order.begin) * order.rate // 1_000_000)
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        film, track = _streams(container, order)
        for number in range(total):
            frame = painter.frame(order.begin + number * 1_000_000 // order.rate)
            frame.pts, frame.time_base = number, Fraction(1, order.rate)
            container.mux(film.encode(frame))
            for sound in mixer.until((number + 1) * RATE // order.rate):
                container.mux(track.encode(sound))
            if (number + 1) % order.rate == 0 or number + 1 == total:
                tell(number + 1, total)
        container.mux(film.encode(None))
        for sound in mixer.rest():
            container.mux(track.encode(sound))
        container.mux(track.encode(None))


def _streams(container: Any, order: ComposedOrder) -> tuple[VideoStream, AudioStream]:
    # Half of the machine at most: the server needs the rest, however nice we are.
    threads = str(max(1, (os.cpu_count() or 1) // 2))
    options = {"preset": "veryfast", "crf": "24", "threads": threads}
    film = cast(VideoStream, container.add_stream("libx264", rate=order.rate, options=options))
    film.width, film.height, film.pix_fmt = order.width, order.height, "yuv420p"
    film.codec_context.gop_size = 2 * order.rate
    track = cast(AudioStream, container.add_stream("aac", rate=RATE))
    track.layout = "mono"
    track.bit_rate = _SOUND_BITS
    return film, track


class _Painter:
    """Puts pictures, names and the clock on the canvas."""

    def __init__(self, order: ComposedOrder, pictures: Sequence[_Named]) -> None:
        self._canvas = Canvas(order.width, order.height)
        self._pictures = pictures
        self._zone = _zone(order.zone)
        self._title = order.title
        self._letters = max(12, order.height // 30)
        self._bar = self._letters * 3 // 2 + 1 & ~1
        self._before: list[Box] = []

    def frame(self, time: int) -> av.VideoFrame:
        """Give the picture of a time."""
        canvas = self._canvas
        there = [(named, size) for named in self._pictures if (size := named.feed.at(time))]
        room = Box(0, self._bar, canvas.width, canvas.height - self._bar)
        boxes = [fitted(*size, box) for (_, size), box in zip(there, cells(len(there), room), strict=True)]
        if boxes != self._before:
            canvas.clear()
            self._before = boxes
        for (named, _), box in zip(there, boxes, strict=True):
            canvas.put(named.feed.planes(box.width, box.height), box)
            if named.name:
                name = lettering.draw(named.name, self._letters)[:, : box.width]
                canvas.write(name, box.x, box.y + box.height - (name.shape[0] & ~1))
        self._write_bar(time)
        frame = av.VideoFrame(canvas.width, canvas.height, "yuv420p")
        for plane, ours in zip(frame.planes, canvas.planes, strict=True):
            rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
            rows[:, : plane.width] = ours
        return frame

    def _write_bar(self, time: int) -> None:
        canvas = self._canvas
        luma, *chroma = canvas.planes
        luma[: self._bar] = 16
        for plane in chroma:
            plane[: self._bar // 2] = 128
        clock = lettering.draw(clock_of(time, self._zone), self._letters)
        if self._title:
            canvas.write(lettering.draw(self._title, self._letters), 8, 0)
        canvas.write(clock, max(0, canvas.width - clock.shape[1] - 8 & ~1), 0)


def clock_of(time: int, zone: tzinfo) -> str:
    """Write a time as clocks of the zone showed it, with its distance from UTC."""
    seconds, rest = divmod(time, 1_000_000)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    offset = f"{local:%z}"
    return f"{local:%Y-%m-%d %H:%M:%S}.{rest // 100_000} UTC{offset[:3]}:{offset[3:5]}"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


class _Mixer:
    """All sounds as one, in frames of AAC."""

    def __init__(self, feeds: Sequence[SoundFeed]) -> None:
        self._feeds = feeds
        self._at = 0
        """The number of samples that were mixed."""
        self._given = 0
        self._waiting: NDArray[np.float32] = np.zeros(0, np.float32)

    def until(self, end: int) -> list[av.AudioFrame]:
        """Mix up to a sample; give the frames that are full."""
        count = end - self._at
        mixed = np.zeros(count, np.float32)
        for feed in self._feeds:
            mixed += feed.read(self._at, count)
        self._at = end
        self._waiting = np.concatenate([self._waiting, _pressed(mixed)])
        frames = []
        while len(self._waiting) >= _AAC_SAMPLES:
            frames.append(self._frame(self._waiting[:_AAC_SAMPLES]))
            self._waiting = self._waiting[_AAC_SAMPLES:]
        return frames

    def rest(self) -> list[av.AudioFrame]:
        """Give what is left."""
        return [self._frame(self._waiting)] if len(self._waiting) else []

    def _frame(self, samples: NDArray[np.float32]) -> av.AudioFrame:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, :]), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._given, Fraction(1, RATE)
        self._given += len(samples)
        return frame


def _pressed(mixed: NDArray[np.float32]) -> NDArray[np.float32]:
    loud = np.abs(mixed)
    if loud.max(initial=0.0) <= _KNEE:
        return mixed
    room = 1 - _KNEE
    pressed = np.sign(mixed) * (_KNEE + room * np.tanh((loud - _KNEE) / room))
    return np.where(loud > _KNEE, pressed, mixed).astype(np.float32)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(fd)
    finally:
        os.close(fd)

"""The sound of segment files of G.711 and G.722 as samples, each at its time, silence where nothing is.

Shell, in the processes that make copies only: what is decoded came from outside. A payload that a decoder refuses is
silence.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from recorder.copies import CopyUnfit
from recorder.copies.plan import RATES
from recorder.files.errors import SegmentDamaged
from recorder.files.facts import Codec
from recorder.files.listing import Listed, listing_of_open

Samples = NDArray[np.int16]
#: Two minutes of 64 kb/s are 1 MB; the rest is what stands around payloads.
MOST_FILE_BYTES: Final = 8 << 20
MOST_FRAMES: Final = 100_000
_DECODERS: Final = {Codec.PCMU: "pcm_mulaw", Codec.PCMA: "pcm_alaw", Codec.G722: "g722"}
_JOINS_MS: Final = 5
"""Sound this near to its place follows what is before it."""


class _Run(NamedTuple):
    """Payloads that follow one another; `first` is the number of their first sample."""

    first: int
    data: bytes


def sound_of(
    original: int, before: int | None, after: int | None, codec: Codec, t0: int, first: int, count: int
) -> Samples:
    """Give samples from a number on, counted from `t0`, of a file and those beside it.

    One decoder goes through all, so it has settled where the next one begins. Where two hold the same time the later
    one counts. Raises CopyUnfit when the original is no file of the codec; others that are none are left out.
    """
    made = np.zeros(count, np.int16)
    decoder = cast(AudioCodecContext, av.CodecContext.create(_DECODERS[codec], "r"))
    decoder.sample_rate, decoder.layout = RATES[codec], "mono"
    for fd in (before, original, after):
        try:
            frames, data = _read(fd, codec) if fd is not None else ((), b"")
        except CopyUnfit:
            if fd == original:
                raise
            continue
        for run in _runs(frames, data, codec, t0, first, first + count):
            samples = _decoded(decoder, run.data)
            begin, end = max(run.first, first), min(run.first + len(samples), first + count)
            if begin < end:
                made[begin - first : end - first] = samples[begin - run.first : end - run.first]
    return made


def _read(fd: int, codec: Codec) -> tuple[Sequence[Listed], bytes]:
    """Raises CopyUnfit."""
    try:
        size = os.fstat(fd).st_size
        if size > MOST_FILE_BYTES:
            raise CopyUnfit(f"a file of {size} bytes")
        listing, data = listing_of_open(fd), os.pread(fd, size, 0)
    except (SegmentDamaged, OSError) as error:
        raise CopyUnfit(str(error)) from error
    if listing.label.track.codec is not codec or len(listing.frames) > MOST_FRAMES:
        raise CopyUnfit(f"{len(listing.frames)} frames of {listing.label.track.codec}")
    return listing.frames, data


def _runs(frames: Sequence[Listed], data: bytes, codec: Codec, t0: int, first: int, last: int) -> Iterator[_Run]:
    """Give what is within the samples, of a file."""
    rate = RATES[codec]
    per_byte = 2 if codec is Codec.G722 else 1
    begin, at, payloads = 0, 0, list[bytes]()
    for each in frames:
        place = (each.pts_us - t0) * rate // 1_000_000
        length = each.length * per_byte
        if place + length <= first or place >= last:
            continue
        if payloads and abs(place - at) > _JOINS_MS * rate // 1000:
            yield _Run(begin, b"".join(payloads))
            payloads = []
        if not payloads:
            begin = at = place
        payloads.append(data[each.offset : each.offset + each.length])
        at += length
    if payloads:
        yield _Run(begin, b"".join(payloads))


def _decoded(decoder: Any, data: bytes) -> Samples:
    try:
        frames = [frame.to_ndarray()[0] for frame in decoder.decode(av.Packet(data))]
    except (av.FFmpegError, ValueError):
        frames = []
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)

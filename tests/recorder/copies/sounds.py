"""Sounds that tell their time, coded as telephones do, in segment files by the real writer; and copies, heard."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from recorder.copies.making import copy_of
from recorder.copies.plan import RATES, Plan, plan_of
from recorder.files import Codec, Facts, SegmentWriter, Track
from recorder.files.listing import listing_of
from recorder.worker.ulid import ulid
from tests.recorder.files.frames import T0, TRACK

SECOND: Final = 1_000_000
_ENCODERS: Final = {Codec.PCMU: "pcm_mulaw", Codec.PCMA: "pcm_alaw", Codec.G722: "g722"}
Sound = NDArray[np.float64]


def speech(rate: int, seconds: float) -> Sound:
    """Give noise below 2 kHz that swells and fades: it is like itself at no other time."""
    count = round(rate * seconds)
    noise = np.fft.rfft(np.random.default_rng(3).standard_normal(count))
    noise[np.fft.rfftfreq(count, 1 / rate) > 2000] = 0
    loud = (1.2 + np.sin(2 * np.pi * 0.7 * np.arange(count) / rate)) / 2
    return np.fft.irfft(noise, count) * loud * 4000


def payloads(codec: Codec, sound: Sound, packet_us: int = 20_000) -> list[bytes]:
    """Code a sound in packets of this length."""
    rate = RATES[codec]
    context = cast(AudioCodecContext, av.CodecContext.create(_ENCODERS[codec], "w"))
    context.sample_rate, context.format, context.layout = rate, "s16", "mono"
    context.open()
    size = rate * packet_us // SECOND
    made: list[bytes] = []
    for at in range(0, len(sound) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + size].astype(np.int16), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        made += [bytes(packet) for packet in context.encode(frame)]
    return made


def written(folder: Path, codec: Codec, timed: Sequence[tuple[int, bytes]], number: int = 0) -> tuple[Path, Facts]:
    """Write payloads, each with its time since T0 in microseconds, into one file."""
    begin = T0 + timed[0][0]
    writer = SegmentWriter(folder, ulid(begin + number), number, Track(TRACK, codec))
    for at_us, data in timed:
        writer.write(data, T0 + at_us)
    facts = writer.close()
    assert facts
    return folder / facts.name, facts


def in_turn(made: Sequence[bytes], packet_us: int = 20_000) -> list[tuple[int, bytes]]:
    return [(number * packet_us, data) for number, data in enumerate(made)]


def plan_for(facts: Facts) -> Plan:
    label = facts.label
    return plan_of(label.track.codec, label.segment, label.track.track, label.number, facts.t0, facts.t1)


@contextmanager
def opened(*paths: Path | None) -> Iterator[list[int | None]]:
    with ExitStack() as ends:
        fds: list[int | None] = []
        for path in paths:
            fds.append(os.open(path, os.O_RDONLY) if path else None)
            if fds[-1] is not None:
                ends.callback(os.close, fds[-1])
        yield fds


def copied(path: Path, facts: Facts, before: Path | None = None, after: Path | None = None) -> bytes:
    """Make the copy of a file in this process."""
    with opened(path, before, after) as (own, *others):
        assert own is not None
        return copy_of(plan_for(facts), own, *others)


def heard(copy: bytes, rate: int) -> Sound:
    """Decode a copy, or several one after another, at `rate`."""
    made: list[Any] = []
    with av.open(io.BytesIO(copy), "r") as container:
        assert container.streams.audio[0].codec_context.name.endswith("opus")
        made += [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
    return np.concatenate(made)[:: 48_000 // rate] * 32_768


def played_on(copies: Sequence[bytes], folder: Path, rate: int) -> Sound:
    """Decode copies as a player does that plays one after another: with one decoder."""
    decoder = av.CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    made: list[Any] = []
    for number, copy in enumerate(copies):
        path = folder / f"{number}.mp4"
        path.write_bytes(copy)
        for each in listing_of(path).frames:
            packet = av.Packet(copy[each.offset : each.offset + each.length])
            made += [frame.to_ndarray().mean(axis=0) for frame in decoder.decode(packet)]
    return np.concatenate(made)[:: 48_000 // rate] * 32_768


def shift_of(sound: Sound, original: Sound, rate: int, most_ms: float = 40) -> tuple[float, float]:
    """Tell by how many ms a sound is later than another, and how alike they are then."""
    most = round(most_ms * rate / 1000)
    middle = original[most : len(original) - most]
    searched = sound[: len(original)]
    # Of every shift at once: products of spectra, and running sums of squares.
    size = len(searched)
    products = np.fft.irfft(np.fft.rfft(searched, size) * np.conj(np.fft.rfft(middle, size)), size)[: 2 * most + 1]
    squares = np.concatenate([[0.0], np.cumsum(searched**2)])
    strength = np.sqrt((squares[len(middle) :] - squares[: -len(middle)]) * (middle**2).sum())
    alike = products / (strength[: 2 * most + 1] + 1e-9)
    best = int(np.argmax(alike))
    return (best - most) * 1000 / rate, float(alike[best])

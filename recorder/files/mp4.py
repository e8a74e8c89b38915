"""Fragmented MP4 (ISO/IEC 14496-12): H.264, H.265, AV1 and Opus.

Core. A file is `ftyp`, a `uuid` with the label, `moov`; then fragments of `uuid`, `prft`, `moof`, `mdat`. The `uuid` of
a fragment holds a CRC-32 of what follows in it, so that recovery can tell what a power failure left, and which samples
are silence of ours. `prft` says the UTC at which the fragment begins, `tfdt` the time since the beginning of the file:
pictures in microseconds, sound in samples, so nothing is rounded. There is no edit list, and no index to be written at
the end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise
from typing import Final
from zlib import crc32

from recorder.files.facts import Codec, Fill, Fragment, Label, Track, encode_label
from recorder.files.samples import Sample, us

#: Names of our boxes, drawn once.
LABEL_ID: Final = bytes.fromhex("0b6d1c3e5c0a4d4f9a4e3f1d7f2ac001")
FRAGMENT_ID: Final = bytes.fromhex("0b6d1c3e5c0a4d4f9a4e3f1d7f2ac002")
#: CRC-32 and number of runs of fills; each run has the number of its first sample and how many there are.
FRAGMENT_HEAD: Final = struct.Struct(">II")
PICTURE_SCALE: Final = 1_000_000
SOUND_SCALE: Final = 48_000
TRACK_ID: Final = 1
#: From the epoch of NTP (1900) and of ISO files (1904) to that of Unix, in seconds.
NTP_EPOCH: Final = 2_208_988_800
ISO_EPOCH: Final = 2_082_844_800
#: prft's time is that of capture.
_CAPTURED: Final = 24
#: sample_depends_on 2, or 1 and sample_is_non_sync_sample.
SYNC: Final = 0x0200_0000
NOT_SYNC: Final = 0x0101_0000
_DEFAULT_BASE_IS_MOOF: Final = 0x02_0000
_TFHD_FLAGS: Final = 0x20
TRUN: Final = 0x01 | 0x100 | 0x200
TRUN_FLAGS: Final = 0x400
TRUN_OFFSETS: Final = 0x800
MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_ENTRIES: Final = {Codec.H264: b"avc1", Codec.H265: b"hev1", Codec.AV1: b"av01", Codec.OPUS: b"Opus"}


def box(name: bytes, *parts: bytes) -> bytes:
    """One box of at most 4 GiB."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def full_box(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def head(label: Label, configuration: bytes) -> bytes:
    """Everything before the first fragment. `configuration` is the codec's box in the sample entry, header and all.

    Raises ValueError for a label that is too long.
    """
    rate_and_volume = struct.pack(">IH10x", 0x10000, 0x100)
    next_track = struct.pack(">I", TRACK_ID + 1)
    return b"".join(
        [
            box(b"ftyp", struct.pack(">4sI4s4s4s", b"iso6", 0, b"iso6", b"iso5", b"mp41")),
            box(b"uuid", LABEL_ID, encode_label(label)),
            box(
                b"moov",
                full_box(b"mvhd", 1, 0, _times(label, 1000), rate_and_volume, MATRIX, bytes(24), next_track),
                _track(label, configuration),
                box(b"mvex", full_box(b"trex", 0, 0, struct.pack(">5I", TRACK_ID, 1, 0, 0, SYNC))),
            ),
        ]
    )


def opus_configuration(channels: int) -> bytes:
    """The `dOps` box. Nothing is to be skipped at the start: a segment begins in the middle of its stream."""
    return box(b"dOps", struct.pack(">BBHIhB", 0, channels, 0, SOUND_SCALE, 0, 0))


def _times(label: Label, scale: int) -> bytes:
    begin = label.t0 // 1_000_000 + ISO_EPOCH
    return struct.pack(">QQIQ", begin, begin, scale, 0)


def _track(label: Label, configuration: bytes) -> bytes:
    track, begin = label.track, label.t0 // 1_000_000 + ISO_EPOCH
    picture = track.codec.is_picture
    volume = 0 if picture else 0x100
    empty = [full_box(name, 0, 0, bytes(4)) for name in (b"stts", b"stsc", b"stco")]
    return box(
        b"trak",
        full_box(
            b"tkhd",
            1,
            3,
            struct.pack(">QQI4xQ8x2HH2x", begin, begin, TRACK_ID, 0, 0, 0, volume),
            MATRIX,
            struct.pack(">II", track.width << 16, track.height << 16),
        ),
        box(
            b"mdia",
            full_box(b"mdhd", 1, 0, _times(label, PICTURE_SCALE if picture else SOUND_SCALE), b"\x55\xc4\0\0"),
            full_box(b"hdlr", 0, 0, bytes(4), b"vide" if picture else b"soun", bytes(12), b"Huishang\0"),
            box(
                b"minf",
                full_box(b"vmhd", 0, 1, bytes(8)) if picture else full_box(b"smhd", 0, 0, bytes(4)),
                box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))),
                box(
                    b"stbl",
                    full_box(b"stsd", 0, 0, struct.pack(">I", 1), _entry(track, configuration)),
                    *empty,
                    full_box(b"stsz", 0, 0, bytes(8)),
                ),
            ),
        ),
    )


def _entry(track: Track, configuration: bytes) -> bytes:
    if track.codec.is_picture:
        fixed = struct.pack(">6xH16xHHII4xH32xHh", 1, track.width, track.height, 0x480000, 0x480000, 1, 0x18, -1)
    else:
        fixed = struct.pack(">6xH8xHH4xI", 1, track.channels, 16, SOUND_SCALE << 16)
    return box(_ENTRIES[track.codec], fixed, configuration)


def pictures(
    label: Label, number: int, offset: int, samples: Sequence[Sample], after_us: int, end_us: int
) -> tuple[bytes, Fragment]:
    """One fragment of pictures, the last of which is shown until `end_us`; `number` counts from 1.

    All that was written before was shown at `after_us` at the latest.
    """
    shown = [sample.pts_us for sample in samples]
    decoded = decoding_times(shown, after_us)
    durations = [later - earlier for earlier, later in pairwise([*decoded, end_us])]
    flags = [SYNC if sample.is_keyframe else NOT_SYNC for sample in samples]
    fields: list[Sequence[int]] = [durations, [len(sample.data) for sample in samples], flags]
    what = TRUN | TRUN_FLAGS
    if decoded is not shown:
        what |= TRUN_OFFSETS
        fields.append([pts - dts for pts, dts in zip(shown, decoded, strict=True)])
    data = _fragment(number, decoded[0], decoded[0] - label.t0, what, fields, samples, [])
    keyframes = tuple(sample.pts_us for sample in samples if sample.is_keyframe)
    return data, Fragment(offset, len(data), min(shown), end_us, len(samples), keyframes, ())


def decoding_times(shown: list[int], after_us: int) -> list[int]:
    """Give times in their order, none later than when its picture is shown: the same where the order is.

    A picture that waits for others is decoded evenly spread before the first of them: players take the distance of two
    for how long one lasts, and some do not know offsets below zero.
    """
    if all(earlier < later for earlier, later in pairwise(shown)):
        return shown
    bounds = [*accumulate(reversed(shown), min)][::-1]
    decoded: list[int] = []
    for bound, run in groupby(bounds):
        count = len(list(run))
        decoded += [after_us + (bound - after_us) * step // count for step in range(1, count + 1)]
        after_us = bound
    return decoded


def sound(number: int, offset: int, samples: Sequence[Sample], since_start: int) -> tuple[bytes, Fragment]:
    """One fragment of Opus, `since_start` samples (48 kHz) after the beginning of the file."""
    runs: list[tuple[int, int]] = []
    for is_fill, group in groupby(enumerate(samples), key=lambda each: each[1].is_fill):
        if is_fill:
            indices = [index for index, _ in group]
            runs.append((indices[0], len(indices)))
    ticks = [sample.ticks for sample in samples]
    begin = samples[0].pts_us
    fields = [ticks, [len(sample.data) for sample in samples]]
    data = _fragment(number, begin, since_start, TRUN, fields, samples, runs)
    fills = fills_of(begin, ticks, runs)
    return data, Fragment(offset, len(data), begin, begin + us(sum(ticks)), len(samples), (), fills)


def fills_of(begin_us: int, ticks: Sequence[int], runs: Sequence[tuple[int, int]]) -> tuple[Fill, ...]:
    """Give the times of runs of samples that last so many ticks each."""
    ends = [0, *accumulate(ticks)]
    return tuple(Fill(begin_us + us(ends[first]), begin_us + us(ends[first + count])) for first, count in runs)


def ntp(time_us: int) -> int:
    """Give the 64 bits of NTP (RFC 5905 section 6); the seconds start anew in 2036."""
    seconds, rest = divmod(time_us, 1_000_000)
    return ((seconds + NTP_EPOCH) & 0xFFFF_FFFF) << 32 | ((rest << 32) + 500_000) // 1_000_000


def _fragment(
    number: int,
    begin_us: int,
    since_start: int,
    what: int,
    fields: Sequence[Sequence[int]],
    samples: Sequence[Sample],
    runs: Sequence[tuple[int, int]],
) -> bytes:
    count, columns = len(samples), len(fields)
    table = [0] * (count * columns)
    for column, values in enumerate(fields):
        table[column::columns] = values
    # 8 of moof, 16 of mfhd, 8 of traf, 20 of tfhd, 20 of tfdt; of trun 20 before its table; 8 of mdat.
    moof_bytes = 92 + 4 * len(table)
    rows = struct.pack(f">II{len(table)}I", count, moof_bytes + 8, *table)
    media = b"".join(
        [
            full_box(b"prft", 1, _CAPTURED, struct.pack(">IQQ", TRACK_ID, ntp(begin_us), since_start)),
            box(
                b"moof",
                full_box(b"mfhd", 0, 0, struct.pack(">I", number)),
                box(
                    b"traf",
                    full_box(b"tfhd", 0, _DEFAULT_BASE_IS_MOOF | _TFHD_FLAGS, struct.pack(">II", TRACK_ID, SYNC)),
                    full_box(b"tfdt", 1, 0, struct.pack(">Q", since_start)),
                    full_box(b"trun", 1, what, rows),
                ),
            ),
            struct.pack(">I4s", 8 + sum(fields[1]), b"mdat"),
            *[sample.data for sample in samples],
        ]
    )
    told = b"".join(struct.pack(">II", *run) for run in runs)
    return box(b"uuid", FRAGMENT_ID, FRAGMENT_HEAD.pack(crc32(media), len(runs)), told) + media

"""What goes into a file comes out of it, for readers nobody here wrote."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import tempfile
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtp.h264 import split_annex_b
from recorder.files import Codec, Facts, SegmentClosed, SegmentInvalid, SegmentWriter, Track, facts_of
from recorder.files.writer import FRAGMENT_US, MAX_FRAME_BYTES, MAX_WAITING_BYTES, MAX_WAITING_FRAMES, UNFOLLOWED_US
from tests.recorder.files import frames as made
from tests.recorder.files.frames import SEGMENT, T0, TRACK, decoded, frames, packets, reordered, track, writer, written

SUFFIXES = {"h264": ".mp4", "vp8": ".webm", "opus": ".mp4", "g722": ".mka"}


def contents(path: Path, codec: Codec) -> list[object]:
    """Give what PyAV reads: NAL units, or the packets themselves."""
    with av.open(path) as container:
        data = [bytes(packet) for packet in container.demux(container.streams[0]) if packet.size]
    if codec not in (Codec.H264, Codec.H265):
        return list(data)
    return [list(units(packet)) for packet in data]


def units(packet: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        found.append(packet[at + 4 : at + 4 + size])
        at += 4 + size
    return found


@pytest.mark.parametrize("codec", Codec)
def test_frames_come_out_as_they_went_in_at_their_times(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec)
    path, given_frames = tmp_path / facts.name, frames(codec)
    expected: list[object] = [frame.data for frame in given_frames]
    if codec in (Codec.H264, Codec.H265):
        expected = [split_annex_b(frame.data) for frame in given_frames]
    if codec is Codec.AV1:
        expected = [frame.data.removeprefix(b"\x12\x00") for frame in given_frames]
    assert contents(path, codec) == expected
    read = packets(path)
    for (seconds, _, is_keyframe), frame in zip(read, given_frames, strict=True):
        assert abs(seconds * 1e6 - (frame.pts_us - T0)) <= (100 if path.suffix != ".mp4" else 1)
        assert is_keyframe is frame.is_keyframe
    assert decoded(path) == {"opus": 144_000, "pcmu": 24_000, "pcma": 24_000, "g722": 48_000}.get(codec, 60)
    assert facts_of(path) == facts
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (facts.t0, facts.t1, facts.frames) == (T0, T0 + 3_000_000, len(given_frames))
    assert facts.keyframes == ((T0, T0 + 1_000_000, T0 + 2_000_000) if codec.is_picture else ())
    assert facts.label.name == facts.name and facts.bytes == path.stat().st_size


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8, Codec.OPUS, Codec.G722])
def test_ffprobe_finds_nothing_wrong_and_the_date(codec: Codec, tmp_path: Path) -> None:
    path = tmp_path / written(tmp_path, codec).name
    command = [
        "ffprobe",
        "-v",
        "warning",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames:format_tags=creation_time",
    ]
    done = subprocess.run([*command, "-of", "csv", str(path)], capture_output=True, text=True, check=True)
    # It has no other way to know how long a file of plain sound is than to estimate it.
    assert [line for line in done.stderr.splitlines() if "Estimating duration" not in line] == []
    assert f"stream,{len(frames(codec))}" in done.stdout.split() and "2025-11-23T12:13:20" in done.stdout


def test_reference_times_in_mp4_are_the_utc_of_each_fragment(tmp_path: Path) -> None:
    for codec in (Codec.H264, Codec.OPUS):
        facts = written(tmp_path, codec)
        data = (tmp_path / facts.name).read_bytes()
        (tmp_path / facts.name).unlink()
        for fragment in facts.fragments:
            at = data.index(b"prft", fragment.offset)
            seconds, fraction = struct.unpack_from(">II", data, at + 12)
            assert abs((seconds - 2_208_988_800) * 1_000_000 + fraction * 1_000_000 / 2**32 - fragment.t0) < 1


def test_pictures_that_are_decoded_in_another_order_are_shown_in_theirs(tmp_path: Path) -> None:
    pictures = reordered()
    times = [frame.pts_us for frame in pictures]
    assert times != sorted(times)
    file = writer(tmp_path, Codec.H264)
    for frame in pictures:
        file.write(*frame)
    facts = file.close()
    assert facts and facts_of(tmp_path / facts.name) == facts
    with av.open(tmp_path / facts.name) as container:
        shown = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert [round(seconds * 1e6) + T0 for seconds in shown] == sorted(times)
    assert len(facts.fragments) > 4


@settings(deadline=None, max_examples=60)
@given(
    codec=st.sampled_from([Codec.H264, Codec.VP8, Codec.OPUS, Codec.PCMA]),
    steps=st.lists(
        st.tuples(st.integers(1, 1_200_000), st.booleans(), st.booleans(), st.integers(1, 300)), max_size=40
    ),
    until_us=st.none() | st.integers(-10, 3_000_000),
)
def test_file_tells_what_its_writer_told_whatever_came(
    codec: Codec, steps: list[tuple[int, bool, bool, int]], until_us: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = writer(Path(folder), codec)
        first, *_ = frames(codec)
        file.write(*first)
        time, taken = T0, 1
        for step, is_keyframe, flushes, size in steps:
            time += step
            data = {Codec.H264: b"\0\0\0\1\x41", Codec.OPUS: b"\xf8"}.get(codec, b"") + b"x" * size
            try:
                file.write(data, time, is_keyframe)
                taken += 1
            except SegmentInvalid:
                assert not codec.is_picture or step < 100
            if flushes:
                file.flush()
        facts = file.close(None if until_us is None else time + until_us)
        assert facts
        check(Path(folder) / facts.name, facts, taken)


def check(path: Path, facts: Facts, taken: int) -> None:
    assert facts_of(path) == facts
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    fills = sum((fill.t1 - fill.t0 for fill in facts.fills), 0)
    assert facts.frames >= taken and (facts.frames == taken) is (fills == 0)
    assert len(packets(path)) == facts.frames
    at = facts.head_bytes
    for fragment in facts.fragments:
        assert fragment.offset == at and fragment.t0 < fragment.t1
        assert not fragment.keyframes or fragment.keyframes[0] == fragment.t0
        at += fragment.bytes
    assert at == facts.bytes


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8, Codec.OPUS])
def test_what_comes_is_written_within_half_a_second_and_rare_frames_by_flush(codec: Codec, tmp_path: Path) -> None:
    file = writer(tmp_path, codec)
    for frame in frames(codec):
        file.write(*frame)
        assert file.waiting_since_us is not None and frame.pts_us - file.waiting_since_us < FRAGMENT_US
    file.flush()
    assert file.waiting_since_us is None
    on_disk = file.path.stat().st_size
    facts = file.close()
    assert facts and facts.bytes == on_disk
    last = frames(codec)[-1].pts_us
    assert facts.t1 == last + (UNFOLLOWED_US if codec.is_picture else 20_000)


def test_last_picture_lasts_until_the_next_segment_begins(tmp_path: Path) -> None:
    for until_us, lasts in ((T0 + 700_000, 700_000), (T0 + 5_000_000, UNFOLLOWED_US), (T0 - 1, 33_333), (None, 33_333)):
        file = writer(tmp_path, Codec.H264)
        file.write(*frames(Codec.H264)[0])
        facts = file.close(until_us)
        assert facts and facts.t1 == T0 + lasts
        (tmp_path / facts.name).unlink()


@pytest.mark.parametrize(
    ("codec", "data", "is_keyframe"),
    [
        (Codec.H264, b"", True),
        (Codec.H264, bytes(MAX_FRAME_BYTES + 1), True),
        (Codec.H264, b"no start code", True),
        (Codec.H264, b"\0\0\0\1\x65 without parameter sets", True),
        (Codec.H264, b"\0\0\0\1\x67\0\0\0\1\x68", True),
        (Codec.H264, frames(Codec.H264)[0].data, False),
        (Codec.H265, b"\0\0\0\1\x40\x01\0\0\0\1\x42\x01\0\0\0\1\x44\x01", True),
        (Codec.AV1, b"\x12\x00", True),
        (Codec.AV1, b"garbage", True),
        (Codec.VP8, b"x", False),
        (Codec.OPUS, b"\xff", True),
    ],
)
def test_file_does_not_begin_with_anything_else_than_a_keyframe(
    codec: Codec, data: bytes, is_keyframe: bool, tmp_path: Path
) -> None:
    file = writer(tmp_path, codec)
    with pytest.raises(SegmentInvalid):
        file.write(data, T0 - 5000, is_keyframe)
    for frame in frames(codec):
        file.write(*frame)
    facts = file.close()
    assert facts and facts.t0 == T0 and decoded(tmp_path / facts.name)


def test_earlier_parameter_sets_serve_a_keyframe_that_brings_none(tmp_path: Path) -> None:
    first, *others = frames(Codec.H264)
    kept = [unit for unit in split_annex_b(first.data) if unit[0] & 31 == 5]
    assert len(kept) == 1
    file = SegmentWriter(tmp_path, SEGMENT, 1, track(Codec.H264), earlier_sets=first.data)
    file.write(b"\0\0\0\1" + kept[0], T0)
    for frame in others[:19]:
        file.write(*frame)
    facts = file.close()
    assert facts and decoded(tmp_path / facts.name) == 20


def test_label_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    for segment, asked in (
        ("../x", track(Codec.OPUS)),
        (SEGMENT, Track("x", Codec.OPUS)),
        (SEGMENT, Track(TRACK, Codec.VP8)),
        (SEGMENT, Track(TRACK, Codec.VP8, 1 << 16, 1)),
        (SEGMENT, Track(TRACK, Codec.OPUS, about={"a": "x" * 20_000})),
    ):
        with pytest.raises(SegmentInvalid):
            SegmentWriter(tmp_path, segment, 1, asked)
    for pts_us in (0, -1, 1 << 62):
        with pytest.raises(SegmentInvalid):
            writer(tmp_path, Codec.VP8).write(b"x", pts_us)
    assert list(tmp_path.iterdir()) == []


def test_much_that_waits_is_written_at_once(tmp_path: Path) -> None:
    file = writer(tmp_path, Codec.VP8)
    for number in range(5):
        file.write(bytes(MAX_WAITING_BYTES // 2 - 1000), T0 + number * 1000, number == 0)
    for number in range(MAX_WAITING_FRAMES + 1):
        file.write(b"x", T0 + 4100 + number * 100, False)
    facts = file.close()
    assert facts and [fragment.frames for fragment in facts.fragments] == [2, 2, MAX_WAITING_FRAMES, 2]
    assert facts_of(tmp_path / facts.name) == facts


def test_pictures_that_wait_for_earlier_ones_are_bounded(tmp_path: Path) -> None:
    file = writer(tmp_path, Codec.H264)
    unit = b"\0\0\0\1\x41" + b"x" * (MAX_WAITING_BYTES // 4)
    file.write(*frames(Codec.H264)[0])
    file.write(b"\0\0\0\1\x41x", T0 + 400_000, False)
    refused = 0
    for number in range(1, 9):
        try:
            file.write(unit, T0 + 400_000 - number, False)
        except SegmentInvalid:
            refused += 1
    facts = file.close()
    assert refused == 5 and facts and facts.frames == 5 and facts_of(tmp_path / facts.name) == facts


def test_closed_file_takes_nothing_more_and_one_without_frames_is_none(tmp_path: Path) -> None:
    file = writer(tmp_path, Codec.OPUS)
    assert file.close() is None and list(tmp_path.iterdir()) == []
    for call in (file.flush, file.close, lambda: file.write(*frames(Codec.OPUS)[0])):
        with pytest.raises(SegmentClosed):
            call()
    file.sync()


def test_file_is_called_open_while_it_is_written(tmp_path: Path) -> None:
    file = writer(tmp_path, Codec.OPUS)
    for frame in frames(Codec.OPUS):
        file.write(*frame)
    assert [path.name for path in tmp_path.iterdir()] == [f"{SEGMENT}.mp4.open"] == [file.path.name]
    file.sync()
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == [f"{SEGMENT}.mp4"]
    assert (tmp_path / f"{SEGMENT}.mp4").stat().st_mode & 0o777 == 0o600
    assert facts_of(tmp_path / f"{SEGMENT}.mp4").t0 == made.T0

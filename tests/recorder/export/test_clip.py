"""Clips: what is at which time in them, as FFmpeg decodes them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from recorder.export import ExportCancelled, ExportFailed, ExportRefused
from recorder.export.clip import Clip, clip_of, write_clip
from recorder.export.selection import ClipSplit
from recorder.files import Codec
from tests.recorder.export.reel import SECOND, STEP_US, moved, number_in, pictures, segments, sounds, tone
from tests.recorder.files.frames import T0

MP4 = (Codec.H264, Codec.H265, Codec.AV1)
WEBM = (Codec.VP8, Codec.VP9)


def made(folder: Path, clip: Clip) -> Path:
    path = folder / f"clip{clip.suffix}"
    write_clip(clip, path)
    assert path.stat().st_size == clip.length
    assert b"".join(clip.pieces()) == path.read_bytes()
    return path


def luma(frame: av.VideoFrame) -> np.ndarray[Any, Any]:
    return frame.to_ndarray(format="yuv420p")[: frame.height]


def seen(path: Path) -> list[tuple[float, int]]:
    """Give the time of each picture that is shown, and its number; any error of the decoder is raised."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        found = [(float(frame.time or 0), number_in(luma(frame))) for frame in container.decode(stream)]
    return [(time, number) for time, number in found if time >= -0.001]


def heard(path: Path) -> tuple[float, np.ndarray[Any, Any]]:
    """Give the time of the first sample and all of them, at 48 kHz."""
    with av.open(path) as container:
        frames = list(container.decode(container.streams.audio[0]))
    return float(frames[0].time or 0), np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(float)


def frequency(samples: np.ndarray[Any, Any]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 48_000 / len(samples)) if spectrum.max() > 10 else 0.0


def probed(path: Path, *what: str) -> dict[str, Any]:
    done = subprocess.run(["ffprobe", "-v", "error", *what, "-of", "json", str(path)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def decoded_without_a_word(path: Path) -> None:
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"], capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr, done.stderr


def check_pictures(path: Path, clip: Clip, t0: int, until: int) -> None:
    """Every picture is shown at its time, the first at the beginning."""
    shown = seen(path)
    assert abs(shown[0][0]) < 0.001 and clip.begin_us == t0
    first = (t0 - T0) // STEP_US
    assert [number for _, number in shown] == list(range(first, -(-(until - T0) // STEP_US)))
    for time, number in shown[1:]:
        assert abs(time - (number * STEP_US - (t0 - T0)) / SECOND) < 0.002


@pytest.mark.parametrize("codec", MP4)
@pytest.mark.parametrize("begin_us", [3_130_000, 4_000_000, 0])
def test_picture_begins_exactly_and_goes_on_over_segments(codec: Codec, begin_us: int, tmp_path: Path) -> None:
    paths = segments(tmp_path, codec, pictures(codec))
    assert len(paths) == 3
    t0, t1 = T0 + begin_us, T0 + 9_500_000
    clip = clip_of(paths, [], t0, t1)
    path = made(tmp_path, clip)
    assert (clip.suffix, clip.mime, clip.gaps, clip.end_us) == (".mp4", "video/mp4", (), t1)
    check_pictures(path, clip, t0, t1)
    decoded_without_a_word(path)
    assert abs(float(probed(path, "-show_format")["format"]["duration"]) - (t1 - t0) / SECOND) < 0.002


def test_pictures_in_another_order_begin_exactly(tmp_path: Path) -> None:
    options = "tune=film;bf=3;x264-params=repeat-headers=1:rc-lookahead=5"
    paths = segments(tmp_path, Codec.H264, pictures(Codec.H264, options=options))
    for begin_us in (2_480_000, 3_130_000):
        clip = clip_of(paths, [], T0 + begin_us, T0 + 9_500_000)
        path = made(tmp_path, clip)
        check_pictures(path, clip, T0 + begin_us, T0 + 9_500_000)


@pytest.mark.parametrize("codec", WEBM)
def test_webm_begins_with_the_keyframe_and_says_so(codec: Codec, tmp_path: Path) -> None:
    paths = segments(tmp_path / "p", codec, pictures(codec))
    sound = segments(tmp_path / "s", Codec.OPUS, sounds(), 5)
    clip = clip_of(paths, sound, T0 + 3_130_000, T0 + 9_500_000)
    path = made(tmp_path, clip)
    assert (clip.suffix, clip.mime, clip.begin_us) == (".webm", "video/webm", T0 + 2_000_000)
    check_pictures(path, clip, T0 + 2_000_000, T0 + 9_500_000)
    decoded_without_a_word(path)
    told = probed(path, "-show_format", "-show_streams")
    assert abs(float(told["format"]["duration"]) - 7.5) < 0.01
    assert [stream["codec_name"] for stream in told["streams"]] == [codec.value, "opus"]
    check_tones(path, 2_000_000)
    with av.open(path) as container:
        container.seek(5_000_000)
        frame = next(container.decode(video=0))
        assert abs(number_in(luma(frame)) * STEP_US - 6_000_000) < SECOND


def check_tones(path: Path, begin_us: int, silent: Sequence[int] = ()) -> None:
    """The middle of each second has its tone."""
    start, samples = heard(path)
    for second in range(begin_us // SECOND + 1, 9):
        at = round((second + 0.3 - begin_us / SECOND - start) * 48_000)
        found = frequency(samples[at : at + 19_200])
        assert abs(found - (0 if second in silent else tone(second))) < 5, second
        edge = round((second - begin_us / SECOND - start) * 48_000)
        if not {second - 1, second} & set(silent):
            assert abs(frequency(samples[edge - 4800 : edge - 800]) - tone(second - 1)) < 20


def test_sound_and_picture_of_one_source_are_together(tmp_path: Path) -> None:
    picture = segments(tmp_path / "p", Codec.H264, pictures(Codec.H264))
    sound = segments(tmp_path / "s", Codec.OPUS, sounds(), 5)
    t0, t1 = T0 + 3_130_000, T0 + 9_500_000
    clip = clip_of(picture, sound, t0, t1)
    path = made(tmp_path, clip)
    check_pictures(path, clip, t0, t1)
    check_tones(path, t0 - T0)
    decoded_without_a_word(path)
    only = clip_of([], sound, t0, t1)
    assert only.mime == "audio/mp4"
    check_tones(made(tmp_path, only), t0 - T0)


def test_gap_stands_still_and_what_follows_is_in_its_place(tmp_path: Path) -> None:
    given, tones = pictures(Codec.H264), sounds()
    before, after = [frame for frame in given if frame.pts_us < T0 + 4 * SECOND], given[6 * 20 :]
    picture = segments(tmp_path / "p", Codec.H264, [*before, *after])
    quiet = [frame for frame in tones if not T0 + 4 * SECOND <= frame.pts_us < T0 + 6 * SECOND]
    sound = segments(tmp_path / "s", Codec.OPUS, quiet[:200], 5) + segments(tmp_path / "s", Codec.OPUS, quiet[200:], 5)
    clip = clip_of(picture, sound, T0 + 1_000_000, T0 + 9_000_000)
    path = made(tmp_path, clip)
    # The file says of its last picture that it lasted a second.
    assert [(t0 - T0, t1 - T0) for t0, t1 in clip.gaps] == [(4_950_000, 6 * SECOND)]
    times = dict((number, time) for time, number in seen(path))
    assert set(times) == {*range(20, 80), *range(120, 180)}
    assert abs(times[79] - 2.95) < 0.002 and abs(times[120] - 5.0) < 0.002
    check_tones(path, 1_000_000, silent=(4, 5))
    late = clip_of(picture, sound, T0 + 5_000_000, T0 + 9_000_000)
    shown = seen(made(tmp_path, late))
    assert late.gaps[0] == (T0 + 5_000_000, T0 + 6_000_000)
    assert shown[0][1] == 120 and abs(shown[0][0] - 1.0) < 0.002


def test_other_size_on_the_way_is_refused_with_the_parts_that_can_be_made(tmp_path: Path) -> None:
    small = pictures(Codec.H264, 4, (128, 96))
    paths = segments(tmp_path, Codec.H264, pictures(Codec.H264, 4)) + segments(
        tmp_path, Codec.H264, moved(small, 4 * SECOND), size=(128, 96), number=2
    )
    with pytest.raises(ClipSplit) as caught:
        clip_of(paths, [], T0 + SECOND, T0 + 7 * SECOND)
    parts = caught.value.parts
    assert [(t0 - T0, t1 - T0) for t0, t1 in parts] == [(SECOND, 4 * SECOND), (4 * SECOND, 7 * SECOND)]
    for t0, t1 in parts:
        path = made(tmp_path, clip_of(paths, [], t0, t1))
        assert next(number for _, number in seen(path)) == (t0 - T0) // STEP_US % 80
        decoded_without_a_word(path)


def test_other_parameter_sets_of_one_size_go_into_one_file(tmp_path: Path) -> None:
    other = pictures(Codec.H264, 4, options="preset=medium;tune=zerolatency;profile=high;x264-params=repeat-headers=1")
    paths = segments(tmp_path, Codec.H264, pictures(Codec.H264, 4))
    paths += segments(tmp_path, Codec.H264, moved(other, 4 * SECOND), number=2)
    path = made(tmp_path, clip_of(paths, [], T0 + 1_130_000, T0 + 7 * SECOND))
    assert [number for _, number in seen(path)] == [*range(22, 80), *range(60)]
    assert path.read_bytes().count(b"avcC") == 2


def test_times_that_cannot_be_believed_are_left_out_and_open_files_read(tmp_path: Path) -> None:
    paths = segments(tmp_path, Codec.H264, pictures(Codec.H264))
    running = paths[2].with_name(paths[2].name + ".open")
    running.write_bytes(paths[2].read_bytes()[:-1000])
    clip = clip_of([*paths[:2], running], [], T0 + SECOND, T0 + 11_900_000, [(T0 + 3 * SECOND, T0 + 4 * SECOND)])
    numbers = {number for _, number in seen(made(tmp_path, clip))}
    assert not numbers & set(range(60, 80)) and {20, 59, 80, 180} <= numbers and 239 not in numbers


def test_what_cannot_be_a_clip_is_refused(tmp_path: Path) -> None:
    picture = segments(tmp_path / "p", Codec.H264, pictures(Codec.H264, 4))
    plain = segments(tmp_path / "s", Codec.PCMA, sounds(Codec.PCMA, 4))

    def reason(pictures: list[Path], sounds: list[Path], t0: int, t1: int) -> str:
        with pytest.raises(ExportRefused) as caught:
            clip_of(pictures, sounds, T0 + t0, T0 + t1)
        return caught.value.reason

    assert reason(picture, plain, 0, SECOND) == "plain-sound"
    assert reason(picture, [], 60 * SECOND, 61 * SECOND) == "nothing"
    assert reason(picture, [], SECOND, SECOND) == "times"
    assert reason([], [], 0, SECOND) == "nothing"
    data = bytearray(picture[0].read_bytes())
    at = data.index(b"moof") + 60
    data[at : at + 40] = b"\xff" * 40
    picture[0].write_bytes(data)
    assert reason(picture, [], 0, SECOND) == "damaged"
    picture[0].unlink()
    with pytest.raises(ExportFailed):
        clip_of(picture, [], T0, T0 + SECOND)


def test_clip_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    paths = segments(tmp_path / "p", Codec.H264, pictures(Codec.H264))
    clip = clip_of(paths, [], T0, T0 + 9 * SECOND)

    def cancel(done: int, total: int) -> None:
        assert total == clip.length
        if done > total // 2:
            raise ExportCancelled

    with pytest.raises(ExportCancelled):
        write_clip(clip, tmp_path / "clip.mp4", cancel)
    assert [path.name for path in tmp_path.iterdir()] == ["p"]

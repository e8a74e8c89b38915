"""What the replay shows is judged by its pictures: a long recording in small, and pictures that are not in step."""

import itertools
from math import isfinite

import pytest

from benchmarks.recording import reel, replayed
from benchmarks.recording.archive import Archive
from benchmarks.report import Report

FPS = 15
ARCHIVE = Archive("recording", 1_763_900_000_000_000, 14_400, FPS, ("a", "b", "c"), 0, 0, 0.0)
#: Media time of the first picture.
ZERO_S = 3_600.0


def test_pictures_are_sought_in_a_recording_and_played() -> None:
    report = Report("replay")
    replayed.run(report, seconds=120, tracks=2, fps=5, seeks=3, plays_s=3.0)
    figures = {figure.name.partition("sound: ")[2]: figure for figure in report.figures}
    assert all(isfinite(figure.value) for figure in figures.values()), report.notes
    assert figures["seeks without the right pictures"].value == 0, report.notes
    assert figures["playing, pictures that are not what the page believes"].value == 0
    assert figures["playing, pictures that are not what the page believes"].unit != "of 0"


def played(late_frames: dict[str, int], late_ms: dict[str, float]) -> replayed.Found:
    """Judge ten seconds, from the hour on, of tiles that show earlier pictures, or the right ones late."""
    found, hour = replayed.Found(), 3_600 * FPS
    frames = []
    for number, (track, source) in itertools.product(range(10 * FPS), enumerate(ARCHIVE.sources)):
        frame = hour + 20 + number
        code = reel.code_of(track, frame - late_frames.get(source, 0), FPS) if number % 5 == 0 else -1
        frames.append([source, ZERO_S + frame / FPS, 100.0 + number * 1_000 / FPS + late_ms.get(source, 0.0), code])
    replayed.judge(frames, ARCHIVE.t0_us + 3_600 * 1_000_000, ARCHIVE, found)
    return found


def test_tiles_in_step_are_not_apart_and_one_that_is_late_shows() -> None:
    found = played({}, {})
    assert (found.wrong, found.read, found.shown) == (0, 90, 1.0)
    assert replayed.share(found.apart_ms, 1.0) == 0
    found = played({}, {"b": 200.0})
    assert replayed.share(found.apart_ms, 0.05) == pytest.approx(200.0)
    assert replayed.share(found.pairs_ms, 0.3) == 0
    assert replayed.share(found.pairs_ms, 0.95) == pytest.approx(200.0)


def test_a_tile_that_shows_another_moment_than_its_element_says_is_found() -> None:
    assert played({"c": 1}, {}).wrong == 30


def test_all_tracks_together_tell_every_moment_of_a_day() -> None:
    lengths = [reel.frames_in_loop(track, FPS) for track in range(replayed.TRACKS)]
    codes = [tuple(reel.code_of(track, frame, FPS) for track in range(9)) for frame in range(0, 86_400 * FPS, 60 * FPS)]
    assert len(set(codes)) == len(codes)
    assert max(lengths) < 1 << reel.FRAME_BITS
    for track, frame in ((0, 299), (3, 12_345), (8, 215_999)):
        assert reel.frame_of(reel.code_of(track, frame, FPS), frame - 100, FPS) == frame
        assert reel.frame_of(reel.code_of(track, frame, FPS), frame + 100, FPS) == frame


def test_a_share_of_values_is_one_of_them() -> None:
    assert replayed.share([1.0, 2.0, 3.0, 4.0], 0.95) == 4.0
    assert not isfinite(replayed.share([], 0.5))

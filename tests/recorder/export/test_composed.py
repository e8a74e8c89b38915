"""Compositions, made by the export's process: who is where, which tone is heard when, and what ends it."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest

from recorder.export import ExportFailed, ExportRefused, lettering, orders
from recorder.export.composed import clock_of
from recorder.export.grid import Box, cells, fitted
from recorder.export.orders import BundleOrder, ClipOrder, ComposedOrder, ComposedTrack
from recorder.export.process import run
from recorder.export.selection import ClipSplit
from recorder.files import Codec
from tests.patience import PATIENCE_S, until
from tests.recorder.export.reel import SECOND, STEP_US, moved, number_in, pictures, segments, sounds, tone
from tests.recorder.files.frames import T0

SIZE = (640, 360)
BAR = 18 + 1 & ~1


def composed(path: Path, tracks: list[ComposedTrack], begin: int, until: int) -> ComposedOrder:
    return ComposedOrder(
        path=str(path), tracks=tracks, begin=begin, until=until, title="防汛会商", width=640, height=360, rate=20
    )


def track(files: list[Path], name: str = "") -> ComposedTrack:
    return ComposedTrack(files=[str(file) for file in files], is_picture=bool(name), name=name)


def decoded(path: Path) -> tuple[list[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Give the luma of every frame, and the sound."""
    with av.open(path) as container:
        film = [frame.to_ndarray(format="yuv420p")[: frame.height] for frame in container.decode(video=0)]
    with av.open(path) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return film, sound


def loudest(samples: np.ndarray[Any, Any]) -> list[float]:
    """Give the two strongest frequencies."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    found = []
    for _ in range(2):
        at = int(np.argmax(spectrum))
        found.append(at * 48_000 / len(samples))
        spectrum[max(0, at - 20) : at + 20] = 0
    return sorted(found)


def inside(luma: np.ndarray[Any, Any], count: int, number: int) -> np.ndarray[Any, Any]:
    """Cut out what one of so many pictures shows, its name excepted."""
    room = Box(0, BAR, SIZE[0], SIZE[1] - BAR)
    x, y, width, height = fitted(192, 112, cells(count, room)[number])
    return luma[y : y + height * 3 // 4, x : x + width]


async def test_all_are_seen_and_heard_at_their_time(tmp_path: Path) -> None:
    """Three codecs and two kinds of sound; one picture comes and goes, and with it the grid changes."""
    first = segments(tmp_path / "a", Codec.H264, pictures(Codec.H264))
    second = segments(tmp_path / "b", Codec.VP8, pictures(Codec.VP8))
    third = segments(tmp_path / "c", Codec.AV1, [f for f in pictures(Codec.AV1) if f.pts_us < T0 + 4 * SECOND])
    opus = segments(tmp_path / "d", Codec.OPUS, sounds(), 5)
    plain = segments(tmp_path / "e", Codec.PCMA, moved(sounds(Codec.PCMA), SECOND), 5)
    tracks = [track(first, "县应急局"), track(second, "Drone"), track(third, "乡镇"), track(opus), track(plain)]
    told: list[tuple[int, int]] = []
    begin, end = T0 + 1_500_000, T0 + 10_500_000
    order = composed(tmp_path / "all.mp4", tracks, begin, end)
    made = await run(order, lambda done, total: told.append((done, total)))
    assert told[-1] == (180, 180) and made.failures == 0 and made.length == (tmp_path / "all.mp4").stat().st_size
    film, sound = decoded(tmp_path / "all.mp4")
    assert len(film) == 180 and film[0].shape == (360, 640)
    for at in range(3, 180, 11):
        now = begin + at * SECOND // 20 - T0
        # The third has been gone for two seconds, and a second that its last picture was said to last.
        count = 3 if now < 5_900_000 else 2 if now > 7_200_000 else 0
        for number in range(min(count, 2)):
            assert abs(number_in(inside(film[at], count, number)) - now // STEP_US) <= 1, (at, number)
        if now < 3_900_000:
            assert abs(number_in(inside(film[at], 3, 2)) - now // STEP_US) <= 1
    for second_ in range(3, 10):
        at = round((second_ + 0.3 - 1.5) * 48_000)
        heard = loudest(sound[at : at + 19_200])
        assert all(abs(a - b) < 6 for a, b in zip(heard, [tone(second_ - 1), tone(second_)], strict=True)), second_
    assert np.abs(sound).max() < 1.01
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,duration", "-of", "csv=p=0"]
    done = subprocess.run([*probe, str(tmp_path / "all.mp4")], capture_output=True, text=True)
    assert [line.split(",")[0] for line in done.stdout.split()] == ["h264", "aac"] and not done.stderr
    assert all(abs(float(line.split(",")[1]) - 9) < 0.05 for line in done.stdout.split())


async def test_names_and_clock_are_written(tmp_path: Path) -> None:
    files = segments(tmp_path / "a", Codec.H264, pictures(Codec.H264, 4))
    order = composed(tmp_path / "all.mp4", [track(files, "县应急局")], T0, T0 + SECOND)
    await run(order)
    film, _ = decoded(tmp_path / "all.mp4")
    for at in (0, 13):
        clock = lettering.draw(clock_of(T0 + at * STEP_US, ZoneInfo("Asia/Shanghai")), 12)
        left = 640 - clock.shape[1] - 8 & ~1
        assert likeness(film[at][: clock.shape[0], left : left + clock.shape[1]], clock) > 0.9
        other = lettering.draw(clock_of(T0 + at * STEP_US + 5 * SECOND, ZoneInfo("Asia/Shanghai")), 12)
        assert likeness(film[at][: clock.shape[0], left : left + clock.shape[1]], clock) > likeness(
            film[at][: other.shape[0], left : left + other.shape[1]], other
        )
    name = lettering.draw("县应急局", 12)
    box = fitted(192, 112, cells(1, Box(0, BAR, 640, 360 - BAR))[0])
    bottom = box.y + box.height - (name.shape[0] & ~1)
    assert likeness(film[10][bottom : bottom + name.shape[0], box.x : box.x + name.shape[1]], name) > 0.9


def likeness(seen: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any]) -> float:
    return float(np.corrcoef(seen.astype(float).ravel(), drawn[: seen.shape[0]].astype(float).ravel())[0, 1])


def test_clock_tells_the_zone() -> None:
    assert clock_of(T0, ZoneInfo("Asia/Shanghai")) == "2025-11-23 20:13:20.1 UTC+08:00"
    assert clock_of(T0, ZoneInfo("America/St_Johns")) == "2025-11-23 08:43:20.1 UTC-03:30"


def test_text_needs_no_font() -> None:
    assert lettering._shown("县应急局", False) == "xian ying ji ju"
    assert lettering._shown("A\x1b[2J\n👍", False) == "A [2J ?"
    without, with_font = lettering.draw("县应急局", 20, ()), lettering.draw("县应急局", 20)
    assert without.max() > 200 and without.shape != with_font.shape
    assert lettering.draw("", 20).shape[1] >= 2


def test_grid_has_room_for_all_without_overlap() -> None:
    room = Box(0, 24, 1280, 696)
    for count in range(1, 30):
        boxes = cells(count, room)
        assert len(boxes) == count
        for box in boxes:
            assert 0 <= box.x <= box.x + box.width <= 1280 and 24 <= box.y <= box.y + box.height <= 720
            assert not any(side % 2 for side in box)
            x, y, width, height = fitted(1080, 1920, box)
            assert box.x <= x and x + width <= box.x + box.width and box.y <= y and y + height <= box.y + box.height
        for one, other in itertools.combinations(boxes, 2):
            assert one.x + one.width <= other.x or other.x + other.width <= one.x or one.y != other.y


async def test_hostile_and_missing_files_are_passed_over(tmp_path: Path) -> None:
    files = segments(tmp_path / "a", Codec.H264, pictures(Codec.H264))
    data = bytearray(files[1].read_bytes())
    at = data.index(b"mdat") + 4
    data[at : len(data) - 200] = os.urandom(len(data) - 200 - at)
    files[1].write_bytes(data)
    sound = segments(tmp_path / "s", Codec.OPUS, sounds(), 5)
    sound[0].unlink()
    order = composed(tmp_path / "all.mp4", [track(files, "x"), track(sound)], T0 + SECOND, T0 + 11 * SECOND)
    await run(order)
    film, heard = decoded(tmp_path / "all.mp4")
    assert len(film) == 200
    for frame in (5, 50, 185):
        assert abs(number_in(inside(film[frame], 1, 0)) - (frame + 20)) <= 1
    assert np.abs(heard[:150_000]).max() < 0.01 < np.abs(heard[300_000:400_000]).max()


async def test_killed_and_cancelled_leaves_nothing(tmp_path: Path) -> None:
    files = segments(tmp_path / "a", Codec.H264, pictures(Codec.H264))
    order = composed(tmp_path / "all.mp4", [track(files, "x")], T0, T0 + 3600 * SECOND)
    begun = asyncio.Event()
    task = asyncio.create_task(run(order, lambda done, total: begun.set()))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    (child,) = children()
    assert os.getpriority(os.PRIO_PROCESS, child) == 19
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and not children()

    begun.clear()
    task = asyncio.create_task(run(order, lambda done, total: begun.set()))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    (child,) = children()
    os.kill(child, 9)
    with pytest.raises(ExportFailed):
        await task
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def children() -> list[int]:
    text = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in text.split() if b"recorder.export" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_process_makes_clips_and_bundles_too_and_tells_why_not(tmp_path: Path) -> None:
    files = segments(tmp_path / "a", Codec.H264, pictures(Codec.H264, 4))
    small = segments(tmp_path / "a", Codec.H264, moved(pictures(Codec.H264, 4, (128, 96)), 4 * SECOND), size=(128, 96))
    names = [str(file) for file in [*files, *small]]
    path = str(tmp_path / "clip.mp4")
    made = await run(ClipOrder(path=path, pictures=names, begin=T0 + SECOND, until=T0 + 3 * SECOND))
    assert (made.mime, made.length, made.begin) == ("video/mp4", (tmp_path / "clip.mp4").stat().st_size, T0 + SECOND)
    with pytest.raises(ClipSplit) as split:
        await run(ClipOrder(path=path, pictures=names, begin=T0, until=T0 + 8 * SECOND))
    assert len(split.value.parts) == 2
    with pytest.raises(ExportRefused) as refused:
        await run(BundleOrder(path=path, root=str(tmp_path), session="01HF00000000000000000000AA"))
    assert refused.value.reason == "session"
    with pytest.raises(ExportFailed):
        await run(ClipOrder(path=str(tmp_path / "no" / "clip"), pictures=names, begin=T0, until=T0 + SECOND))


_WAITS = """
import asyncio, os, sys
from recorder.export import orders, process
asyncio.run(process.run(orders.order_of(sys.stdin.buffer.read()), lambda *_: os._exit(9)))
"""


async def test_process_ends_with_who_waits_for_it(tmp_path: Path) -> None:
    files = segments(tmp_path / "a", Codec.H264, pictures(Codec.H264))
    order = orders.encode(composed(tmp_path / "all.mp4", [track(files, "x")], T0, T0 + 3600 * SECOND))
    done = subprocess.run([sys.executable, "-c", _WAITS], input=order, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 9
    await until("nothing is left", lambda: [path.name for path in tmp_path.iterdir()] == ["a"])

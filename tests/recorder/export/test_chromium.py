"""Chromium plays clips as they are: which picture it shows when, and which tone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page

from recorder.export.clip import clip_of, write_clip
from recorder.files import Codec
from tests.recorder.export.reel import SECOND, STEP_US, number_in, pictures, segments, sounds, tone
from tests.recorder.files.frames import T0

RATE = 8000
pytestmark = pytest.mark.asyncio(loop_scope="package")

_LOOK = """async ({ data, mime, times }) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const happened = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", () => reject(new Error(video.error.message)), { once: true });
  });
  const ready = happened("canplaythrough");
  video.src = URL.createObjectURL(new Blob([bytes], { type: mime }));
  await ready;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext("2d");
  const seen = [];
  for (const time of times) {
    const there = [happened("seeked"), new Promise((resolve) => video.requestVideoFrameCallback(resolve))];
    video.currentTime = time;
    await Promise.all(there);
    context.drawImage(video, 0, 0);
    const middle = canvas.height / 2;
    seen.push([1, 3].map((side) => context.getImageData((canvas.width * side) / 4, middle, 1, 1).data[1]));
  }
  video.remove();
  const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes.buffer);
  const samples = sound.getChannelData(0).filter((_, index) => index % 6 === 0);
  return { duration: video.duration, seen, samples: Array.from(samples) };
}"""


async def look(page: Page, path: Path, mime: str, times: Sequence[float]) -> tuple[float, list[int], Any]:
    """Give the length, the numbers of the pictures shown at these times, and the sound at 8 kHz."""
    given = {"data": base64.b64encode(path.read_bytes()).decode(), "mime": mime, "times": list(times)}
    told = await page.evaluate(_LOOK, given)
    # A page sees black as 0, a video has it as 16.
    shown = [np.repeat(np.array([sides]) * 219 / 255 + 16, 8, axis=1).repeat(8, axis=0) for sides in told["seen"]]
    return told["duration"], [number_in(luma) for luma in shown], np.array(told["samples"])


def loudest(samples: Any) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * RATE / len(samples))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.AV1, Codec.VP8, Codec.VP9])
async def test_clip_of_picture_and_sound_is_played_as_it_was_captured(codec: Codec, page: Page, tmp_path: Path) -> None:
    picture = segments(tmp_path / "p", codec, pictures(codec))
    sound = segments(tmp_path / "s", Codec.OPUS, sounds(), 5)
    clip = clip_of(picture, sound, T0 + 3_130_000, T0 + 9_500_000)
    write_clip(clip, tmp_path / "clip")
    begin = (clip.begin_us - T0) / SECOND
    times = [0.5, 1.7, 3.33, 5.01, 6.2, 0.001]
    duration, numbers, samples = await look(page, tmp_path / "clip", clip.mime, times)
    assert abs(duration - (9.5 - begin)) < 0.021
    for time, number in zip(times, numbers, strict=True):
        assert abs(number - (begin + time) * SECOND // STEP_US) <= 1, (time, number)
    assert abs(len(samples) / RATE - (9.5 - begin)) < 0.05
    for second in range(4, 9):
        at = round((second - begin + 0.3) * RATE)
        assert abs(loudest(samples[at : at + 3200]) - tone(second)) < 5

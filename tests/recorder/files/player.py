"""Chromium plays files: through a SourceBuffer, as the replay page will, or as they are."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

from recorder.files import Facts
from tests.patience import PATIENCE_S

_PLAY: Final = """async ({ data, mime, plain, patience }) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const happened = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
  const failed = happened(video, "error").then(() => Promise.reject(new Error(video.error.message)));
  const late = new Promise((resolve) => setTimeout(resolve, patience));
  const stuck = late.then(() => Promise.reject(new Error(`stands at ${video.currentTime}`)));
  const ended = happened(video, "ended");
  const begin = async () => {
    if (plain) {
      video.src = URL.createObjectURL(new Blob([bytes], { type: mime.split(";")[0] }));
    } else {
      const source = new MediaSource();
      video.src = URL.createObjectURL(source);
      await happened(source, "sourceopen");
      const buffer = source.addSourceBuffer(mime);
      buffer.appendBuffer(bytes);
      await happened(buffer, "updateend");
      source.endOfStream();
    }
    video.playbackRate = 4;
    await video.play();
    await ended;
  };
  try {
    await Promise.race([begin(), failed, stuck]);
    const ranges = [];
    for (let index = 0; index < video.buffered.length; index += 1) {
      ranges.push([video.buffered.start(index), video.buffered.end(index)]);
    }
    const quality = video.getVideoPlaybackQuality();
    const { totalVideoFrames: frames, corruptedVideoFrames: corrupted } = quality;
    return { frames, corrupted, ranges, width: video.videoWidth };
  } finally {
    video.remove();
  }
}"""
_LISTEN: Final = """async ({ data, step }) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const sound = await new OfflineAudioContext(2, 48000, 48000).decodeAudioData(bytes.buffer);
  const samples = sound.getChannelData(0);
  const loudest = [];
  const count = Math.round(step * 48000);
  for (let at = 0; at + count <= samples.length; at += count) {
    loudest.push(samples.subarray(at, at + count).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0));
  }
  return loudest;
}"""


class Player:
    """A page; each file has an element of its own in it."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def play(self, path: Path, facts: Facts, *, plain: bool = False) -> dict[str, Any]:
        """Play to the end, four times as fast; any error fails. Give frames decoded, what was buffered, the width.

        A page that is late counts pictures again that it drops, so there may be more than there are.
        """
        given = {"data": _encoded(path), "mime": facts.label.mime, "plain": plain, "patience": PATIENCE_S * 500}
        seen: dict[str, Any] = await self._page.evaluate(_PLAY, given)
        return seen

    async def listen(self, path: Path, step_s: float) -> list[float]:
        """Give the loudest sample, 0 to 1, of each step of the first channel."""
        heard: list[float] = await self._page.evaluate(_LISTEN, {"data": _encoded(path), "step": step_s})
        return heard


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()

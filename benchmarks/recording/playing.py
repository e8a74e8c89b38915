"""Whether files play: ffprobe decodes each to its end, Chromium takes each into a SourceBuffer and shows its end.

One page for all files. Blocking.
"""

from __future__ import annotations

import base64
import itertools
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from benchmarks import chromium
from recorder.files import Facts, facts_of
from recorder.files.listing import listing_of
from recorder.files.writer import UNFOLLOWED_US
from recorder.tracks.track import PICTURE_HOLE_US

DEADLINE_S: Final = 60.0
#: What is buffered may differ from what the file says by so much.
OFF_S: Final = 0.05
#: Before the end: pictures that are decoded up to there are all but the last.
NEAR_S: Final = 0.1
_APPEND: Final = """async ({ data, mime, near, patience }) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const video = document.createElement("video");
  video.muted = true;
  const happened = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
  const failed = happened(video, "error").then(() => ({ error: video.error.message }));
  const late = new Promise((resolve) => setTimeout(() => resolve({ error: "nothing happens" }), patience));
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  const taken = (async () => {
    await happened(source, "sourceopen");
    const buffer = source.addSourceBuffer(mime);
    const refused = happened(buffer, "error").then(() => { throw new Error("the buffer refuses it"); });
    buffer.appendBuffer(bytes);
    await Promise.race([happened(buffer, "updateend"), refused]);
    source.endOfStream();
    if (video.readyState < video.HAVE_METADATA) await happened(video, "loadedmetadata");
    const ranges = [...Array(buffer.buffered.length).keys()];
    const found = ranges.map((at) => [buffer.buffered.start(at), buffer.buffered.end(at)]);
    const last = found.at(-1)?.[1] ?? 0;
    video.currentTime = Math.max(0, last - near);
    await happened(video, "seeked");
    return { ranges: found, ready: video.readyState };
  })().catch((error) => ({ error: String(error) }));
  try {
    return await Promise.race([taken, failed, late]);
  } finally {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    video.load();
  }
}"""


def faults(files: Sequence[Path]) -> dict[str, str]:
    """Say what is wrong with which file; nothing of those that play in both."""
    found = {}
    for path in files:
        if wrong := _probed(path):
            found[path.name] = f"ffprobe: {wrong}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.EXECUTABLE, args=list(chromium.FLAGS))
        page = browser.new_page()
        for path in files:
            if wrong := _appended(page, path, facts_of(path)):
                found[path.name] = f"Chromium: {wrong}"
        browser.close()
    return found


def _seen_until(path: Path, facts: Facts) -> int:
    """Give until when Chromium shows a file, in microseconds: behind a long silence it waits for a keyframe."""
    for before, frame in itertools.pairwise(listing_of(path).frames if facts.label.track.codec.is_picture else ()):
        if frame.pts_us - before.pts_us > PICTURE_HOLE_US and not frame.is_keyframe:
            return before.pts_us + UNFOLLOWED_US
    return facts.t1


def _probed(path: Path) -> str:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    if done.returncode or done.stderr:
        return done.stderr.strip()[:200] or f"status {done.returncode}"
    return "" if done.stdout.strip().isdigit() and int(done.stdout) > 0 else "no frames"


def _appended(page: Page, path: Path, facts: Facts) -> str:
    given = {"data": base64.b64encode(path.read_bytes()).decode(), "mime": facts.label.mime}
    seen: dict[str, Any] = page.evaluate(_APPEND, {**given, "near": NEAR_S, "patience": DEADLINE_S * 1000})
    if "error" in seen:
        return str(seen["error"])[:200]
    lasts_s = (_seen_until(path, facts) - facts.t0) / 1e6
    if len(seen["ranges"]) != 1 or abs(seen["ranges"][0][1] - lasts_s) > OFF_S:
        return f"{seen['ranges']} is buffered of {lasts_s:.3f} s"
    return "" if seen["ready"] >= 2 else f"ready {seen['ready']} after a seek"

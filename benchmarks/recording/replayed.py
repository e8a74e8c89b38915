"""Seeking and playing in a long recording: a real node on files on disk, the console's page in Chromium.

The recording is made before the node starts, which indexes it from its chains as after a rebuild. Somebody presses the
strip of time at random places: it counts from the press until every tile shows the picture of that moment and nothing
lies over it. Then it plays: each moment is captured in all tracks, so how far apart they show it is how far they are
apart. What a picture is, is read from its pixels. Browser and server share this machine's cores.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import os
import random
import ssl
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from playwright.async_api import Page, async_playwright

from benchmarks import machine
from benchmarks.chromium import launch
from benchmarks.consultation import town
from benchmarks.consultation.room import PAGE_PATIENCE_MS, Room
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import PeerError
from benchmarks.recording import reel
from benchmarks.recording.archive import S_US, Archive, forget_pages, make
from benchmarks.report import Figure, Report, arguments, conclude, middle
from dispatch.acts import recordings
from dispatch.entry import Origin
from dispatch.records import Recording
from huishang.desk import NodeDesk

LASTS_S: Final = 4 * 3600
TRACKS: Final = 9
FPS: Final = 15
#: Nine tracks of four hours are 4 GB.
PICTURE_BPS: Final = 250_000
SEEKS: Final = 60
PLAYS_S: Final = 60.0
SEED: Final = 4
MEDIAN_LIMIT_MS: Final = 500
LATE_LIMIT_MS: Final = 1_200
SKEW_LIMIT_MS: Final = 80
#: Somebody looks before he seeks again.
BETWEEN_S: Final = 0.7
DEADLINE_MS: Final = 15_000
INDEXED_S: Final = 120.0
LOOK_S: Final = 0.2
MOST_MISSED: Final = 5
#: Pictures that may have come between the word that one is shown and the look at it.
MOST_LATE: Final = 2
#: While it plays the pixels of every so manieth picture are read: each costs the page a millisecond.
READ_EACH: Final = 15

# Keeps what each tile shows; the page knows nothing of it.
WATCH = """
const seen = window.seen = {pressedAt: 0, tiles: new Map(), frames: null, each: 1};
addEventListener('pointerdown', ({target, timeStamp}) => {
  if (target.matches('canvas.strip')) seen.pressedAt = timeStamp;
}, true);
const paper = new OffscreenCanvas(16, 1).getContext('2d', {willReadFrequently: true});
const tileOf = seen.tileOf = (video) => video.closest('.replay .tile');
function codeOf(video) {
  const {videoWidth: width, videoHeight: height} = video;
  paper.imageSmoothingEnabled = false;
  paper.drawImage(video, 0, height / 16, width, 1, 0, 0, 16, 1);
  const {data} = paper.getImageData(0, 0, 16, 1);
  let code = 0;
  for (let bar = 0; bar < 16; bar += 1) code = code * 2 + (data[bar * 4 + 1] > 128 ? 1 : 0);
  return code;
}
function follow(video) {
  const held = {video, code: -1, shownAt: 0};
  seen.tiles.set(video, held);
  let count = 0;
  const presented = (now, {mediaTime, expectedDisplayTime}) => {
    video.requestVideoFrameCallback(presented);
    count += 1;
    const code = count % seen.each === 0 ? codeOf(video) : -1;
    held.code = code;
    held.shownAt = expectedDisplayTime;
    seen.frames?.push([tileOf(video)?.dataset.id, mediaTime, expectedDisplayTime, code]);
  };
  video.requestVideoFrameCallback(presented);
}
new MutationObserver((changes) => {
  for (const {addedNodes} of changes) for (const node of addedNodes) {
    const videos = node instanceof HTMLVideoElement ? [node] : node.querySelectorAll?.('video') ?? [];
    for (const video of videos) if (!seen.tiles.has(video)) follow(video);
  }
}).observe(document, {childList: true, subtree: true});
"""
# Waits until every tile shows the picture with one of its codes, and nothing over it.
ALL_SHOWN = """
async ([wanted, deadline]) => {
  const end = performance.now() + deadline;
  const isShown = ([tile, {code, shownAt}], now) =>
    wanted[tile.dataset.id]?.includes(code) && shownAt <= now + 20 && tile.querySelector('.state').hidden;
  for (;;) {
    const now = await new Promise((resolve) => requestAnimationFrame(resolve));
    const held = [...seen.tiles.values()].map((each) => [seen.tileOf(each.video), each]).filter(([tile]) => tile);
    const right = held.filter((each) => isShown(each, now));
    if (right.length === Object.keys(wanted).length) return {tookMs: performance.now() - seen.pressedAt};
    if (now > end) return {tookMs: -1, shown: held.map(([{dataset: {id, state}}, {code}]) => [id, state, code])};
  }
}
"""
RANGE = """
() => {
  const strip = document.querySelector('canvas.strip');
  const {left, top, width, height} = strip.getBoundingClientRect();
  return [left, top, width, height, Number(strip.ariaValueMin), Number(strip.ariaValueMax)];
}
"""
MOMENT = "() => [location.hash, seen.pressedAt]"
BEGIN = "(each) => { seen.each = each; seen.frames = []; }"
END = "() => { const { frames } = seen; Object.assign(seen, { each: 1, frames: null }); return frames; }"


@dataclass(slots=True)
class Found:
    """What was measured; times in milliseconds."""

    seeks_ms: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    """Seeks after which not every tile showed what it should, and what they showed."""
    apart_ms: list[float] = field(default_factory=list)
    """Of each moment, from the first tile that showed it to the last."""
    pairs_ms: list[float] = field(default_factory=list)
    """Of each moment, the distances of any two tiles."""
    wrong: int = 0
    """Pictures that were not what the page's clock of the element says."""
    read: int = 0
    shown: float = 0.0
    """The share of the frames that were shown while it played."""
    server_ms: float = 0.0
    """CPU time of the server for one seek."""
    faults: list[str] = field(default_factory=list)
    """Errors of the page's scripts."""
    others: float = 0.0
    """Cores that others used while it was sought."""
    opened_ms: float = 0.0
    """From the address to the first pictures in all tiles."""


def prepare(path: Path, seconds: int, tracks: int, fps: int, bps: int) -> tuple[town.Town, Archive]:
    """Enter a consultation whose recording is over, and write that."""

    async def enter(desk: NodeDesk) -> tuple[town.Town, Recording]:
        coordinator = desk.coordinator
        made = await town.found(coordinator, town.Size(members=0, present=0, watchers=0, cameras=tracks))
        begin = recordings.Begin(of=f"consultation:{made.consultation}")
        recording = await coordinator.act(begin, made.chair.actor, Origin())
        await coordinator.act(recordings.End(recording=recording), made.chair.actor, Origin())
        return made, coordinator.tables.recordings.get(recording)

    made, recording = town.furnish(path, enter)
    settings = town.settings_of(path)
    return made, make(settings, recording, made.cameras, seconds, fps, bps)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A seek: to which time, how long it took, and, where that is -1, what was shown instead."""

    us: int
    took_ms: float
    wrong: str


class Replay:
    """The page of one recording."""

    def __init__(self, page: Page, archive: Archive) -> None:
        self._page = page
        self._archive = archive

    def wanted(self, us: int) -> dict[str, list[int]]:
        """Return what the bars of each source's picture may say at a time: at an edge two are right."""
        fps = self._archive.fps
        frame = (us - self._archive.t0_us) * fps // S_US
        return {
            source: [reel.code_of(track, each, fps) for each in (frame - 1, frame, frame + 1) if each >= 0]
            for track, source in enumerate(self._archive.sources)
        }

    async def press(self, share: float) -> Pressed:
        """Press the strip at a share of the recording. Raises PeerError when something else is sought."""
        left, top, width, height, from_s, to_s = await self._page.evaluate(RANGE)
        x = left + int(share * width) + 0.5
        before = (await self._page.evaluate(MOMENT))[1]
        await self._page.mouse.click(x, top + height / 2)
        hash_, pressed = await self._page.evaluate(MOMENT)
        us = round(float(hash_.partition("&t=")[2].partition("&")[0]) * 1000)
        asked_s = from_s + (x - left) / width * (to_s - from_s)
        if pressed == before or abs(us / S_US - asked_s) > (to_s - from_s) / width + 1:
            raise PeerError(f"pressed at {asked_s:.0f}, sought {us / S_US:.0f}")
        answer = await self._page.evaluate(ALL_SHOWN, [self.wanted(us), DEADLINE_MS])
        return Pressed(us, answer["tookMs"], "" if answer["tookMs"] >= 0 else f"at {us}: {answer['shown']}")

    async def play(self, us: int, seconds: float, found: Found) -> None:
        """Play from where it stands, `us`, and see what is shown when."""
        await self._page.keyboard.press("Space")
        await asyncio.sleep(BETWEEN_S * 2)
        await self._page.evaluate(BEGIN, READ_EACH)
        await asyncio.sleep(seconds)
        frames = await self._page.evaluate(END)
        await self._page.keyboard.press("Space")
        judge(frames, us, self._archive, found)


def judge(frames: list[list[Any]], us: int, archive: Archive, found: Found) -> None:
    """Hold the frames that tiles showed, [source, media time in s, shown in ms, bars or -1], against one another.

    They were played from `us` on, a moment before.
    """
    tracks = {source: track for track, source in enumerate(archive.sources)}
    # Media time is UTC less a constant; which, the bars say.
    read = [(tracks[source], media_s, code) for source, media_s, _, code in frames if code >= 0]
    if not read:
        return
    _, media_s, code = read[0]
    near = (us - archive.t0_us) * archive.fps // S_US
    zero_s = media_s - reel.frame_of(code, near, archive.fps) / archive.fps
    for track, media_s, code in read:
        number = round((media_s - zero_s) * archive.fps)
        found.read += 1
        # Where the page is late, what is read is already the next picture.
        found.wrong += code not in [reel.code_of(track, number + late, archive.fps) for late in range(MOST_LATE + 1)]
    moments: dict[int, list[float]] = {}
    for _, media_s, at_ms, _ in frames:
        moments.setdefault(round((media_s - zero_s) * archive.fps), []).append(at_ms)
    # At the ends some tiles' pictures came before or after the time that was looked at.
    numbers = sorted(moments)[archive.fps : -archive.fps]
    for number in numbers:
        at_ms = moments[number]
        if len(at_ms) > 1:
            found.apart_ms.append(max(at_ms) - min(at_ms))
            found.pairs_ms += [abs(one - other) for one, other in itertools.combinations(at_ms, 2)]
    if numbers:
        expected = (numbers[-1] - numbers[0] + 1) * len(tracks)
        found.shown = sum(len(moments[number]) for number in numbers) / expected


async def measure(server: Huishang, made: town.Town, archive: Archive, seeks: int, plays_s: float) -> Found:
    """Look at the recording as its chair."""
    found, chance = Found(), random.Random(SEED)
    room = Room(server, made, town.Keys(town.settings_of(server.settings_path)))
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            context = await room.sign_in(browser)
            await context.add_init_script(WATCH)
            page = await context.new_page()
            page.on("pageerror", lambda error: found.faults.append(str(error)))
            replay = Replay(page, archive)
            began = time.monotonic()
            await page.goto(f"{server.url}/#replay={archive.recording}&t={(archive.t0_us + S_US) // 1000}")
            answer = await page.evaluate(ALL_SHOWN, [replay.wanted(archive.t0_us + S_US), PAGE_PATIENCE_MS])
            if answer["tookMs"] < 0:
                raise PeerError(f"it does not open: {answer}")
            found.opened_ms = (time.monotonic() - began) * 1000
            await asyncio.sleep(BETWEEN_S)
            used_ms, busy = 0.0, _busy()
            for _ in range(seeks):
                before = machine.cpu_ns(server.pid)
                # Not the last file: where a recording ends, it stands still a moment before.
                pressed = await replay.press(chance.random() * (1 - 2 * reel.GROUP_S / archive.seconds))
                used_ms += (machine.cpu_ns(server.pid) - before) / 1e6
                if pressed.wrong:
                    found.missed.append(pressed.wrong)
                else:
                    found.seeks_ms.append(pressed.took_ms)
                await asyncio.sleep(BETWEEN_S)
            found.server_ms, found.others = used_ms / seeks, _others(busy)
            pressed = await replay.press(0.1)
            await asyncio.sleep(BETWEEN_S)
            await replay.play(pressed.us, plays_s, found)
        finally:
            await browser.close()
    if found.faults:
        raise PeerError(f"{len(found.faults)} errors in the page: {found.faults[0]}")
    return found


def _busy() -> tuple[float, int, int]:
    """Return the time, that of all cores which was not idle, and what of it was ours: seconds and nanoseconds."""
    all_ns = sum(map(machine.core_busy_ns, range(os.cpu_count() or 1)))
    return time.monotonic(), all_ns, machine.cpu_ns(os.getpid())


def _others(before: tuple[float, int, int]) -> float:
    """Return how many cores others have used since."""
    seconds, all_ns, own_ns = (now - then for now, then in zip(_busy(), before, strict=True))
    return max(0.0, (all_ns - own_ns) / 1e9 / seconds)


def share(values: list[float], part: float) -> float:
    """Return what so large a part of the values is not above; NaN of nothing."""
    return float(np.quantile(values, part, method="higher")) if values else float("nan")


def indexed(server: Huishang, made: town.Town, archive: Archive) -> float:
    """Wait until the node knows all segments; return how long that took. Raises PeerError."""
    began = time.monotonic()
    token = town.Keys(town.settings_of(server.settings_path)).token(made.chair)
    # The authority is the node's own, made a moment ago.
    context = ssl._create_unverified_context()
    headers = {"Authorization": f"Bearer {token}"}
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=INDEXED_S, context=context)
    with closing(connection):
        while time.monotonic() - began < INDEXED_S:
            connection.request("GET", f"/api/v1/recordings/{archive.recording}/tracks", headers=headers)
            told = json.loads(connection.getresponse().read())
            if sum(track["segments"] for track in told["tracks"]) == archive.segments:
                return time.monotonic() - began
            time.sleep(LOOK_S)
    raise PeerError(f"not in the index after {INDEXED_S:.0f} s")


def run(
    report: Report,
    *,
    seconds: int = LASTS_S,
    tracks: int = TRACKS,
    fps: int = FPS,
    seeks: int = SEEKS,
    plays_s: float = PLAYS_S,
) -> None:
    """Measure into `report`."""
    prepared: list[tuple[town.Town, Archive]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="huishang-")))
        server = Huishang(
            tls=True,
            folder=folder,
            prepare=lambda path: prepared.append(prepare(path, seconds, tracks, fps, PICTURE_BPS)),
        )
        stack.callback(server.close)
        made, archive = prepared[0]
        indexed_s = indexed(server, made, archive)
        forget_pages(town.settings_of(server.settings_path).recordings_path)
        found = asyncio.run(measure(server, made, archive, seeks, plays_s))
    tell(report, archive, indexed_s, found, seeks)


def tell(report: Report, archive: Archive, indexed_s: float, found: Found, seeks: int) -> None:
    """Put what was found into `report`."""
    what = f"{archive.seconds / 3600:.3g} h of {len(archive.sources)} pictures of 360p at {archive.fps}/s with sound"
    seek = f"{what}: seek, press to the last tile's picture"
    report.add(
        Figure(f"{seek}, median", middle(found.seeks_ms), "ms", MEDIAN_LIMIT_MS),
        Figure(f"{seek}, p95", share(found.seeks_ms, 0.95), "ms", LATE_LIMIT_MS),
        Figure(f"{what}: seeks without the right pictures", len(found.missed), f"of {seeks}", 0),
        Figure(f"{what}: playing, moments shown by any two tiles apart, median", middle(found.pairs_ms), "ms"),
        Figure(f"{what}: playing, any two tiles apart, p95", share(found.pairs_ms, 0.95), "ms", SKEW_LIMIT_MS),
        Figure(f"{what}: playing, first tile to last, median", middle(found.apart_ms), "ms"),
        Figure(f"{what}: playing, first tile to last, p95", share(found.apart_ms, 0.95), "ms", SKEW_LIMIT_MS),
        Figure(f"{what}: playing, pictures that are not what the page believes", found.wrong, f"of {found.read}", 0),
        Figure(f"{what}: playing, frames shown", found.shown * 100, "%"),
        Figure(f"{what}: address to pictures in all tiles", found.opened_ms, "ms"),
        Figure(f"{what}: a seek costs the server", found.server_ms, "ms"),
    )
    report.note(
        f"{archive.segments} files, {archive.bytes / 1e9:.2f} GB, made in {archive.made_s:.0f} s, indexed in "
        f"{indexed_s:.1f} s; read from disk"
    )
    report.note(f"others used {found.others:.2f} of {os.cpu_count()} cores meanwhile")
    report.note("seeks, ms: " + ", ".join(f"{each:.0f}" for each in sorted(found.seeks_ms)))
    for each in found.missed[:MOST_MISSED]:
        report.note(f"missed: {each}")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=int, default=LASTS_S, help=f"of recording, default {LASTS_S}")
    parser.add_argument("--tracks", type=int, default=TRACKS, help=f"default {TRACKS}")
    parser.add_argument("--fps", type=int, default=FPS, help=f"pictures a second, default {FPS}")
    parser.add_argument("--seeks", type=int, default=SEEKS, help=f"default {SEEKS}")
    parser.add_argument("--plays", type=float, default=PLAYS_S, help=f"seconds of playing, default {PLAYS_S:.0f}")
    asked = parser.parse_args()
    report = Report("replay")
    run(report, seconds=asked.seconds, tracks=asked.tracks, fps=asked.fps, seeks=asked.seeks, plays_s=asked.plays)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()

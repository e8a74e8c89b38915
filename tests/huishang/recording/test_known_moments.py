"""What is known to have happened is found again in the files of a real node, at the right time of UTC.

The truth is what senders noted when they drew or sent, not what they had planned.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from benchmarks.recording import known
from benchmarks.recording.known import Note, Orders, Source, sending
from huishang.demo.units import FRAMES_PER_SECOND, VideoCodec
from tests.console.browser import CHROMIUM
from tests.console.node import TOKEN
from tests.huishang.recording import moments
from tests.huishang.recording.moments import Moment
from tests.huishang.recording.office import empty_office
from tests.peers.browser import ALL_FLAGS, open_page

SECOND_US: Final = 1_000_000
OFF_US: Final = 40_000
#: What a codec delays a beep by.
LOOKING_US: Final = 10_000
OFF_BROWSER_US: Final = 100_000
SOURCES: Final = (
    Source("fast-clock", VideoCodec.H264, ahead_ms=430, ppm=100),
    Source("slow-clock", VideoCodec.VP8, ahead_ms=-710, ppm=-100),
)
BROWSERS: Final = {"page-h264": "H264", "page-vp8": "VP8"}
#: A beep at each whole second of the page's clock in place of the page's tone; gives when each was begun.
BEEP: Final = """async (name) => {
  const { sound, people } = peers;
  const target = new MediaStreamAudioDestinationNode(sound);
  const gain = new GainNode(sound, { gain: 0 });
  const tone = new OscillatorNode(sound, { frequency: 1000 });
  tone.connect(gain).connect(target);
  tone.start();
  const { connection } = people.get(name);
  const sender = connection.getSenders().find(({ track }) => track.kind === "audio");
  await sender.replaceTrack(target.stream.getAudioTracks()[0]);
  globalThis.beeps ??= {};
  beeps[name] = [];
  let second = Math.floor(Date.now() / 1000);
  setInterval(() => {
    const now = Date.now();
    if (Math.floor(now / 1000) === second) return;
    second = Math.floor(now / 1000);
    gain.gain.setValueAtTime(0.5, sound.currentTime);
    gain.gain.setValueAtTime(0, sound.currentTime + 0.1);
    beeps[name].push(now);
  }, 5);
}"""


class Site(NamedTuple):
    """As much of the node as a page asks for."""

    url: str
    token: str = TOKEN


@dataclass(frozen=True)
class Recorded:
    """What is known, and what was kept."""

    root: Path
    notes: list[Note]
    beeps: dict[str, list[int]]
    """Of Chromium, by source, in milliseconds."""
    told: dict[str, dict[str, Any]]
    """By file, what the chain says."""

    def files(self, source: str, kind: str) -> list[Path]:
        return [
            self.root / each["file"]
            for each in self.told.values()
            if (each["about"]["source"], each["about"]["kind"]) == (source, kind)
        ]

    def allowed_us(self, file: str) -> int:
        """By how much its times may be off: the stored bound, and where that is small enough what is wanted.

        A sender whose first reports are late, on a busy machine, is known less well, and the bound says so.
        """
        bound_us = int(self.told[file]["error_us"])
        return min(bound_us, OFF_US) if bound_us <= 2 * OFF_US else bound_us

    def marks(self, source: str, kind: str) -> list[int]:
        return [note.mark_us for note in self.notes if (note.source, note.kind) == (source, kind) and note.mark_us]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recorded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Recorded]:
    """Recordings of two senders of ours and two of Chromium's, over some seconds."""
    folder = tmp_path_factory.mktemp("node")
    notes = folder / "notes"
    async with async_playwright() as playwright, empty_office(folder) as office:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALL_FLAGS)
        orders = Orders(office.node.url, TOKEN, None, str(notes), list(SOURCES))
        with sending(orders):
            async with open_page(browser, Site(office.node.url)) as page:
                for source, codec in BROWSERS.items():
                    name = await page.publish(source, "blue", 440, codec=codec, rate=FRAMES_PER_SECOND)
                    await page.page.evaluate(BEEP, name)
                ids = [source.id for source in SOURCES] + list(BROWSERS)
                await office.node.wait(lambda found: all(found.get(each, {}).get("state") == "live" for each in ids))
                recordings = [await office.record(f"source:{each}") for each in ids]
                for recording in recordings:
                    await office.told(recording, 1)
                await asyncio.gather(*(office.end(recording) for recording in recordings))
                beeps = await page.page.evaluate("beeps")
        await browser.close()
        told = [each for recording in recordings for each in office.contents(recording, "segment")]
        of = {name.removeprefix("publish-"): times for name, times in beeps.items()}
        yield Recorded(office.root, known.read(notes), of, {Path(each["file"]).name: each for each in told})


def off(found: Sequence[Moment], marks: Sequence[int]) -> dict[int, int]:
    """Give by how much what was found is off what is known, in microseconds by second."""
    return {mark // SECOND_US: each.utc_us - mark for each in found for mark in [nearest(marks, each.utc_us)]}


def nearest(marks: Sequence[int], utc_us: int) -> int:
    return min(marks, key=lambda mark: abs(mark - utc_us))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.codec)
async def test_flashes_and_beeps_of_a_sender_whose_clock_is_off_are_found_at_the_right_utc(
    source: Source, recorded: Recorded
) -> None:
    found: dict[str, dict[int, int]] = {}
    for kind, look in (("video", moments.flashes), ("audio", moments.beeps)):
        seen = [each for path in recorded.files(source.id, kind) for each in look(path)]
        marks = recorded.marks(source.id, kind)
        assert len(seen) >= 4
        for each in seen:
            off_us = abs(each.utc_us - nearest(marks, each.utc_us))
            assert off_us <= recorded.allowed_us(each.file) + LOOKING_US, (kind, each)
        found[kind] = off(seen, marks)
    both = found["video"].keys() & found["audio"].keys()
    assert len(both) >= 3
    assert all(abs(found["video"][second] - found["audio"][second]) <= OFF_US for second in both)


@pytest.mark.asyncio(loop_scope="module")
async def test_every_frame_of_such_a_sender_is_kept_once_at_the_time_of_its_capture(recorded: Recorded) -> None:
    for key, frames in known.seen(recorded.notes, known.files_below(recorded.root)).items():
        kept = [at for at, each in enumerate(frames) if each.kept]
        assert kept == list(range(kept[0], kept[-1] + 1)), key
        for at in kept:
            (place,) = frames[at].kept
            assert abs(place.utc_us - frames[at].note.utc_us) <= recorded.allowed_us(place.file), (key, place)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("source", BROWSERS)
async def test_clock_and_beeps_of_a_page_are_found_at_the_right_utc(source: str, recorded: Recorded) -> None:
    clocks = [each for path in recorded.files(source, "video") for each in moments.clocks(path)]
    pictures = [told - shown for told, shown in clocks]
    beeps = [each for path in recorded.files(source, "audio") for each in moments.beeps(path)]
    marks = [at * 1000 for at in recorded.beeps[source]]
    sounds = [each.utc_us - nearest(marks, each.utc_us) for each in beeps]
    assert len(sounds) >= 4 and len(pictures) > 40
    # Single ones may be late on a machine that is busy, and are so in truth.
    assert abs(statistics.median(pictures)) <= OFF_BROWSER_US
    assert abs(statistics.median(sounds)) <= OFF_BROWSER_US

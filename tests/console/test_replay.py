"""A recording replayed in Chromium: the right picture at the right UTC, after seeks, over gaps, changes, at speed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.console.recorded import BARS, FIRST_HZ, FRAME_US, SECOND_US, STEP_HZ, T0, TONES
from tests.console.recordings_site import RECORDING, RecordingsSite
from tests.console.replaying import DRONE, FIELD, HALL, HOLE, PHONE, VOICE
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: A player on a page of ours, and what reads the numbers off its pictures.
OPEN: Final = """async ({ recording, bars, at }) => {
  const { Player } = await import("/js/replay/player.js");
  const { ReplayDoors } = await import("/js/replay/doors.js");
  const { neighbour } = await import("/js/replay/stepping.js");
  document.body.replaceChildren();
  window.player?.close();
  const doors = new ReplayDoors({ ask: (asking) => asking("token") }, recording);
  const watch = (track) => {
    if (!track.isPicture) return;
    document.body.append(track.element);
    track.element.style.width = "200px";
    window.player.seen.add(track.about.track);
    const look = (_, { mediaTime }) => {
      if (window.log) window.log.push({
        track: track.about.track, number: window.read(track.element), saidUs: track.usOf(mediaTime),
        us: window.player.us, state: track.state,
      });
      track.element.requestVideoFrameCallback(look);
    };
    track.element.requestVideoFrameCallback(look);
  };
  const canvas = new OffscreenCanvas(bars * 4, 8);
  const drawn = canvas.getContext("2d", { willReadFrequently: true });
  window.read = (element) => {
    drawn.drawImage(element, 0, 0, canvas.width, canvas.height);
    const { data } = drawn.getImageData(0, 4, canvas.width, 1);
    let number = 0;
    for (let bar = 0; bar < bars; bar += 1) number = number * 2 + (data[(bar * 4 + 2) * 4] > 127 ? 1 : 0);
    return number;
  };
  window.of = (track) => window.player.tracks.find(({ about }) => about.track === track);
  window.neighbour = neighbour;
  window.player = new Player({ doors, utc: () => window.utcMs ?? Date.now(), changed: () => {}, made: watch });
  await window.player.open(at);
}"""
SETTLED: Final = """() => player.tracks.every((track) => (
  !track.wanted || !["rest", "loading", "seeking"].includes(track.state)
))"""
#: The tones that the loudspeaker gives, each with the UTC of the clock, into `heard`.
LISTEN: Final = """(track) => {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 4096;
  context.createMediaElementSource(window.of(track).element).connect(analyser).connect(context.destination);
  const bins = new Float32Array(analyser.frequencyBinCount);
  window.heard = [];
  setInterval(() => {
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    if (bins[loudest] < -50) return;
    window.heard.push({ us: window.player.us, hz: loudest * context.sampleRate / analyser.fftSize });
  }, 20);
}"""
SHOWN: Final = """() => Object.fromEntries(player.tracks.filter((track) => track.isPicture).map((track) => [
  track.about.track,
  { state: track.state, gap: track.gap?.why ?? "", number: track.state === "shown" ? read(track.element) : -1 },
]))"""


@pytest_asyncio.fixture(loop_scope="package")
async def page(loud: Browser, site: RecordingsSite) -> AsyncIterator[Page]:
    page = await loud.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{site.url}/blank")
    yield page
    await page.close()
    assert faults == []


async def opened(page: Page, seconds: float = 0.0) -> None:
    at = T0 + round(seconds * SECOND_US)
    await page.evaluate(OPEN, {"recording": RECORDING, "bars": BARS, "at": at})
    await page.wait_for_function(SETTLED)


async def shown(page: Page, seconds: float) -> dict[str, Any]:
    """Seek; give what stands on the screen when all is there."""
    await page.evaluate(f"player.seek({T0 + round(seconds * SECOND_US)})")
    await page.wait_for_function(SETTLED)
    found: dict[str, Any] = await page.evaluate(SHOWN)
    return found


async def test_after_a_seek_every_track_shows_its_picture_of_that_time(page: Page) -> None:
    await opened(page)
    # In the middle, at a beginning, behind a change of size or codec, far and near, on and back.
    for seconds in (4.52, 8.0, 20.17, 16.0, 14.93, 15.02, 29.96, 3.03, 3.01):
        number = int(seconds * SECOND_US / FRAME_US)
        seen = await shown(page, seconds)
        for track in (HALL, DRONE):
            assert seen[track] == {"state": "shown", "gap": "", "number": number}, (seconds, track, seen)
        if not HOLE[0] <= number < HOLE[1]:
            assert seen[FIELD]["number"] == number


async def test_what_is_not_there_is_hidden_and_says_why(page: Page) -> None:
    await opened(page)
    seen = await shown(page, 12.0)
    assert (seen[FIELD]["state"], seen[FIELD]["gap"]) == ("hole", "lost")
    seen = await shown(page, 1.0)
    assert (seen[DRONE]["state"], seen[DRONE]["gap"]) == ("hole", "")
    assert (seen[HALL]["number"], seen[FIELD]["number"]) == (20, 20)
    assert await page.evaluate(f"of('{PHONE}').state") == "cannot"


async def played(page: Page, first: float, last: float, speed: float) -> dict[str, list[dict[str, Any]]]:
    """Play from one second to another; give by track what was on the screen, each picture once."""
    await page.evaluate(f"player.pause(); player.setSpeed({speed})")
    await shown(page, first)
    await page.evaluate("log = []; player.play()")
    await page.wait_for_function(f"() => player.us >= {T0 + round(last * SECOND_US)}")
    seen: list[dict[str, Any]] = await page.evaluate("player.pause(), log")
    return {track: [one for one in seen if one["track"] == track] for track in (HALL, FIELD, DRONE)}


@pytest.mark.parametrize("speed", [1, 2])
async def test_pictures_go_with_the_clock_over_holes_and_changes(page: Page, speed: int) -> None:
    await opened(page)
    first, last = (8.5, 17.5) if speed == 2 else (13.5, 17.5)
    seen = await played(page, first, last, speed)
    for track, pictures in seen.items():
        on = [one for one in pictures if one["state"] == "shown"]
        numbers = [one["number"] for one in on]
        assert numbers == sorted(numbers), track
        for one in on:
            said = round((one["saidUs"] - T0) / FRAME_US)
            # The page may draw the next picture before it hears of this one.
            assert said <= one["number"] <= said + speed, one
        late = sorted(abs(one["us"] - T0 - one["number"] * FRAME_US) for one in on)
        assert late[len(late) // 2] < 250_000 * speed, track
        if track != FIELD:
            # A busy machine may leave out some, never most.
            halves = {number // 10 for number in range(round(first * 20) + 20, 350)}
            assert len(halves & {number // 10 for number in numbers}) > len(halves) * 0.7
    hidden = [one for one in seen[FIELD] if HOLE[0] + 10 < (one["us"] - T0) / FRAME_US < HOLE[1] - 10]
    assert all(one["state"] != "shown" for one in hidden)
    behind = [one["number"] for one in seen[FIELD] if one["state"] == "shown" and one["us"] > T0 + 16_500_000]
    assert behind and min(behind) >= HOLE[1]


@pytest.mark.parametrize("track", [VOICE, PHONE])
async def test_sound_is_in_step_with_the_clock(page: Page, site: RecordingsSite, track: str) -> None:
    """Also over two copies of what no browser plays."""
    with site.copying():
        await opened(page)
        await page.evaluate(LISTEN, track)
        await played(page, 3.0, 8.0, 1)
    heard = await page.evaluate("heard")
    # What is analysed is of the last 85 ms, and the clock's first moments are before the loudspeaker's.
    clear = [one for one in heard if 300_000 < (one["us"] - T0) % SECOND_US < 900_000 and one["us"] > T0 + 3_500_000]
    assert len(clear) > 50
    right = [round((one["hz"] - FIRST_HZ) / STEP_HZ) == (one["us"] - T0) // SECOND_US % TONES for one in clear]
    assert sum(right) > len(right) * 0.95


async def test_only_what_is_seen_is_fetched_and_only_around_the_position(page: Page, site: RecordingsSite) -> None:
    await opened(page)
    await page.evaluate(f"player.seen.delete('{FIELD}')")
    await page.wait_for_function(f"of('{FIELD}').state === 'rest'")
    site.asked.clear()
    await shown(page, 20.0)
    rows = {row["segment"]: row for row in site.rows}
    asked = [rows[segment] for segment in site.asked]
    assert {row["track"] for row in asked} == {HALL, DRONE, VOICE}
    assert all(row["t1_us"] >= T0 + 20 * SECOND_US for row in asked)
    # Pictures of the moment itself come first.
    assert {row["track"] for row in asked[:2]} == {HALL, DRONE}
    assert all(row["t0_us"] <= T0 + 20 * SECOND_US for row in asked[:2])
    held = await page.evaluate(f"of('{HALL}').element.buffered.length")
    assert held == 1


async def test_pictures_are_stepped_one_by_one(page: Page) -> None:
    await opened(page)
    await shown(page, 14.93)
    step = f"neighbour(of('{HALL}'), WAY).then((us) => player.seek(us))"
    numbers = []
    for way in (1, 1, 1, -1, -1):
        await page.evaluate(step.replace("WAY", str(way)))
        await page.wait_for_function(SETTLED)
        seen = await page.evaluate(SHOWN)
        assert seen[HALL]["number"] == seen[DRONE]["number"]
        numbers.append(seen[HALL]["number"])
    assert numbers == [299, 300, 301, 300, 299]


async def test_what_was_deleted_says_so(page: Page, site: RecordingsSite) -> None:
    gone = next(row for row in site.rows if row["track"] == HALL and row["t0_us"] >= T0 + 20 * SECOND_US)
    site.recorded.deleted[gone["segment"]] = gone["t1_us"]
    site.look()
    try:
        await opened(page)
        seen = await shown(page, (gone["t0_us"] - T0) / SECOND_US + 0.5)
        assert (seen[HALL]["state"], seen[HALL]["gap"]) == ("hole", "deleted")
    finally:
        site.recorded.deleted.clear()
        site.look()


async def test_what_is_still_recorded_is_looked_back_into_and_followed(page: Page, site: RecordingsSite) -> None:
    every, site.live = site.rows, True
    try:
        site.rows = [row for row in every if row["t1_us"] <= T0 + 16 * SECOND_US]
        await page.evaluate(f"window.utcMs = {T0 / 1000 + 20_000}")
        await opened(page)
        # No nearer to now than what is written by then.
        seen = await shown(page, 19.0)
        assert await page.evaluate("player.us") == T0 + 10 * SECOND_US
        assert seen[HALL]["number"] == 200
        site.rows = every
        await page.evaluate(f"window.utcMs = {T0 / 1000 + 36_000}")
        await page.wait_for_function(f"player.clock.toUs === {T0 + 26 * SECOND_US}")
        seen = await shown(page, 25.02)
        assert {one["number"] for one in seen.values()} == {500}
    finally:
        site.rows, site.live = every, False


async def test_a_server_that_is_away_for_a_while_is_waited_for(page: Page, site: RecordingsSite) -> None:
    await opened(page)
    await shown(page, 1.0)
    await page.context.set_offline(True)
    await page.evaluate(f"player.seek({T0 + 22 * SECOND_US}); player.play()")
    await page.wait_for_function(f"of('{HALL}').error === 'network' || player.index.error === 'network'")
    assert await page.evaluate("player.us") < T0 + 23 * SECOND_US
    await page.context.set_offline(False)
    await page.wait_for_function(f"player.us > {T0 + 23 * SECOND_US} && of('{HALL}').state === 'shown'")


async def test_a_damaged_or_missing_file_costs_no_more_than_itself(page: Page, site: RecordingsSite) -> None:
    def first(track: str, second: int) -> dict[str, Any]:
        return next(row for row in site.rows if row["track"] == track and row["t0_us"] >= T0 + second * SECOND_US)

    flipped, garbage, missing = (
        first(track, second)["segment"] for track, second in ((HALL, 19), (FIELD, 20), (DRONE, 19))
    )
    kept = {segment: site.paths[segment].read_bytes() for segment in (flipped, garbage)}
    whole = kept[flipped]
    middle = len(whole) // 2
    site.paths[flipped].write_bytes(whole[:middle] + bytes(byte ^ 0xFF for byte in whole[middle:]))
    site.paths[garbage].write_bytes(b"garbage " * 100)
    path = site.paths.pop(missing)
    try:
        await opened(page)
        seen = await played(page, 17.0, 24.5, 1)
        await page.wait_for_function(f"of('{DRONE}').state === 'shown'")
        for track, bad in ((HALL, (380, 420)), (FIELD, (400, 440)), (DRONE, (380, 460))):
            on = {one["number"] for one in seen[track] if one["state"] == "shown"}
            assert {number // 10 for number in on if not bad[0] <= number < bad[1]} >= {35, 36, 37, 47}, track
            if track != HALL:
                # What a decoder makes of pictures that are wrong inside is its own affair.
                assert not any(bad[0] < number < bad[1] for number in on), track
    finally:
        for segment, data in kept.items():
            site.paths[segment].write_bytes(data)
        site.paths[missing] = path


async def test_when_a_hole_ends_is_asked_for_and_not_guessed_from_what_was_seen_later(
    page: Page, site: RecordingsSite
) -> None:
    every = site.rows
    hour = 3600 * SECOND_US
    # The field is there again after an hour, and after two.
    again = [row for row in every if row["track"] == FIELD and row["t0_us"] < T0 + HOLE[0] * FRAME_US]
    later = [
        {**row, "segment": f"{row['segment'][:-1]}{number}", "t0_us": row["t0_us"] + off, "t1_us": row["t1_us"] + off}
        for number, off in enumerate((hour, 2 * hour))
        for row in again
    ]
    site.paths |= {row["segment"]: site.paths[again[0]["segment"]] for row in later}
    try:
        site.rows = sorted([*every, *later], key=lambda row: (row["t0_us"], row["segment"]))
        await opened(page)
        await shown(page, 7201.0)
        seen = await shown(page, 40.0)
        assert seen[FIELD]["state"] == "hole"
        await page.wait_for_function(f"of('{FIELD}').course.after(player.us)?.t0_us === {T0 + hour}")
    finally:
        site.rows = every

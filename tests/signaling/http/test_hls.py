"""Playlists over segment files: what they say, and what FFmpeg and Chromium make of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from datetime import datetime
from typing import Any, Final

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import async_playwright

from dispatch.store.reading import Question, Reader
from dispatch.store.segments import SegmentRow
from recorder.files import Codec
from signaling.http import recordings
from signaling.http.hls import LIVE_SECONDS, Playlist
from tests.console.browser import CHROMIUM
from tests.patience import PATIENCE_S, until
from tests.peers.browser import ALL_FLAGS
from tests.signaling.http.asking import problem
from tests.signaling.http.county import number, token
from tests.signaling.http.recorded import LENGTH_US, SECOND_US, Recorded

_PLAY: Final = """async ({ address, patience }) => {
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const happened = (name) => new Promise((resolve) => {
    video.addEventListener(name, () => resolve(name), { once: true });
  });
  const late = new Promise((resolve) => setTimeout(() => resolve(`stands at ${video.currentTime}`), patience));
  video.src = address;
  video.playbackRate = 4;
  video.play();
  const end = await Promise.race([happened("ended"), happened("error"), late]);
  const { totalVideoFrames: frames, corruptedVideoFrames: corrupted } = video.getVideoPlaybackQuality();
  return { end, error: video.error?.message, seconds: video.duration, frames, corrupted, width: video.videoWidth };
}"""


async def playlist(made: Recorded, track: str, query: str = "") -> str:
    answer = await made.get(f"/tracks/{track}.m3u8?{query}")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"].startswith("application/vnd.apple.mpegurl")
    return answer.body.decode()


def tags(text: str, name: str) -> list[str]:
    return re.findall(rf"^#EXT{name}:?(.*)$", text, re.MULTILINE)


def times_us(text: str) -> list[int]:
    """When each segment begins."""
    dates = [datetime.fromisoformat(date) for date in tags(text, "-X-PROGRAM-DATE-TIME")]
    return [
        round(date.timestamp()) * SECOND_US + date.microsecond - round(date.microsecond / 1e6) * SECOND_US
        for date in dates
    ]


def row(t0_us: int, t1_us: int, **more: Any) -> SegmentRow:
    values: dict[str, Any] = {
        "session": "", "segment": "", "track": "", "number": 0, "record": 0, "file": "",
        "source": "", "kind": "video", "unit": "", "person": "", "codec": "h264", "mime": "",
        "width": 0, "height": 0, "channels": 1,
        "t0_us": t0_us, "t1_us": t1_us, "bytes": 1000, "head_bytes": 100, "sha256": "", "recovered": False,
        "deleted_us": 0,
    }  # fmt: skip
    return SegmentRow(**values | more)


@given(
    st.lists(st.tuples(st.integers(0, 20_000_000), st.integers(1, 20_000_000)), min_size=1, max_size=20), st.booleans()
)
def test_no_segment_lasts_into_the_next_or_longer_than_the_playlist_promises(
    steps: list[tuple[int, int]], live: bool
) -> None:
    made, at_us = Playlist(live=live), 1_700_000_000_000_000
    rows: list[SegmentRow] = []
    for step_us, length_us in steps:
        at_us += step_us
        rows.append(row(at_us, at_us + length_us, segment=number(len(rows))))
        made.add(rows[-1])
    made.add(rows[-1])  # a chain may name one twice
    text = made.text()
    lengths_us = [round(float(value.rstrip(",")) * 1_000_000) for value in tags(text, "INF")]
    assert len(lengths_us) == len(rows) == made.segments
    target = int(tags(text, "-X-TARGETDURATION")[0])
    assert all((length_us + 500_000) // 1_000_000 <= target for length_us in lengths_us)
    for this, following, length_us in zip(rows, rows[1:], lengths_us, strict=False):
        assert length_us == this.t1_us - this.t0_us or this.t0_us + length_us == following.t0_us
    assert times_us(text) == [item.t0_us for item in rows]
    assert bool(tags(text, "-X-ENDLIST")) is not live


@pytest.mark.usefixtures("settled")
async def test_playlist_of_what_runs_only_grows_and_that_of_what_is_over_ends(made: Recorded) -> None:
    track = made.record(Codec.H264, 0, 3)
    first = await playlist(made, track)
    assert tags(first, "-X-PLAYLIST-TYPE") == ["EVENT"] and tags(first, "-X-TARGETDURATION") == [str(LIVE_SECONDS)]
    made.record(Codec.H264, 6, 20, track=track)
    second = await playlist(made, track)
    assert second.startswith(first) and len(tags(second, "INF")) == 4
    await made.end()
    third = await playlist(made, track)
    assert third.endswith("#EXT-X-ENDLIST\n") and tags(third, "-X-PLAYLIST-TYPE") == ["VOD"]
    assert tags(third, "-X-TARGETDURATION") == ["3"] and len(tags(third, "-X-DISCONTINUITY")) == 3
    assert times_us(third) == [facts.t0 for facts in made.files[track]]


async def test_what_comes_shortly_after_the_end_is_waited_for(made: Recorded) -> None:
    track = made.record(Codec.OPUS, 0)
    await made.end()
    assert json.loads((await made.get("/tracks")).body)["live"] is True
    first = await playlist(made, track)
    made.record(Codec.OPUS, 3, track=track)
    assert tags(first, "-X-ENDLIST") == [] and (await playlist(made, track)).startswith(first)


async def test_playlist_of_a_time_holds_what_overlaps_it(made: Recorded) -> None:
    track = made.record(Codec.OPUS, 0, 3, 6, 9)
    begin = made.begun_us
    text = await playlist(made, track, f"from_us={begin + 4 * SECOND_US}&to_us={begin + 7 * SECOND_US}")
    assert times_us(text) == [facts.t0 for facts in made.files[track][1:3]]
    late = await made.get(f"/tracks/{track}.m3u8?from_us={begin + 3_600 * SECOND_US}")
    assert problem(late, 404) == "range-empty"


async def test_playlist_is_read_in_portions_and_has_an_end(made: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    track = made.record(Codec.OPUS, 0, 3, 6, 9)
    whole = await playlist(made, track)
    monkeypatch.setattr(recordings, "ROWS", 2)
    assert await playlist(made, track) == whole
    monkeypatch.setattr(recordings, "MOST_PLAYED", 3)
    assert problem(await made.get(f"/tracks/{track}.m3u8"), 422) == "range-too-long"


@pytest.mark.parametrize("codec", [Codec.VP8, Codec.VP9])
async def test_what_hls_does_not_carry_is_refused(made: Recorded, codec: Codec) -> None:
    track = made.record(codec, 0)
    assert problem(await made.get(f"/tracks/{track}.m3u8"), 409) == "hls-unfit"
    made.record(Codec.H264, 3, track=track)
    assert times_us(await playlist(made, track)) == [made.files[track][1].t0]


async def test_deleted_segment_is_a_gap(made: Recorded) -> None:
    track = made.record(Codec.H264, 0, 3, 6)
    await made.delete(made.files[track][1], made.begun_us)
    text = await playlist(made, track)
    lines = text.splitlines()
    at = lines.index("#EXT-X-GAP")
    assert text.count("#EXT-X-GAP") == 1 and made.files[track][1].label.segment in lines[at + 4]
    assert tags(text, "-X-VERSION") == ["8"] and len(tags(text, "-X-MAP")) == 2
    for facts in (made.files[track][0], made.files[track][2]):
        await made.delete(facts, made.begun_us)
    assert problem(await made.get(f"/tracks/{track}.m3u8"), 410) == "segment-deleted"


#: Of a packet: microseconds since the beginning of the first file, size, digest, whether it is to be decoded and shown.
Packet = tuple[int, int, str, bool]


def packets(made: Recorded, track: str) -> list[Packet]:
    """All packets of a track's files, as FFmpeg's library reads them from the disk, where they belong by UTC."""
    found: list[Packet] = []
    for facts in made.files[track]:
        since_us = facts.t0 - made.files[track][0].t0
        with av.open(made.file(facts)) as container:
            for packet in container.demux():
                if packet.size:
                    digest = f"SHA256:{hashlib.sha256(bytes(packet)).hexdigest()}"
                    found.append((since_us + _us((packet.pts or 0) * packet.time_base), packet.size, digest, True))
    return found


def _us(seconds: Any) -> int:
    return round(float(seconds) * 1_000_000)


async def ffprobe(address: str) -> list[Packet]:
    """All packets of a playlist, as FFmpeg reads them over HTTP."""
    process = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "error", "-protocol_whitelist", "http,tcp", "-show_data_hash", "sha256"),
        *("-headers", f"Authorization: {token('officer')['Authorization']}\r\n"),
        *("-show_entries", "packet=pts_time,size,data_hash,flags", "-of", "json", address),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0
    items = json.loads(told)["packets"]
    return [(_us(item["pts_time"]), int(item["size"]), item["data_hash"], "D" not in item["flags"]) for item in items]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265, Codec.AV1, Codec.OPUS])
async def test_ffmpeg_reads_every_packet_of_every_file_at_its_time(made: Recorded, codec: Codec) -> None:
    track = made.record(codec, 0, 3, 17)
    await made.end()
    told = await ffprobe(f"{made.url}/api/v1/recordings/{made.recording}/tracks/{track}.m3u8")
    assert told == packets(made, track) and told[-1][0] > 19 * SECOND_US


@pytest.mark.usefixtures("settled")
async def test_ffmpeg_reads_what_is_being_recorded_up_to_its_end(made: Recorded) -> None:
    track = made.record(Codec.OPUS, 0)
    reading = asyncio.create_task(ffprobe(f"{made.url}/api/v1/recordings/{made.recording}/tracks/{track}.m3u8"))

    async def has_begun() -> bool:
        await made.known()
        told = await Reader(made.database).timeline(Question(verb="recording.replay"))
        return bool(told)

    await until("the playlist is read", has_begun)
    made.record(Codec.OPUS, 3, track=track)
    await made.end()
    assert await reading == packets(made, track)


@pytest.mark.usefixtures("settled")
async def test_chromium_plays_it_over_holes_and_deleted_files(made: Recorded) -> None:
    track = made.record(Codec.H264, 0, 3, 17, 20)
    await made.delete(made.files[track][2], made.begun_us)
    await made.end()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALL_FLAGS)
        context = await browser.new_context(extra_http_headers=token("officer"))
        page = await context.new_page()
        await page.goto(f"{made.url}/api/v1/recordings")  # of the same origin
        address = f"/api/v1/recordings/{made.recording}/tracks/{track}.m3u8"
        seen = await page.evaluate(_PLAY, {"address": address, "patience": PATIENCE_S * 1000})
        await browser.close()
    played = [made.files[track][index] for index in (0, 1, 3)]
    assert (seen["end"], seen["corrupted"], seen["width"]) == ("ended", 0, played[0].label.track.width), seen
    assert seen["frames"] == sum(facts.frames for facts in played)
    assert seen["seconds"] == pytest.approx(len(played) * LENGTH_US / SECOND_US, abs=0.1)

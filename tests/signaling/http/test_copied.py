"""Opus copies of G.711 and G.722 over HTTP: told of, asked for whole and in part, and in playlists, as files are."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import numpy as np
import pytest

from recorder.copies.plan import MIME
from recorder.files import Codec, Facts
from recorder.files.mp4 import FRAGMENT_ID
from tests.recorder.copies.sounds import heard
from tests.signaling.http.asking import problem
from tests.signaling.http.recorded import LENGTH_US, Recorded
from tests.signaling.http.test_hls import ffprobe

COPY = {"codec": "opus", "mime": MIME}


def address(facts: Facts) -> str:
    return f"/segments/{facts.label.segment}?copy=opus"


def hertz(sound: Any, rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound * np.hanning(len(sound))))) * rate / len(sound))


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.G722])
async def test_copy_is_told_of_made_and_served_as_a_file(made: Recorded, codec: Codec) -> None:
    track, own = made.record(codec, 0, 3), made.record(Codec.OPUS, 0)
    items = json.loads((await made.get("/segments")).body)["items"]
    assert {item["track"]: item["copy"] for item in items} == {track: COPY, own: None}
    tracks = json.loads((await made.get("/tracks")).body)["tracks"]
    assert {item["track"]: item["copy"] for item in tracks} == {track: COPY, own: None}
    first, second = made.files[track]
    whole, same = await asyncio.gather(made.get(address(first)), made.get(address(first)))
    assert (whole.status, whole.headers["Content-Type"]) == (200, "audio/mp4") and same.body == whole.body
    assert whole.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    tag = whole.headers["ETag"]
    sound = heard(whole.body, 16_000)
    assert len(sound) == 3 * 16_000 and abs(hertz(sound, 16_000) - 440) < 1
    assert tag != (await made.get(address(second))).headers["ETag"] and first.sha256 not in tag
    part = await made.get(address(first), headers={"Range": "bytes=100-299", "If-Range": tag})
    assert (part.status, part.body) == (206, whole.body[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(whole.body)}"
    assert (await made.get(address(first), headers={"If-None-Match": tag})).status == 304
    beyond = await made.get(address(first), headers={"Range": f"bytes={len(whole.body)}-"})
    assert problem(beyond, 416) == "range-invalid"
    looked = await made.get(address(first), method="HEAD")
    assert looked.headers["Content-Length"] == str(len(whole.body))


async def test_what_cannot_be_copied_is_refused_and_left_alone(made: Recorded) -> None:
    own, track = made.record(Codec.OPUS, 0), made.record(Codec.PCMA, 0, 3)
    broken, whole = made.files[track]
    assert problem(await made.get(address(made.files[own][0])), 422) == "copy-unfit"
    assert problem(await made.get(f"/segments/{whole.label.segment}?copy=mp3"), 422) == "query-invalid"
    data = made.file(broken).read_bytes()
    made.file(broken).write_bytes(data[:1] + bytes(len(data) - 1))
    for _ in range(2):
        assert problem(await made.get(address(broken)), 422) == "copy-unfit"
    # What is beside it is copied without it.
    assert (await made.get(address(whole))).status == 200
    assert problem(await made.get(address(whole), "watcher"), 403) == "forbidden"
    await made.delete(whole, time.time_ns() // 1000)
    assert problem(await made.get(address(whole)), 410) == "segment-deleted"


@pytest.mark.usefixtures("settled")
async def test_playlist_names_copies_that_are_as_it_says_and_ffmpeg_reads_all_of_them(made: Recorded) -> None:
    track = made.record(Codec.PCMU, 0, 3, 9)
    await made.end()
    text = (await made.get(f"/tracks/{track}.m3u8")).body.decode()
    heads = re.findall(r'EXT-X-MAP:URI="\.\.([^"]+)",BYTERANGE="(\d+)@0"', text)
    ranges = re.findall(r"EXT-X-BYTERANGE:(\d+)@(\d+)", text)
    assert len(heads) == len(ranges) == 3
    for (uri, head), (length, begin) in zip(heads, ranges, strict=True):
        copy = await made.get(uri)
        assert head == begin and len(copy.body) == int(length) + int(begin)
        # Behind the head stands the first fragment.
        assert copy.body[int(begin) + 4 : int(begin) + 24] == b"uuid" + FRAGMENT_ID
    read = await ffprobe(f"{made.url}/api/v1/recordings/{made.recording}/tracks/{track}.m3u8")
    starts_us = [(facts.t0 - made.files[track][0].t0) for facts in made.files[track]]
    expected = [start + number * 10_000 for start in starts_us for number in range(LENGTH_US // 10_000)]
    assert len(read) == len(expected)
    assert max(abs(at - when) for (at, *_), when in zip(read, expected, strict=True)) <= 50

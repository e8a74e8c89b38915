"""A recording over HTTP: what there is of it, its files byte by byte, for whom, and that nobody looks unnoted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dispatch.acts.chair import Say
from dispatch.acts.grants import Give, Revoke
from dispatch.acts.recordings import Begin, End, Spoken
from dispatch.acts.retention import Delete, Retain
from dispatch.entry import Origin
from dispatch.permissions import SYSTEM, Right
from recorder.files import Codec
from signaling.http import looks, recordinglist
from tests.patience import until
from tests.recorder.chained import content_of
from tests.signaling.http.asking import Answer, ask, problem
from tests.signaling.http.county import CAMERA, COUNTY, number, person
from tests.signaling.http.recorded import SECOND_US, Recorded, ids

UNKNOWN = number(777)


def told(answer: Answer) -> Any:
    assert answer.status == 200, answer.body[:500]
    return json.loads(answer.body)


def target_of(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""  # closed meanwhile


def ids_listed(answer: Answer) -> list[str]:
    return [item["id"] for item in told(answer)["items"]]


async def get_below(made: Recorded, name: str, path: str) -> Answer:
    """Ask for any address below the recordings."""
    async with made.client(name) as http:
        return await ask(http, "GET", f"/api/v1/recordings/{path}")


async def looked(made: Recorded) -> list[Any]:
    """Who looked, as the timeline tells it."""
    await made.known()
    async with made.client("administrator") as http:
        found = told(await ask(http, "GET", "/api/v1/timeline?verb=recording.replay&limit=200"))
    return [(entry["actor"], entry["object"]) for entry in found["items"]]


async def addresses(made: Recorded) -> list[str]:
    """One of each kind."""
    track = made.record(Codec.H264, 0)
    segment = made.files[track][0].label.segment
    return [
        "/tracks",
        "/coverage",
        "/segments",
        f"/segments/{segment}",
        f"/segments/{segment}.mp4",
        f"/tracks/{track}.m3u8",
        f"/tracks/{track}/still?at_us={made.begun_us}",
        "/events",
    ]


@pytest.mark.usefixtures("settled")
async def test_tracks_are_told_with_whose_they_are_and_what_a_browser_needs(made: Recorded) -> None:
    assert told(await made.get("/tracks"))["tracks"] == []
    picture, sound = made.record(Codec.H264, -0.5, 2.5), made.record(Codec.OPUS, 1)
    found = told(await made.get("/tracks"))
    own = {item["track"]: item for item in found["tracks"]}
    assert own.keys() == {picture, sound} and found["live"] is True
    facts = made.files[picture]
    assert own[picture] == {
        "track": picture,
        "source": f"{person('east')}.tab",
        "kind": "video",
        "unit": made.coordinator.tables.people.get(person("east")).unit,
        "person": person("east"),
        "name": "渡口",
        "codec": "h264",
        "mime": facts[0].label.mime,
        "t0_us": facts[0].t0,
        "t1_us": facts[1].t1,
        "segments": 2,
        "bytes": sum(item.bytes for item in facts),
        "copy": None,
    }
    assert "replay" in found["rights"] and "export" not in found["rights"]
    assert found["recording"]["id"] == made.recording and found["recording"]["title"] == "防汛会商"
    assert found["from_us"] == facts[0].t0 == made.begun_us - SECOND_US // 2 and found["to_us"] == facts[1].t1
    await made.end()
    assert told(await made.get("/tracks"))["live"] is False


async def test_segments_of_a_time_are_those_that_overlap_it_page_by_page(made: Recorded) -> None:
    picture, sound = made.record(Codec.H264, 0, 3, 9), made.record(Codec.OPUS, 0.5, 3.5)
    items = told(await made.get("/segments"))["items"]
    assert [item["t0_us"] for item in items] == sorted(item["t0_us"] for item in items) and len(items) == 5
    facts = made.files[picture][0]
    first = items[0]
    assert (first["segment"], first["track"], first["kind"], first["codec"]) == (
        facts.label.segment,
        picture,
        "video",
        "h264",
    )
    assert (first["bytes"], first["head_bytes"], first["mime"]) == (facts.bytes, facts.head_bytes, facts.label.mime)
    assert first["keyframes"] == list(facts.keyframes) and first["error_us"] == -1 and first["deleted_us"] == 0
    found: list[Any] = []
    cursor = ""
    for _ in range(5):
        page = told(await made.get(f"/segments?limit=1&cursor={cursor}"))
        found, cursor = found + page["items"], page["next"]
    assert found == items and cursor == ""
    from_us, to_us = made.begun_us + 4 * SECOND_US, made.begun_us + 9 * SECOND_US
    inside = told(await made.get(f"/segments?from_us={from_us}&to_us={to_us}"))["items"]
    assert ids(inside) == [made.files[picture][1].label.segment, made.files[sound][1].label.segment]
    assert ids(told(await made.get(f"/segments?track={sound}"))["items"]) == [
        facts.label.segment for facts in made.files[sound]
    ]
    assert told(await made.get(f"/segments?from_us={to_us}&to_us={from_us}"))["items"] == []


async def test_coverage_tells_stretches_of_each_track_and_their_gaps(made: Recorded) -> None:
    begun_us = made.begun_us
    gap = ["lost", begun_us + 6 * SECOND_US, begun_us + 9 * SECOND_US]
    picture = made.record(Codec.H264, 0, 3)
    made.record(Codec.H264, 9, track=picture, gaps=[gap])
    facts = made.files[picture]
    found = told(await made.get("/coverage"))
    spans = [[facts[0].t0, facts[1].t1], [facts[2].t0, facts[2].t1]]
    assert found == {"least_us": 250_000, "tracks": [{"track": picture, "spans": spans, "gaps": [gap]}]}
    await made.delete(facts[2], begun_us)
    own = told(await made.get(f"/coverage?from_us={begun_us + SECOND_US}&least_us=1000"))["tracks"]
    assert [item["spans"] for item in own] == [spans[:1]]
    assert (await made.get("/coverage?least_us=0")).status == 422


async def test_what_a_chain_says_more_is_told_and_what_it_says_wrongly_is_not(made: Recorded) -> None:
    gap = ["lost", made.begun_us, made.begun_us + 5]
    made.record(Codec.H264, 0, gaps=[gap], error_us=1500)
    made.record(Codec.H264, 3, gaps="no list", error_us=[{}])
    items = told(await made.get("/segments"))["items"]
    assert (items[0]["gaps"], items[0]["error_us"]) == ([gap], 1500)
    assert (items[1]["gaps"], items[1]["error_us"]) == ([], -1)


async def test_file_is_served_as_it_is_whole_and_in_part(made: Recorded) -> None:
    track = made.record(Codec.H264, 0)
    facts = made.files[track][0]
    data, tag = made.file(facts).read_bytes(), f'"{facts.sha256}"'
    address = f"/segments/{facts.label.segment}"
    whole = await made.get(address)
    assert (whole.status, whole.body, whole.headers["ETag"]) == (200, data, tag)
    assert hashlib.sha256(whole.body).hexdigest() == facts.sha256
    assert whole.headers["Content-Type"] == "video/mp4"
    assert whole.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert (await made.get(f"{address}.mp4")).body == data
    head = await made.get(address, headers={"Range": f"bytes=0-{facts.head_bytes - 1}", "If-Match": tag})
    assert (head.status, head.body, head.headers["ETag"]) == (206, data[: facts.head_bytes], tag)
    assert head.headers["Content-Range"] == f"bytes 0-{facts.head_bytes - 1}/{facts.bytes}"
    assert (await made.get(address, headers={"Range": "bytes=-10"})).body == data[-10:]
    assert (await made.get(address, headers={"Range": "bytes=5-", "If-Range": tag})).body == data[5:]
    assert (await made.get(address, headers={"Range": "bytes=5-", "If-Range": '"another"'})).status == 200
    looked = await made.get(address, method="HEAD")
    assert (looked.status, looked.body, looked.headers["Content-Length"]) == (200, b"", str(facts.bytes))
    known = await made.get(address, headers={"If-None-Match": f'"x", {tag}'})
    assert (known.status, known.body, known.headers["ETag"]) == (304, b"", tag)


async def test_no_answer_leaves_a_file_open_whatever_becomes_of_it(made: Recorded) -> None:
    facts = made.files[made.record(Codec.H264, 0)][0]
    file = made.file(facts)
    first = file.read_bytes()[:8]
    # More than fits into the buffers between us, so that it is being sent when the client leaves.
    with file.open("ab") as appended:
        appended.write((64 << 20).to_bytes(4, "big") + b"mdat")
        appended.truncate(facts.bytes + (64 << 20))
    size = file.stat().st_size
    made.note(("segment", content_of(facts, {"kind": "video"}, segment=UNKNOWN, bytes=size)))

    def held() -> list[str]:
        targets = map(target_of, os.listdir("/proc/self/fd"))
        return [target for target in targets if target.startswith(str(made.root / "tracks"))]

    for path in (f"/segments/{UNKNOWN}", f"/segments/{UNKNOWN}?shift_us=1"):
        for headers, status in (({}, 200), ({"Range": "bytes=5-8"}, 206), ({"Range": "bytes=x"}, 416)):
            assert (await made.get(path, method="HEAD", headers=headers)).status == status
        async with made.client("officer") as http:
            response = await http.get(f"/api/v1/recordings/{made.recording}{path}")
            assert await response.content.readexactly(8) == first and held()
            response.close()
    await until("all files are closed", held, lambda names: not names)


@pytest.mark.parametrize("wanted", ["bytes={size}-", "bytes=9-3", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes=-"])
async def test_range_that_no_byte_is_in_is_refused(made: Recorded, wanted: str) -> None:
    facts = made.files[made.record(Codec.OPUS, 0)][0]
    headers = {"Range": wanted.format(size=facts.bytes)}
    refused = await made.get(f"/segments/{facts.label.segment}", headers=headers)
    assert problem(refused, 416) == "range-invalid"
    assert refused.headers["Content-Range"] == f"bytes */{facts.bytes}"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("watcher", 403, "forbidden"),
        ("east", 404, "recording-unknown"),
        ("west", 404, "recording-unknown"),
        ("newcomer", 404, "recording-unknown"),
        ("dismissed", 404, "recording-unknown"),
        (None, 401, "unauthorized"),
        ("the-node", 403, "person-needed"),
    ],
)
async def test_nothing_is_told_to_who_may_not_replay_it(
    made: Recorded, name: str | None, status: int, code: str
) -> None:
    for address in await addresses(made):
        assert problem(await made.get(address, name), status) == code, address
    assert await looked(made) == []


async def test_right_that_is_lent_opens_it_for_as_long(made: Recorded) -> None:
    asked = await addresses(made)
    until_us = made.begun_us + 3_600 * SECOND_US
    act = Give(verb=Right.REPLAY, object=f"unit:{COUNTY}", to=f"person:{person('west')}", until_us=until_us)
    grant = await made.do("administrator", act)
    assert {(await made.get(address, "west")).status for address in asked} == {200}
    assert ids_listed(await made.list("west")) == [made.recording] and ids_listed(await made.list("east")) == []
    await made.do("administrator", Revoke(grant=grant))
    assert {problem(await made.get(address, "west"), 404) for address in asked} == {"recording-unknown"}


async def test_recording_that_memory_has_let_go_of_is_told_to_the_same_people(made: Recorded) -> None:
    asked = await addresses(made)
    await made.end()
    await made.known()
    names = ("administrator", "officer", "watcher", "east", "newcomer")
    await asyncio.gather(*(made.get("/tracks", name) for name in names))
    before = [await made.get(address, name) for address in asked for name in names]
    made.coordinator.tables.recordings.drop(made.recording)
    made.coordinator.tables.commit()
    after = [await made.get(address, name) for address in asked for name in names]
    assert [(item.status, item.body) for item in after] == [(item.status, item.body) for item in before]
    assert {item.status for item in before} == {200, 403, 404}


async def test_who_looks_stands_in_the_timeline_once_an_hour(made: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = await addresses(made)
    answers = await asyncio.gather(*(made.get(address) for address in asked * 3))
    assert {answer.status for answer in answers} == {200}
    await made.get("/tracks", "administrator")
    mine = (person("officer"), f"replay:{made.recording}")
    assert sorted(await looked(made)) == sorted([mine, (person("administrator"), mine[1])])
    monkeypatch.setattr(looks, "APART_S", 0.0)
    await made.get("/tracks")
    assert (await looked(made)).count(mine) == 2
    events = told(await made.get("/events"))["items"]
    entry = next(entry for entry in events if entry["verb"] == "recording.replay")
    assert entry["session"] == made.consultation and entry["params"]["title"] == "防汛会商"


async def test_nothing_is_told_of_which_the_timeline_cannot_tell_who_looked(made: Recorded) -> None:
    asked = await addresses(made)
    await made.coordinator.close()
    for address in asked:
        assert problem(await made.get(address), 503), address


async def test_deleted_file_is_gone_by_policy_and_its_place_is_still_told(made: Recorded) -> None:
    track = made.record(Codec.H264, 0, 3)
    first, second = made.files[track]
    # Told before, and played: what is remembered of it does not outlast its file.
    assert len(told(await made.get("/segments"))["items"]) == 2
    assert (await made.get(f"/segments/{first.label.segment}")).status == 200
    await made.delete(first, made.begun_us + 9)
    assert problem(await made.get(f"/segments/{first.label.segment}"), 410) == "segment-deleted"
    assert (await made.get(f"/segments/{second.label.segment}")).status == 200
    assert [item["deleted_us"] for item in told(await made.get("/segments"))["items"]] == [made.begun_us + 9, 0]


async def test_recording_that_policy_deleted_is_gone_at_once_in_every_way_and_still_told(made: Recorded) -> None:
    track = made.record(Codec.H264, 0)
    (segment,) = (facts.label.segment for facts in made.files[track])
    await made.end()
    await made.do("officer", Retain(recording=made.recording, retention="brief"))
    act = Delete(recording=made.recording, why="disk-low", retention="brief", days=30)
    await made.coordinator.act(act, SYSTEM, Origin())
    # Its chain does not say so yet.
    at_us = made.coordinator.tables.recordings.get(made.recording).deleted_us
    assert [item["deleted_us"] for item in told(await made.get("/segments"))["items"]] == [at_us]
    assert problem(await made.get(f"/segments/{segment}"), 410) == "segment-deleted"
    assert problem(await made.get(f"/tracks/{track}.m3u8"), 410) == "segment-deleted"
    assert told(await made.get("/tracks"))["recording"]["deleted_by"] == "brief: disk-low"
    assert ids_listed(await made.list("officer")) == [made.recording]


async def test_file_that_is_not_as_it_was_recorded_is_refused_and_told_in_the_log(
    made: Recorded, tmp_path: Path
) -> None:
    track = made.record(Codec.OPUS, *range(0, 18, 3))
    gone, link, short, folder, pipe, whole = map(made.file, made.files[track])
    secret = tmp_path / "secret"
    secret.write_bytes(link.read_bytes())
    for path in (gone, link, folder, pipe):
        path.unlink()
    link.symlink_to(secret)
    folder.mkdir()
    short.write_bytes(short.read_bytes()[:-1])
    os.mkfifo(pipe)
    for facts in made.files[track][:-1]:
        with capture_logs() as logs:
            answer = await made.get(f"/segments/{facts.label.segment}")
        assert problem(answer, 404) == "segment-missing", facts.name
        assert [line["file"] for line in logs if line["event"] == "segment_missing"] == [f"tracks/{track}/{facts.name}"]
    assert (await made.get(f"/segments/{made.files[track][-1].label.segment}")).body == whole.read_bytes()
    whole.parent.rename(tmp_path / "elsewhere")
    whole.parent.symlink_to(tmp_path / "elsewhere")
    answer = await made.get(f"/segments/{made.files[track][-1].label.segment}")
    assert problem(answer, 404) == "segment-missing"


@pytest.mark.parametrize(
    "file", ["proof/ledger.jsonl", "tracks/../proof/ledger.jsonl", "/etc/passwd", "tracks//x", "t\n"]
)
async def test_index_that_names_another_file_leads_nowhere(made: Recorded, file: str) -> None:
    size = (made.root / "proof/ledger.jsonl").stat().st_size
    made.record(Codec.OPUS, 0, file=file, bytes=size)
    segment = told(await made.get("/segments"))["items"][0]["segment"]
    assert problem(await made.get(f"/segments/{segment}"), 404) == "segment-missing"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/segments/" + UNKNOWN, 404, "segment-unknown"),
        ("/segments/" + UNKNOWN + ".mp4", 404, "segment-unknown"),
        ("/segments/..%2F..%2Fproof%2Fledger.jsonl", 404, "segment-unknown"),
        ("/segments/%00", 404, "segment-unknown"),
        ("/segments/" + "x" * 4000, 404, "segment-unknown"),
        ("/tracks/" + UNKNOWN + ".m3u8", 404, "track-unknown"),
        ("/tracks/%0A.m3u8", 404, "track-unknown"),
        ("/segments?cursor=x", 422, "cursor-invalid"),
        ("/segments?cursor=1." + UNKNOWN + "0", 422, "cursor-invalid"),
        ("/segments?cursor=9999999999999999999." + UNKNOWN, 422, "cursor-invalid"),
        ("/segments?from_us=-1", 422, "query-invalid"),
        ("/segments?to_us=9223372036854775808", 422, "query-invalid"),
        ("/segments?limit=0", 422, "query-invalid"),
        ("/segments?limit=501", 422, "query-invalid"),
        ("/segments?track=" + "x" * 65, 422, "query-invalid"),
        ("/events?cursor=1", 422, "cursor-invalid"),
        ("/events?from_us=x", 422, "query-invalid"),
        ("/tracks/" + UNKNOWN + ".m3u8?to_us=1e400", 422, "query-invalid"),
    ],
)
async def test_what_never_was_is_refused(made: Recorded, path: str, status: int, code: str) -> None:
    answer = await get_below(made, "officer", f"{made.recording}{path}")
    assert problem(answer, status) == code


@pytest.mark.parametrize("recording", [UNKNOWN, "x", "%00", "..", "x" * 3000, number(2)])
async def test_recording_that_never_was_is_unknown_to_all(made: Recorded, recording: str) -> None:
    answer = await get_below(made, "administrator", f"{recording}/tracks")
    assert problem(answer, 404) in ("recording-unknown", "not-found")


async def test_events_are_those_of_the_recordings_time_in_its_order(made: Recorded) -> None:
    for text in ("一", "二", "三"):
        await made.do("officer", Say(consultation=made.consultation, text=text))
    await made.end()
    await made.do("officer", Say(consultation=made.consultation, text="后来"))
    await made.known()
    items = told(await made.get("/events"))["items"]
    assert [entry["verb"] for entry in items] == ["recording.begin", *["message.say"] * 3, "recording.end"]
    assert [entry["params"].get("text") for entry in items[1:4]] == ["一", "二", "三"]
    found: list[Any] = []
    cursor = ""
    for _ in range(6):
        page = told(await made.get(f"/events?limit=1&cursor={cursor}"))
        found, cursor = found + page["items"], page["next"]
    assert found == items and cursor == ""
    at_us = items[2]["hlc"][0]
    part = told(await made.get(f"/events?from_us={at_us}&to_us={at_us + 1}"))["items"]
    assert part == [entry for entry in items if entry["hlc"][0] == at_us]
    assert told(await made.get(f"/events?to_us={made.begun_us}"))["items"] == []


async def test_turns_of_speaking_are_told_up_to_the_end_though_they_are_entered_behind_it(made: Recorded) -> None:
    of, east = f"consultation:{made.consultation}", made.place("east").id
    begun_us = made.begun_us
    alone = await made.do("officer", Begin(of=f"source:{CAMERA}"))
    await made.spoke(Spoken(of, east, "east.tab", begun_us - 9_000_000, begun_us - 5_000_000))
    await made.end()
    await made.do("officer", End(recording=alone))
    ended_us = made.coordinator.tables.recordings.get(made.recording).ended_us
    last = Spoken(of, east, "east.tab", ended_us - 3_000_000, ended_us + 9)
    later = Spoken(of, east, "east.tab", ended_us + 10, ended_us + 2_000_000)
    camera = Spoken(f"source:{CAMERA}", "", CAMERA, ended_us - 10, ended_us)
    await made.do("officer", Say(consultation=made.consultation, text="后来"))
    await made.spoke(last, later, camera)
    await made.known()
    items = told(await made.get("/events"))["items"]
    assert [entry["verb"] for entry in items] == ["recording.begin", "recording.end", "participant.spoke"]
    assert items[-1]["params"] == {"from_us": last.from_us, "to_us": last.to_us, "heard": "east.tab"}
    found: list[Any] = []
    cursor = ""
    for _ in range(6):
        page = told(await made.get(f"/events?limit=1&cursor={cursor}"))
        found, cursor = found + page["items"], page["next"]
    assert found == items and cursor == ""
    own = told(await get_below(made, "officer", f"{alone}/events"))["items"]
    assert [entry["verb"] for entry in own] == ["recording.begin", "recording.end", "source.spoke"]
    assert own[-1]["object"] == f"source:{CAMERA}"


async def test_list_is_told_page_by_page_and_looks_at_so_many_at_once(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [await made.do("administrator", Begin(of=f"source:gate-{number}")) for number in range(3)]
    # In the middle of the list, one that only the database has.
    await made.known()
    made.coordinator.tables.recordings.drop(others[1])
    made.coordinator.tables.commit()
    for most in (1, 2, 1_000):
        monkeypatch.setattr(recordinglist, "MOST_LOOKED", most)
        for name, mine in (
            ("administrator", sorted([*others, made.recording], reverse=True)),
            ("officer", [made.recording]),
        ):
            found: list[str] = []
            cursor, asked = "", 0
            while cursor or not asked:
                told_now = told(await made.list(name, f"limit=1&cursor={cursor}"))
                found, cursor, asked = found + [item["id"] for item in told_now["items"]], told_now["next"], asked + 1
            assert found == mine and asked <= 6
    assert problem(await made.list("officer", "cursor=%00"), 422) == "cursor-invalid"


async def test_events_of_a_source_recorded_alone_are_its_recordings_own(made: Recorded) -> None:
    alone = await made.do("officer", Begin(of=f"source:{CAMERA}"))
    await made.do("officer", Say(consultation=made.consultation, text="别处"))
    await made.do("officer", End(recording=alone))
    await made.known()
    items = told(await get_below(made, "officer", f"{alone}/events"))["items"]
    assert [entry["verb"] for entry in items] == ["recording.begin", "recording.end"]
    assert ids_listed(await made.list("officer")) == [alone, made.recording]
    assert ids_listed(await made.list("officer", f"of=source:{CAMERA}")) == [alone]


async def test_page_elsewhere_reads_no_other_recordings_segments(made: Recorded) -> None:
    track = made.record(Codec.OPUS, 0)
    other = await made.do("officer", Begin(of=f"source:{CAMERA}"))
    segment = made.files[track][0].label.segment
    answer = await get_below(made, "officer", f"{other}/segments/{segment}")
    assert problem(answer, 404) == "segment-unknown"
